"""What stood in the way of a unit once it was due: a wave before it, a look before the fault, other
faults, or work that held the slots."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from breakfix.engine.events import FaultEnded, FaultIntended, Line, SampleTaken
from breakfix.engine.run_plan import Unit
from breakfix.engine.why.replay import FINAL, Replay
from breakfix.engine.why.sentences import Sentence
from breakfix.engine.why.starts import at

AT_ONCE_S: Final = 0.02
"""A delay that is no wait: a task switch and a write to the journal take this long."""
SHOWN_MAX: Final = 5
FOREVER_S: Final = float("inf")


class _Window(Struct, frozen=True, kw_only=True):
    """From due to start, in instants of the run; `line` is the number of the start's line, or one more
    than the last where it has not started."""

    from_s: float
    until_s: float
    line: int


class _Spell(Struct, frozen=True, kw_only=True):
    """A unit held a slot; `line` says until when, or that it began."""

    unit: str
    from_s: float
    until_s: float
    line: int


def queue_sentences(
    replay: Replay, unit: Unit, due_at_s: float, until: Line | None
) -> Iterator[Sentence]:
    """What went on between the instant a unit was due and its start (None: it has not started). The
    journal has no line for who waits on whom: these are the things that were in the way then."""
    until_s = until.at_s if until is not None else replay.lines[-1].at_s
    if until_s - due_at_s < AT_ONCE_S:
        return
    line = until.seq if until is not None else replay.last + 1
    window = _Window(from_s=due_at_s, until_s=until_s, line=line)
    yield from _wave(replay, unit, window)
    phase = replay.steps[unit.step].phase
    if phase == "inject":
        yield from _looks(replay, window)
        yield from _open_faults(replay, unit, window)
    if phase not in ("detect", "verify"):
        yield from _slots(replay, unit, window)


def _wave(replay: Replay, unit: Unit, window: _Window) -> Iterator[Sentence]:
    if unit.wave == 0:
        return
    told = [line.seq for line, _ in replay.samples.get(unit.step, ())]
    for other in replay.units_of[unit.step]:
        if other.wave < unit.wave:
            changes = replay.changes.get(other.id, ())
            told += [line.seq for line, change in changes if change.state in FINAL]
    fan_out = replay.steps[unit.step].fan_out
    between = ""
    if fan_out is not None and fan_out.next_when is not None:
        between = f", and until {fan_out.next_when.probe} was good"
    yield Sentence(
        kind="queue",
        text=f"It is in wave {unit.wave + 1} of {unit.step}: that waits for the wave before{between}.",
        lines=tuple(sorted(seq for seq in told if seq < window.line)[-SHOWN_MAX:]),
    )


def _looks(replay: Replay, window: _Window) -> Iterator[Sentence]:
    armed = [
        (line, sample)
        for line, sample in replay.of(SampleTaken, lambda sample: sample.armed)
        if window.from_s <= line.at_s and line.seq < window.line
    ]
    if armed:
        names = ", ".join(dict.fromkeys(sample.unit for _, sample in armed))
        until = at(armed[-1][0].at_s)
        yield Sentence(
            kind="queue",
            text=f"Before the fault, {names} looked whether all was quiet (until {until}).",
            lines=tuple(line.seq for line, _ in armed[:SHOWN_MAX]),
        )


def _open_faults(replay: Replay, unit: Unit, window: _Window) -> Iterator[Sentence]:
    """Faults that were open in the window: on the same target they may claim the same thing, on
    others they count against the blast radius."""
    radius = replay.plan.scenario.limits.blast_radius if replay.plan is not None else "100%"
    ends = {event.fault: line for line, event in replay.of(FaultEnded)}
    found = []
    for line, intent in replay.of(FaultIntended):
        same = intent.target == (unit.binding or "")
        over = ends.get(intent.fault)
        if line.seq >= window.line or (over is not None and over.at_s < window.from_s):
            continue
        if intent.unit == unit.id or not (same or radius != "100%"):
            continue
        if over is not None and over.seq > window.line:
            over = None
        tail = f"until {at(over.at_s)}" if over is not None else "and was open still"
        why = f"and limits.blast_radius is {radius}"
        if same:
            why = "on the same target, where two faults may need the same thing"
        found.append(
            Sentence(
                kind="queue",
                text=f"Fault {intent.fault} was open {tail}, {why}.",
                lines=(line.seq, over.seq) if over is not None else (line.seq,),
            )
        )
    yield from found[-SHOWN_MAX:]


def _slots(replay: Replay, unit: Unit, window: _Window) -> Iterator[Sentence]:
    """Who held the slots of the target, or of the run, at the last instant at which none was free."""
    if replay.plan is None:
        return
    limits = replay.plan.scenario.limits
    spells = [spell for spell in _spells(replay) if spell.unit != unit.id]
    if unit.binding is not None:
        same = [spell for spell in spells if replay.units[spell.unit].binding == unit.binding]
        busy = _at_once(same, window)
        if len(busy) >= limits.per_target:
            yield _no_slot(busy, f"{unit.binding} takes {limits.per_target} at a time")
            return
    busy = _at_once(spells, window)
    if len(busy) >= limits.concurrency:
        yield _no_slot(busy, f"the run does {limits.concurrency} things at a time")


def _at_once(spells: list[_Spell], window: _Window) -> list[_Spell]:
    """Those at work when the last of them that was over before the start came to its end."""
    inside = [s for s in spells if s.from_s < window.until_s and s.until_s > window.from_s]
    ends = [spell.until_s for spell in inside if spell.until_s <= window.until_s]
    instant_s = max(ends, default=window.until_s)
    return [spell for spell in inside if spell.from_s < instant_s <= spell.until_s]


def _spells(replay: Replay) -> Iterator[_Spell]:
    """While a unit applies, repairs or waits, it holds a slot; probes hold none."""
    for name, unit in replay.units.items():
        if replay.steps[unit.step].phase in ("detect", "verify"):
            continue
        attempts = replay.attempts.get(name, ())
        for line, event in attempts:
            yield _Spell(
                unit=name, from_s=event.started_at_s, until_s=event.ended_at_s, line=line.seq
            )
        begun, change = replay.begun(name), replay.last_change(name)
        if attempts or begun is None or change is None:
            continue
        over = change[1].state in FINAL
        yield _Spell(
            unit=name,
            from_s=begun[0].at_s,
            until_s=change[0].at_s if over else FOREVER_S,
            line=change[0].seq,
        )


def _no_slot(busy: list[_Spell], limit: str) -> Sentence:
    named = ", ".join(
        f"{spell.unit} {'still' if spell.until_s == FOREVER_S else f'until {at(spell.until_s)}'}"
        for spell in busy[:SHOWN_MAX]
    )
    more = f" and {len(busy) - SHOWN_MAX} more" if len(busy) > SHOWN_MAX else ""
    return Sentence(
        kind="queue",
        text=f"No slot was free, since {limit}: at work were {named}{more}.",
        lines=tuple(spell.line for spell in busy[:SHOWN_MAX]),
    )
