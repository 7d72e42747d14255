"""From journal to people."""

from pathlib import Path
from typing import Final

from breakfix.engine.errors import BreakfixError
from breakfix.engine.timeline.record import Record, Verdict
from breakfix.engine.trials import SeriesRecord

if __name__ != "breakfix.reports":
    raise ImportError(f"import breakfix.reports, not {__name__}: a second copy has other classes")

FORMATS = ("text", "json", "html")
_SUFFIXES: Final = {"text": "txt", "json": "json", "html": "html"}


def render(record: Record, verdict: Verdict, form: str) -> str:
    """The report in one of `FORMATS`; the text without colours."""
    if form == "json":
        from breakfix.reports import json

        return json.render(record, verdict)
    if form == "html":
        from breakfix.reports import html

        return html.render(record, verdict)
    from breakfix.reports import text

    return text.render(record, verdict)


def write_all(record: Record, verdict: Verdict, folder: Path) -> list[Path]:
    """Write the report in every format, and the time axis as SVG, into a folder.

    Gives the files. Raises BreakfixError where one cannot be written.
    """
    from breakfix.reports import chart

    contents = {
        f"report.{suffix}": render(record, verdict, form) for form, suffix in _SUFFIXES.items()
    }
    if (axis := chart.standalone(record)) is not None:
        contents["timeline.svg"] = axis
    return _write(contents, folder)


def render_series(series: SeriesRecord, form: str) -> str:
    """The report of a series in one of `FORMATS`; the text without colours."""
    if form == "json":
        from breakfix.reports import json

        return json.document(series)
    if form == "html":
        from breakfix.reports import series_html

        return series_html.render(series)
    from breakfix.reports import series_text

    return series_text.render(series)


def write_series(series: SeriesRecord, folder: Path) -> list[Path]:
    """Write the report of a series in every format into a folder.

    Gives the files. Raises BreakfixError where one cannot be written.
    """
    contents = {
        f"series.{suffix}": render_series(series, form) for form, suffix in _SUFFIXES.items()
    }
    return _write(contents, folder)


def _write(contents: dict[str, str], folder: Path) -> list[Path]:
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
