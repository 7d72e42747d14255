"""A file to a document: plain data, and where each part of it stands.

YAML 1.2 by one pass of libyaml. What would surprise is an error: duplicate keys, unquoted ``{{``,
dates, octal-looking numbers, tags, merge keys, more than one document, files over 1 MiB, aliases
that expand past a bound.
"""

import hashlib
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from breakfix.engine.document.positions import Place, Positions, Span, start_of_file
from breakfix.engine.errors import DocumentError
from breakfix.engine.model import Problem

BYTES_MAX: Final = 1 << 20
_BOM: Final = "\ufeff"


class Document(Struct, frozen=True, kw_only=True):
    """A file as data: dicts with text as keys, lists, text, numbers, truth values and None.

    `has_null` says that a value is missing somewhere: ``key:`` with nothing behind it.
    """

    file: str
    text: str
    data: Any
    positions: Positions
    text_sha256: str
    has_null: bool = False

    def problem(
        self, span: Span, message: str, hint: str = "", *, place: Place = (), warning: bool = False
    ) -> Problem:
        """A problem of this file."""
        return _problem(self.file, span, message, hint, place=place, warning=warning)


def read(path: Path) -> Document:
    """Read one file. Raises DocumentError with every problem that was found."""
    return parse(str(path), _bytes(path))


def parse(file: str, raw: bytes) -> Document:
    """Parse the bytes of a file. Raises DocumentError with every problem that was found."""
    if len(raw) > BYTES_MAX:
        text = f"the file is longer than {BYTES_MAX >> 20} MiB"
        raise _only(file, start_of_file(), text, "split it")
    text = decoded(file, raw)
    from breakfix.engine.document.build import Builder
    from breakfix.engine.document.compose import SyntaxProblem, compose

    problems: list[Problem] = []

    def report(span: Span, message: str, hint: str) -> None:
        problems.append(_problem(file, span, message, hint))

    builder = Builder(report, aliases="*" in text and "&" in text)
    try:
        root = compose(text)
        if root is None:
            hint = "`breakfix init` writes a first scenario"
            raise _only(file, start_of_file(), "the file is empty", hint)
        data = builder.build(root)
    except SyntaxProblem as problem:
        raise _only(file, problem.span, problem.message, problem.hint) from problem
    if problems:
        raise DocumentError(sorted(problems))
    return Document(
        file=file,
        text=text,
        data=data,
        positions=Positions(root),
        text_sha256=hashlib.sha256(raw).hexdigest(),
        has_null=builder.has_null,
    )


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except FileNotFoundError as error:
        hint = "`breakfix init` writes a first scenario"
        raise _only(str(path), start_of_file(), "there is no such file", hint) from error
    except IsADirectoryError as error:
        hint = "name the file in it"
        raise _only(str(path), start_of_file(), "this is a directory", hint) from error
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise _only(str(path), start_of_file(), f"the file cannot be read: {why}", "") from error


def decoded(file: str, raw: bytes) -> str:
    """The text of a file, without its byte order mark. Raises DocumentError where it is not UTF-8."""
    try:
        return raw.decode().removeprefix(_BOM)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(errors="replace")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        span = Span(line=line, column=column, end_line=line, end_column=column + 1)
        text = f"the byte 0x{raw[error.start]:02x} is not UTF-8 text"
        raise _only(file, span, text, "save the file as UTF-8") from error


def _only(file: str, span: Span, message: str, hint: str) -> DocumentError:
    return DocumentError([_problem(file, span, message, hint)])


def _problem(  # noqa: PLR0913
    file: str,
    span: Span,
    message: str,
    hint: str,
    *,
    place: Place = (),
    warning: bool = False,
) -> Problem:
    return Problem(
        file=file,
        line=span.line,
        column=span.column,
        message=message,
        hint=hint,
        severity="warning" if warning else "error",
        path=pointer(place),
        end_line=span.end_line,
        end_column=span.end_column,
    )


def pointer(place: Place) -> str:
    """The JSON pointer (RFC 6901) of a place.

    >>> pointer(("steps", 0, "with"))
    '/steps/0/with'
    """
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)
