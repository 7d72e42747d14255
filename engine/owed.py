"""All that a run owes at the end of its journal's lines: what must be ended, taken back, torn down. Pure."""

from msgspec import Struct

from breakfix.engine.events import (
    CommandEnded,
    CommandIntended,
    Line,
    PlanMade,
    RepairEnded,
    RepairIntended,
    RunEnded,
    RunStarted,
    Surveyed,
)
from breakfix.engine.open_faults import OpenFault, OpenMark, open_faults, open_marks
from breakfix.engine.ops import Identity


class Owed(Struct, frozen=True, kw_only=True):
    """What a journal says is still to be done."""

    faults: tuple[OpenFault, ...]
    repairs: tuple[RepairIntended, ...]
    marks: tuple[OpenMark, ...]
    teardown: tuple[CommandIntended, ...]
    ended: bool
    run_id: str = ""
    surveyed: dict[str, Identity] = {}
    """The containers and hosts that were surveyed before the first effect."""

    @property
    def started(self) -> frozenset[str]:
        """The process targets of which something may run."""
        return frozenset(mark.target for mark in self.marks)

    @property
    def nothing(self) -> bool:
        """Whether the run is over and left nothing open."""
        return self.ended and not (self.faults or self.marks)


def owed(lines: list[Line]) -> Owed:
    """Pure: what is open at the end of these lines."""
    repairs: dict[tuple[str, int], RepairIntended] = {}
    teardown: dict[int, CommandIntended] = {}
    ended, run_id = False, ""
    bindings: dict[str, Identity] = {}
    surveyed: dict[str, Identity] = {}
    for line in lines:
        event = line.event
        if isinstance(event, RepairIntended):
            repairs[event.unit, event.attempt] = event
        elif isinstance(event, RepairEnded):
            repairs.pop((event.unit, event.attempt), None)
        elif isinstance(event, CommandIntended) and event.stage == "teardown":
            teardown[event.index] = event
        elif isinstance(event, CommandEnded) and event.stage == "teardown":
            teardown.pop(event.index, None)
        elif isinstance(event, RunStarted):
            run_id = event.run_id
        elif isinstance(event, PlanMade):
            bindings = {key: bound.identity for key, bound in event.plan.bindings.items()}
        elif isinstance(event, Surveyed) and event.when == "before":
            surveyed = {key: bindings[key] for key in event.targets if key in bindings}
        ended = isinstance(event, RunEnded) or (ended and not isinstance(event, RunStarted))
    return Owed(
        faults=tuple(open_faults(lines)),
        repairs=tuple(repairs.values()),
        marks=tuple(open_marks(lines)),
        teardown=tuple(teardown[index] for index in sorted(teardown)),
        ended=ended,
        run_id=run_id,
        surveyed=surveyed,
    )
