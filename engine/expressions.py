"""``{{ }}`` and ``when``: expressions over inputs, labels, results of steps, and the unit.

Inputs are put in before validation, by a scan of the text that keeps their type. Late names are
evaluated when a step is bound, in Jinja2's immutable sandbox with undefined names as errors.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any, Final

from breakfix.engine.errors import ExpressionError

_ONE: Final = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_INPUT: Final = re.compile(r"inputs\.([a-z][a-z0-9_]*)")
_SECRET: Final = re.compile(r"secrets\.([a-z][a-z0-9_]*)")
LENGTH_MAX: Final = 2000


def put_in(text: str, inputs: Mapping[str, Any]) -> Any:
    """Replace ``{{ inputs.x }}`` and ``{{ secrets.x }}``; a text that is one expression takes the
    value's own type. Other expressions stay. Raises KeyError with the name of an unknown input."""
    whole = _ONE.fullmatch(text.strip())
    if whole is not None and (name := _INPUT.fullmatch(whole[1])) is not None:
        return inputs[name[1]]

    def one(match: re.Match[str]) -> str:
        if (name := _INPUT.fullmatch(match[1])) is not None:
            return str(inputs[name[1]])
        if (name := _SECRET.fullmatch(match[1])) is not None:
            return f"${{secret:{name[1]}}}"
        return match[0]

    return _ONE.sub(one, text)


def render(value: Any, names: Mapping[str, Any]) -> Any:
    """Put late expressions into parameters, keeping the type of a text that is one expression.

    Raises ExpressionError.
    """
    if isinstance(value, str) and "{{" in value:
        whole = _ONE.fullmatch(value.strip())
        if whole is not None:
            return _value(whole[1], names)
        return _ONE.sub(lambda match: str(_value(match[1], names)), value)
    if isinstance(value, dict):
        return {key: render(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [render(item, names) for item in value]
    return value


def evaluate(condition: str, names: Mapping[str, Any]) -> bool:
    """Whether a bare expression holds; one that cannot be evaluated does not."""
    try:
        return bool(_value(condition, names))
    except ExpressionError:
        return False


def _value(text: str, names: Mapping[str, Any]) -> Any:
    if len(text) > LENGTH_MAX:
        raise ExpressionError(f"an expression is longer than {LENGTH_MAX} characters.")
    try:
        value = _compiled(text)(**names)
        str(value)
    except Exception as error:
        raise ExpressionError(f"{{{{ {text} }}}} cannot be evaluated: {error}.") from error
    return value


@functools.cache
def _compiled(text: str) -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    environment.globals.clear()
    return environment.compile_expression(text, undefined_to_none=False)
