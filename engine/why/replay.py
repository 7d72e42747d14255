"""A journal read again: which milestone held when, by which line; and the lines by what they are about."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct

from breakfix.engine.events import (
    AttemptEnded,
    FaultActive,
    FaultIntended,
    Line,
    MilestoneReached,
    PlanMade,
    RunEnded,
    SampleTaken,
    StepState,
    UnitChanged,
)
from breakfix.engine.model import Milestone, Step
from breakfix.engine.run_plan import Link, RunPlan, Unit
from breakfix.engine.schedule import Changes, Schedule, milestones_of

REHEARSED: Final = "--no-faults"
"""The reason of a unit that a rehearsal leaves out; what depends on it goes on."""
FINAL: Final = frozenset({"skipped", "blocked", "succeeded", "failed", "errored", "cancelled"})

E = TypeVar("E")


class Held(Struct, frozen=True, kw_only=True):
    """A milestone was settled by a line: it holds, or never can."""

    holds: bool
    at_s: float
    line: int


class Replay:
    """One pass over the lines; it never raises on well-formed lines, in whatever order they come."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines: Sequence[Line] = tuple(lines)
        self.plan: RunPlan | None = None
        self.steps: dict[str, Step] = {}
        self.units: dict[str, Unit] = {}
        self.units_of: dict[str, list[Unit]] = defaultdict(list)
        self.links: dict[str, dict[int, list[Link]]] = defaultdict(lambda: defaultdict(list))
        self.held: dict[tuple[str, Milestone], Held] = {}
        self.changes: dict[str, list[tuple[Line, UnitChanged]]] = defaultdict(list)
        self.attempts: dict[str, list[tuple[Line, AttemptEnded]]] = defaultdict(list)
        self.samples: dict[str, list[tuple[Line, SampleTaken]]] = defaultdict(list)
        self.faults: dict[str, list[Line]] = defaultdict(list)
        self.faults_of: dict[str, list[str]] = defaultdict(list)
        self._by_type: dict[type[Any], list[Line]] = defaultdict(list)
        self._schedule: Schedule | None = None
        for line in self.lines:
            self._add(line)

    @property
    def ended(self) -> bool:
        """A writer has said that the run is over."""
        return bool(self.of(RunEnded))

    @property
    def last(self) -> int:
        """The number of the last line; 0 where there is none."""
        return self.lines[-1].seq if self.lines else 0

    def of(
        self, kind: type[E], wanted: Callable[[E], bool] = lambda event: True
    ) -> list[tuple[Line, E]]:
        """The events of one type with their lines, of those that are wanted."""
        return [
            (line, line.event)
            for line in self._by_type[kind]
            if isinstance(line.event, kind) and wanted(line.event)
        ]

    def state(self, unit: str) -> StepState:
        """The last state of a unit."""
        change = self.last_change(unit)
        return change[1].state if change is not None else "pending"

    def last_change(self, unit: str) -> tuple[Line, UnitChanged] | None:
        """The line of the last change of a unit."""
        return next(reversed(self.changes.get(unit, ())), None)

    def begun(self, unit: str) -> tuple[Line, UnitChanged] | None:
        """The line on which a unit first ran."""
        changes = self.changes.get(unit, ())
        return next((change for change in changes if change[1].state == "running"), None)

    def nodes(self, source: str) -> list[Unit]:
        """The units that stand behind the source of a link: itself, or the units of a step."""
        if source in self.units_of:
            return self.units_of[source]
        return [self.units[source]] if source in self.units else []

    # --- line by line ---

    def _add(self, line: Line) -> None:
        event = line.event
        self._by_type[type(event)].append(line)
        fault = getattr(event, "fault", None)
        if isinstance(fault, str):
            self.faults[fault].append(line)
        if isinstance(event, PlanMade):
            self._plan_made(line, event.plan)
        elif isinstance(event, UnitChanged):
            self.changes[event.unit].append((line, event))
            self._unit_changed(line, event)
        elif isinstance(event, FaultIntended):
            if event.fault not in self.faults_of[event.unit]:
                self.faults_of[event.unit].append(event.fault)
        elif isinstance(event, FaultActive):
            self._reach(line, event.fault.rpartition("#")[0], {"active": True})
        elif isinstance(event, AttemptEnded):
            self.attempts[event.unit].append((line, event))
        elif isinstance(event, SampleTaken):
            self.samples[event.unit].append((line, event))
        elif isinstance(event, MilestoneReached):
            for milestone in _milestone(event.milestone):
                self._note(line, event.node, milestone, event.holds)

    def _plan_made(self, line: Line, plan: RunPlan) -> None:
        if self.plan is not None:
            return
        self.plan = plan
        self.steps = {step.id: step for step in plan.scenario.steps}
        self.units = {unit.id: unit for unit in plan.units}
        for step in self.steps:
            self.units_of[step] = []
        for unit in plan.units:
            self.units_of[unit.step].append(unit)
        for link in plan.links:
            self.links[link.unit][link.group].append(link)
        self._schedule = Schedule(plan)
        self._note_all(line, self._schedule.begin(line.at_s))

    def _unit_changed(self, line: Line, event: UnitChanged) -> None:
        # Who is cancelled reaches nothing: the run is being stopped, and nothing starts any more.
        if event.state not in FINAL or event.state == "cancelled":
            return
        if event.state == "skipped" and event.reason == REHEARSED:
            milestones: dict[Milestone, bool] = {
                "active": True, "undone": True, "succeeded": True, "failed": False,
                "finished": True,
            }  # fmt: skip
        else:
            milestones = milestones_of(event.state)
            unit = self.units.get(event.unit)
            if unit is not None and self.steps[unit.step].phase == "inject":
                milestones["active"] = (event.unit, "active") in self.held
                milestones["undone"] = event.state == "succeeded"
        self._reach(line, event.unit, milestones)

    def _reach(self, line: Line, unit: str, milestones: dict[Milestone, bool]) -> None:
        if unit not in self.units or self._schedule is None:
            return
        for milestone, holds in milestones.items():
            self._note(line, unit, milestone, holds)
        self._note_all(line, self._schedule.reach(unit, milestones, line.at_s))

    def _note_all(self, line: Line, changes: Changes) -> None:
        for joined in changes.joined:
            self._note(line, joined.step, joined.milestone, joined.holds)

    def _note(self, line: Line, node: str, milestone: Milestone, holds: bool) -> None:
        # A step of one unit without a target shares its name with its unit: the two agree.
        self.held.setdefault((node, milestone), Held(holds=holds, at_s=line.at_s, line=line.seq))


def _milestone(text: str) -> tuple[Milestone, ...]:
    known: tuple[Milestone, ...] = ("succeeded", "failed", "finished", "active", "undone")
    return tuple(milestone for milestone in known if milestone == text)
