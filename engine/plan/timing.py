"""How long a run takes at the very most, and the chain of units that makes it so long.

Counted is what the scenario bounds: time-outs, polls, holds, waits, retries with their longest
pauses, the times that checks may take, set-up; and the queue for slots, where more units could run
at once than `limits.concurrency` allows.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from breakfix.engine.model import Hold, Retry, Scenario, Step
from breakfix.engine.ops import Plan
from breakfix.engine.plan.order import Moment, moment_of
from breakfix.engine.run_plan import Link, Unit
from breakfix.engine.values import fraction, seconds

ATTEMPT_TIMEOUT_S: Final = 60.0
"""How long one attempt of an inject or remediate step may take that names no time-out of its own, and
whose ops and checks are not allowed more."""

Node = tuple[str, str]


class Timing(Struct, frozen=True, kw_only=True):
    """`worst_s` of the whole run, set-up included; of each unit without its wait for others."""

    worst_s: float
    critical_path: tuple[str, ...]
    unit_s: dict[str, float]


def attempt_s(step: Step, preview: Plan | None) -> float:
    """One attempt of an inject or remediate step: its time-out, else a minute, or more where its ops and
    the checks of its effect may take more: a reboot does."""
    if step.timeout is not None:
        return seconds(step.timeout)
    if preview is None:
        return ATTEMPT_TIMEOUT_S
    ops_s = sum(op.timeout_s for op in preview.apply)
    return max(ATTEMPT_TIMEOUT_S, ops_s + sum(check.within_s for check in preview.effect))


def attempts_s(step: Step, preview: Plan | None) -> float:
    """All attempts of a step, with the longest pauses between them."""
    retry = step.retry or Retry(attempts=1)
    longest = 1 + fraction(retry.jitter)
    pauses_s = sum(
        seconds(retry.backoff) * retry.factor**attempt * longest
        for attempt in range(retry.attempts - 1)
    )
    return retry.attempts * attempt_s(step, preview) + pauses_s


def work_s(step: Step, preview: Plan | None, scenario: Scenario) -> float:
    """What a unit of the step takes at most, once it runs; of a fault until it is active."""
    if step.phase == "wait":
        return seconds(step.wait or "0s")
    if step.phase in ("inject", "remediate"):
        return attempts_s(step, preview)
    probe = scenario.probes.get(step.uses)
    timeout = step.timeout or (probe.timeout if probe is not None else "5s")
    return seconds(step.within or step.stays or "0s") + seconds(timeout)


def undo_s(unit: Unit) -> float:
    """The time that the gone checks of a fault may take."""
    return sum(check.within_s for check in unit.preview.gone) if unit.preview is not None else 0.0


def timing_of(
    scenario: Scenario, units: Mapping[str, Sequence[Unit]], links: Sequence[Link]
) -> Timing:
    """The worst case of the whole run."""
    work = _Schedule(scenario, units, links)
    longest_s, path = work.run()
    before_s = sum(seconds(command.timeout) for command in scenario.setup) + sum(
        seconds(target.process.ready_within)
        for target in scenario.targets.values()
        if target.process is not None and target.process.ready is not None
    )
    in_slots_s = {
        unit.id: work.unit_s[unit.id]
        for step in scenario.steps
        if step.phase not in ("detect", "verify")
        for unit in units[step.id]
    }
    queue_s = _queue_s(scenario.limits.concurrency, in_slots_s, path)
    return Timing(worst_s=before_s + longest_s + queue_s, critical_path=path, unit_s=work.unit_s)


def _queue_s(slots: int, in_slots_s: Mapping[str, float], path: Sequence[str]) -> float:
    """How much later a unit may begin because all slots are taken: for any list scheduling the work
    beside the critical path, divided by the slots, bounds it (R. L. Graham, 1969). Polls need
    none."""
    if len(in_slots_s) <= slots:
        return 0.0
    on_path_s = sum(in_slots_s.get(unit, 0.0) for unit in path)
    return max(0.0, sum(in_slots_s.values()) - on_path_s) / slots


class _Schedule:
    """The longest path through the events of all units. Faults without a hold end when nothing else
    is left to do, and what waits for their end begins then."""

    def __init__(
        self, scenario: Scenario, units: Mapping[str, Sequence[Unit]], links: Sequence[Link]
    ) -> None:
        self._next: dict[Node, list[tuple[Node, float]]] = defaultdict(list)
        self._waits_for: dict[Node, int] = {}
        self._own_s: dict[Node, float] = {}
        self._at_most: dict[Node, tuple[Node, float]] = {}
        self._until_idle: set[Node] = set()
        self._held: list[Node] = []
        self._due_s: dict[Node, float] = {}
        self._time_s: dict[Node, float] = {}
        self._latest: Node | None = None
        self._via: dict[Node, Node] = {}
        self.unit_s: dict[str, float] = {}
        self._scenario = scenario
        self._has_units = {step for step, members in units.items() if members}
        for step in scenario.steps:
            self._add_step(step, units[step.id])
        steps = {step.id: step for step in scenario.steps}
        faults = {
            name
            for step, members in units.items()
            if steps[step].phase == "inject"
            for name in (step, *(unit.id for unit in members))
        }
        for link in links:
            moment = moment_of(link.milestone) if link.source in faults else "end"
            self._edge((link.source, moment), (link.unit, "start"), link.after_s)

    def run(self) -> tuple[float, tuple[str, ...]]:
        """The length of the longest path, and its units."""
        ready = [node for node, count in self._waits_for.items() if count == 0]
        while ready or self._held:
            if not ready:
                ready = self._release()
            node = ready.pop()
            self._settle(node)
            for after, weight_s in self._next[node]:
                self._reach(after, node, weight_s)
                if self._waits_for[after] == 0:
                    ready.append(after)
        assert len(self._time_s) == len(self._waits_for), "the order of steps was checked before"
        if self._latest is None:
            return 0.0, ()
        return self._time_s[self._latest], self._path(self._latest)

    def _add_step(self, step: Step, members: Sequence[Unit]) -> None:
        for unit in members:
            self._add_unit(step, unit)
        if [unit.id for unit in members] != [step.id]:
            moments: tuple[Moment, ...] = ("active", "end") if step.phase == "inject" else ("end",)
            for moment in moments:
                self._node((step.id, moment))
                for unit in members:
                    self._edge((unit.id, moment), (step.id, moment))
        if step.fan_out is not None:
            self._add_waves(step, members)

    def _add_unit(self, step: Step, unit: Unit) -> None:
        start, active, end = (unit.id, "start"), (unit.id, "active"), (unit.id, "end")
        unit_s = work_s(step, unit.preview, self._scenario)
        self.unit_s[unit.id] = unit_s
        self._node(start)
        if step.phase != "inject":
            self._node(end, unit_s)
            self._edge(start, end)
            return
        self._node(active, unit_s)
        self._node(end, undo_s(unit))
        self._edge(start, active)
        if step.hold is None:
            self._edge(active, end)
            self._waits_for[end] += 1
            self._until_idle.add(end)
        elif not isinstance(step.hold, Hold):
            self._edge(active, end, seconds(step.hold))
        elif step.fan_out is not None or step.hold.until not in self._has_units:
            # What it waits for may itself wait for a later wave of this step.
            self._edge(active, end, seconds(step.hold.at_most))
        else:
            self._edge(active, end)
            self._edge((step.hold.until, "end"), end)
            self._at_most[end] = (active, seconds(step.hold.at_most))

    def _add_waves(self, step: Step, members: Sequence[Unit]) -> None:
        assert step.fan_out is not None
        gate = step.fan_out.next_when
        moment = "active" if gate is not None and step.phase == "inject" else "end"
        waves = max((unit.wave for unit in members), default=0)
        for wave in range(1, waves + 1):
            self._node((step.id, f"wave {wave}"), seconds(gate.within) if gate is not None else 0.0)
        for unit in members:
            if unit.wave < waves:
                self._edge((unit.id, moment), (step.id, f"wave {unit.wave + 1}"))
            if unit.wave > 0:
                self._edge((step.id, f"wave {unit.wave}"), (unit.id, "start"))

    def _node(self, node: Node, own_s: float = 0.0) -> None:
        self._waits_for.setdefault(node, 0)
        self._own_s[node] = own_s

    def _edge(self, before: Node, after: Node, weight_s: float = 0.0) -> None:
        self._next[before].append((after, weight_s))
        self._waits_for[after] = self._waits_for.get(after, 0) + 1

    def _reach(self, node: Node, via: Node, weight_s: float) -> None:
        self._waits_for[node] -= 1
        at_s = self._time_s[via] + weight_s
        if node not in self._due_s or at_s > self._due_s[node]:
            self._due_s[node] = at_s
            self._via[node] = via
        if node in self._until_idle and self._waits_for[node] == 1:
            self._held.append(node)

    def _settle(self, node: Node) -> None:
        at_s = self._due_s.get(node, 0.0)
        if node in self._at_most:
            active, bound_s = self._at_most[node]
            if at_s > self._time_s[active] + bound_s:
                at_s = self._time_s[active] + bound_s
                self._via[node] = active
        self._time_s[node] = at_s + self._own_s[node]
        if self._latest is None or self._time_s[node] > self._time_s[self._latest]:
            self._latest = node

    def _release(self) -> list[Node]:
        """Nothing else is left to do: the faults that hold until then end."""
        ready, self._held = self._held, []
        assert self._latest is not None
        for node in ready:
            self._reach(node, self._latest, 0.0)
        return ready

    def _path(self, last: Node) -> tuple[str, ...]:
        names: list[str] = []
        node: Node | None = last
        while node is not None:
            if node[0] in self.unit_s:
                names.append(node[0])
            node = self._via.get(node)
        return tuple(dict.fromkeys(reversed(names)))
