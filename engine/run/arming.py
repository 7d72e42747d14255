"""Which detect steps wait for which faults: each is tried once right before the nearest of them."""

from collections.abc import Iterator

from breakfix.engine.model import Dependency, Step
from breakfix.engine.run_plan import RunPlan


def detectors_of(plan: RunPlan) -> dict[str, tuple[str, ...]]:
    """For each inject step, the detect steps whose nearest upstream fault it is."""
    found: dict[str, list[str]] = {}
    for step, nearest in nearest_faults(plan).items():
        for fault in nearest:
            found.setdefault(fault, []).append(step)
    return {fault: tuple(steps) for fault, steps in found.items()}


def nearest_faults(plan: RunPlan) -> dict[str, tuple[str, ...]]:
    """For each detect step, the inject steps that are upstream of it without another in between."""
    steps = {step.id: step for step in plan.scenario.steps}
    return {
        step.id: tuple(sorted(_nearest(step, steps)))
        for step in plan.scenario.steps
        if step.phase == "detect"
    }


def _nearest(step: Step, steps: dict[str, Step]) -> set[str]:
    found: set[str] = set()
    seen: set[str] = set()
    todo = list(upstream(step))
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if steps[name].phase == "inject":
            found.add(name)
        else:
            todo.extend(upstream(steps[name]))
    return found


def upstream(step: Step) -> Iterator[str]:
    """The steps that a step names in `depends_on`, alternatives included."""
    for dependency in step.depends_on:
        yield from _named(dependency)


def _named(dependency: "str | Dependency") -> Iterator[str]:
    if isinstance(dependency, str):
        yield dependency
        return
    if dependency.step is not None:
        yield dependency.step
    for other in dependency.any or ():
        yield from _named(other)
