"""One pass of ruamel's C parser: plain data, and for each place its line and column.

YAML 1.2. What would surprise is an error: duplicate keys, unquoted ``{{``, dates, octal-looking
numbers, tags, more than one document, files over 1 MiB, aliases that expand past a bound.
"""

import hashlib
import re
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from breakfix.engine.errors import DocumentError
from breakfix.engine.model import Problem

BYTES_MAX: Final = 1 << 20
NODES_MAX: Final = 1_000_000

Place = tuple[str | int, ...]

_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OCTAL: Final = re.compile(r"[-+]?0[0-9]+")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?")
_PLAIN_TAGS: Final = ("tag:yaml.org,2002:",)


class Document(Struct, frozen=True, kw_only=True):
    """A file as data. `positions` holds for each place (keys and indexes) its line and column,
    beginning at 1; of a member of a mapping, those of its key."""

    file: str
    data: Any
    positions: dict[Place, tuple[int, int]]
    text_sha256: str

    def at(self, place: Place) -> tuple[int, int]:
        """The position of a place, or of the nearest one around it."""
        while place and place not in self.positions:
            place = place[:-1]
        return self.positions.get(place, (1, 1))


def read(path: Path) -> Document:
    """Read one file. Raises DocumentError with every problem that was found."""
    return parse(str(path), _bytes(path))


def parse(file: str, raw: bytes) -> Document:
    """Parse the bytes of a file. Raises DocumentError."""
    if len(raw) > BYTES_MAX:
        raise _one(file, 1, 1, f"the file has {len(raw)} bytes", f"at most {BYTES_MAX} are read")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _one(file, line, 1, "the file is not UTF-8 text", "save it as UTF-8") from error
    node = _compose(file, text)
    if node is None:
        raise _one(file, 1, 1, "the file is empty", "`breakfix init` writes a first scenario")
    building = _Building(file)
    data = building.value(node, ())
    if building.problems:
        raise DocumentError(sorted(building.problems))
    return Document(
        file=file,
        data=data,
        positions=building.positions,
        text_sha256=hashlib.sha256(raw).hexdigest(),
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        text = (error.strerror or "cannot be read").lower()
        raise _one(str(path), 1, 1, f"the file cannot be read: {text}", "") from error


def _compose(file: str, text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=False).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        what = error.problem or error.context or "this is not YAML"
        raise _one(file, line, column, str(what), _syntax_hint(text, line)) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise _one(file, 1, 1, f"this is not YAML: {error}", "") from error


def _syntax_hint(text: str, line: int) -> str:
    lines = text.splitlines()
    return "quote a value that begins with {{" if "{{" in "".join(lines[line - 1 : line]) else ""


def _one(file: str, line: int, column: int, message: str, hint: str) -> DocumentError:
    return DocumentError([Problem(file=file, line=line, column=column, message=message, hint=hint)])


class _Building:
    def __init__(self, file: str) -> None:
        self.file = file
        self.positions: dict[Place, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        self._nodes = 0

    def value(self, node: Any, place: Place) -> Any:
        """The data of a node; its problems are collected."""
        self._nodes += 1
        if self._nodes > NODES_MAX or len(place) > 60:
            raise _one(
                self.file, *_where(node), "the document expands too far", "use fewer aliases"
            )
        self.positions.setdefault(place, _where(node))
        if not str(node.tag).startswith(_PLAIN_TAGS):
            self._problem(node, f"unknown tag {node.tag}", "tags are not used here")
            return None
        if node.id == "mapping":
            return self._mapping(node, place)
        if node.id == "sequence":
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: Any, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.id != "scalar":
                self._problem(key_node, "a key must be text", "quote {{ ... }}")
                continue
            key = str(key_node.value)
            if key in found:
                self._problem(key_node, f"the key {key!r} stands twice", "keep one of them")
            self.positions[(*place, key)] = _where(key_node)
            found[key] = self.value(value_node, (*place, key))
        return found

    def _scalar(self, node: Any) -> Any:
        text = str(node.value)
        if node.style in ("'", '"', "|", ">"):
            return text
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
            return text.lower() == "true"
        if _OCTAL.fullmatch(text):
            self._problem(node, f"{text} may be octal or not", "quote it, or drop the zero")
        elif _DATE.fullmatch(text):
            self._problem(node, f"{text} looks like a date", "quote it")
        elif _INTEGER.fullmatch(text):
            return int(text)
        elif _FLOAT.fullmatch(text):
            return float(text)
        return text

    def _problem(self, node: Any, message: str, hint: str) -> None:
        line, column = _where(node)
        self.problems.append(
            Problem(file=self.file, line=line, column=column, message=message, hint=hint)
        )


def _where(node: Any) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
