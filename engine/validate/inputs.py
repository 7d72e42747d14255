"""Typed inputs: from ``--input k=v``, a file of inputs, and the defaults of the scenario."""

import difflib
from collections.abc import Mapping
from typing import Any

from breakfix.engine.expressions import LATE_ROOTS, put_in, references_in
from breakfix.engine.model import Input
from breakfix.engine.values import EXPECTED, PATTERNS


def values_of(
    declared: Mapping[str, Input], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of all inputs, and for each input that has none or a wrong one, why."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, declaration in declared.items():
        raw = given.get(name, declaration.default)
        if raw is None:
            wrong[name] = f"input {name} has no value and no default; give --input {name}=..."
            continue
        try:
            values[name] = _typed(declaration, raw)
        except ValueError as error:
            wrong[name] = f"input {name}: {error}"
    for name in given:
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            hint = f", did you mean {close[0]!r}?" if close else ""
            wrong[name] = f"unknown input {name!r}{hint}"
    return values, wrong


def _typed(declaration: Input, raw: Any) -> Any:
    kind = declaration.type
    if kind in PATTERNS:
        if not isinstance(raw, str) or not PATTERNS[kind].match(raw):
            raise ValueError(f"{raw!r} is not {EXPECTED[kind]}")
        return raw
    if kind == "text":
        return str(raw)
    if kind == "boolean":
        if isinstance(raw, bool) or raw in ("true", "false"):
            return raw in (True, "true")
        raise ValueError(f"{raw!r} is not true or false")
    try:
        number = int(raw) if kind == "integer" else float(raw)
    except (TypeError, ValueError):
        raise ValueError(f"{raw!r} is not a number") from None
    for bound, ok in ((declaration.min, "at least"), (declaration.max, "at most")):
        if isinstance(bound, int | float) and (
            number < bound if ok == "at least" else number > bound
        ):
            raise ValueError(f"{raw!r} must be {ok} {bound}")
    return number


def put_in_all(value: Any, values: Mapping[str, Any]) -> Any:
    """A document with its inputs put in. Raises KeyError with the name of an unknown input."""
    if isinstance(value, str):
        if "{{" not in value or any(name.root in LATE_ROOTS for name in references_in(value)):
            return value
        return put_in(value, {"inputs": values})
    if isinstance(value, dict):
        return {key: put_in_all(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [put_in_all(item, values) for item in value]
    return value
