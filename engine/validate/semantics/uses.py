"""Actions and the steps that use them: phases, kinds of target, claims, what cannot be undone."""

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from breakfix.engine.action import Action, Fault, Probe
from breakfix.engine.document.positions import Place
from breakfix.engine.model import Scenario, Step, Target
from breakfix.engine.validate.semantics.finding import Finding, watched

if TYPE_CHECKING:
    from breakfix.engine.validate.semantics.order import Graph

Actions = Mapping[str, type[Action]]


def findings(scenario: Scenario, actions: Actions) -> Iterator[Finding]:
    """Each step and each probe against the action that it uses."""
    for index, step in enumerate(scenario.steps):
        yield from _step(scenario, step, ("steps", index), actions)
    for name, probe in scenario.probes.items():
        kind = actions.get(probe.uses)
        if kind is None:
            continue
        place: Place = ("probes", name)
        if not issubclass(kind, Probe):
            yield Finding(place=(*place, probe.uses), message=f"{probe.uses} is no probe")
        used_on = [step.target for step in scenario.steps if step.uses == name and step.target]
        if not (probe.target is None and used_on):
            yield from _kind_of_target(scenario, probe.uses, kind, probe.target, place)
    yield from _states(scenario, actions)


def _step(scenario: Scenario, step: Step, place: Place, actions: Actions) -> Iterator[Finding]:
    inline = "." in step.uses
    name = step.uses if inline else ""
    if not inline and step.uses in scenario.probes:
        name = scenario.probes[step.uses].uses
    kind = actions.get(name)
    if kind is None:
        return
    if inline and step.phase not in kind.phases:
        message = f"{name} cannot {step.phase}"
        hint = f"it can {', '.join(kind.phases)}"
        yield Finding(place=(*place, step.phase), message=message, hint=hint)
        return
    if not inline and step.with_:
        message = f"{step.uses} has its parameters where it is declared"
        yield Finding(place=(*place, "with"), message=message)
    target = step.target
    if inline:
        yield from _kind_of_target(scenario, name, kind, target, place)
    elif target is not None:
        yield from _kind_of_target(scenario, name, kind, target, place)
    if step.phase == "inject" and issubclass(kind, Fault):
        yield from _fault(scenario, step, place, kind)
    if step.phase in ("detect", "verify") and issubclass(kind, Probe):
        yield from _poll(step, place, kind)


def _kind_of_target(
    scenario: Scenario, name: str, kind: type[Action], target: str | None, place: Place
) -> Iterator[Finding]:
    if target is None:
        if "none" not in kind.serves:
            words = " or ".join(one for one in kind.serves)
            yield Finding(place=place, message=f"{name} needs a target", hint=f"of kind {words}")
        return
    found = scenario.targets.get(target)
    if found is None:
        return
    sort = _sort(scenario, found)
    if kind.serves == ("none",):
        yield Finding(place=(*place, "target"), message=f"{name} has no target", hint="drop it")
    elif sort and sort not in kind.serves:
        article = "an" if sort == "ssh" else "a"
        message = f"{name} does not work on {target}, which is {article} {sort} target"
        yield Finding(
            place=(*place, "target"), message=message, hint=f"it serves {', '.join(kind.serves)}"
        )


def _sort(scenario: Scenario, target: Target) -> str:
    seen = 0
    while target.of is not None and target.of in scenario.targets and seen < len(scenario.targets):
        target, seen = scenario.targets[target.of], seen + 1
    if target.docker is not None:
        return "docker"
    if target.ssh is not None:
        return "ssh"
    return "process" if target.process is not None else ""


def _fault(scenario: Scenario, step: Step, place: Place, kind: type[Fault]) -> Iterator[Finding]:
    if not kind.reversible and "irreversible" not in step.allow:
        message = f"{step.uses} cannot be undone"
        hint = "if that is meant, say `allow: [irreversible]`"
        yield Finding(place=(*place, "inject"), message=message, hint=hint)
    if step.hold is not None and not kind.lasting and not kind.reversible:
        message = f"{step.uses} is over at once: there is nothing to hold"
        yield Finding(place=(*place, "hold"), message=message)
    target = scenario.targets.get(step.target or "")
    if target is not None and target.pick is None and (sort := _open_ended(target)):
        message = f"how many of {step.target} are meant is not said"
        hint = "say `pick: 1`, `pick: 50%` or `pick: all` at the target"
        yield Finding(place=("targets", step.target or "", sort), message=message, hint=hint)


def _open_ended(target: Target) -> str:
    """The key of a target of which nobody has chosen how many there are; empty where it is a name or a written
    list."""
    if target.docker is not None and target.docker.name is None:
        return "docker"
    return "ssh" if target.ssh is not None and target.ssh.hosts is None else ""


def _poll(step: Step, place: Place, kind: type[Probe]) -> Iterator[Finding]:
    occurrence = kind.observes == "occurrence"
    words = ("seen", "unseen") if occurrence else ("good", "bad")
    if step.is_ is not None and step.is_ not in words:
        what = "an event" if occurrence else "a state"
        message = f"{step.uses} is {what}: it is never {step.is_}"
        yield Finding(place=(*place, "is"), message=message, hint=" or ".join(words))
        return
    unseen = occurrence and (step.is_ == "unseen" or (step.is_ is None and step.phase == "verify"))
    if unseen and step.stays is None:
        message = f"how long {step.uses} must not be seen is not said"
        yield Finding(place=place, message=message, hint="say `stays: 30s`")


def _states(scenario: Scenario, actions: Actions) -> Iterator[Finding]:
    """What waits until a probe is good needs one that has a state."""
    for name, target in scenario.targets.items():
        if target.process is not None and target.process.ready is not None:
            place: Place = ("targets", name, "process", "ready")
            yield from _is_state(scenario, target.process.ready, place, actions)
    for index, step in enumerate(scenario.steps):
        if step.fan_out is not None and step.fan_out.next_when is not None:
            place = ("steps", index, "fan_out", "next_when", "probe")
            yield from _is_state(scenario, step.fan_out.next_when.probe, place, actions)
    for place, name in watched(scenario):
        yield from _is_state(scenario, name, place, actions)


def _is_state(scenario: Scenario, name: str, place: Place, actions: Actions) -> Iterator[Finding]:
    use = scenario.probes.get(name)
    kind = actions.get(use.uses) if use is not None else None
    if kind is not None and issubclass(kind, Probe) and kind.observes == "occurrence":
        yield Finding(place=place, message=f"{name} is an event: it is never good")


def claims(scenario: Scenario, actions: Actions, graph: "Graph") -> Iterator[Finding]:
    """Two faults that take the same thing of the same target, and that nothing orders."""
    by_claim: dict[tuple[str, str], list[tuple[int, Step]]] = {}
    for index, step in enumerate(scenario.steps):
        kind = actions.get(step.uses)
        if step.phase != "inject" or step.target is None or kind is None:
            continue
        for claim in kind.claims if issubclass(kind, Fault) else ():
            by_claim.setdefault((step.target, claim), []).append((index, step))
    told: set[tuple[str, str]] = set()
    for (target, claim), members in by_claim.items():
        for (_, first), (index, second) in itertools.pairwise(members):
            ordered = first.id in graph.upstream(second.id) or second.id in graph.upstream(first.id)
            if not ordered and (first.id, second.id) not in told:
                told.add((first.id, second.id))
                message = f"{first.id} and {second.id} both take {claim} of {target}, unordered"
                hint = f"let one depend on the other: `{{step: {first.id}, is: undone}}`"
                yield Finding(place=("steps", index), message=message, hint=hint)
