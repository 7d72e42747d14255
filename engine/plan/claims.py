"""No two faults may want the same part of the same target at one time."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct

from breakfix.engine.action import Action, Fault
from breakfix.engine.errors import PlanError
from breakfix.engine.model import Scenario
from breakfix.engine.plan.order import Moment, Order, StepEvent
from breakfix.engine.run_plan import Unit


class FaultStep(Struct, frozen=True, kw_only=True):
    """An inject step with what it takes of its targets."""

    id: str
    keys: tuple[str, ...]
    claims: tuple[str, ...]
    lasting: bool


def fault_steps(
    scenario: Scenario,
    units: Mapping[str, Sequence[Unit]],
    actions: Mapping[str, type[Action]],
    order: Order,
) -> list[FaultStep]:
    """The inject steps, each after those that it waits for."""
    steps = {step.id: step for step in scenario.steps}
    found = []
    for name in order.steps():
        action = actions.get(steps[name].uses)
        if steps[name].phase == "inject" and action is not None and issubclass(action, Fault):
            found.append(
                FaultStep(
                    id=name,
                    keys=tuple(unit.binding for unit in units[name] if unit.binding is not None),
                    claims=action.claims,
                    lasting=action.lasting,
                )
            )
    return found


class Healing(Struct, frozen=True, kw_only=True):
    """Which repair steps mend which target, each list in the order of the graph."""

    repairs: dict[str, list[str]]

    def between(
        self, order: Order, first: str, second: str, key: str, *, each: bool = False
    ) -> bool:
        """Whether `second` never begins before a repair on the target `key` succeeded that itself
        never began before the fault `first` was active there.

        With `each`, of `second` only the unit on that target is meant.
        """
        repairs = self.repairs.get(key, [])
        begin = bisect_right(repairs, order.place(first), key=order.place)
        end = bisect_left(repairs, order.place(second), key=order.place)
        return any(
            order.follows(StepEvent(repair, "start"), StepEvent(first, "active"), each=True)
            and order.ended_before(repair, second, each=each)
            for repair in repairs[begin:end]
        )


def healing(scenario: Scenario, units: Mapping[str, Sequence[Unit]], order: Order) -> Healing:
    """The repairs of a scenario by the target that they mend."""
    steps = {step.id: step for step in scenario.steps}
    repairs: dict[str, list[str]] = defaultdict(list)
    for name in order.steps():
        if steps[name].phase == "remediate":
            for unit in units[name]:
                repairs[unit.binding or ""].append(name)
    return Healing(repairs=dict(repairs))


def refuse_conflicts(faults: Sequence[FaultStep], order: Order, heals: Healing) -> None:
    """Raise PlanError where two faults claim the same of a target and the graph does not order
    them.

    An instant fault must have taken effect before the next one begins; a lasting one must have
    ended, or have been repaired on that target. `faults` is in the order of the graph, in which a
    set of faults is one after another exactly if each is after the one before it.
    """
    last: dict[tuple[str, str], FaultStep] = {}
    for fault in faults:
        for key in fault.keys:
            for claim in fault.claims:
                before = last.get((key, claim))
                last[key, claim] = fault
                if before is not None and not _in_turn(before, fault, key, order, heals):
                    raise PlanError(
                        f"{before.id} and {fault.id} both take {claim} of {key}, and nothing says"
                        f" which comes first, or that the first is over by then.",
                        hint=f"Let {fault.id} depend on {{step: {before.id}, is: undone}}.",
                    )


def _in_turn(first: FaultStep, second: FaultStep, key: str, order: Order, heals: Healing) -> bool:
    start = StepEvent(second.id, "start")
    moment: Moment = "end" if first.lasting else "active"
    if order.follows(start, StepEvent(first.id, moment), each=True):
        return True
    return heals.between(order, first.id, second.id, key, each=True)
