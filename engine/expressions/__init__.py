"""``{{ }}`` and ``when``: expressions over inputs, labels, steps and the unit. Pure.

A text that is one expression takes the type of its value; an expression inside of a text is written
out. A plain name such as ``inputs.url`` is looked up without Jinja2, which is imported only for what
has operators.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from breakfix.engine.errors import ExpressionError

LENGTH_MAX: Final = 1000
"""How many characters one expression may have."""

EARLY_ROOTS: Final = ("inputs", "labels")
LATE_ROOTS: Final = ("steps", "unit")
SECRETS: Final = "secrets"
ROOTS: Final = (*EARLY_ROOTS, *LATE_ROOTS, SECRETS)
"""What an expression may begin with."""

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_WORDS: Final = frozenset({"true", "false", "none", "True", "False", "None", "not"})
_EXPRESSION: Final = re.compile(r"""\{\{((?:[^'"}]|'[^']*'|"[^"]*"|\}(?!\}))*)\}\}""", re.DOTALL)


class Reference(Struct, frozen=True):
    """A name that an expression reads: ``steps.noticed.result.status`` is
    ``("steps", "noticed", "result", "status")``. It ends before a computed index."""

    path: tuple[str, ...]

    @property
    def root(self) -> str:
        """What it begins with."""
        return self.path[0]

    def __str__(self) -> str:
        return ".".join(self.path)


Piece = str | tuple[str]
"""A part of a text: written out, or (in a tuple) an expression without its braces."""


def pieces(text: str) -> list[Piece]:
    """The parts of a text in their order. Raises ExpressionError where braces do not close.

    >>> pieces("http://{{ inputs.host }}/")
    ['http://', ('inputs.host',), '/']
    """
    found: list[Piece] = []
    at = 0
    while (begin := text.find("{{", at)) >= 0:
        match = _EXPRESSION.match(text, begin)
        if match is None:
            raise ExpressionError("{{ has no }} behind it")
        if begin > at:
            found.append(text[at:begin])
        found.append((match[1].strip(),))
        at = match.end()
    if at < len(text):
        found.append(text[at:])
    return found


def references(expression: str) -> tuple[Reference, ...]:
    """The names that a bare expression reads. Raises ExpressionError where it is none.

    >>> [str(name) for name in references("inputs.n > steps.a.result['m']")]
    ['inputs.n', 'steps.a.result.m']
    """
    if len(expression) > LENGTH_MAX:
        raise ExpressionError(f"an expression has at most {LENGTH_MAX} characters")
    if _PLAIN.fullmatch(expression) and expression not in _WORDS:
        return (Reference(tuple(expression.split("."))),)
    from breakfix.engine.expressions.sandbox import names_of

    return tuple(Reference(path) for path in names_of(expression))


def references_in(text: str) -> tuple[Reference, ...]:
    """The names that the expressions in a text read. Raises ExpressionError."""
    found = [references(piece[0]) for piece in pieces(text) if isinstance(piece, tuple)]
    return tuple(name for names in found for name in names)


def render(value: Any, names: Mapping[str, Any]) -> Any:
    """Parameters with their expressions put in. A secret stays a reference, ``${secret:NAME}``.

    Raises ExpressionError where a name is not there, or an expression fails.
    """
    if isinstance(value, str):
        return put_in(value, names) if "{{" in value else value
    if isinstance(value, dict):
        return {key: render(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [render(item, names) for item in value]
    return value


def has_expressions(value: Any) -> bool:
    """Whether `render` would put anything in."""
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, dict):
        return any(has_expressions(item) for item in value.values())
    return isinstance(value, list | tuple) and any(has_expressions(item) for item in value)


def put_in(text: str, names: Mapping[str, Any]) -> Any:
    """A text with its expressions put in. Raises ExpressionError.

    >>> put_in("{{ inputs.n }}", {"inputs": {"n": 3}}), put_in("{{ inputs.n }}s", {"inputs": {"n": 3}})
    (3, '3s')
    """
    parts = pieces(text.strip())
    if len(parts) == 1 and isinstance(parts[0], tuple):
        return _value(parts[0][0], names)
    parts = pieces(text)
    return "".join(
        piece if isinstance(piece, str) else _written(piece[0], _value(piece[0], names))
        for piece in parts
    )


def evaluate(when: str, names: Mapping[str, Any]) -> bool:
    """Whether a bare expression holds. One that cannot be evaluated does not."""
    try:
        return bool(_value(when.strip(), names))
    except ExpressionError:
        return False


def _value(expression: str, names: Mapping[str, Any]) -> Any:
    if len(expression) > LENGTH_MAX:
        raise ExpressionError(f"an expression has at most {LENGTH_MAX} characters")
    if _PLAIN.fullmatch(expression) and expression not in _WORDS:
        path = expression.split(".")
        if path[0] == SECRETS and len(path) == 2:
            return f"${{secret:{path[1]}}}"
        return _looked_up(path, names)
    from breakfix.engine.expressions.sandbox import compiled

    function: Callable[[Mapping[str, Any]], Any] = compiled(expression)
    return function(names)


def _looked_up(path: list[str], names: Mapping[str, Any]) -> Any:
    value: Any = names
    for index, part in enumerate(path):
        if not isinstance(value, Mapping) or part not in value:
            raise ExpressionError(f"there is no {'.'.join(path[: index + 1])}")
        value = value[part]
    return value


def _written(expression: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ExpressionError(f"`{expression}` is no text and no number")
