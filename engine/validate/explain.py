"""What is wrong with a part of a document, in words: every problem, by the published schema.

Only asked when a part could not be converted, so that a valid file never pays for it.
"""

import difflib
import functools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from breakfix.engine import catalogue
from breakfix.engine.document.positions import Place
from breakfix.engine.selectors import ID_PATTERN
from breakfix.engine.values import EXPECTED

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_EDITOR_ONLY: Final = {"Step": ("oneOf", "allOf"), "ProbeUse": ()}
"""What stands in the schema for editors, and is judged otherwise here."""

_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


class Flaw(Struct, frozen=True, kw_only=True):
    """One thing that is wrong, at a place inside of the part. `at_key` says that the key is meant, not
    its value."""

    place: Place
    message: str
    hint: str = ""
    at_key: bool = False


def flaws(definition: str, value: Any) -> list[Flaw]:
    """All that is wrong with a value that should be as ``#/$defs/DEFINITION`` says; the empty
    definition is the whole scenario. Empty where the schema finds nothing."""
    validator = _validator()
    schema = {"$ref": f"#/$defs/{definition}"} if definition else _top_level()
    found: list[Flaw] = []
    for error in validator.evolve(schema=schema).iter_errors(value):
        for flaw in _explained(error):
            if flaw not in found:
                found.append(flaw)
    return found


@functools.cache
def _schema() -> dict[str, Any]:
    schema = catalogue.published()
    for name, keys in _EDITOR_ONLY.items():
        for key in keys:
            schema["$defs"][name].pop(key, None)
    return schema


@functools.cache
def _validator() -> "Draft202012Validator":
    from jsonschema import Draft202012Validator

    return Draft202012Validator(_schema())


def _top_level() -> dict[str, Any]:
    """The scenario without what is in its parts, which are judged one by one."""
    kept = {
        key: value for key, value in _schema().items() if key not in ("$id", "$schema", "$defs")
    }
    parts = ("inputs", "targets", "probes", "steps", "expect")
    shallow = {
        name: {key: value[key] for key in ("type", "minItems") if key in value}
        or {"type": "object"}
        for name, value in kept["properties"].items()
        if name in parts
    }
    return {**kept, "properties": {**kept["properties"], **shallow}}


def _explained(error: Any) -> Iterator[Flaw]:
    place = tuple(error.absolute_path)
    kind = str(error.validator)
    if kind == "additionalProperties":
        yield from _unknown_keys(error, place)
    elif kind == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        # jsonschema tells each missing key by itself; the message names the one.
        key = next((key for key in missing if repr(key) in error.message), missing[0])
        yield Flaw(place=place, message=f"the key {key!r} is missing")
    elif kind in ("anyOf", "oneOf"):
        yield from _no_branch(error, place)
    else:
        yield _plain(error, place)


def _unknown_keys(error: Any, place: Place) -> Iterator[Flaw]:
    known = list(error.schema.get("properties", {}))
    for key in error.instance:
        if key not in known and not key.startswith("x-") and "." not in key:
            yield Flaw(
                place=(*place, key),
                message=f"unknown key {key!r}",
                hint=_did_you_mean(key, known) or f"there are {', '.join(sorted(known))}",
                at_key=True,
            )


def _no_branch(error: Any, place: Place) -> Iterator[Flaw]:
    branches: dict[int, list[Any]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.schema_path[0]), []).append(inner)
    written = error.validator_value
    real = {
        index: errors
        for index, errors in branches.items()
        if written[index].get("$ref") != "#/$defs/expression"
    }
    fitting = {
        index: errors
        for index, errors in real.items()
        if not any(e.validator == "type" and not e.path for e in errors)
    }
    chosen = fitting or real
    if len(chosen) == 1:
        for inner in next(iter(chosen.values())):
            yield from _explained(inner)
        return
    names = {name for index in real for name in written[index].get("enum", ())}
    hint = _did_you_mean(str(error.instance), names)
    expected = _or(dict.fromkeys(_in_words(written[index]) for index in real))
    yield Flaw(place=place, message=f"expected {expected}, got {_shown(error.instance)}", hint=hint)


def _plain(error: Any, place: Place) -> Flaw:
    schema, value = error.schema, error.instance
    kind = str(error.validator)
    if kind in ("type", "pattern", "enum", "const"):
        hint = ""
        if kind == "enum":
            hint = _did_you_mean(str(value), schema["enum"])
        elif "x-breakfix" in schema and isinstance(value, int | float):
            hint = f"a number needs its unit: {value}{_UNITS[schema['x-breakfix']]}?"
        expected = _in_words(schema)
        return Flaw(place=place, message=f"expected {expected}, got {_shown(value)}", hint=hint)
    if kind in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        bound = "at least" if "inimum" in kind else "at most"
        return Flaw(
            place=place, message=f"expected {bound} {error.validator_value}, got {_shown(value)}"
        )
    if kind in ("minItems", "minLength", "minProperties"):
        return Flaw(place=place, message="this must not be empty")
    return Flaw(place=place, message=error.message)


_UNITS: Final = {"duration": "s", "size": "MiB", "rate": "mbit", "share": "%"}


def _in_words(schema: dict[str, Any]) -> str:
    if "x-breakfix" in schema:
        return EXPECTED[schema["x-breakfix"]]
    if "enum" in schema:
        names = list(map(str, schema["enum"]))
        return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
    if "const" in schema:
        return str(schema["const"])
    if schema.get("pattern") == ID_PATTERN:
        return "an id (lower case, digits and _, beginning with a letter)"
    if "examples" in schema and "pattern" in schema:
        return f"a value such as {' or '.join(map(str, schema['examples']))}"
    if "$ref" in schema:
        return "a mapping"
    if "pattern" in schema:
        return f"text of the form {schema['pattern']}"
    return _TYPES.get(str(schema.get("type")), "another value")


def _or(words: Iterable[str]) -> str:
    return " or ".join(words)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    text = f"{text[:60]}..." if len(text) > 60 else text
    return repr(text) if isinstance(value, str) else text


def _did_you_mean(given: str, known: Iterable[Any]) -> str:
    close = difflib.get_close_matches(given, [str(name) for name in known], n=1)
    return f"did you mean {close[0]!r}?" if close else ""
