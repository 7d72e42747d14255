"""Makes the run plan of a scenario. Nothing is sent but questions."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from breakfix.engine import deadman
from breakfix.engine.action import Action, NoFacts
from breakfix.engine.errors import PlanError, PreconditionError
from breakfix.engine.model import Hold, Scenario, Step
from breakfix.engine.plan.blast import blast_of
from breakfix.engine.plan.claims import fault_steps, healing, refuse_conflicts
from breakfix.engine.plan.fingerprint import action_prints, hash_of, preview_print, prints_of
from breakfix.engine.plan.graph import in_order, links_of, units_of
from breakfix.engine.plan.order import Order
from breakfix.engine.plan.preview import Preview, Previews
from breakfix.engine.plan.resolve import Resolution, resolve
from breakfix.engine.plan.targets import Targets
from breakfix.engine.plan.timing import timing_of
from breakfix.engine.run_plan import RunPlan, Unit
from breakfix.engine.values import format_seconds, seconds


def action_names(scenario: Scenario) -> frozenset[str]:
    """The names of all actions that a scenario uses."""
    return frozenset(step.uses for step in scenario.steps if "." in step.uses) | frozenset(
        probe.uses for probe in scenario.probes.values()
    )


def make(  # noqa: PLR0913
    scenario: Scenario,
    targets: Targets,
    actions: Mapping[str, type[Action]],
    *,
    seed: int,
    inputs: Mapping[str, Any],
    running: bool = False,
) -> RunPlan:
    """Resolve, draw the graph, preview, and hold it against the limits.

    `actions` are the classes of `action_names`. `running` says that set-up is over and that the
    process targets run: the plan is complete then, and every state counts as the one that a first
    step begins in. Raises PlanError, PreconditionError, EngineError.
    """
    resolution = resolve(scenario, targets, seed=seed, running=running)
    units = {step.id: units_of(step, scenario, resolution.sets) for step in scenario.steps}
    order = Order(scenario, {step: len(members) for step, members in units.items()})
    links = links_of(scenario, units, order.steps())
    settled = running or not scenario.setup
    previewing = _Previewing(scenario, units, order, settled=settled)
    prints = previewing.run(Previews(actions, resolution.bindings))
    units = previewing.units
    prints |= dict(action_prints(actions)) | prints_of(
        scenario, seed=seed, inputs=inputs, sets=resolution.sets, bindings=resolution.bindings
    )
    faults = fault_steps(scenario, units, actions, order)
    heals = healing(scenario, units, order)
    refuse_conflicts(faults, order, heals)
    blast = blast_of(scenario, resolution.sets, faults, order, heals)
    timing = timing_of(scenario, units, links)
    timed = [
        msgspec.structs.replace(unit, worst_s=timing.unit_s[unit.id])
        for unit in in_order(units, order.steps())
    ]
    return RunPlan(
        scenario=scenario,
        seed=seed,
        inputs=dict(inputs),
        bindings=resolution.bindings,
        sets=resolution.sets,
        units=tuple(timed),
        links=links,
        critical_path=timing.critical_path,
        worst_s=timing.worst_s,
        blast=blast,
        warnings=_warnings(scenario, resolution, timed, timing.worst_s),
        dead_man=_dead_man(scenario, resolution, timed),
        hash=hash_of(prints),
        prints=prints,
    )


def _dead_man(
    scenario: Scenario, resolution: Resolution, units: Sequence[Unit]
) -> dict[str, str]:
    """For each inject unit, what ends its fault where the engine cannot."""
    injects = {step.id: step for step in scenario.steps if step.phase == "inject"}
    deadline_s = seconds(scenario.limits.deadline)
    found = {}
    for unit in units:
        if unit.step in injects:
            hold = injects[unit.step].hold
            hold_s = seconds(hold.at_most if isinstance(hold, Hold) else hold or scenario.limits.deadline)
            facts = NoFacts() if unit.binding is None else resolution.bindings[unit.binding].facts
            found[unit.id] = deadman.words(facts, unit.preview, hold_s, deadline_s)
    return found


class _Previewing:
    """Puts the previews into the units, and decides which refused state is an error."""

    def __init__(
        self,
        scenario: Scenario,
        units: Mapping[str, Sequence[Unit]],
        order: Order,
        *,
        settled: bool,
    ) -> None:
        self._steps = {step.id: step for step in scenario.steps}
        self._order = order
        self._settled = settled
        self._changers: dict[str, set[str | None]] = {}
        self._keys = {step: {unit.binding for unit in members} for step, members in units.items()}
        self.units = {step: list(members) for step, members in units.items()}

    def run(self, previews: Previews) -> dict[str, str]:
        """Fill in the units; gives the prints of the previews. Raises PreconditionError,
        PlanError."""
        prints: dict[str, str] = {}
        refused: list[PreconditionError] = []
        for name in self._order.steps():
            step = self._steps[name]
            for index, unit in enumerate(self.units[name]):
                preview = previews.of(step, unit)
                remark = self._remark(step, unit, preview, refused)
                self.units[name][index] = msgspec.structs.replace(
                    unit, preview=preview.plan, unknown=(*preview.unknown, *remark)
                )
                if step.phase in ("inject", "remediate"):
                    prints[f"unit {unit.id}"] = preview_print(preview.lasting_plan)
        if len(refused) == 1:
            raise refused[0]
        if refused:
            first = "\n".join(f"  {error}" for error in refused[:5])
            more = f"\n  and {len(refused) - 5} more" if len(refused) > 5 else ""
            raise PlanError(
                f"{len(refused)} targets are not as the first steps need them:\n{first}{more}"
            )
        return prints

    def _remark(
        self, step: Step, unit: Unit, preview: Preview, refused: list[PreconditionError]
    ) -> tuple[str, ...]:
        """A state of now is an error only for a fault that nothing comes before which may change
        it; the system may well get into the state that a repair needs."""
        if preview.refused is None:
            return ()
        if step.phase == "inject" and self._settled and not self._may_change(step.id, unit.binding):
            refused.append(preview.refused)
            return ()
        why = preview.refused.message
        return (f"its state when it begins, checked again then; as things stand: {why}",)

    def _may_change(self, step: str, key: str | None) -> bool:
        """Whether a fault or repair on that target, or on none that is named, comes before."""
        if step not in self._changers:
            self._changers[step] = {
                changed
                for other in self._order.upstream(step)
                if self._steps[other].phase in ("inject", "remediate")
                for changed in self._keys[other]
            }
        return key in self._changers[step] or None in self._changers[step]


def _warnings(
    scenario: Scenario, resolution: Resolution, units: Sequence[Unit], worst_s: float
) -> tuple[str, ...]:
    warnings = list(resolution.warnings)
    deadline = scenario.limits.deadline
    if worst_s > seconds(deadline):
        warnings.append(
            f"the worst case, {format_seconds(worst_s)}, is beyond the deadline of {deadline}"
        )
    for unit in units:
        undo = unit.preview.undo if unit.preview is not None else ()
        if undo and b"${secret:" in msgspec.json.encode(undo):
            warnings.append(
                f"the undo of {unit.id} needs a secret: it must be there to recover, too"
            )
    for name in resolution.sets:
        login = scenario.targets[name].ssh
        if login is not None and (login.password or login.passphrase):
            warnings.append(
                f"logging in to the hosts of {name} needs a secret: it must be there to recover, too"
            )
    return tuple(warnings)
