"""The published JSON Schemas (draft 2020-12), derived from the types of the model and the catalogue.

Editors get what the engine does by other means: which parameters an action takes (if/then by its
name), the names of all actions, and that an expression may stand for a scalar.
"""

import inspect
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from breakfix.engine.action import Action, Fault, Probe
from breakfix.engine.catalogue import KEYWORD
from breakfix.engine.events import Line
from breakfix.engine.model import Scenario
from breakfix.engine.selectors import ID_PATTERN

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
EXPRESSION: Final = "expression"
PHASES: Final = ("inject", "detect", "remediate", "verify")
_NAME_PATTERN: Final = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"
_CLOSED_TO_EXPRESSIONS: Final = frozenset(
    {"id", "inject", "detect", "remediate", "verify", "target", "depends_on", "when", "version"}
    | {"name", "allowed_on", "inputs", "secrets", "description"}
)
"""Keys whose values name things: an expression there would hide what is meant."""


def scenario_schema(actions: Mapping[str, type[Action]]) -> dict[str, Any]:
    """The schema of a scenario file, with the parameters of these actions."""
    (_,), components = msgspec.json.schema_components([Scenario], ref_template="#/$defs/{name}")
    definitions: dict[str, Any] = {EXPRESSION: _expression()}
    for name, component in components.items():
        definitions[name] = _struct(component, with_expressions=name != "Input")
    for name, kind in sorted(actions.items()):
        definitions |= _action(name, kind)
    root = definitions.pop("Scenario")
    definitions["Step"] = _step(definitions["Step"], actions)
    definitions["ProbeUse"] = _probe(definitions["ProbeUse"], actions)
    return {
        "$schema": DIALECT,
        "$id": "https://breakfix.invalid/schemas/scenario.v1.json",
        **root,
        "title": "A breakfix scenario, version 1",
        "$defs": definitions,
    }


def journal_schema() -> dict[str, Any]:
    """The schema of one line of a journal."""
    (root,), components = msgspec.json.schema_components([Line], ref_template="#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "$id": "https://breakfix.invalid/schemas/journal.v1.json",
        "title": "One line of a breakfix journal, version 1",
        **root,
        "$defs": {name: _cleaned(component) for name, component in components.items()},
    }


def _expression() -> dict[str, Any]:
    return {
        "description": "An expression that gives the value: {{ inputs.name }}.",
        "type": "string",
        "pattern": r"^\{\{.*\}\}$",
    }


def _cleaned(component: dict[str, Any]) -> dict[str, Any]:
    found = dict(component)
    if "description" in found:
        found["description"] = inspect.cleandoc(found["description"])
    return found


def _struct(component: dict[str, Any], *, with_expressions: bool) -> dict[str, Any]:
    found = _cleaned(component)
    found["properties"] = {
        name: _property(name, value, with_expressions=with_expressions)
        for name, value in found.get("properties", {}).items()
    }
    if not found.get("required"):
        found.pop("required", None)
    found["patternProperties"] = {"^x-": True}
    return found


def _property(name: str, value: dict[str, Any], *, with_expressions: bool) -> dict[str, Any]:
    value = _without_null(value)
    if with_expressions and name not in _CLOSED_TO_EXPRESSIONS:
        return _opened(value)
    return value


def _without_null(value: dict[str, Any]) -> dict[str, Any]:
    """An optional key is left out, not written as null."""
    found = dict(value)
    if found.get("default", 0) is None:
        del found["default"]
    if "anyOf" in found:
        branches = [branch for branch in found.pop("anyOf") if branch != {"type": "null"}]
        found = {**found, **branches[0]} if len(branches) == 1 else {**found, "anyOf": branches}
    return found


def _opened(value: dict[str, Any]) -> dict[str, Any]:
    """The same, where an expression may stand for each scalar that is no free text."""
    found = dict(value)
    if "items" in found:
        found["items"] = _opened(found["items"])
    if isinstance(found.get("additionalProperties"), dict):
        found["additionalProperties"] = _opened(found["additionalProperties"])
    if "anyOf" in found:
        branches = [_opened(branch) for branch in found["anyOf"]]
        flat = [one for branch in branches for one in branch.get("anyOf", [branch])]
        found["anyOf"] = [one for index, one in enumerate(flat) if one not in flat[:index]]
    elif _is_bound_scalar(found):
        kept: dict[str, Any] = {
            key: found.pop(key) for key in ("default", "description") if key in found
        }
        found = {**kept, "anyOf": [found, {"$ref": f"#/$defs/{EXPRESSION}"}]}
    return found


def _is_bound_scalar(value: dict[str, Any]) -> bool:
    if "enum" in value or value.get("type") in ("integer", "number", "boolean"):
        return True
    return value.get("type") == "string" and "pattern" in value and value["pattern"] != ID_PATTERN


def _action(name: str, kind: type[Action]) -> dict[str, Any]:
    """Its definition under its name, with what is declared of it; parts of it under names of theirs."""
    (root,), components = msgspec.json.schema_components(
        [kind], ref_template=f"#/$defs/{name}:{{name}}"
    )
    own = root["$ref"].rpartition(":")[2]
    found: dict[str, Any] = {}
    for part, component in components.items():
        struct = _struct(component, with_expressions=True)
        if part != own:
            found[f"{name}:{part}"] = struct
            continue
        del struct["patternProperties"]
        struct["title"] = name
        struct["examples"] = list(kind.examples)
        struct[KEYWORD] = _declaration(kind)
        found[name] = struct
    return found


def _declaration(kind: type[Action]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "phases": list(kind.phases),
        "serves": list(kind.serves),
        "needs": list(kind.needs),
    }
    if issubclass(kind, Probe):
        found |= {"observes": kind.observes, "result": dict(kind.result)}
    if issubclass(kind, Fault):
        found |= {
            "lasting": kind.lasting,
            "reversible": kind.reversible,
            "claims": list(kind.claims),
        }
    return found


def _step(step: dict[str, Any], actions: Mapping[str, type[Action]]) -> dict[str, Any]:
    properties = dict(step["properties"])
    branches = []
    for phase in PHASES:
        names = sorted(name for name, kind in actions.items() if phase in kind.phases)
        others = _NAME_PATTERN if phase in ("inject", "remediate") else r"^[a-z][a-z0-9_.]*$"
        properties[phase] = {
            "description": f"What this step does: {phase}.",
            "anyOf": [{"enum": names}, {"type": "string", "pattern": others}],
        }
        branches += [
            {
                "if": {"properties": {phase: {"const": name}}, "required": [phase]},
                "then": {"properties": {"with": {"$ref": f"#/$defs/{name}"}}},
            }
            for name in names
        ]
    one_of = [{"required": [phase]} for phase in (*PHASES, "wait")]
    return {**step, "properties": properties, "oneOf": one_of, "allOf": branches}


def _probe(probe: dict[str, Any], actions: Mapping[str, type[Action]]) -> dict[str, Any]:
    """In a file the action is a key: ``{http.get: {...}, every: 1s}``."""
    names = sorted(name for name, kind in actions.items() if issubclass(kind, Probe))
    properties = {
        name: {"anyOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]} for name in names
    }
    kept = {key: value for key, value in probe["properties"].items() if key not in ("uses", "with")}
    found = {key: value for key, value in probe.items() if key != "required"}
    return {
        **found,
        "properties": {**properties, **kept},
        "patternProperties": {"^x-": True, _NAME_PATTERN: True},
        "minProperties": 1,
    }
