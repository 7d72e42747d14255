"""The answers of a batch for people and for programs: equal ones together, with the hosts that gave them."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import click

from breakfix.engine.batch import Answer
from breakfix.engine.cli.output import wants_color
from breakfix.engine.endpoints import Host
from breakfix.reports.fan_out import without
from breakfix.reports.lines import plain
from breakfix.reports.ranges import compressed, natural

HEADINGS: Final = {"failed": "Failed", "unreachable": "Unreachable", "stopped": "Stopped"}
CODES: Final = {"succeeded": 0, "failed": 1, "unreachable": 5, "stopped": 4}


def tell(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines, in colour where the terminal wants it."""

    stream = sys.stderr if err else sys.stdout
    for line in lines:
        click.echo(line, err=err, color=wants_color(stream))


def exit_code(answers: Iterable[Answer], *, interrupted: bool) -> int:
    """4 where it was interrupted; else 5 where a host was not reached, 1 where a command failed, or 0."""
    states = {answer.state for answer in answers}
    if interrupted or "stopped" in states:
        return 4
    return 5 if "unreachable" in states else 1 if "failed" in states else 0


def successes(answers: Iterable[Answer]) -> Iterator[str]:
    """The outputs of the commands that went well, those of most hosts first."""
    good = [answer for answer in answers if answer.state == "succeeded"]
    for group in groups(good):
        yield _head(group)
        yield from _output(group[0])


def failures(answers: Sequence[Answer]) -> Iterator[str]:
    """What went wrong, apart by what it was, with the reason."""
    for state, heading in HEADINGS.items():
        found = groups([answer for answer in answers if answer.state == state])
        if found:
            yield click.style(heading, bold=True, fg="yellow" if state == "stopped" else "red")
        for group in found:
            first = group[0]
            # A negative one is that of a signal, of which `why` tells.
            code = f", exit {first.code}" if (first.code or 0) > 0 else ""
            names = compressed(answer.host for answer in group)
            yield f"  {_count(len(group), 'host')}{code}: {names}"
            why = first.why if len(group) == 1 else without(first.host, first.why)
            if why:
                yield f"    {plain(why)}"
            yield from (f"  {line}" for line in _output(first))


def summary(answers: Sequence[Answer], took_s: float) -> str:
    """How many came to what: ``498 of 500 hosts succeeded, 2 failed, in 3.21 s``."""
    from breakfix.engine.values import format_seconds

    counts = {state: sum(one.state == state for one in answers) for state in CODES}
    told = [f"{counts['succeeded']} of {_count(len(answers), 'host')} succeeded"]
    told += [f"{counts[state]} {state}" for state in HEADINGS if counts[state]]
    return f"{', '.join(told)}, in {format_seconds(took_s)}"


def groups(answers: Iterable[Answer]) -> list[list[Answer]]:
    """Those that are alike but for the names of their hosts, the largest group first."""
    found: dict[tuple[object, ...], list[Answer]] = {}
    for answer in sorted(answers, key=lambda one: natural(one.host)):
        why = without(answer.host, answer.why)
        key = (answer.state, answer.code, why, answer.stdout, answer.stderr, answer.cut)
        found.setdefault(key, []).append(answer)
    return sorted(found.values(), key=lambda group: -len(group))


def document(answers: Iterable[Answer], hosts: dict[str, Host], **more: Any) -> str:
    """All answers as JSON, in the natural order of their hosts."""
    ordered = sorted(answers, key=lambda one: natural(one.host))
    counts = {state: sum(one.state == state for one in ordered) for state in CODES}
    return json.dumps(
        {
            **more,
            "counts": counts,
            "hosts": [
                {
                    "host": one.host,
                    "address": hosts[one.host].address,
                    "port": hosts[one.host].port,
                    "user": hosts[one.host].user,
                    "state": one.state,
                    "why": one.why,
                    "exit_code": one.code,
                    "stdout": one.stdout,
                    "stderr": one.stderr,
                    "cut": one.cut,
                    "took_s": round(one.took_s, 6),
                }
                for one in ordered
            ],
        },
        indent=2,
    )


def _head(group: Sequence[Answer]) -> str:
    names = compressed(answer.host for answer in group)
    return click.style(f"{_count(len(group), 'host')}: {names}", bold=True)


def _output(answer: Answer) -> Iterator[str]:
    """What the command wrote, line by line: nothing of it reaches the terminal as a command to it."""
    for text, mark in ((answer.stdout, ""), (answer.stderr, "stderr: ")):
        yield from (f"  {mark}{plain(line.expandtabs())}" for line in text.splitlines())
    if answer.cut:
        yield "  (there was more; it was cut)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
