"""The report of a trend for a terminal or a file."""

from collections.abc import Iterator
from typing import Final

from breakfix.engine.trend.record import KeyTrend, TrendRecord
from breakfix.reports import trend_words as words
from breakfix.reports.lines import Piece, printed, table, titled

_KEYS_MAX: Final = 40
_ISSUES_MAX: Final = 20


def render(record: TrendRecord, *, color: bool = False) -> str:
    """The whole report; it ends with a newline."""
    return printed(_lines(record), color=color)


def _lines(record: TrendRecord) -> Iterator[list[Piece]]:
    yield [(words.title(record), "bold")]
    yield [(words.source(record), "dim")]
    if skipped := words.skipped(record):
        yield [(skipped, "dim")]
    yield from titled("What changed", [[("  " + line, "")] for line in words.news(record)])
    ordered = sorted(record.keys, key=words.newest, reverse=True)
    for key in ordered[:_KEYS_MAX]:
        yield from titled(words.key_title(key), _key(key))
    if len(ordered) > _KEYS_MAX:
        yield [(f"And {len(ordered) - _KEYS_MAX} more groups; --scenario and --key show them.", "dim")]
    yield from titled("Last proven", _matrix(record))
    if record.issues.found:
        rows: list[list[Piece]] = [
            [(line.scenario, ""), (line.found, ""), (line.fixed, ""), (line.text, "dim")]
            for line in words.issue_lines(record, _ISSUES_MAX)
        ]
        heading = f"Issues: {words.issues_title(record)}"
        yield from titled(heading, table(rows, head=("scenario", "found", "fixed", "what")))


def _key(key: KeyTrend) -> Iterator[list[Piece]]:
    yield [("  " + words.key_facts(key), "dim")]
    rows: list[list[Piece]] = [
        [(name, ""), (sentence, "bold" if index == 0 else "")]
        for index, (name, sentence) in enumerate(words.metrics(key))
    ]
    if key.availability is not None:
        rows.append([("availability", ""), (words.availability(key.availability), "")])
    yield from table(rows)
    for note in words.notes(key):
        yield [("  " + note, "dim")]


def _matrix(record: TrendRecord) -> Iterator[list[Piece]]:
    rows: list[list[Piece]] = [
        [(cell.service, ""), (cell.fault, ""), (words.proven(cell), ""), (str(cell.tries), "dim")]
        for cell in record.matrix
    ]
    yield from table(rows, head=("service", "fault", "last proven", "runs"))
