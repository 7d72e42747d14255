"""``breakfix why``: why a run has its verdict, or why a step of it is as it is."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import click

from breakfix.engine.cli.output import form_option, write
from breakfix.reports.fan_out import WIDE
from breakfix.reports.ranges import named

if TYPE_CHECKING:
    from breakfix.engine.why import RunWhy, Sentence, StepWhy
    from breakfix.engine.why.sentences import UnitWhy

EXAMPLES: Final = """\b
Examples:
  breakfix why
  breakfix why last start_cache
  breakfix why 20261126-081502-cache_outage-3f2a kill@web-1 --format json

Every sentence names the lines of the journal (seq) that prove it."""

_STATES: Final = {
    "ended": "",
    "alive": "The run still goes on: this is how it would stand if its journal stopped here.",
    "died": "The journal just stops: nobody has said that the run is over.",
}


@click.command(epilog=EXAMPLES)
@click.argument("run", default="last", metavar="[RUN|JOURNAL]")
@click.argument("step", required=False, metavar="[STEP]")
@form_option(["text", "json"])
def command(run: str, step: str | None, form: str) -> None:
    """Tell which rule made the verdict of RUN; with STEP, why it started, waited, was skipped, blocked
    or stopped, or failed. STEP may be one unit: step@target."""
    from breakfix.engine.home import find_journal
    from breakfix.engine.journal import is_held, read
    from breakfix.engine.why import why_run, why_step

    path = find_journal(run)
    # Before the lines are read: a run that ends in between must not be said to have died.
    alive = is_held(path)
    lines = read(path)
    why: RunWhy | StepWhy
    if step is None:
        why = why_run(lines, alive=alive)
        told = _of_run(why)
    else:
        why = why_step(lines, step, alive=alive)
        told = _of_step(why)
    if form == "json":
        import msgspec

        write(sys.stdout, msgspec.json.format(msgspec.json.encode(why), indent=2).decode() + "\n")
        return
    from breakfix.reports.lines import plain

    write(sys.stdout, "".join(f"{plain(line)}\n" for line in told))


def _of_run(why: "RunWhy") -> Iterator[str]:
    yield f"{why.scenario or why.run_id}: {why.verdict}, exit code {why.exit_code}"
    if _STATES[why.run_state]:
        yield _STATES[why.run_state]
    for index, ground in enumerate(why.grounds[:WIDE]):
        head = "because" if index == 0 else "   also"
        yield f"{head} {ground.rule} ({ground.exit_code}): {ground.text}{_proof(ground.lines)}"
    if (left := len(why.grounds) - WIDE) > 0:
        yield f"   and {left} more reasons; --format json has all of them"
    for held in why.held:
        yield f"  holds {held.text}{_proof(held.lines)}"
    for note in why.notes:
        yield f"   note {note.text}{_proof(note.lines)}"


def _of_step(why: "StepWhy") -> Iterator[str]:
    yield f"{why.step} ({why.phase}): {why.state}"
    if _STATES[why.run_state]:
        yield _STATES[why.run_state]
    yield from _sentences(why.said)
    if len(why.units) > WIDE:
        yield from _of_many(why)
        return
    for unit in why.units:
        if len(why.units) > 1 or unit.unit != why.step:
            yield f"{unit.unit}: {unit.state}"
        yield from _sentences(unit.sentences)


def _of_many(why: "StepWhy") -> Iterator[str]:
    """Of a step on many targets, one unit of each state, and the names of the others."""
    by_state: dict[str, list[UnitWhy]] = {}
    for unit in why.units:
        by_state.setdefault(unit.state, []).append(unit)
    for state, (first, *others) in sorted(by_state.items(), key=lambda item: len(item[1])):
        yield f"{first.unit}: {state}"
        yield from _sentences(first.sentences)
        if others:
            names = named((unit.target or unit.unit for unit in others), most=6)
            yield f"and {len(others)} more {state}: {names}"
    yield f"`breakfix why RUN {why.step}@TARGET` tells of one; --format json has all of them."


def _sentences(said: "Iterable[Sentence]") -> Iterator[str]:
    for sentence in said:
        root = "Root cause: " if sentence.kind == "root" else ""
        yield f"  {'  ' * sentence.depth}{root}{sentence.text}{_proof(sentence.lines)}"


def _proof(lines: tuple[int, ...]) -> str:
    """The lines of the journal, to follow a sentence."""
    if not lines:
        return ""
    return f" [line{'' if len(lines) == 1 else 's'} {', '.join(map(str, lines))}]"
