"""Which units may start now, and which never will: a pure fold over milestones.

A unit starts the moment that its last dependency allows it. The executor tells `Schedule` each
milestone that a unit reached (or can no longer reach); the answer says which units became ready,
which became impossible, and which milestones of steps (joins) followed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from breakfix.engine.events import StepState
from breakfix.engine.model import Milestone, Step
from breakfix.engine.run_plan import Link, RunPlan
from breakfix.engine.values import needed

MILESTONES: Final[tuple[Milestone, ...]] = (
    "succeeded",
    "failed",
    "finished",
    "active",
    "undone",
)
_NEVER_BEGAN: Final = frozenset({"skipped", "blocked"})


class Ready(Struct, frozen=True, kw_only=True):
    """A unit may start, at `due_at_s` (an instant of the run, perhaps ahead)."""

    unit: str
    due_at_s: float


class Doomed(Struct, frozen=True, kw_only=True):
    """A unit never can start, because `source` will not reach `milestone`."""

    unit: str
    source: str
    milestone: Milestone


class Joined(Struct, frozen=True, kw_only=True):
    """A step reached a milestone, by the `require` of the step, or never will."""

    step: str
    milestone: Milestone
    holds: bool


class Changes(Struct, frozen=True, kw_only=True):
    """What followed from one or more milestones."""

    ready: tuple[Ready, ...] = ()
    doomed: tuple[Doomed, ...] = ()
    joined: tuple[Joined, ...] = ()


def milestones_of(state: StepState) -> dict[Milestone, bool]:
    """What the last state of a unit that is no fault says of its milestones.

    A skipped unit counts as finished, and blocks what asked for its success or its failure.
    """
    good = state == "succeeded"
    return {
        "succeeded": good,
        "failed": not good and state not in _NEVER_BEGAN,
        "finished": True,
        "active": False,
        "undone": False,
    }


def joined_state(require: str | int, states: Sequence[StepState]) -> StepState:
    """The state of a step by those of its units: succeeded where enough of them are; while some go on,
    running; else what the first of the others came to.

    >>> joined_state("all", ["succeeded", "failed"]), joined_state("any", ["succeeded", "failed"])
    ('failed', 'succeeded')
    """
    if states and all(state == "pending" for state in states):
        return "pending"
    if any(state in ("pending", "running", "cancelling") for state in states):
        return "running"
    good = sum(state == "succeeded" for state in states)
    if good >= needed(require, len(states)):
        return "succeeded"
    return next(state for state in states if state != "succeeded")


class _Join:
    """Counts of one step."""

    def __init__(self, step: Step, total: int) -> None:
        self.total = total
        self.need = needed(step.require, total)
        self.yes: dict[Milestone, int] = dict.fromkeys(MILESTONES, 0)
        self.no: dict[Milestone, int] = dict.fromkeys(MILESTONES, 0)
        self.settled: set[Milestone] = set()

    def verdict(self, milestone: Milestone) -> bool | None:
        """Whether the step reached it; None while that is open."""
        if milestone == "finished":
            return True if self.yes["finished"] == self.total else None
        if milestone == "failed":
            out = self.no["succeeded"]
            if self.yes["succeeded"] >= self.need:
                return False
            if self.total - out >= self.need:
                return None
            # Success is out of reach; it is a failure only if a unit failed, not if all were skipped.
            if self.yes["failed"]:
                return True
            return False if self.no["failed"] == self.total else None
        if self.yes[milestone] >= self.need:
            return True
        return False if self.total - self.no[milestone] < self.need else None


class Schedule:
    """The state of all milestones of a plan. Empty steps (no unit) count as skipped."""

    def __init__(self, plan: RunPlan) -> None:
        self._links_from: dict[tuple[str, Milestone], list[Link]] = defaultdict(list)
        self._open_groups: dict[str, dict[int, int]] = {}
        self._due: dict[str, float] = {}
        self._reached: set[tuple[str, Milestone]] = set()
        self._gone: set[str] = set()
        self._step_of = {unit.id: unit.step for unit in plan.units}
        counts: dict[str, int] = defaultdict(int)
        for unit in plan.units:
            counts[unit.step] += 1
            self._open_groups[unit.id] = {}
            self._due[unit.id] = 0.0
        for link in plan.links:
            self._links_from[link.source, link.milestone].append(link)
            groups = self._open_groups[link.unit]
            groups[link.group] = groups.get(link.group, 0) + 1
        self._joins = {step.id: _Join(step, counts[step.id]) for step in plan.scenario.steps}
        self._empty = [step.id for step in plan.scenario.steps if counts[step.id] == 0]

    def begin(self, at_s: float = 0.0) -> Changes:
        """What may start at once, at the instant of the run at which the graph begins."""
        ready = [
            Ready(unit=unit, due_at_s=at_s)
            for unit, groups in self._open_groups.items()
            if not groups
        ]
        self._gone.update(item.unit for item in ready)
        queue: list[tuple[str, Milestone, bool]] = []
        for step in self._empty:
            queue += [
                (step, milestone, holds) for milestone, holds in milestones_of("skipped").items()
            ]
        more = self._spread(queue, at_s)
        return Changes(ready=(*ready, *more.ready), doomed=more.doomed, joined=more.joined)

    def reach(self, unit: str, milestones: dict[Milestone, bool], at_s: float) -> Changes:
        """A unit reached milestones (True), or never will (False), at an instant of the run.

        A milestone that is told twice counts once.
        """
        queue: list[tuple[str, Milestone, bool]] = []
        step = self._step_of[unit]
        join = self._joins[step]
        for milestone, holds in milestones.items():
            if (unit, milestone) in self._reached:
                continue
            self._reached.add((unit, milestone))
            if unit != step:
                queue.append((unit, milestone, holds))
            counter = join.yes if holds else join.no
            counter[milestone] += 1
        for milestone in MILESTONES:
            if milestone not in join.settled and (holds_now := join.verdict(milestone)) is not None:
                join.settled.add(milestone)
                queue.append((step, milestone, holds_now))
        return self._spread(queue, at_s)

    def _spread(self, queue: Iterable[tuple[str, Milestone, bool]], at_s: float) -> Changes:
        ready: list[Ready] = []
        doomed: list[Doomed] = []
        joined: list[Joined] = []
        for node, milestone, holds in queue:
            if node in self._joins:
                joined.append(Joined(step=node, milestone=milestone, holds=holds))
            for link in self._links_from.get((node, milestone), ()):
                if link.unit in self._gone:
                    continue
                if holds:
                    self._satisfy(link, at_s, ready)
                else:
                    self._refuse(link, doomed)
        return Changes(ready=tuple(ready), doomed=tuple(doomed), joined=tuple(joined))

    def _satisfy(self, link: Link, at_s: float, ready: list[Ready]) -> None:
        groups = self._open_groups[link.unit]
        if link.group not in groups:
            return
        del groups[link.group]
        self._due[link.unit] = max(self._due[link.unit], at_s + link.after_s)
        if not groups:
            self._gone.add(link.unit)
            ready.append(Ready(unit=link.unit, due_at_s=self._due[link.unit]))

    def _refuse(self, link: Link, doomed: list[Doomed]) -> None:
        groups = self._open_groups[link.unit]
        if link.group not in groups:
            return
        groups[link.group] -= 1
        if groups[link.group] == 0:
            self._gone.add(link.unit)
            doomed.append(Doomed(unit=link.unit, source=link.source, milestone=link.milestone))
