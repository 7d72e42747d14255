"""How a unit came to the state that it is in: its attempts, its samples, its fault and who ended it."""

from collections.abc import Iterator
from typing import Final

from breakfix.engine.events import (
    CancelRequested,
    EndedBy,
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultEnding,
    FaultIntended,
    FaultResidue,
    Line,
    RepairEnded,
    RunInvalid,
    SampleTaken,
    UndoTried,
)
from breakfix.engine.run_plan import Unit
from breakfix.engine.values import format_seconds
from breakfix.engine.why.causes import causes, state_in_words
from breakfix.engine.why.replay import Replay
from breakfix.engine.why.sentences import Sentence
from breakfix.engine.why.starts import at

_ENDED_BY: Final[dict[EndedBy, str]] = {
    "repair": "a repair ended it",
    "restart": "its target was restarted",
    "self": "it ended by itself",
    "expiry": "its own time limit ended it",
    "engine": "it was undone",
    "other": "somebody else ended it",
}


def ending_sentences(replay: Replay, unit: Unit) -> Iterator[Sentence]:
    """Attempts, samples and faults in their order, and the state last, with its causes."""
    yield from _attempts(replay, unit.id)
    looks = replay.steps[unit.step].phase in ("detect", "verify")
    if looks and (replay.begun(unit.id) is not None or unit.id in replay.samples):
        yield from _samples(replay, unit.id)
    for fault in replay.faults_of.get(unit.id, ()):
        yield from _fault(replay, fault)
    yield from _state(replay, unit)


def stop_sentences(replay: Replay) -> Iterator[Sentence]:
    """What stopped the run before it was through, if anything did."""
    for line, invalid in replay.of(RunInvalid)[:1]:
        text = f"The run became invalid at {at(line.at_s)}: {invalid.reason.rstrip('.')}."
        yield Sentence(kind="root", text=text, lines=(line.seq,), depth=1)
    for line, cancel in replay.of(CancelRequested)[:1]:
        why = cancel.why.rstrip(".")
        text = f"The run was stopped at {at(line.at_s)} ({cancel.source}): {why}."
        yield Sentence(kind="root", text=text, lines=(line.seq,), depth=1)


def _attempts(replay: Replay, unit: str) -> Iterator[Sentence]:
    attempts = replay.attempts.get(unit, ())
    for line, event in attempts:
        took = format_seconds(max(0.0, event.ended_at_s - event.started_at_s))
        text = f"Attempt {event.attempt} {event.outcome} after {took}"
        if event.error:
            text += f": {event.error.rstrip('.')}"
        if event.retry_in_s is not None:
            text += f"; tried again {format_seconds(event.retry_in_s)} later"
        elif event.outcome == "failed" and len(attempts) > 1:
            text += "; no attempt was left"
        yield Sentence(kind="attempt", text=f"{text}.", lines=(line.seq,))


def _samples(replay: Replay, unit: str) -> Iterator[Sentence]:
    own = replay.samples.get(unit, ())
    for line, sample in own:
        if sample.armed:
            text = f"Before the fault it saw: {_seen(sample)}."
            yield Sentence(kind="sample", text=text, lines=(line.seq,))
    taken = [(line, sample) for line, sample in own if not sample.armed]
    if not taken:
        yield Sentence(kind="sample", text="It has taken no sample.")
        return
    line, last = taken[-1]
    text = f"It took one sample: {_seen(last)}"
    if len(taken) > 1:
        since = at(taken[0][1].started_at_s)
        text = f"It took {len(taken)} samples from {since} on; the last one: {_seen(last)}"
    yield Sentence(kind="sample", text=f"{text}.", lines=(line.seq,))


def _seen(sample: SampleTaken) -> str:
    detail = f" ({sample.detail.rstrip('.')})" if sample.detail else ""
    return f"{sample.probe} was {sample.state} at {at(sample.ended_at_s)}{detail}"


# --- faults ---


def _fault(replay: Replay, fault: str) -> Iterator[Sentence]:
    for line in replay.faults.get(fault, ()):
        told = _fault_line(replay, line)
        if told is not None:
            yield Sentence(kind="fault", text=f"{told[0]}.", lines=(*told[1], line.seq))


