"""Where things stand in a file: looked up when somebody asks, in the nodes that the parser made."""

from typing import Any, Final

from msgspec import Struct

Place = tuple[str | int, ...]
"""Where something stands in a document: the keys and indexes that lead to it."""


class Span(Struct, frozen=True, kw_only=True, order=True):
    """From where to where in a file. Lines and columns begin at 1; the end is not part of it."""

    line: int
    column: int
    end_line: int
    end_column: int


_START: Final = Span(line=1, column=1, end_line=1, end_column=1)


class Positions:
    """The positions of a document. A place that is not there has the position of the nearest one
    around it."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def key(self, place: Place) -> Span:
        """Of a member of a mapping, where its key stands; of an item of a list, where it begins."""
        key, value = self._find(place)
        return _first_line(value) if key is None else span_of(key)

    def value(self, place: Place) -> Span:
        """Where a value stands. An empty one has the position of its key."""
        key, value = self._find(place)
        if key is not None and value.start_mark.index == value.end_mark.index:
            return span_of(key)
        return _first_line(value)

    def __getitem__(self, place: Place) -> tuple[int, int]:
        """Line and column of `key`."""
        span = self.key(place)
        return span.line, span.column

    def _find(self, place: Place) -> tuple[Any, Any]:
        key: Any = None
        node = self._root
        for part in place:
            found = _member(node, part)
            if found is None:
                break
            key, node = found
        return key, node


def _member(node: Any, part: str | int) -> tuple[Any, Any] | None:
    if node.id == "mapping":
        for key, value in node.value:
            if key.value == part:
                return key, value
    elif node.id == "sequence" and isinstance(part, int) and 0 <= part < len(node.value):
        return None, node.value[part]
    return None


def span_of(node: Any) -> Span:
    """From the first to the last character of a node."""
    start, end = node.start_mark, node.end_mark
    return Span(
        line=start.line + 1,
        column=start.column + 1,
        end_line=end.line + 1,
        end_column=end.column + 1,
    )


def _first_line(node: Any) -> Span:
    """A block collection ends where the next thing begins: only where it starts is of use."""
    span = span_of(node)
    if node.id == "scalar" or span.end_line == span.line:
        return span
    return Span(line=span.line, column=span.column, end_line=span.line, end_column=span.column)


def start_of_file() -> Span:
    """The position of what concerns the whole file."""
    return _START
