"""From journal to people."""

from pathlib import Path

from breakfix.engine.errors import BreakfixError
from breakfix.engine.timeline.record import Record, Verdict

if __name__ != "breakfix.reports":
    raise ImportError(f"import breakfix.reports, not {__name__}: a second copy has other classes")

FORMATS = ("text", "json", "html")


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

    suffixes = {"text": "txt", "json": "json", "html": "html"}
    contents = {
        f"report.{suffixes[form]}": render(record, verdict, form) for form in FORMATS
    }
    if (axis := chart.standalone(record)) is not None:
        contents["timeline.svg"] = axis
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
