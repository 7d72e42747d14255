"""Names: each is there, each is unique, and an expression reads only what can be known there."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from breakfix.engine.action import Action, Probe
from breakfix.engine.document.positions import Place
from breakfix.engine.errors import ExpressionError
from breakfix.engine.expressions import LATE_ROOTS, ROOTS, Reference, references, references_in
from breakfix.engine.model import Dependency, Hold, Scenario, Step
from breakfix.engine.validate.semantics.finding import Finding, edges, missing, watched

if TYPE_CHECKING:
    from breakfix.engine.validate.semantics.order import Graph

_REPAIR_RESULT = ("ok", "text")


def findings(scenario: Scenario) -> Iterator[Finding]:
    """Ids that stand twice, and names of what is not there."""
    counts = Counter(step.id for step in scenario.steps)
    for index, step in enumerate(scenario.steps):
        if counts[step.id] > 1:
            message = f"the id {step.id!r} stands twice"
            yield Finding(place=("steps", index, "id"), message=message, hint="ids are unique")
        yield from _step(scenario, step, ("steps", index), counts)
    for name, target in scenario.targets.items():
        ready = target.process.ready if target.process is not None else None
        if ready is not None and ready not in scenario.probes:
            place: Place = ("targets", name, "process", "ready")
            yield missing(place, "probe", ready, scenario.probes)
        if target.of is not None and target.of not in scenario.targets:
            yield missing(("targets", name, "of"), "target", target.of, scenario.targets)
    for name, probe in scenario.probes.items():
        if probe.target is not None and probe.target not in scenario.targets:
            yield missing(("probes", name, "target"), "target", probe.target, scenario.targets)
    for place, name in watched(scenario):
        if name not in scenario.probes:
            yield missing(place, "probe", name, scenario.probes)


def _step(
    scenario: Scenario, step: Step, place: Place, known: Mapping[str, int]
) -> Iterator[Finding]:
    if step.target is not None and step.target not in scenario.targets:
        yield missing((*place, "target"), "target", step.target, scenario.targets)
    if step.uses and "." not in step.uses and step.uses not in scenario.probes:
        yield missing((*place, step.phase), "probe", step.uses, scenario.probes)
    for inside, edge in edges(step):
        if edge.step not in known:
            yield missing((*place, *inside), "step", edge.step or "", known)
    for index, dependency in enumerate(step.depends_on):
        if isinstance(dependency, Dependency) and (dependency.step is None) == (
            dependency.any is None
        ):
            yield Finding(
                place=(*place, "depends_on", index), message="an edge has one of step and any"
            )
    if isinstance(step.hold, Hold) and step.hold.until not in known:
        yield missing((*place, "hold", "until"), "step", step.hold.until, known)
    if step.units is not None and step.units.of not in known:
        yield missing((*place, "units", "of"), "step", step.units.of, known)
    gate = step.fan_out.next_when if step.fan_out is not None else None
    if gate is not None and gate.probe not in scenario.probes:
        yield missing(
            (*place, "fan_out", "next_when", "probe"), "probe", gate.probe, scenario.probes
        )


# --- expressions ---


def late_names(
    scenario: Scenario, actions: Mapping[str, type[Action]], graph: "Graph"
) -> Iterator[Finding]:
    """Expressions that are left after the inputs were put in, in `with` and `when`, and elsewhere."""
    for index, step in enumerate(scenario.steps):
        place: Place = ("steps", index)
        for inside, text in _texts(step.with_, (*place, "with")):
            yield from _expressions(scenario, step, inside, text, actions, graph)
        if isinstance(step.when, str):
            yield from _when(scenario, step, (*place, "when"), actions, graph)
        rest = msgspec.to_builtins(msgspec.structs.replace(step, with_={}, when=None))
        yield from _misplaced(rest, place)
    for name, probe in scenario.probes.items():
        for inside, text in _texts(probe.with_, ("probes", name, probe.uses)):
            yield from _of_a_probe(scenario, inside, text)
    for key in ("targets", "engines", "setup", "teardown", "limits", "guards"):
        yield from _misplaced(_without_logins(getattr(scenario, key)), (key,))


def _without_logins(parts: Any) -> Any:
    """Without what a secret is for: logging in to hosts, and asking which there are."""
    found = msgspec.to_builtins(parts)
    for part in found.values() if isinstance(parts, dict) else ():
        ssh = part.get("ssh") or {}
        for key in ("password", "passphrase"):
            ssh.pop(key, None)
        (ssh.get("hosts_from") or {}).pop("headers", None)
    return found


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        if "{{" in value or "${secret:" in value:
            yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*place, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*place, index))


def _misplaced(value: Any, place: Place) -> Iterator[Finding]:
    for inside, text in _texts(value, place):
        what = "a secret" if "${secret:" in text else "an expression over steps"
        yield Finding(place=inside, message=f"{what} can stand only in `with`")


def _read(
    read: Callable[[str], Iterable[Reference]], text: str, place: Place
) -> tuple[tuple[Reference, ...], tuple[Finding, ...]]:
    """What a text refers to, or what is wrong with it."""
    try:
        return tuple(read(text)), ()
    except ExpressionError as error:
        return (), (Finding(place=place, message=str(error)),)


def _expressions(  # noqa: PLR0913
    scenario: Scenario,
    step: Step,
    place: Place,
    text: str,
    actions: Mapping[str, type[Action]],
    graph: "Graph",
) -> Iterator[Finding]:
    found, wrong = _read(references_in, text, place)
    yield from wrong
    for reference in found:
        yield from _reference(scenario, step, place, reference, actions, graph)


def _when(
    scenario: Scenario,
    step: Step,
    place: Place,
    actions: Mapping[str, type[Action]],
    graph: "Graph",
) -> Iterator[Finding]:
    assert isinstance(step.when, str)
    if "{{" in step.when:
        yield Finding(
            place=place, message="`when` is an expression as it is", hint="drop the braces"
        )
        return
    found, wrong = _read(references, step.when, place)
    yield from wrong
    for reference in found:
        if reference.root == "secrets":
            yield Finding(place=place, message="a secret can stand only in `with`")
        else:
            yield from _reference(scenario, step, place, reference, actions, graph)


def _of_a_probe(scenario: Scenario, place: Place, text: str) -> Iterator[Finding]:
    found, wrong = _read(references_in, text, place)
    yield from wrong
    for reference in found:
        if reference.root in LATE_ROOTS:
            message = "a probe of the file cannot read steps: it is used by several"
            yield Finding(place=place, message=message, hint="write the probe in its step")


def _reference(  # noqa: PLR0913
    scenario: Scenario,
    step: Step,
    place: Place,
    reference: Reference,
    actions: Mapping[str, type[Action]],
    graph: "Graph",
) -> Iterator[Finding]:
    path = reference.path
    if path[0] not in ROOTS:
        yield missing(place, "name", path[0], ROOTS)
    elif path[0] == "inputs" and len(path) > 1 and path[1] not in scenario.inputs:
        yield missing(place, "input", path[1], scenario.inputs)
    elif path[0] == "secrets" and len(path) > 1 and path[1] not in scenario.secrets:
        yield missing(place, "secret", path[1], scenario.secrets)
    elif path[0] == "labels" and len(path) > 1 and path[1] not in scenario.labels:
        yield missing(place, "label", path[1], scenario.labels)
    elif path[0] == "steps" and len(path) > 1:
        yield from _of_a_step(scenario, step, place, path, actions, graph)


def _of_a_step(  # noqa: PLR0913
    scenario: Scenario,
    step: Step,
    place: Place,
    path: tuple[str, ...],
    actions: Mapping[str, type[Action]],
    graph: "Graph",
) -> Iterator[Finding]:
    others = {other.id: other for other in scenario.steps}
    if path[1] not in others:
        yield missing(place, "step", path[1], others)
        return
    if path[1] not in graph.upstream(step.id):
        message = f"{path[1]} is not upstream of {step.id}: its result may not be there yet"
        yield Finding(place=place, message=message, hint=f"add {path[1]} to depends_on")
    if len(path) > 2 and path[2] not in ("state", "result", "results"):
        yield missing(place, "field of a step", path[2], ("state", "result", "results"))
    if len(path) > 3 and path[2] == "result":
        declared = _declared(scenario, others[path[1]], actions)
        if declared is not None and path[3] not in declared:
            yield missing(place, f"result of {path[1]}", path[3], declared)


def _declared(
    scenario: Scenario, step: Step, actions: Mapping[str, type[Action]]
) -> tuple[str, ...] | None:
    """The fields of the result of a step; None where nothing is known of its action."""
    name = step.uses if "." in step.uses else ""
    if not name and step.uses in scenario.probes:
        name = scenario.probes[step.uses].uses
    kind = actions.get(name)
    if kind is None:
        return None
    if step.phase == "remediate":
        return _REPAIR_RESULT
    return tuple(kind.result) if issubclass(kind, Probe) else ()
