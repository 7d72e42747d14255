"""What is told of each event while a run goes on: one line for each change of state."""

from typing import Final

from msgspec import Struct

from breakfix.engine.events import (
    AttemptEnded,
    CancelRequested,
    CommandEnded,
    CommandIntended,
    Event,
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultEnding,
    FaultResidue,
    MarkGone,
    PlanMade,
    RepairEnded,
    RunEnded,
    RunErrored,
    RunInvalid,
    RunStarted,
    SampleTaken,
    TargetRebound,
    TargetStarted,
    UndoTried,
    UnitChanged,
    WriterTaken,
)
from breakfix.engine.values import format_seconds

QUIET, NORMAL, VERBOSE = -1, 0, 1
_PLAIN_STATES: Final = ("succeeded", "failed", "errored", "cancelled", "skipped", "blocked")


class Told(Struct, frozen=True, kw_only=True):
    """A line for people. `level` is the lowest verbosity that shows it."""

    level: int
    text: str


def tell(event: Event) -> Told | None:
    """The line for an event, or nothing."""
    return _of_faults(event) or _of_units(event) or _of_run(event)


def _normal(text: str) -> Told:
    return Told(level=NORMAL, text=text)


def _of_faults(event: Event) -> Told | None:
    match event:
        case FaultApplied():
            how = " (nobody knows whether it took effect)" if event.unknown else ""
            error = f": {event.error}" if event.error else ""
            return Told(level=VERBOSE, text=f"{event.fault} applied{how}{error}")
        case FaultActive():
            seen = "; ".join(f"{asked}: {was}" for asked, was in event.evidence.items())
            return _normal(f"{event.fault} is active{f' ({seen})' if seen else ''}")
        case FaultEnding():
            return Told(level=VERBOSE, text=f"{event.fault} is being ended: {event.why}")
        case UndoTried() if not event.ok:
            return _normal(f"undo of {event.fault} failed (try {event.attempt}): {event.error}")
        case FaultEnded():
            return _normal(f"{event.fault} is over, by {event.ended_by}")
        case FaultResidue():
            return Told(
                level=QUIET,
                text=f"{event.fault} was LEFT BEHIND: {event.why}; by hand: {event.manual}",
            )
    return None


def _of_units(event: Event) -> Told | None:
    match event:
        case UnitChanged(state="running"):
            return _normal(f"{event.unit} begins")
        case UnitChanged() if event.state in _PLAIN_STATES:
            why = f": {event.reason}" if event.reason else ""
            return _normal(f"{event.unit} {event.state}{why}")
        case AttemptEnded() if event.retry_in_s is not None:
            pause = format_seconds(event.retry_in_s)
            return _normal(
                f"{event.unit} failed, attempt {event.attempt}: {event.error}; again in {pause}"
            )
        case SampleTaken():
            armed = " before the fault" if event.armed else ""
            detail = f" ({event.detail})" if event.detail else ""
            return Told(
                level=VERBOSE, text=f"{event.unit}: {event.probe} is {event.state}{armed}{detail}"
            )
        case RepairEnded(put_back=True):
            return _normal(f"{event.unit} {'is put back' if event.ok else 'was not put back'}")
    return None


def _of_run(event: Event) -> Told | None:
    match event:
        case RunStarted():
            return _normal(f"run {event.run_id}{' (rehearsal)' if event.no_faults else ''}")
        case WriterTaken() if event.role != "engine":
            return Told(level=QUIET, text=f"{event.role} took over")
        case CommandIntended(stage="setup"):
            return _normal(f"setup: {' '.join(event.command.run)}")
        case CommandEnded() if not event.ok:
            return Told(level=QUIET, text=f"{event.stage} failed: {event.error}")
        case TargetStarted():
            return _normal(f"target {event.target} is {'ready' if event.ready else 'started'}")
        case TargetRebound():
            return Told(level=VERBOSE, text=f"target {event.target} is new after {event.cause}")
        case MarkGone():
            return Told(level=VERBOSE, text="a process target has ended")
        case PlanMade():
            worst = format_seconds(event.plan.worst_s)
            return _normal(f"{len(event.plan.units)} steps planned, {worst} at the longest")
        case CancelRequested():
            return Told(level=QUIET, text=f"stopping: {event.why}; everything is undone first")
        case RunInvalid():
            return Told(level=QUIET, text=f"invalid: {event.reason}")
        case RunErrored():
            return Told(level=QUIET, text=f"error: {event.message}")
        case RunEnded():
            return _normal(f"{event.verdict}: {event.reason}")
    return None
