"""The time line of a run as a Mermaid Gantt chart, for places that show text but no picture."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from breakfix.engine.timeline.facts import Interval
from breakfix.engine.timeline.record import Record
from breakfix.reports.axis import Row, axis_span, rows
from breakfix.reports.lines import plain

ROWS_MAX: Final = 36
_TAGS: Final = {"inject": "crit, ", "detect": "active, ", "remediate": "done, "}
_NO_NAME: Final = re.compile(r"[^\w .()@/-]")
_KEYWORD: Final = re.compile(
    r"(title|section|gantt|excludes|includes|todayMarker|dateFormat|axisFormat|tickInterval|weekday|"
    r"weekend|click|inclusiveEndDates|topAxis|accTitle|accDescr)\b"
)
"""A line that begins so is no bar (mermaid.js.org, "Gantt diagrams")."""
_ZERO: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""A chart has days, not instants: every run begins at midnight of this one."""


def timeline(record: Record, rows_max: int = ROWS_MAX) -> str:
    """A fenced block; empty where no step began. Faults and outages are red, repairs gray."""
    shown = _shown(record, min(rows_max, ROWS_MAX))
    if not shown:
        return ""
    span = axis_span(record)
    axis = "%S.%L" if span[1] < 60 else "%M:%S" if span[1] < 3600 else "%H:%M:%S"
    lines = [
        "```mermaid",
        "gantt",
        "  dateFormat YYYY-MM-DD HH:mm:ss.SSS",
        f"  axisFormat {axis}",
        "  section steps",
        *(line for row in shown for line in _bars(row, record, span)),
    ]
    outages = [
        _bar(outage.probe, "crit, ", (outage.start_at_s[1], _end(outage.end_at_s, record)), span)
        for outage in record.outages[: max(1, rows_max // 3)]
    ]
    if outages:
        lines += ["  section outages", *outages]
    return "\n".join([*lines, "```"])


def _shown(record: Record, most: int) -> list[Row]:
    """The rows by their start; of too many, waits give way to the others."""
    found = rows(record)
    if len(found) > most:
        found = [row for row in found if row.phase != "wait"] or found
    return found[:most]


def _bars(row: Row, record: Record, span: Interval) -> Iterator[str]:
    """From when it began; of a fault, for as long as it was there. Of a step on many targets, from the first
    begin to the last end."""
    tag = _TAGS.get(row.phase, "")
    if len(row.units) > 1:
        begun = [unit.started_at_s[0] for unit in row.units if unit.started_at_s is not None]
        over = max(_end(unit.ended_at_s, record) for unit in row.units)
        yield _bar(row.label, tag, (min(begun), over), span)
        return
    unit = row.units[0]
    name = row.label
    faults = [fault for fault in record.faults if fault.unit == unit.unit and fault.applied_at_s]
    for fault in faults:
        begin_s = (fault.applied_at_s or fault.intended_at_s)[0]
        yield _bar(name, tag, (begin_s, _end(fault.ended_at_s, record)), span)
    if not faults and unit.started_at_s is not None:
        yield _bar(name, tag, (unit.started_at_s[0], _end(unit.ended_at_s, record)), span)


def _end(pair: Interval | None, record: Record) -> float:
    return (pair or record.run.ended_at_s)[1]


def _bar(name: str, tag: str, between_s: Interval, span: Interval) -> str:
    """One bar, wide enough to be seen."""
    begin_s = min(max(between_s[0], span[0]), span[1])
    end_s = max(min(between_s[1], span[1]), begin_s + (span[1] - span[0]) / 200)
    cleaned = _NO_NAME.sub(" ", plain(name)).strip()[:60] or "unnamed"
    if _KEYWORD.match(cleaned):
        cleaned = f"step {cleaned}"
    return f"  {cleaned} :{tag}{_instant(begin_s)}, {_instant(end_s)}"


def _instant(at_s: float) -> str:
    at = _ZERO + timedelta(seconds=max(0.0, at_s))
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"
