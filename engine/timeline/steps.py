"""Units and steps: when they were due, began and ended, and how the units of a step joined."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from breakfix.engine.events import StepState, WavesStopped
from breakfix.engine.model import Dependency, Step
from breakfix.engine.timeline.collect import Collected, UnitSeen, replace
from breakfix.engine.timeline.facts import FaultFacts, Interval, StepFacts, UnitFacts
from breakfix.engine.timeline.intervals import exact, since
from breakfix.engine.timeline.series import Poll
from breakfix.engine.values import needed

_WORST_FIRST: tuple[StepState, ...] = (
    "errored", "failed", "cancelling", "running", "cancelled", "blocked", "pending",
)  # fmt: skip

_WRONG: frozenset[StepState] = frozenset({"failed", "errored", "cancelled"})


def unit_facts(seen: Collected, steps: Mapping[str, Step]) -> Iterator[UnitFacts]:
    """The units of the plan in its order, then those that only events tell of."""
    faults: dict[str, list[FaultFacts]] = defaultdict(list)
    for fault in seen.lives.faults.values():
        faults[fault.unit].append(fault)
    planned = {unit.id: unit for unit in seen.plan.units} if seen.plan is not None else {}
    names = [*planned, *(name for name in seen.units if name not in planned)]
    for name in names:
        plan = planned.get(name)
        step_id = plan.step if plan is not None else name.partition("@")[0]
        target = plan.binding or "" if plan is not None else name.partition("@")[2]
        step = steps.get(step_id)
        one = seen.units.get(name) or UnitSeen(unit=name)
        yield replace(
            _unit(one, step, faults[name]),
            step=step_id,
            target=target,
            samples=len(seen.samples_of.get(name, ())),
        )


def _unit(seen: UnitSeen, step: Step | None, faults: Sequence[FaultFacts]) -> UnitFacts:
    started = exact(seen.started_at_s) if seen.started_at_s is not None else None
    ended = exact(seen.ended_at_s) if seen.ended_at_s is not None else None
    wait = None
    if started is not None and seen.due_at_s is not None:
        wait = since(started, exact(seen.due_at_s))
    return UnitFacts(
        unit=seen.unit,
        step="",
        phase=step.phase if step is not None else "unknown",
        uses=step.uses if step is not None else "",
        state=seen.state,
        reason=seen.reason,
        due_at_s=seen.due_at_s,
        started_at_s=started,
        ended_at_s=ended,
        queue_wait_s=wait,
        run_s=_run_s(seen, faults, started, ended),
        check_s=_sum(
            since(fault.active_at_s, _plus(fault.applied_at_s, fault.apply_s))
            for fault in faults
            if fault.active_at_s and fault.applied_at_s and fault.apply_s
        ),
        undo_s=_sum(
            since(fault.ended_at_s, fault.ending_at_s)
            for fault in faults
            if fault.ended_at_s and fault.ending_at_s and fault.undo
        ),
        attempts=tuple(seen.attempts),
        result=seen.result,
    )


def _run_s(
    seen: UnitSeen,
    faults: Sequence[FaultFacts],
    started: Interval | None,
    ended: Interval | None,
) -> Interval | None:
    """A fault's apply ops; else the attempts; of a wait, all of it."""
    if faults:
        return _sum(fault.apply_s for fault in faults if fault.apply_s is not None)
    if seen.attempts:
        return _sum(since(a.ended_at_s, a.started_at_s) for a in seen.attempts)
    return since(ended, started) if started is not None and ended is not None else None


def _plus(instant: Interval, duration: Interval) -> Interval:
    return (instant[0] + duration[0], instant[1] + duration[1])


def _sum(durations: Iterable[Interval]) -> Interval | None:
    found = list(durations)
    return (sum(d[0] for d in found), sum(d[1] for d in found)) if found else None


def join_steps(
    steps: Mapping[str, Step],
    units: Iterable[UnitFacts],
    polls: Iterable[Poll],
    stopped: Mapping[str, WavesStopped],
) -> Iterator[StepFacts]:
    """Each step of the plan with the state that its units make together; without a plan, none. `stopped` has
    the steps whose waves were stopped by the probe between them."""
    by_step: dict[str, list[UnitFacts]] = defaultdict(list)
    for unit in units:
        by_step[unit.step].append(unit)
    blind = {poll.unit for poll in polls if poll.blind}
    joined = {step.id: _join(step, by_step[step.id], blind) for step in steps.values()}
    for name, gate in stopped.items():
        if name in joined:
            joined[name] = replace(joined[name], stopped=gate.why, stopped_blind=gate.blind)
    roots = _blocking(steps, joined)
    for name, facts in joined.items():
        yield replace(facts, blocked_by=roots[name]) if name in roots else facts


def _blocking(steps: Mapping[str, Step], joined: Mapping[str, StepFacts]) -> dict[str, str]:
    """For each blocked step that needed the success of one that went wrong, that one."""
    dependents: dict[str, list[str]] = defaultdict(list)
    for step in steps.values():
        for name, milestone in _needs(step.depends_on):
            if milestone not in ("failed", "finished"):
                dependents[name].append(step.id)
    roots: dict[str, str] = {}
    todo = [(name, name) for name, facts in joined.items() if facts.state in _WRONG or facts.stopped]
    while todo:
        name, root = todo.pop()
        for dependent in dependents[name]:
            if joined[dependent].state == "blocked" and dependent not in roots:
                roots[dependent] = root
                todo.append((dependent, root))
    return roots


def _needs(dependencies: Iterable[str | Dependency]) -> Iterator[tuple[str, str]]:
    """The steps that are named, each with the milestone that is asked of it; empty: the default."""
    for dependency in dependencies:
        if isinstance(dependency, str):
            yield dependency, ""
            continue
        if dependency.step is not None:
            yield dependency.step, dependency.is_ or ""
        yield from _needs(dependency.any or ())


def _join(step: Step, units: Sequence[UnitFacts], blind: set[str]) -> StepFacts:
    need = needed(step.require, len(units))
    good = sum(unit.state == "succeeded" for unit in units)
    failed = [unit for unit in units if unit.state == "failed"]
    state: StepState = "succeeded"
    if not units or (good < need and all(u.state in ("skipped", "succeeded") for u in units)):
        state = "succeeded" if good else "skipped"
    elif good < need:
        present = {unit.state for unit in units}
        state = next(state for state in _WORST_FIRST if state in present)
    reason = next((unit.reason for unit in units if unit.state == state and unit.reason), "")
    return StepFacts(
        id=step.id,
        phase=step.phase,
        uses=step.uses,
        description=step.description,
        on_failure=step.on_failure,
        needed=need,
        units=len(units),
        state=state,
        reason=reason,
        blind=bool(failed) and all(unit.unit in blind for unit in failed),
    )
