"""Expressions with operators, by Jinja2's immutable sandbox.

The sandbox bounds neither time nor memory: so only what the list below allows is compiled (no calls,
no loops, no powers), its filters take few arguments, and its operators look at their operands.
Attributes are members of mappings and nothing else.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from breakfix.engine.errors import ExpressionError

TEXT_CHARS_MAX: Final = 1 << 20
DEPTH_MAX: Final = 50
"""How deeply an expression may be nested; Python compiles at most 200 parentheses in each other."""

_INTEGER_MAX: Final = 1 << 63
_ROUND_DIGITS_MAX: Final = 9

_FILTERS: Final = {
    "default": 1, "float": 0, "int": 0, "length": 0, "lower": 0, "round": 1, "string": 0,
    "trim": 0, "upper": 0,
}  # fmt: skip
"""The filters, each with how many arguments it takes."""

_TESTS: Final = frozenset({"defined", "undefined", "none"})
_BINARY: Final = frozenset({"+", "-", "*", "/", "//", "%"})
_ALLOWED: Final = (
    nodes.Const, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Compare, nodes.Operand, nodes.And,
    nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div,
    nodes.FloorDiv, nodes.Mod, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.List, nodes.Tuple,
)  # fmt: skip


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = _BINARY

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A member of a mapping; nothing has other attributes."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, Undefined):
            return obj
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A member of a mapping, or an item of a list or a text."""
        if isinstance(obj, Mapping):
            return self.getattr(obj, argument)
        if isinstance(obj, list | tuple | str) and isinstance(argument, int):
            if -len(obj) <= argument < len(obj):
                return obj[argument]
            return self.undefined(obj=obj, name=str(argument))
        return obj if isinstance(obj, Undefined) else self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Numbers with numbers; texts can be joined."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            if len(left) + len(right) > TEXT_CHARS_MAX:
                raise ExpressionError(f"a text has at most {TEXT_CHARS_MAX} characters")
            return left + right
        for operand in (left, right):
            if isinstance(operand, Undefined):
                str(operand)
            if not isinstance(operand, int | float) or abs(operand) >= _INTEGER_MAX:
                raise ExpressionError(f"{operator} takes two numbers, each below 2^63")
        return self.binop_table[operator](left, right)


def _sandbox() -> _Sandbox:
    # What the optimizer computes beforehand goes into the code as text, and `inf` is none of Python's.
    sandbox = _Sandbox(undefined=StrictUndefined, optimized=False)
    sandbox.globals.clear()
    return sandbox


_SANDBOX: Final = _sandbox()


def names_of(expression: str) -> tuple[tuple[str, ...], ...]:
    """The names that an expression reads, each as its path. Raises ExpressionError."""
    return tuple(dict.fromkeys(_paths(_parsed(expression))))


@functools.lru_cache(maxsize=1024)
def compiled(expression: str) -> Callable[[Mapping[str, Any]], Any]:
    """A function from names to the value. Both raise ExpressionError."""
    _parsed(expression)
    function = _SANDBOX.compile_expression(expression, undefined_to_none=False)

    def value(names: Mapping[str, Any]) -> Any:
        try:
            found = function(dict(names))
            if isinstance(found, Undefined):
                str(found)
        except ExpressionError as error:
            raise ExpressionError(f"`{expression}`: {error}") from None
        except (TemplateError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
            raise ExpressionError(f"`{expression}`: {error}") from error
        if isinstance(found, float) and not math.isfinite(found):
            raise ExpressionError(f"`{expression}` is not a finite number")
        return found

    return value


def _parsed(expression: str) -> nodes.Expr:
    try:
        parser = Parser(_SANDBOX, expression, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise ExpressionError(f"`{expression}` goes on where an expression should end")
    except TemplateError as error:
        raise ExpressionError(f"`{expression}` is no expression: {error.message}") from error
    except RecursionError:
        raise _too_deep() from None
    _refuse(tree, 1, inside_in=False)
    return tree


def _refuse(node: nodes.Node, depth: int, *, inside_in: bool) -> None:
    """Raise ExpressionError for all that is not allowed."""
    if depth > DEPTH_MAX:
        raise _too_deep()
    kind = type(node).__name__.lower()
    if not isinstance(node, _ALLOWED):
        raise ExpressionError(f"{_WORDS.get(kind, kind)} cannot stand in an expression")
    if isinstance(node, nodes.List | nodes.Tuple) and not inside_in:
        raise ExpressionError("a list can stand only behind `in`")
    if isinstance(node, nodes.Name) and node.name == "self":
        raise ExpressionError("there is no self")  # Jinja2 has one of its own
    if isinstance(node, nodes.Const) and node.value == math.inf:
        raise ExpressionError("a number is too large")
    if isinstance(node, nodes.Filter):
        _refuse_filter(node)
    if isinstance(node, nodes.Test) and (node.name not in _TESTS or node.args or node.kwargs):
        raise ExpressionError(
            f"there is no test {node.name}; there are {', '.join(sorted(_TESTS))}"
        )
    for child in node.iter_child_nodes():
        behind_in = isinstance(node, nodes.Operand) and node.op in ("in", "notin")
        _refuse(child, depth + 1, inside_in=behind_in)


def _too_deep() -> ExpressionError:
    return ExpressionError("the expression is nested too deeply")


_WORDS: Final = {
    "call": "a call", "pow": "**", "concat": "~ (use +)", "dict": "a mapping", "slice": "a slice",
}  # fmt: skip


def _refuse_filter(node: nodes.Filter) -> None:
    if node.name not in _FILTERS:
        known = ", ".join(_FILTERS)
        raise ExpressionError(f"there is no filter {node.name}; there are {known}")
    arguments = node.args or []
    given = [argument.value for argument in arguments if isinstance(argument, nodes.Const)]
    many = len(arguments) > _FILTERS[node.name] or len(given) < len(arguments)
    if many or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise ExpressionError(
            f"the filter {node.name} takes at most {_FILTERS[node.name]} plain values"
        )
    if node.name == "round" and given and given[0] not in range(_ROUND_DIGITS_MAX + 1):
        raise ExpressionError(f"round takes 0 to {_ROUND_DIGITS_MAX} digits")


def _paths(node: nodes.Node) -> Iterator[tuple[str, ...]]:
    path = _path(node)
    if path is not None:
        yield path
        return
    if isinstance(node, nodes.Getitem):
        # A computed index: what comes before it is a name, and so is what it is computed from.
        yield from _paths(node.node)
        yield from _paths(node.arg)
        return
    for child in node.iter_child_nodes():
        yield from _paths(child)


def _path(node: nodes.Node) -> tuple[str, ...] | None:
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        before = _path(node.node)
        return None if before is None else (*before, node.attr)
    if (
        isinstance(node, nodes.Getitem)
        and isinstance(node.arg, nodes.Const)
        and isinstance(node.arg.value, str)
    ):
        before = _path(node.node)
        return None if before is None else (*before, node.arg.value)
    return None
