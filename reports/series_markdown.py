"""A series of trials in Markdown."""

from collections.abc import Iterator

from breakfix.engine.trials import SeriesRecord
from breakfix.reports import series_words as words
from breakfix.reports.markdown_text import code, escaped, fitted, folded, joined, more, table, word


def render(series: SeriesRecord) -> str:
    """The report, small enough for a comment."""
    return fitted(lambda rows_max: joined(_blocks(series, rows_max)))


def body(series: SeriesRecord, rows_max: int) -> Iterator[str]:
    """All of it below the heading, block by block."""
    yield escaped(series.reason)
    yield escaped(words.state(series))
    judged = [
        (escaped(claim), word(verdict), escaped(observed))
        for claim, verdict, observed in words.row_lines(series)
    ]
    yield table(("against earlier runs", "verdict", "observed"), judged)
    for metric in words.metric_lines(series):
        rows = [
            (escaped(f.name), f"**{escaped(f.value)}** {escaped(f.ends)}".strip(), escaped(f.note))
            for f in metric.figures
        ]
        title = f"{metric.name[:1].upper()}{metric.name[1:]}"
        yield f"**{escaped(title)}** ({escaped(metric.counted)})"
        yield table(("estimate", "value", "note"), rows)
    yield from _trials(series, rows_max)
    yield folded("How to repeat and check it", _source(series))


def _blocks(series: SeriesRecord, rows_max: int) -> Iterator[str]:
    yield f"## {escaped(words.title(series))}: {word(series.verdict)}"
    yield from body(series, rows_max)


def _trials(series: SeriesRecord, rows_max: int) -> Iterator[str]:
    lines = words.trial_lines(series)
    shown = [
        (
            line.number, code(line.run_id), word(line.verdict), line.detected, line.mitigated,
            line.restored, escaped(line.reason),
        )
        for line in lines[:rows_max]
    ]  # fmt: skip
    yield table((*words.HEADS, "reason"), shown)
    yield more(len(lines), len(shown), "trials")


def _source(series: SeriesRecord) -> str:
    rows = [
        (name, code(value) if name in words.LITERAL else escaped(value))
        for name, value in words.provenance(series)
    ]
    notes = [f"- {escaped(note)}" for note in words.notes(series)]
    return joined([table(("what", "value"), rows), "\n".join(notes)]).strip()