def _fault_line(replay: Replay, line: Line) -> tuple[str, tuple[int, ...]] | None:
    event = line.event
    match event:
        case FaultIntended():
            return f"Fault {event.fault} was intended at {at(line.at_s)} (undo written first)", ()
        case FaultApplied():
            failed = f", and failed: {event.error.rstrip('.')}" if event.error else ""
            unknown = "; whether it took effect is unknown" if event.unknown else ""
            return f"It was commanded at {at(event.started_at_s)}{failed}{unknown}", ()
        case FaultActive():
            proof = "; ".join(f"{asked}: {value}" for asked, value in event.evidence.items())
            return f"It was seen effective by {at(event.before_at_s)}" + (
                f" ({proof})" if proof else ""
            ), ()
        case FaultEnding():
            return f"Its end was asked for by the {event.by} at {at(line.at_s)}: {event.why}", ()
        case UndoTried(ok=False):
            return f"Undo {event.attempt} by the {event.by} failed: {event.error.rstrip('.')}", ()
        case FaultEnded():
            return _ended(replay, event)
        case FaultResidue():
            hand = f"; by hand: {event.manual}" if event.manual else ""
            return f"It could not be seen gone: {event.why.rstrip('.')}{hand}", ()
        case _:
            return None


def _ended(replay: Replay, event: FaultEnded) -> tuple[str, tuple[int, ...]]:
    who = _ENDED_BY[event.ended_by]
    lines: tuple[int, ...] = ()
    if event.ended_by == "engine":
        who += f" by the {event.by}"
    elif event.ended_by == "repair" and (found := _repair_before(replay, event)) is not None:
        line, repair = found
        who, lines = f"the repair {repair.unit} ended it", (line.seq,)
    detail = f" ({event.detail.rstrip('.')})" if event.detail else ""
    return f"It was seen gone by {at(event.before_at_s)}: {who}{detail}", lines


def _repair_before(replay: Replay, ended: FaultEnded) -> tuple[Line, RepairEnded] | None:
    """The last repair that began before a fault was gone, on its target where there is one."""
    target = ended.fault.rpartition("#")[0].partition("@")[2]
    repairs = replay.of(
        RepairEnded,
        lambda event: event.ok and not event.put_back and event.started_at_s <= ended.before_at_s,
    )
    same = [found for found in repairs if found[1].unit.partition("@")[2] == target]
    return next(reversed(same or repairs), None)


# --- the state ---


def _state(replay: Replay, unit: Unit) -> Iterator[Sentence]:
    change = replay.last_change(unit.id)
    if change is None:
        yield Sentence(kind="state", text="Has not started.")
        yield from causes(replay, unit.id, 1)
        yield from stop_sentences(replay)
        return
    line, event = change
    text, lines = state_in_words(replay, unit, line, event)
    yield Sentence(kind="state", text=f"{text[:1].upper()}{text[1:]}.", lines=lines)
    if event.state in ("blocked", "skipped"):
        found = list(causes(replay, unit.id, 1))
        yield from found
        if not found and event.state == "blocked":
            yield from _stopped_wave(replay, unit, line)
    elif event.state in ("cancelled", "cancelling", "running"):
        yield from stop_sentences(replay)


def _stopped_wave(replay: Replay, unit: Unit, blocked: Line) -> Iterator[Sentence]:
    """The units of earlier waves that went wrong, and the samples of the gate."""
    for other in replay.units_of[unit.step]:
        change = replay.last_change(other.id)
        if change is None or other.wave >= unit.wave or change[0].seq > blocked.seq:
            continue
        if change[1].state in ("failed", "errored"):
            text, lines = state_in_words(replay, other, *change)
            yield Sentence(kind="root", text=f"{other.id} {text}.", lines=lines, depth=1)
    for line, sample in replay.samples.get(unit.step, ())[-1:]:
        if line.seq < blocked.seq:
            yield Sentence(kind="root", text=f"{_seen(sample)}.", lines=(line.seq,), depth=1)
