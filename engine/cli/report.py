"""``breakfix report``: tell again what a run did, from its journal alone."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakfix import reports
from breakfix.engine.cli.output import form_option, give, out_option, wants_color, write
from breakfix.engine.errors import UsageError
from breakfix.reports import annotations

if TYPE_CHECKING:
    from breakfix.engine.timeline.record import Record, Verdict
    from breakfix.engine.trials import SeriesRecord

EXAMPLES = """\b
Examples:
  breakfix report
  breakfix report 20261126-081502-cache_outage-3f2a --format html --out outage.html
  breakfix report --format junit --out junit.xml
  breakfix report series-20261126-081502-cache_outage-9d04
  breakfix report /tmp/copied/journal.ndjson --format json"""


@click.command(epilog=EXAMPLES)
@click.argument("run", default="last", metavar="[RUN|JOURNAL|SERIES]")
@form_option([*reports.FORMATS, *annotations.FORMATS])
@out_option
def command(run: str, form: str, out: Path | None) -> None:
    """Show the report of RUN: its id, the beginning of it, `last`, a run's folder, or a journal.

    The id of a SERIES, or its file, shows the trials and what they say together."""
    from breakfix.engine.home import find_series

    content: str
    if (path := find_series(run)) is not None:
        series = series_of(path)
        if out is None and form == "text":
            show_series(series)
            return
        content = _of_series(series, form)
    else:
        record, verdict = record_of(run)
        if out is None and form == "text":
            show(record, verdict)
            return
        content = _of_run(record, verdict, form)
    give(content, out)


def _of_run(record: "Record", verdict: "Verdict", form: str) -> str:
    if form in annotations.FORMATS:
        from breakfix.engine.pinpoint import pinpoint

        return annotations.FORMATS[form](pinpoint(record, verdict), None)
    return reports.render(record, verdict, form)


def _of_series(series: "SeriesRecord", form: str) -> str:
    if form not in annotations.FORMATS:
        return reports.render_series(series, form)
    from breakfix.engine.pinpoint import of_trials, pinpoint

    problems = [pinpoint(*record_of(trial.run_id)) for trial in series.trials]
    return annotations.FORMATS[form](of_trials(problems), None)


def record_of(run: str) -> "tuple[Record, Verdict]":
    """The record and the verdict of a run, named in any of the ways. Raises BreakfixError."""
    from breakfix.engine.home import find_journal
    from breakfix.engine.journal import read
    from breakfix.engine.timeline import fold
    from breakfix.engine.verdict import judge

    record = fold(read(find_journal(run)))
    return record, judge(record)


def series_of(path: Path) -> "SeriesRecord":
    """The record of a series from its file. Raises UsageError."""
    import msgspec

    from breakfix.engine.trials import SeriesRecord

    try:
        return msgspec.json.decode(path.read_bytes(), type=SeriesRecord)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} is not the file of a series: {error}.",
            hint="Name a run, a journal or the id of a series.",
        ) from error


def show_series(series: "SeriesRecord") -> None:
    """Print the text report of a series, coloured on a terminal that wants it."""
    from breakfix.reports import series_text

    write(sys.stdout, series_text.render(series, color=wants_color(sys.stdout)))


def show(record: "Record", verdict: "Verdict") -> None:
    """Print the text report, coloured on a terminal that wants it."""
    from breakfix.reports import text

    write(sys.stdout, text.render(record, verdict, color=wants_color(sys.stdout)))
