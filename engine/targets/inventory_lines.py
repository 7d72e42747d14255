"""Inventories of lines: a host a line, or INI as Ansible writes it."""

import re
import shlex
from collections.abc import Iterator
from typing import Final

from breakfix.engine.document.positions import Span
from breakfix.engine.targets.draft import UNGROUPED, Draft, Settings

_SECTION: Final = re.compile(r"\[\s*([^\[\]:\s]+)\s*(?::\s*([^\[\]\s]*)\s*)?\]\s*(?:[#;].*)?")
_WORD: Final = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+""")
_IPV6: Final = re.compile(r"\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[^\]]*)?\]")
_KINDS: Final = ("children", "vars")


def fill(draft: Draft, text: str) -> None:
    """Read all lines. What is wrong goes to the draft."""
    lines = text.splitlines()
    sections = any(_is_section(_bare(line)) for line in lines)
    group, kind = UNGROUPED, ""
    for number, line in enumerate(lines, 1):
        content = _bare(line)
        if not content:
            continue
        if _is_section(content):
            group, kind = _section(draft, line, number)
        elif kind == "vars":
            _variable(draft, group, line, number)
        elif kind == "children":
            _child(draft, group, line, number)
        elif kind == "":
            _host(draft, group, line, number, with_port=not sections)


def _bare(line: str) -> str:
    """A line without what is no content of it; a comment is empty."""
    stripped = line.strip()
    return "" if stripped.startswith(("#", ";")) else stripped


def _is_section(content: str) -> bool:
    # An IPv6 address stands in brackets too: [::1]:22.
    return content.startswith("[") and _IPV6.match(content) is None


def _span(line: str, number: int, start: int = -1, end: int = -1) -> Span:
    """A part of a line, else all that stands in it."""
    begin = start if start >= 0 else len(line) - len(line.lstrip())
    stop = end if end >= 0 else len(line.rstrip())
    return Span(line=number, column=begin + 1, end_line=number, end_column=stop + 1)


def _section(draft: Draft, line: str, number: int) -> tuple[str, str]:
    """The name of the group and what the lines are; after one that is wrong they are passed over."""
    match = _SECTION.fullmatch(line.strip())
    if match is None:
        hint = "write [group], [group:children] or [group:vars]"
        draft.problem(_span(line, number), "this is no heading of a section", hint)
        return "", "wrong"
    name, kind = match[1], match[2]
    if kind is not None and kind not in _KINDS:
        hint = "it is one of children and vars"
        draft.problem(_span(line, number), f"there are no sections for the {kind!r} of a group", hint)
        return "", "wrong"
    draft.group(name)
    return name, kind or ""


def _child(draft: Draft, group: str, line: str, number: int) -> None:
    words = list(_words(draft, line, number))
    if len(words) > 1:
        draft.problem(words[1][1], "a group has a line of its own", "put it into the next line")
    draft.group(group).children.extend(words[:1])


def _variable(draft: Draft, group: str, line: str, number: int) -> None:
    name, equals, value = line.partition("=")
    if not equals:
        draft.problem(_span(line, number), "a variable has a value", "write name=value")
        return
    value = re.split(r"\s[#;]", value, maxsplit=1)[0].strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    draft.variable(draft.group(group).settings, name.strip(), value, _span(line, number))


def _host(draft: Draft, group: str, line: str, number: int, *, with_port: bool) -> None:
    words = list(_words(draft, line, number))
    if not words:
        return
    (text, span), *rest = words
    settings: Settings = {}
    for word, where in rest:
        name, equals, value = word.partition("=")
        if not equals:
            hint = "a host has a line of its own, its variables behind it: db-1 ansible_port=2222"
            draft.problem(where, f"{word!r} is no variable", hint)
            continue
        draft.variable(settings, name, value, where)
    try:
        draft.hosts(group, text, settings, span, with_port=with_port)
    except ValueError as error:
        hint = "a host a line, such as ops@db-1:22" if "=" not in text else ""
        draft.problem(span, str(error), hint)


def _words(draft: Draft, line: str, number: int) -> Iterator[tuple[str, Span]]:
    """The words of a line until a comment, without their quotes."""
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        if line[at] == "#":
            return
        match = _WORD.match(line, at)
        end = match.end() if match is not None else at
        if match is None or (end < len(line) and not line[end].isspace()):
            draft.problem(_span(line, number, at), "a quote is not closed")
            return
        yield "".join(shlex.split(match[0])), _span(line, number, at, end)
        at = end
