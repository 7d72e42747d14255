"""How much of a set is broken at one time, at most, and whether that is within the blast radius.

A set that is a part of another one (`of`) counts there: what matters is the share of the whole.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from breakfix.engine.errors import PlanError
from breakfix.engine.model import Scenario, Step
from breakfix.engine.plan.claims import FaultStep, Healing
from breakfix.engine.plan.order import Order
from breakfix.engine.plan.pick import count_of
from breakfix.engine.run_plan import RunPlan, TargetSet


class _Load(Struct, frozen=True, kw_only=True):
    """Steps, and the most targets of the set that they break at one time; `keys` are all of
    theirs."""

    steps: tuple[str, ...]
    keys: frozenset[str]
    worst: int


def radius_bounds(plan: RunPlan) -> list[tuple[frozenset[str], int]]:
    """The sets that the blast radius bounds: the keys of each, and how many of them may be under a fault, or
    not healed yet, at one time."""
    return [
        (frozenset(chosen.found), allowed)
        for chosen, allowed in _bounded(plan.scenario, plan.sets)
    ]


def _bounded(scenario: Scenario, sets: Mapping[str, TargetSet]) -> Iterator[tuple[TargetSet, int]]:
    """The sets that the blast radius bounds, each with the number of targets that it allows."""
    for name, chosen in sets.items():
        allowed = count_of(scenario.limits.blast_radius, len(chosen.found))
        if scenario.targets[name].of is None and allowed < len(chosen.found):
            yield chosen, allowed


def blast_of(
    scenario: Scenario,
    sets: Mapping[str, TargetSet],
    faults: Sequence[FaultStep],
    order: Order,
    heals: Healing,
) -> dict[str, str]:
    """For each set that faults hit, the largest share that is broken at one time, in words.

    Raises PlanError where that is more than the blast radius allows.
    """
    radius = scenario.limits.blast_radius
    allowed_of = {chosen.name: allowed for chosen, allowed in _bounded(scenario, sets)}
    steps = {step.id: step for step in scenario.steps}
    words: dict[str, str] = {}
    for name, chosen in sets.items():
        found = frozenset(chosen.found)
        loads = [load for fault in faults if (load := _load(steps[fault.id], fault, found)).keys]
        if scenario.targets[name].of is not None or not loads:
            continue
        worst = _worst(loads, order, heals)
        share = f"{worst} of {len(found)} at one time ({100 * worst // len(found)}%)"
        allowed = allowed_of.get(name)
        if allowed is not None and worst > allowed:
            culprits = ", ".join(sorted({step for load in loads for step in load.steps}))
            raise PlanError(
                f"{culprits} may break {share} of target {name}; blast_radius: {radius} allows"
                f" {allowed}.",
                hint="Pick fewer, use `fan_out: {wave: 1}`, or order the steps by `is: undone`.",
            )
        words[name] = f"{share}, {allowed} allowed" if allowed is not None else share
    return words


def _load(step: Step, fault: FaultStep, found: frozenset[str]) -> _Load:
    """What one step breaks of a set. A wave of faults is over before the next one begins, unless a
    probe opens the next one."""
    keys = frozenset(fault.keys) & found
    worst = len(keys)
    if step.fan_out is not None and step.fan_out.next_when is None and fault.keys:
        worst = min(worst, count_of(step.fan_out.wave, len(fault.keys)))
    return _Load(steps=(step.id,), keys=keys, worst=worst)


def _worst(loads: Sequence[_Load], order: Order, heals: Healing) -> int:
    """An upper bound of the targets that are broken at one time.

    Steps that follow each other form a chain, and of a chain at most one step is open at one time,
    so the sum over chains of their largest step is a bound. It is taken twice: step by step, and
    with all steps on the same targets taken as one.
    """
    by_keys: dict[frozenset[str], list[_Load]] = {}
    for load in loads:
        by_keys.setdefault(load.keys, []).append(load)
    merged = [
        _Load(
            steps=tuple(step for load in group for step in load.steps),
            keys=keys,
            worst=min(len(keys), sum(load.worst for load in group)),
        )
        for keys, group in by_keys.items()
    ]
    everything = len(frozenset().union(*by_keys))
    return min(everything, _chains(loads, order, heals), _chains(merged, order, heals))


def _chains(loads: Sequence[_Load], order: Order, heals: Healing) -> int:
    chains: list[tuple[_Load, int]] = []
    for load in loads:
        for index, (last, worst) in enumerate(chains):
            if all(
                _over_before(last, first, second, order, heals)
                for first in last.steps
                for second in load.steps
            ):
                chains[index] = (load, max(worst, load.worst))
                break
        else:
            chains.append((load, load.worst))
    return sum(worst for _, worst in chains)


def _over_before(last: _Load, first: str, second: str, order: Order, heals: Healing) -> bool:
    """Whether every fault of `first` has ended, or its target was repaired, before `second`
    begins."""
    if order.ended_before(first, second):
        return True
    return all(heals.between(order, first, second, key) for key in last.keys)
