"""What the graph promises about the order of steps, whatever happens in a run.

Each step has events: its start, of a fault also that it is active, and its end. An event follows
another one if no run can have it earlier. `depends_on` orders the start of a step after an event of
another, but only where every alternative of a group does, and, where a step fans out, only where
the join waits for all of its units.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from breakfix.engine.errors import PlanError
from breakfix.engine.model import Hold, Milestone, Scenario, Step
from breakfix.engine.plan.needs import Need, needs_of
from breakfix.engine.values import needed

if TYPE_CHECKING:
    import networkx as nx

Moment = Literal["start", "active", "end"]


class StepEvent(NamedTuple):
    """One event of a step: of all of its units."""

    step: str
    moment: Moment


class _Source(NamedTuple):
    """An event that another one may wait for. `firm`: for all units of it; `each`: at least for the
    unit on the same target."""

    event: StepEvent
    firm: bool
    each: bool


def moment_of(milestone: Milestone) -> Moment:
    """The event at which a milestone is reached."""
    return "active" if milestone == "active" else "end"


class Order:
    """The order of the steps of a scenario. `counts` is the number of units of each step."""

    def __init__(self, scenario: Scenario, counts: Mapping[str, int]) -> None:
        self._steps = {step.id: step for step in scenario.steps}
        self._counts = counts
        self._groups: dict[StepEvent, list[tuple[_Source, ...]]] = {}
        for step in scenario.steps:
            self._add(step)
        self._events = self._sort()
        self._index = {event: index for index, event in enumerate(self._events)}

    def steps(self) -> list[str]:
        """The ids of all steps, each after those that it waits for; else as in the document."""
        return [event.step for event in self._events if event.moment == "start"]

    def follows(self, later: StepEvent, earlier: StepEvent, *, each: bool = False) -> bool:
        """Whether `later` never comes before `earlier`.

        With `each` it is asked of the units of both steps on one target, else of all units of both.
        """
        floor = self._index[earlier]
        if self._index[later] <= floor:
            return later == earlier
        known = {earlier}
        for event in sorted(self._between(later, floor), key=self._index.__getitem__):
            for group in self._groups[event]:
                if all(
                    source.event in known and (source.firm or (each and source.each))
                    for source in group
                ):
                    known.add(event)
                    break
        return later in known

    def ended_before(self, first: str, second: str, *, each: bool = False) -> bool:
        """Whether the step `second` never begins before `first` has ended."""
        return self.follows(StepEvent(second, "start"), StepEvent(first, "end"), each=each)

    def place(self, step: str) -> int:
        """Where the start of a step stands in a topological order of everything."""
        return self._index[StepEvent(step, "start")]

    def upstream(self, step: str) -> set[str]:
        """The steps that may have begun before this one because it waits for them."""
        found: set[str] = set()
        todo = [step]
        while todo:
            for group in self._groups[StepEvent(todo.pop(), "start")]:
                new = {source.event.step for source in group} - found
                found |= new
                todo += new
        return found

    def _add(self, step: Step) -> None:
        start, active, end = (StepEvent(step.id, moment) for moment in ("start", "active", "end"))
        last = start
        if step.phase == "inject":
            self._groups[active] = [(_Source(start, firm=True, each=True),)]
            last = active
        self._groups[end] = [(_Source(last, firm=True, each=True),)]
        self._groups[start] = [
            tuple(self._source(need) for need in group) for group in needs_of(step, self._steps)
        ]

    def _source(self, need: Need) -> _Source:
        step = self._steps[need.step]
        total = self._counts[need.step]
        # A join has failed as soon as success is out of reach, while other units still run.
        waits_for_all = total <= 1 or (
            need.milestone == "finished"
            or (need.milestone != "failed" and needed(step.require, total) == total)
        )
        moment = moment_of(need.milestone)
        if moment == "active" and step.phase != "inject":
            moment = "end"
        return _Source(
            event=StepEvent(need.step, moment),
            firm=waits_for_all and (total <= 1 or not need.each),
            each=waits_for_all or need.each,
        )

    def _between(self, later: StepEvent, floor: int) -> set[StepEvent]:
        """`later`, and what it may wait for, as far back as the place `floor`."""
        found = {later}
        todo = [later]
        while todo:
            for group in self._groups[todo.pop()]:
                for source in group:
                    if source.event not in found and self._index[source.event] > floor:
                        found.add(source.event)
                        todo.append(source.event)
        return found

    def _sort(self) -> list[StepEvent]:
        """A topological order of the events. Raises PlanError where there is a cycle."""
        import networkx as nx

        graph: nx.DiGraph[StepEvent] = nx.DiGraph()
        place = {step: index for index, step in enumerate(self._steps)}
        graph.add_nodes_from(self._groups)
        for event, groups in self._groups.items():
            graph.add_edges_from((source.event, event) for group in groups for source in group)
        for step in self._steps.values():
            if isinstance(step.hold, Hold):
                graph.add_edge(StepEvent(step.hold.until, "end"), StepEvent(step.id, "end"))
        try:
            return list(nx.lexicographical_topological_sort(graph, key=lambda e: place[e.step]))
        except nx.NetworkXUnfeasible:
            raise PlanError(
                f"The steps wait for each other: {' -> '.join(_cycle(graph))}.",
                hint="Take one of these dependencies away.",
            ) from None


def _cycle(graph: "nx.DiGraph[StepEvent]") -> list[str]:
    import networkx as nx

    steps: list[str] = []
    for event, _ in nx.find_cycle(graph):
        if not steps or steps[-1] != event.step:
            steps.append(event.step)
    return [*steps, steps[0]] if steps[-1] != steps[0] or len(steps) == 1 else steps
