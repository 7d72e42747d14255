"""From journal to people."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from msgspec import Struct

from breakfix.engine.errors import BreakfixError
from breakfix.engine.timeline.record import Record, Verdict
from breakfix.engine.trials import SeriesRecord

if __name__ != "breakfix.reports":
    raise ImportError(f"import breakfix.reports, not {__name__}: a second copy has other classes")


class Format(Struct, frozen=True, kw_only=True):
    """A form of the report: ``module:function`` of a run (record and verdict to text) and of a series
    (its record to text), imported when it is asked for; and what its files are called in a folder."""

    of_run: str
    of_series: str
    run_file: str
    series_file: str


FORMATS: Final = {
    "text": Format(
        of_run="text:render",
        of_series="series_text:render",
        run_file="report.txt",
        series_file="series.txt",
    ),
    "json": Format(
        of_run="json:render",
        of_series="json:document",
        run_file="report.json",
        series_file="series.json",
    ),
    "html": Format(
        of_run="html:render",
        of_series="series_html:render",
        run_file="report.html",
        series_file="series.html",
    ),
    "markdown": Format(
        of_run="markdown:render",
        of_series="series_markdown:render",
        run_file="report.md",
        series_file="series.md",
    ),
    "junit": Format(
        of_run="junit:render",
        of_series="junit:render_series",
        run_file="junit.xml",
        series_file="junit.xml",
    ),
    "openmetrics": Format(
        of_run="openmetrics:render",
        of_series="openmetrics:render_series",
        run_file="metrics.prom",
        series_file="metrics.prom",
    ),
}
"""Every form that `breakfix report --format` and `--report DIR` know."""

PICTURE: Final = "timeline.svg"
"""The file of the time axis beside the reports of a run."""


def render(record: Record, verdict: Verdict, form: str) -> str:
    """The report in one of `FORMATS`; the text without colours."""
    content: str = _function(FORMATS[form].of_run)(record, verdict)
    return content


def write_all(record: Record, verdict: Verdict, folder: Path) -> list[Path]:
    """Write the report in every format, and the time axis as SVG, into a folder.

    Gives the files. Raises BreakfixError where one cannot be written.
    """
    from breakfix.reports import chart, markdown

    contents = {one.run_file: render(record, verdict, form) for form, one in FORMATS.items()}
    if (axis := chart.standalone(record)) is not None:
        contents[PICTURE] = axis
        contents[FORMATS["markdown"].run_file] = markdown.render(record, verdict, picture=PICTURE)
    return write_files(contents, folder)


def render_series(series: SeriesRecord, form: str) -> str:
    """The report of a series in one of `FORMATS`; the text without colours."""
    content: str = _function(FORMATS[form].of_series)(series)
    return content


def write_series(series: SeriesRecord, folder: Path) -> list[Path]:
    """Write the report of a series in every format into a folder.

    Gives the files. Raises BreakfixError where one cannot be written.
    """
    return write_files(
        {one.series_file: render_series(series, form) for form, one in FORMATS.items()}, folder
    )


def write_files(contents: dict[str, str], folder: Path) -> list[Path]:
    """Write texts into a folder, each under its name. Raises BreakfixError where one cannot be written."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            path = folder / name
            path.write_text(content, encoding="utf-8", errors="backslashreplace")
            written.append(path)
    except OSError as error:
        raise BreakfixError(
            f"The report cannot be written to {folder}: {error.strerror}.",
            hint="Name another folder.",
        ) from error
    return written


def _function(named: str) -> Callable[..., str]:
    module, _, function = named.partition(":")
    found: Callable[..., str] = getattr(import_module(f"breakfix.reports.{module}"), function)
    return found
