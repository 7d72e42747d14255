"""Inventories: which hosts there are, in which groups, and how each of them is reached.

Three forms are read: plain text, a host a line; INI as Ansible writes it; and YAML, as Ansible writes it, or
a list of hosts, or a mapping of groups to lists. Nothing is evaluated: no template, no vault, no program.
The variables that count are Ansible's for address, port, user and private key; all others are passed over.
"""

import difflib
import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from breakfix.engine.document.positions import Span, start_of_file
from breakfix.engine.document.read import BYTES_MAX, decoded
from breakfix.engine.errors import DocumentError
from breakfix.engine.model import Problem
from breakfix.engine.targets.draft import ALL, Draft, Listed

_YAML_SUFFIXES: Final = (".yml", ".yaml", ".json")
_LINE_SUFFIXES: Final = (".ini", ".cfg", ".txt")


class NoInventory(DocumentError):
    """There is no such file."""


class Inventory(Struct, frozen=True, kw_only=True):
    """The hosts by name, and the names of all members of each group, those of its children included."""

    file: str
    hosts: dict[str, Listed]
    groups: dict[str, tuple[str, ...]]

    def members(self, group: str | None) -> tuple[Listed, ...]:
        """The hosts of a group, or all, sorted by name. Raises DocumentError where there is no such group."""
        if group is None:
            return tuple(self.hosts[name] for name in sorted(self.hosts))
        if group not in self.groups:
            close = difflib.get_close_matches(group, self.groups, n=1)
            known = ", ".join(sorted(self.groups)) or "none"
            hint = f"did you mean {close[0]!r}?" if close else f"the groups are: {known}"
            raise _only(self.file, f"there is no group {group!r} in this inventory", hint)
        return tuple(self.hosts[name] for name in self.groups[group])


def read(path: Path) -> Inventory:
    """Read an inventory. Raises DocumentError with every problem of it."""
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        hint = f"looked for at {path.absolute()}"
        problem = _problem(str(path), start_of_file(), "there is no such inventory", hint)
        raise NoInventory([problem]) from None
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise _only(str(path), f"the file cannot be read: {why}", "") from None
    return parse(str(path), raw)


def parse(file: str, raw: bytes) -> Inventory:
    """The inventory of the bytes of a file. The form is told by the suffix of its name, else by its first
    line. Raises DocumentError with every problem of it."""
    if len(raw) > BYTES_MAX:
        raise _only(file, f"the file is longer than {BYTES_MAX >> 20} MiB", "split it")
    text = decoded(file, raw)
    first = _first_line(text)
    if text.startswith("#!"):
        hint = "write what it prints into a file, in `setup` perhaps"
        raise _only(file, "this is a program, and none is run to find hosts", hint)
    if not first:
        raise _only(file, "the inventory is empty", "write a host into a line: ops@db-1:22")
    draft = Draft()
    if _is_yaml(file, first):
        from breakfix.engine.targets import inventory_yaml

        inventory_yaml.fill(draft, file, raw)
    else:
        from breakfix.engine.targets import inventory_lines

        inventory_lines.fill(draft, text)
    hosts, groups = draft.resolved()
    if draft.problems:
        raise DocumentError(sorted(_problem(file, *problem) for problem in set(draft.problems)))
    return Inventory(file=file, hosts=hosts, groups={**groups, ALL: tuple(sorted(hosts))})


def _first_line(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and line[0] not in "#;"), "")


def _is_yaml(file: str, first: str) -> bool:
    suffix = Path(file).suffix.lower()
    if suffix in _YAML_SUFFIXES or suffix in _LINE_SUFFIXES:
        return suffix in _YAML_SUFFIXES
    if first.startswith("["):
        return first == "[" or "," in first
    return first.startswith(("---", "%YAML", "- ", "{")) or re.search(r":(\s|$)", first) is not None


def _only(file: str, message: str, hint: str) -> DocumentError:
    return DocumentError([_problem(file, start_of_file(), message, hint)])


def _problem(file: str, span: Span, message: str, hint: str) -> Problem:
    return Problem(
        file=file,
        line=span.line,
        column=span.column,
        message=message,
        hint=hint,
        end_line=span.end_line,
        end_column=span.end_column,
    )


