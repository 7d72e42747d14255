"""YAML text to nodes, by libyaml.

The nodes are composed in C, where the depth of nesting is the depth of the stack: a document that
may be nested deeply is read as flat events first. libyaml scans YAML 1.1; what a plain scalar means
is decided in build.py, by YAML 1.2.
"""

import gc
import re
from typing import Any, Final

from _ruamel_yaml import CParser  # type: ignore[import-not-found]
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    MappingEndEvent,
    MappingStartEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.tag import Tag

from breakfix.engine.document.positions import Span, start_of_file

DEPTH_MAX: Final = 100
"""How deeply a document may be nested."""

_SAFE_DEPTH: Final = 5000
"""So deeply can be composed with the stack of any thread: about 400 bytes a level."""

IMPLICIT: Final = Tag(suffix="")
"""The tag of every node that has none of its own."""

_UNQUOTED: Final = re.compile(r"(?:[:,\[]|-)\s+(\{\{)|^\s*(\{\{)")
_HINTS: Final = {
    "found character that cannot start any token": "no tabs before a value, and quote a value that "
    "begins with @, `, % or {{",
    "mapping values are not allowed in this context": "quote a value that holds `: `, and see how far "
    "the line is indented",
    "did not find expected key": "this line is indented otherwise than those before it, or a quote "
    "is missing",
    "could not find expected ':'": "a key needs a colon behind it",
    "found unexpected end of stream": "a quote or a bracket is not closed",
    "did not find expected '-' indicator": "this line is indented otherwise than the list before it",
    "found undefined alias": "an anchor (&name) must stand before its alias (*name)",
}


class SyntaxProblem(Exception):
    """The text is not one YAML document."""

    def __init__(self, span: Span, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.span = span
        self.message = message
        self.hint = hint


class _Composer(CParser):  # type: ignore[misc]
    """Composes nodes and resolves no tags: the type of a scalar is decided once, in build.py."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Tag:
        return IMPLICIT

    def descend_resolver(self, parent: Any, index: Any) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


def compose(text: str) -> Any:
    """The root node of a text, or None where it is empty. Raises SyntaxProblem."""
    raw = text.encode()
    collecting = gc.isenabled()
    # Tens of thousands of nodes, none of them garbage: the collector would look at them in vain,
    # for half of the time that composing takes.
    gc.disable()
    try:
        _refuse_depth(text, raw)
        return _Composer(raw).get_single_node()
    except MarkedYAMLError as error:
        raise _explained(error, text) from error
    except YAMLError as error:
        raise _unreadable(error, raw) from error
    finally:
        if collecting:
            gc.enable()


def _refuse_depth(text: str, raw: bytes) -> None:
    opened = raw.count(b"[") + raw.count(b"{")
    # Each level of a block is indented further than the one around it, but for a list in a mapping.
    indented = 2 * max(map(len, text.splitlines()), default=0)
    if opened + indented <= _SAFE_DEPTH:
        return
    parser = _Composer(raw)
    depth = 0
    while True:
        event = parser.get_event()
        kind = event.__class__
        if kind is MappingStartEvent or kind is SequenceStartEvent:
            depth += 1
            if depth > DEPTH_MAX:
                mark = event.start_mark
                raise too_deep(_point(mark.line + 1, mark.column + 1))
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            depth -= 1
        elif kind is StreamEndEvent:
            return


def too_deep(span: Span) -> SyntaxProblem:
    """What is said of a document that is nested too deeply."""
    return SyntaxProblem(span, f"the document is nested more than {DEPTH_MAX} levels deep")


def _explained(error: MarkedYAMLError, text: str) -> SyntaxProblem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    problem = str(error.problem or error.context)
    if problem in ("but found another document", "did not find expected <document start>"):
        return SyntaxProblem(
            _point(line, column), "a second document begins here", "a file holds one document"
        )
    template = _unquoted_expression(text, line)
    if template is not None:
        return SyntaxProblem(
            template, "an expression must be quoted", 'write "{{ ... }}", quotes included'
        )
    hint = next((text for start, text in _HINTS.items() if problem.startswith(start)), "")
    if error.context and error.context_mark is not None and error.context_mark.line + 1 != line:
        problem = f"{problem} {error.context} that begins at line {error.context_mark.line + 1}"
    return SyntaxProblem(_point(line, column), f"this is not YAML: {problem}", hint)


def _unquoted_expression(text: str, line: int) -> Span | None:
    """Where a value begins with braces, in the line of an error or in the one before it."""
    lines = text.splitlines()
    for number in (line, line - 1):
        if not 1 <= number <= len(lines):
            continue
        match = _UNQUOTED.search(lines[number - 1])
        if match is not None:
            return _point(number, match.start(match.lastindex or 0) + 1)
    return None


def _unreadable(error: YAMLError, raw: bytes) -> SyntaxProblem:
    """A character that YAML does not allow. The error's arguments: name, byte offset, character,
    encoding, reason."""
    reason = str(error.args[-1]) if error.args else "it cannot be read"
    offset = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0
    before = raw[:offset].decode("utf-8", "replace")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return SyntaxProblem(_point(line, column), f"this is not YAML: {reason}")


def _point(line: int, column: int) -> Span:
    if line < 1:
        return start_of_file()
    return Span(line=line, column=column, end_line=line, end_column=column)
