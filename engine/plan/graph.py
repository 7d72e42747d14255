"""The units of a plan, and the links between them.

A step that fans out has one join; what waits for the step links to the join, so that a step on M
targets after one on N costs M links, and never N times M.
"""

from collections.abc import Iterator, Mapping, Sequence

from breakfix.engine.errors import PlanError
from breakfix.engine.model import Scenario, Step
from breakfix.engine.plan.needs import Need, needs_of
from breakfix.engine.plan.pick import count_of
from breakfix.engine.plan.resolve import AFTER_SETUP
from breakfix.engine.run_plan import Link, TargetSet, Unit


def unit_id(step: str, key: str | None) -> str:
    """``step``, or ``step@key`` where it has a target."""
    return step if key is None else f"{step}@{key}"


def units_of(step: Step, scenario: Scenario, sets: Mapping[str, TargetSet]) -> list[Unit]:
    """The units of one step, with their waves; none where its set is empty.

    `units: {of}` leaves those out whose target the other step does not have. A step on a set that
    comes with set-up has one unit that stands for all.
    """
    if step.target is None:
        return [Unit(id=step.id, step=step.id)]
    chosen = sets[step.target]
    if chosen.after_setup:
        return [
            Unit(
                id=unit_id(step.id, AFTER_SETUP),
                step=step.id,
                unknown=(f"the members of {chosen.name}, {AFTER_SETUP}",),
            )
        ]
    keys: Sequence[str] = chosen.picked
    if step.units is not None:
        other = next(item for item in scenario.steps if item.id == step.units.of)
        if other.target is not None and not sets[other.target].after_setup:
            theirs = set(sets[other.target].picked)
            keys = [key for key in keys if key in theirs]
    size = len(keys)
    if step.fan_out is not None and keys:
        size = count_of(step.fan_out.wave, len(keys))
    return [
        Unit(id=unit_id(step.id, key), step=step.id, binding=key, wave=index // max(1, size))
        for index, key in enumerate(keys)
    ]


def links_of(
    scenario: Scenario, units: Mapping[str, Sequence[Unit]], order: Sequence[str]
) -> tuple[Link, ...]:
    """All links, of the units of the steps in `order`. Raises PlanError where `each: target` pairs
    a target with a step that does not have it."""
    steps = {step.id: step for step in scenario.steps}
    keys = {step: {unit.binding for unit in members} for step, members in units.items()}
    links: list[Link] = []
    for name in order:
        groups = needs_of(steps[name], steps)
        for unit in units[name]:
            for group, alternatives in enumerate(groups):
                links += (
                    Link(
                        unit=unit.id,
                        source=_source(need, unit, keys[need.step]),
                        milestone=need.milestone,
                        after_s=need.after_s,
                        group=group,
                    )
                    for need in alternatives
                )
    return tuple(links)


def _source(need: Need, unit: Unit, keys: set[str | None]) -> str:
    """A join, or with `each` the unit on the same target. A step without units, or without a
    target, has only its join."""
    if not need.each or unit.binding is None or not keys or keys == {None}:
        return need.step
    if unit.binding not in keys:
        raise PlanError(
            f"{unit.step} waits for {need.step} on each target, but {need.step} does not run on"
            f" {unit.binding}.",
            hint="Give both steps the same target, or leave out `each: target`.",
        )
    return unit_id(need.step, unit.binding)


def in_order(units: Mapping[str, Sequence[Unit]], order: Sequence[str]) -> Iterator[Unit]:
    """All units, those of a step that others wait for before theirs."""
    for name in order:
        yield from units[name]
