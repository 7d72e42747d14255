"""JUnit XML as CI systems read it: suites of cases, written so that the strictest common schema holds.

That schema is the one of Ant's reports: every attribute that it requires is there, none that it does not
know, and times are plain decimals of seconds.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal
from xml.etree import ElementTree

from msgspec import Struct

Outcome = Literal["passed", "failure", "error", "skipped"]

_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped (section 2.2 of it)."""
_MESSAGE_CHARS_MAX: Final = 2000


class Case(Struct, frozen=True, kw_only=True):
    """One test case. `kind` is the type of a failure or error, `message` one line, `text` the rest."""

    group: str
    name: str
    outcome: Outcome = "passed"
    kind: str = ""
    message: str = ""
    text: str = ""
    time_s: float = 0.0


class Suite(Struct, frozen=True, kw_only=True):
    """The cases of one run, or of one file that could not be run."""

    name: str
    cases: Sequence[Case]
    properties: Sequence[tuple[str, str]] = ()
    began_wall_s: float | None = None
    time_s: float = 0.0
    output: str = ""


def document(suites: Iterable[Suite]) -> str:
    """The XML of suites; it ends with a newline."""
    root = ElementTree.Element("testsuites")
    for index, suite in enumerate(suites):
        _add(root, index, suite)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _add(root: ElementTree.Element, index: int, suite: Suite) -> None:
    counted = {
        outcome: sum(case.outcome == outcome for case in suite.cases)
        for outcome in ("failure", "error", "skipped")
    }
    attributes = {
        "name": suite.name,
        "package": "breakfix",
        "id": str(index),
        "timestamp": _timestamp(suite.began_wall_s),
        "hostname": "localhost",
        "tests": str(len(suite.cases)),
        "failures": str(counted["failure"]),
        "errors": str(counted["error"]),
        "skipped": str(counted["skipped"]),
        "time": _decimal(suite.time_s),
    }
    node = ElementTree.SubElement(root, "testsuite", _clean(attributes))
    properties = ElementTree.SubElement(node, "properties")
    for name, value in suite.properties:
        ElementTree.SubElement(properties, "property", _clean({"name": name, "value": value}))
    for case, name in zip(suite.cases, _names(suite.cases), strict=True):
        _add_case(node, case, name)
    ElementTree.SubElement(node, "system-out").text = xml_text(suite.output)
    ElementTree.SubElement(node, "system-err")


def _add_case(node: ElementTree.Element, case: Case, name: str) -> None:
    attributes = {"name": name, "classname": case.group, "time": _decimal(case.time_s)}
    element = ElementTree.SubElement(node, "testcase", _clean(attributes))
    if case.outcome == "passed":
        return
    told = {"message": case.message[:_MESSAGE_CHARS_MAX]}
    if case.outcome != "skipped":
        told["type"] = case.kind or case.outcome
    child = ElementTree.SubElement(element, case.outcome, _clean(told))
    child.text = xml_text(case.text) or None


def _names(cases: Sequence[Case]) -> list[str]:
    """The names, each once in its group: readers take the first of equal ones only."""
    seen: dict[tuple[str, str], int] = {}
    names = []
    for case in cases:
        count = seen[case.group, case.name] = seen.get((case.group, case.name), 0) + 1
        names.append(case.name if count == 1 else f"{case.name} ({count})")
    return names


def xml_text(text: str) -> str:
    """Text without the characters that XML cannot hold; each becomes a replacement character.

    >>> xml_text("a\\x1b[31mb")
    'a�[31mb'
    """
    return _NO_XML.sub("\ufffd", text)


def _clean(attributes: dict[str, str]) -> dict[str, str]:
    return {name: xml_text(value) for name, value in attributes.items()}


def _decimal(value_s: float) -> str:
    return f"{max(0.0, value_s):.3f}"


def _timestamp(wall_s: float | None) -> str:
    """Date and time, UTC, without a zone: the schema knows none."""
    try:
        return datetime.fromtimestamp(wall_s or 0.0, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return "1970-01-01T00:00:00"
