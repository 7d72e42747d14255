"""Nodes to plain data, by YAML 1.2's core schema; what would surprise people is a problem."""

import math
import re
from collections.abc import Callable
from typing import Any, Final

from breakfix.engine.document.compose import DEPTH_MAX, IMPLICIT, too_deep
from breakfix.engine.document.positions import Span, span_of

EXPANDED_NODES_MAX: Final = 50_000
"""How many nodes the aliases of one document may add."""

_DIGITS_MAX: Final = 18
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9_]+")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?")
_WORDS: Final[dict[str, Any]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_BEGINS_A_NUMBER: Final = frozenset("0123456789+-.")

Report = Callable[[Span, str, str], None]


class Builder:
    """Builds the data of one document. Each problem is reported with its span, message and hint."""

    def __init__(self, report: Report, *, aliases: bool) -> None:
        self._report = report
        self._aliases = aliases
        self._sizes: dict[int, int] = {}
        self._built: dict[int, Any] = {}
        self._open: set[int] = set()
        self._expanded = 0
        self.has_null = False

    def build(self, root: Any) -> Any:
        """The data of a root node. Raises SyntaxProblem where it is nested too deeply."""
        return self._value(root, 0) if self._aliases else self._fresh(root, 0)

    def _value(self, node: Any, depth: int) -> Any:
        """As `_fresh`, where the same node may be met again by an alias."""
        identity = id(node)
        if identity in self._open:
            self._report(span_of(node), "an alias stands inside of its own anchor", "write it out")
            return None
        if identity in self._sizes:
            before = self._expanded
            self._expanded += self._sizes[identity]
            if before <= EXPANDED_NODES_MAX < self._expanded:
                hint = "use fewer aliases, or aliases of smaller parts"
                text = f"aliases add more than {EXPANDED_NODES_MAX} nodes to the document"
                self._report(span_of(node), text, hint)
            return self._built[identity]
        self._open.add(identity)
        before = self._expanded
        built = self._fresh(node, depth)
        self._open.discard(identity)
        self._built[identity] = built
        size = 1 if node.id == "scalar" else 1 + self._members_size(node)
        self._sizes[identity] = size
        return built

    def _members_size(self, node: Any) -> int:
        if node.id == "sequence":
            return sum(self._sizes.get(id(item), 1) for item in node.value)
        return sum(1 + self._sizes.get(id(value), 1) for _, value in node.value)

    def _fresh(self, node: Any, depth: int) -> Any:
        if node.ctag is not IMPLICIT:
            self._report(span_of(node), f"the tag {node.tag} has no meaning here", "leave it out")
        kind = node.id
        if kind == "scalar":
            return node.value if node.style else self._plain(node)
        if depth >= DEPTH_MAX:
            raise too_deep(span_of(node))
        value = self._value if self._aliases else self._fresh
        if kind == "sequence":
            return [value(item, depth + 1) for item in node.value]
        return self._mapping(node, depth + 1)

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        value = self._value if self._aliases else self._fresh
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.id != "scalar":
                self._bad_key(key_node)
                continue
            key = key_node.value
            if not key_node.style and self._is_no_text(key):
                text = f"the key {key or '(empty)'} is not text"
                self._report(span_of(key_node), text, "quote it")
            elif key == "<<" and not key_node.style:
                hint = "repeat the keys, or alias the whole mapping"
                self._report(span_of(key_node), "YAML 1.2 knows no merge key", hint)
                continue
            elif key in found:
                first = next(other for other, _ in node.value if other.value == key)
                text = f"the key {key!r} stands twice"
                self._report(
                    span_of(key_node), text, f"it is at line {first.start_mark.line + 1} already"
                )
            found[key] = value(value_node, depth)
        return found

    def _bad_key(self, node: Any) -> None:
        if node.id == "mapping" and node.flow_style:
            text, hint = "an expression must be quoted", 'write "{{ ... }}", quotes included'
            span = span_of(node)
            # The outer brace is one column before.
            self._report(
                Span(
                    line=span.line,
                    column=max(1, span.column - 1),
                    end_line=span.end_line,
                    end_column=span.end_column,
                ),
                text,
                hint,
            )
        else:
            self._report(span_of(node), "a key must be text", "")

    @staticmethod
    def _is_no_text(text: str) -> bool:
        if text in _WORDS:
            return True
        return text[:1] in _BEGINS_A_NUMBER and bool(
            _INTEGER.fullmatch(text)
            or _FLOAT.fullmatch(text)
            or _BASED.fullmatch(text)
            or _NOT_FINITE.fullmatch(text)
        )

    def _plain(self, node: Any) -> Any:
        text: str = node.value
        if text in _WORDS:
            word = _WORDS[text]
            if word is None:
                self.has_null = True
            return word
        if text[0] not in _BEGINS_A_NUMBER:
            return text
        return self._number(node, text)

    def _number(self, node: Any, text: str) -> Any:
        if _INTEGER.fullmatch(text):
            if len(text) <= _DIGITS_MAX:
                return int(text)
            self._report(span_of(node), "the number is too large", "quote it, if it is no number")
        elif _LEADING_ZERO.fullmatch(text):
            sign = text[0].strip("+0123456789")
            stripped = text.lstrip("+-0_") or "0"
            hint = f"quote it, or write {sign}{stripped}"
            if not sign and _BASED.fullmatch(f"0o{stripped}"):
                hint += f", or 0o{stripped} if it is octal"
            self._report(span_of(node), f"{text} may be decimal or octal", hint)
        elif _DATE.fullmatch(text):
            self._report(span_of(node), f"{text} looks like a date", "quote it")
        elif _BASED.fullmatch(text):
            if len(text) <= _DIGITS_MAX:
                return int(text[2:], 8 if text[1] == "o" else 16)
            self._report(span_of(node), "the number is too large", "quote it, if it is no number")
        elif _FLOAT.fullmatch(text):
            number = float(text)
            if math.isfinite(number):
                return number
            self._report(span_of(node), "the number is too large", "quote it, if it is no number")
        elif _NOT_FINITE.fullmatch(text):
            self._report(span_of(node), f"{text} is not a finite number", "quote it, if it is text")
        return text
