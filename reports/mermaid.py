"""The time line of a run as a Mermaid Gantt chart, for places that show text but no picture."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from breakfix.engine.timeline.facts import Interval
from breakfix.engine.timeline.record import Record
from breakfix.reports.axis import Row, axis_span
from breakfix.reports.chart import shown_rows
from breakfix.reports.fan_out import faults_of, unit_spans
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
    rows = shown_rows(record)[: min(rows_max, ROWS_MAX)]
    if not rows:
        return ""
    span = axis_span(record)
    axis = "%S.%L" if span[1] < 60 else "%M:%S" if span[1] < 3600 else "%H:%M:%S"
    lines = [
        "```mermaid",
        "gantt",
        "  dateFormat YYYY-MM-DD HH:mm:ss.SSS",
        f"  axisFormat {axis}",
        "  section steps",
        *(line for row in rows for line in _bars(row, record, span)),
    ]
    outages = [
        _bar(outage.probe, "crit, ", (outage.start_at_s[1], _end(outage.end_at_s, record)), span)
        for outage in record.outages[: max(1, rows_max // 3)]
    ]
    if outages:
        lines += ["  section outages", *outages]
    return "\n".join([*lines, "```"])


def _bars(row: Row, record: Record, span: Interval) -> Iterator[str]:
    """From when it began; of a fault, for as long as it was there; of many units, from the first to the last."""
    tag, end_s = _TAGS.get(row.phase, ""), record.run.ended_at_s[1]
    spans = list(unit_spans(row.units, faults_of(record), end_s))
    if row.total > 1 and spans:
        spans = [(min(begin_s for begin_s, _ in spans), max(end_s for _, end_s in spans))]
    for between_s in spans:
        yield _bar(row.label, tag, between_s, span)


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
