"""What keeps a unit from starting, followed from dependency to dependency to where it begins."""

from collections.abc import Iterator
from typing import Final

from breakfix.engine.events import Line, RunErrored, UnitChanged
from breakfix.engine.run_plan import Unit
from breakfix.engine.why.condition import why_not_held
from breakfix.engine.why.replay import REHEARSED, Replay
from breakfix.engine.why.sentences import Awaited, Sentence
from breakfix.engine.why.starts import at, awaited_by

UNITS_MAX: Final = 3
"""How many units of one step are followed."""


def causes(
    replay: Replay, unit: str, depth: int = 0, seen: set[str] | None = None
) -> Iterator[Sentence]:
    """The dependencies that do not hold, each with the units that are to blame, and theirs in turn."""
    seen = set() if seen is None else seen
    items = awaited_by(replay, unit)
    groups = {item.group: [i for i in items if i.group == item.group] for item in items}
    unmet = [group for group in groups.values() if not any(item.holds for item in group)]
    impossible = [group for group in unmet if all(item.holds is False for item in group)]
    for group in impossible or unmet:
        for item in group:
            yield from _unmet(replay, item, depth, seen)


def _unmet(replay: Replay, item: Awaited, depth: int, seen: set[str]) -> Iterator[Sentence]:
    verb = "can never hold" if item.holds is False else "does not hold yet"
    lines = (item.line,) if item.line is not None else ()
    need = f"{item.source} {item.milestone}"
    members = replay.nodes(item.source)
    yield Sentence(
        kind="cause",
        text=f"It needs {need}, which {verb}{_share(replay, item, members)}.",
        lines=lines,
        depth=depth,
    )
    if not members:
        yield Sentence(
            kind="root",
            text=f"{item.source} runs on nothing: its set of targets is empty.",
            lines=lines,
            depth=depth + 1,
        )
    guilty = []
    for member in members:
        held = replay.held.get((member.id, item.milestone))
        if held is None or not held.holds:
            guilty.append(member)
    for member in guilty[:UNITS_MAX]:
        yield from _guilty(replay, member, depth + 1, seen)
    if len(guilty) > UNITS_MAX:
        more = len(guilty) - UNITS_MAX
        yield Sentence(
            kind="cause", text=f"So did {more} more of {item.source} not.", depth=depth + 1
        )


def _share(replay: Replay, item: Awaited, members: list[Unit]) -> str:
    if len(members) < 2 or item.source not in replay.steps:
        return ""
    count = 0
    for member in members:
        held = replay.held.get((member.id, item.milestone))
        count += held is not None and held.holds
    return f" ({count} of its {len(members)} units; require: {replay.steps[item.source].require})"


def _guilty(replay: Replay, unit: Unit, depth: int, seen: set[str]) -> Iterator[Sentence]:
    change = replay.last_change(unit.id)
    if unit.id in seen:
        yield Sentence(kind="cause", text=f"{unit.id}: told above.", depth=depth)
        return
    seen.add(unit.id)
    deeper = list(causes(replay, unit.id, depth + 1, seen))
    if change is None:
        text = f"{unit.id} has not started"
        yield Sentence(kind="cause" if deeper else "root", text=f"{text}.", depth=depth)
        yield from deeper
        return
    line, event = change
    if event.state in ("blocked", "skipped") and deeper:
        yield Sentence(
            kind="cause", text=f"{unit.id} was {event.state}.", lines=(line.seq,), depth=depth
        )
        yield from deeper
        return
    text, lines = state_in_words(replay, unit, line, event)
    yield Sentence(kind="root", text=f"{unit.id} {text}.", lines=lines, depth=depth)


def state_in_words(
    replay: Replay, unit: Unit, line: Line, event: UnitChanged
) -> tuple[str, tuple[int, ...]]:
    """The state of a unit with its reason, to follow its name, and the lines that prove it."""
    because = f": {event.reason.rstrip('.')}" if event.reason else ""
    when = at(line.at_s)
    if event.state == "skipped":
        return _skipped(replay, unit, line, event)
    if event.state in ("running", "cancelling"):
        return f"is {event.state} since {when}", (line.seq,)
    if event.state in ("blocked", "cancelled"):
        return f"was {event.state} at {when}{because}", (line.seq,)
    proofs = [item.seq for item, _ in replay.samples.get(unit.id, ()) if item.seq < line.seq][-1:]
    if event.state == "errored":
        own = replay.of(RunErrored, lambda error: error.message.startswith(f"{unit.id}: "))
        proofs += [item.seq for item, _ in own[-1:]]
        return f"could not be carried out, at {when}{because}", (*proofs, line.seq)
    return f"{event.state} at {when}{because}", (*proofs, line.seq)


def _skipped(
    replay: Replay, unit: Unit, line: Line, event: UnitChanged
) -> tuple[str, tuple[int, ...]]:
    head = f"was skipped at {at(line.at_s)}"
    if event.reason == REHEARSED:
        return f"{head}: this was a rehearsal (--no-faults)", (line.seq,)
    step = replay.steps[unit.step]
    if step.when is not None and event.reason.startswith("when"):
        why, lines = why_not_held(replay, step, unit, line.seq)
        return f"{head}: {why}", (*lines, line.seq)
    return f"{head}: {event.reason or 'no reason was given'}", (line.seq,)
