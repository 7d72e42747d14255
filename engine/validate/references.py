"""What a document that has the right shape can still get wrong: names, phases, missing bounds."""

from collections import Counter
from collections.abc import Iterator, Mapping

from breakfix.engine.model import Dependency, Hold, Scenario, Step

Finding = tuple[tuple[str | int, ...], str, str]


def references(scenario: Scenario) -> Iterator[Finding]:
    """Each problem as (place, message, hint). Pure."""
    counts = Counter(step.id for step in scenario.steps)
    phases = {step.id: step.phase for step in scenario.steps}
    for index, step in enumerate(scenario.steps):
        place = ("steps", index)
        if counts[step.id] > 1:
            yield (*place, "id"), f"the id {step.id!r} stands twice", "ids are unique"
        yield from _step(scenario, step, place)
        for dependency in step.depends_on:
            yield from _dependency(dependency, phases, (*place, "depends_on"))
    for name, target in scenario.targets.items():
        kinds = [target.docker, target.process, target.of]
        if sum(kind is not None for kind in kinds) != 1:
            yield ("targets", name), "a target is one of docker, process, of", ""
        ready = target.process.ready if target.process is not None else None
        if ready is not None and ready not in scenario.probes:
            yield ("targets", name, "process"), f"there is no probe {ready!r}", ""
    for name, probe in scenario.probes.items():
        if probe.target is not None and probe.target not in scenario.targets:
            yield ("probes", name, "target"), f"there is no target {probe.target!r}", ""
    for index, row in enumerate(scenario.expect):
        if row.fault is not None and phases.get(row.fault) != "inject":
            yield ("expect", index), f"{row.fault!r} is no inject step", ""


def _step(scenario: Scenario, step: Step, place: tuple[str | int, ...]) -> Iterator[Finding]:
    named = [step.inject, step.detect, step.remediate, step.verify, step.wait]
    if sum(value is not None for value in named) != 1:
        yield place, "a step has one of inject, detect, remediate, verify, wait", ""
        return
    if step.target is not None and step.target not in scenario.targets:
        yield (*place, "target"), f"there is no target {step.target!r}", ""
    if step.phase != "wait" and "." not in step.uses:
        if step.phase in ("inject", "remediate"):
            yield place, f"{step.uses!r} is no action", "an action's name has a dot"
        elif step.uses not in scenario.probes:
            yield place, f"there is no probe {step.uses!r}", "declare it under `probes`"
    if step.phase in ("detect", "verify") and step.within is None and step.stays is None:
        yield place, f"{step.id} would poll for ever", "say `within: 30s`"
    if isinstance(step.hold, Hold) and step.hold.until not in {s.id for s in scenario.steps}:
        yield (*place, "hold"), f"there is no step {step.hold.until!r}", ""


def _dependency(
    dependency: "str | Dependency", phases: Mapping[str, str], place: tuple[str | int, ...]
) -> Iterator[Finding]:
    if isinstance(dependency, str):
        if dependency not in phases:
            yield place, f"there is no step {dependency!r}", ""
        return
    if (dependency.step is None) == (dependency.any is None):
        yield place, "an edge has one of step, any", ""
    elif dependency.step is not None:
        if dependency.step not in phases:
            yield place, f"there is no step {dependency.step!r}", ""
        elif dependency.is_ in ("active", "undone") and phases[dependency.step] != "inject":
            yield place, f"{dependency.step} is no fault: it is never {dependency.is_}", ""
    for other in dependency.any or ():
        yield from _dependency(other, phases, place)
