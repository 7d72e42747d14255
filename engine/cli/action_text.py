"""Actions in words: for a terminal, and for the reference."""

import json
from collections.abc import Iterable
from typing import Any

from breakfix.engine.catalogue import ActionSpec

_KINDS = {"docker": "containers", "process": "process targets", "ssh": "hosts", "none": "no target"}


def as_list(specs: Iterable[ActionSpec]) -> str:
    """One line an action, by family."""
    lines: list[str] = []
    family = ""
    for spec in sorted(specs, key=lambda spec: spec.name):
        if spec.name.partition(".")[0] != family:
            family = spec.name.partition(".")[0]
            lines += [""] * bool(lines) + [family]
        lines.append(f"  {spec.name:<22}{what_it_is(spec):<23}{_short(spec.summary)}")
    return "\n".join(lines)


def as_text(spec: ActionSpec) -> str:
    """All of one action."""
    lines = [f"{spec.name}: {what_it_is(spec)}", "", spec.doc, ""]
    lines += [f"{name:<12}{text}" for name, text in _facts(spec)]
    parameters = parameters_of(spec)
    if parameters:
        lines += ["", "Parameters"]
        for name, form, default, text in parameters:
            lines += [f"  {name}: {form}{default}", f"      {text}"]
    if spec.result:
        lines += ["", "Result (steps.ID.result)"]
        lines += [f"  {name}: {text}" for name, text in spec.result.items()]
    lines += ["", "Example", *(f"  {line}" for line in example_of(spec))]
    return "\n".join(lines)


def as_markdown(spec: ActionSpec) -> str:
    """A section of the reference."""
    lines = [f"### {spec.name}", "", f"*{what_it_is(spec)}*", "", spec.doc, ""]
    lines += [f"- {name}: {text}" for name, text in _facts(spec)]
    parameters = parameters_of(spec)
    if parameters:
        lines += ["", "| parameter | value | |", "| --- | --- | --- |"]
        lines += [
            f"| `{name}` | {_cell(form + default)} | {_cell(text)} |"
            for name, form, default, text in parameters
        ]
    if spec.result:
        lines += ["", "| result | |", "| --- | --- |"]
        lines += [f"| `{name}` | {_cell(text)} |" for name, text in spec.result.items()]
    return "\n".join([*lines, "", "```yaml", *example_of(spec), "```", ""])


def what_it_is(spec: ActionSpec) -> str:
    """``lasting fault``, ``repair``, ``probe`` ..."""
    words = []
    if "inject" in spec.phases:
        words.append("lasting fault" if spec.lasting else "instant fault")
    if "remediate" in spec.phases:
        words.append("repair")
    if spec.observes is not None:
        words.append("probe" if spec.observes == "state" else "probe (event)")
    return ", ".join(words)


def parameters_of(spec: ActionSpec) -> list[tuple[str, str, str, str]]:
    """For each parameter its name, what it takes, its default in words, and its description."""
    required = spec.parameters.get("required", [])
    found = []
    for name, schema in spec.parameters.get("properties", {}).items():
        default = ", required" if name in required else ""
        if "default" in schema:
            default = f" (default {json.dumps(schema['default'], ensure_ascii=False)})"
        text = schema.get("description") or next(
            (branch["description"] for branch in _branches(schema) if "description" in branch), ""
        )
        found.append((name, _form(schema), default, text))
    return found


def example_of(spec: ActionSpec) -> list[str]:
    """A step, or a probe, that uses it."""
    values = json.dumps(spec.examples[0], ensure_ascii=False)
    target = [] if spec.serves == ("none",) else ["  target: app"]
    if spec.observes is not None:
        inside = ", target: app" if target else ""
        return [f"looks_fine: {{{spec.name}: {values}, every: 1s{inside}}}"]
    return [
        f"- id: {spec.name.replace('.', '_')}",
        f"  {spec.phases[0]}: {spec.name}",
        *target,
        *([f"  with: {values}"] if spec.examples[0] else []),
    ]


def _facts(spec: ActionSpec) -> list[tuple[str, str]]:
    found = [("Phases", ", ".join(spec.phases))]
    found.append(("Targets", ", ".join(_KINDS[kind] for kind in spec.serves)))
    if spec.needs:
        found.append(("Needs", "; ".join(spec.needs)))
    if spec.lasting is not None:
        found.append(("Undo", "yes" if spec.reversible else "none: needs allow: [irreversible]"))
        found.append(("Claims", ", ".join(spec.claims)))
    return found


def _branches(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The ways to write a value, but for an expression that stands for it."""
    found = schema.get("anyOf", [schema])
    return [one for one in found if one.get("$ref") != "#/$defs/expression"]


def _form(schema: dict[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_one_form(branch) for branch in _branches(schema)))


def _one_form(schema: dict[str, Any]) -> str:
    if "x-breakfix" in schema:
        return f"{schema['x-breakfix']} ({', '.join(schema['examples'])})"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_form(schema.get('items', {'type': 'any'}))}"
    if schema.get("type") == "object" or "$ref" in schema:
        return "mapping"
    return {"string": "text", "integer": "whole number"}.get(
        str(schema.get("type")), str(schema.get("type", "any value"))
    )


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77].rsplit(" ", 1)[0] + " ..."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
