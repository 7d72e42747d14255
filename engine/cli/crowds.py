"""Steps on many targets while a run goes on: counted, and told at each tenth instead of unit by unit."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, structs

from breakfix.engine.cli.narration import NORMAL, VERBOSE, Told, tell
from breakfix.engine.events import (
    AttemptEnded,
    Event,
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultEnding,
    PlanMade,
    RepairEnded,
    SampleTaken,
    UndoTried,
    UnitChanged,
)
from breakfix.engine.run_plan import RunPlan
from breakfix.reports.fan_out import WIDE

_WRONG: Final = frozenset({"failed", "errored", "cancelled", "blocked"})
_OVER: Final = _WRONG | {"skipped", "succeeded"}
_PARTS: Final = 10


class Crowd(Struct, kw_only=True):
    """One step on many targets: its units that are over, by what came of them."""

    step: str
    total: int
    begun: int = 0
    active: int = 0
    over: Counter[str] = Counter()
    troubles: int = 0

    def words(self) -> str:
        """How far it is: ``50 of 500 over, 2 failed``."""
        wrong = [f"{self.over[state]} {state}" for state in sorted(_WRONG) if self.over[state]]
        return ", ".join([f"{self.over.total()} of {self.total} over", *wrong])


class Crowds:
    """The wide steps of a run: a fold over its events."""

    def __init__(self) -> None:
        self.by_step: dict[str, Crowd] = {}

    def of(self, unit: str) -> Crowd | None:
        """The wide step that a unit, or a fault of it, belongs to."""
        return self.by_step.get(unit.partition("@")[0])

    def feed(self, event: Event) -> Iterator[Told]:
        """What is to be told of an event; of wide steps, what `tell` would say only to the verbose."""
        if isinstance(event, PlanMade):
            self._plan(event.plan)
        told = tell(event)
        crowd = self.of(_unit_of(event))
        if crowd is None:
            if told is not None:
                yield told
            return
        if told is not None:
            yield self._quieter(crowd, event, told)
        yield from self._count(crowd, event)

    def _plan(self, plan: RunPlan) -> None:
        counts = Counter(unit.step for unit in plan.units)
        self.by_step = {
            step: Crowd(step=step, total=total, over=Counter())
            for step, total in counts.items()
            if total > WIDE
        }

    def _quieter(self, crowd: Crowd, event: Event, told: Told) -> Told:
        if told.level != NORMAL:
            return told
        if _is_trouble(event):
            crowd.troubles += 1
            if crowd.troubles <= WIDE:
                return told
        return structs.replace(told, level=VERBOSE)

    def _count(self, crowd: Crowd, event: Event) -> Iterator[Told]:
        match event:
            case UnitChanged(state="running"):
                crowd.begun += 1
                if crowd.begun == 1:
                    yield Told(level=NORMAL, text=f"{crowd.step} begins on {crowd.total} targets")
            case UnitChanged() if event.state in _OVER:
                crowd.over[event.state] += 1
                if _is_part(crowd.over.total(), crowd.total):
                    yield Told(level=NORMAL, text=f"{crowd.step}: {crowd.words()}")
            case FaultActive():
                crowd.active += 1
                if _is_part(crowd.active, crowd.total):
                    many = f"{crowd.active} of {crowd.total}"
                    yield Told(level=NORMAL, text=f"{crowd.step}: active on {many} targets")


def _is_part(count: int, total: int) -> bool:
    """Whether a count has just reached one more of the parts that are told."""
    return count * _PARTS // total > (count - 1) * _PARTS // total


def _is_trouble(event: Event) -> bool:
    match event:
        case UnitChanged():
            return event.state in ("failed", "errored", "cancelled")
        case UndoTried() | AttemptEnded():
            return True
    return False


def _unit_of(event: Event) -> str:
    """The unit that an event tells of; of a fault, its id begins with it."""
    match event:
        case UnitChanged() | AttemptEnded() | SampleTaken() | RepairEnded():
            return event.unit
        case FaultApplied() | FaultActive() | FaultEnding() | UndoTried() | FaultEnded():
            return event.fault
    return ""
