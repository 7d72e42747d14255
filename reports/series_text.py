"""The report of a series of trials for a terminal or a file."""

from collections.abc import Iterator

from breakfix.engine.trials import SeriesRecord
from breakfix.reports import series_words as words
from breakfix.reports.lines import TONES, Piece, printed, table, titled


def render(series: SeriesRecord, *, color: bool = False) -> str:
    """The whole report; it ends with a newline."""
    return printed(_lines(series), color=color)


def _lines(series: SeriesRecord) -> Iterator[list[Piece]]:
    yield [
        (words.title(series), "bold"),
        (": ", ""),
        (series.verdict, f"bold {TONES[series.verdict]}"),
    ]
    yield [(series.reason, "")]
    if unfinished := words.state(series):
        yield [(unfinished, "yellow")]
    rows: list[list[Piece]] = [
        [
            (line.number, ""), (line.run_id, ""), (line.verdict, TONES[line.verdict]),
            (line.detected, ""), (line.mitigated, ""), (line.restored, ""), (line.reason, "dim"),
        ]
        for line in words.trial_lines(series)
    ]  # fmt: skip
    yield from titled("Trials", table(rows, head=(*words.HEADS, "reason")))
    judged: list[list[Piece]] = [
        [(claim, ""), (verdict, TONES[verdict]), (observed, "")]
        for claim, verdict, observed in words.row_lines(series)
    ]
    yield from titled("Against earlier runs", table(judged))
    for metric in words.metric_lines(series):
        figures: list[list[Piece]] = [
            [(item.name, ""), (f"{item.value} {item.ends}".strip(), "bold"), (item.note, "dim")]
            for item in metric.figures
        ]
        heading = f"{metric.name[:1].upper()}{metric.name[1:]} ({metric.counted})"
        yield from titled(heading, table(figures))
    source: list[list[Piece]] = [[(n, "dim"), (v, "")] for n, v in words.provenance(series)]
    yield from titled("How to repeat and check it", table(source))
    for note in words.notes(series):
        yield [("  " + note, "dim")]
