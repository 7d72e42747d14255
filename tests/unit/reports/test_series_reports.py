"""The reports of a series of trials: in every format, escaped, and found by its id."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

from breakfix import reports
from breakfix.engine.cli import report
from breakfix.engine.timeline import fold
from breakfix.engine.trials import SeriesEnd, SeriesRecord, add, begun, ended, trial_of
from breakfix.engine.trials.schema import series_schema
from breakfix.engine.verdict import judge

Story = Callable[..., Any]
NASTY = "<script>alert(1)</script>\x1b[31m"
VOID = {"meta"}


class Page(HTMLParser):
    """What a page opens, closes and refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag begins."""
        self.tags.add(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """A tag ends: the one that is open."""
        assert self.open.pop() == tag


def series_of(story: Story, count: int, **fields: Any) -> SeriesRecord:
    """A series of equal trials."""
    record = fold(story().lines)
    made = SeriesRecord(
        series_id="series-20261126-081502-cache_outage-9d04", scenario="cache_outage",
        file="cache.yaml", file_sha256="ab" * 32, command="breakfix run cache.yaml --repeat 6",
        versions={"breakfix": "0.1.0"}, seed=7, began_wall_s=1_795_680_902.0, times=6, up_to=6,
        pause_s=10.0, stop_on="never",
    )  # fmt: skip
    for _ in range(count):
        made = add(made, trial_of(record, judge(record)))
    made = msgspec.structs.replace(made, **fields)
    return ended(made, SeriesEnd(kind="complete", why="as many as wanted"))


@pytest.mark.parametrize("form", ["text", "html"])
def test_a_report_tells_trials_and_what_they_say_together(story: Story, form: str) -> None:
    """Each trial with its times; geometric mean, exact median interval and share with impact."""
    content = reports.render_series(series_of(story, 6), form)
    for part in (
        "6 trials: 6 passed.", "2.18 s [2.05, 2.32]", "geometric mean", "96.9 % interval",
        "share with impact", "100 %", "[61, 100]", "breakfix run cache.yaml --repeat 6",
        "20261126-081502-cache_outage-3f2a",
    ):  # fmt: skip
        assert part in content, part


@pytest.mark.parametrize("form", ["text", "html"])
def test_what_is_refused_is_told_in_its_words(story: Story, form: str) -> None:
    """Two trials are a list of values, and the sentence why there is no more."""
    content = reports.render_series(series_of(story, 2), form)
    assert "n too small: a summary needs n" in content
    assert "values" in content
    assert "96.9 %" not in content


def test_the_page_is_whole_and_loads_nothing(story: Story) -> None:
    """Well-formed, without script, link or address; texts of runs never become markup."""
    made = series_of(story, 3)
    nasty = msgspec.structs.replace(made.trials[0], reason=NASTY)
    content = reports.render_series(msgspec.structs.replace(made, trials=(nasty,)), "html")
    page = Page()
    page.feed(content)
    page.close()
    assert page.open == [] and page.references == []
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert "default-src 'none'" in content and "//" not in content
    assert "&lt;script&gt;" in content


def test_the_text_does_nothing_to_a_terminal(story: Story) -> None:
    """No escape sequence of a run is printed."""
    made = series_of(story, 3)
    nasty = msgspec.structs.replace(made.trials[0], reason=NASTY)
    content = reports.render_series(msgspec.structs.replace(made, trials=(nasty,)), "text")
    assert "\x1b" not in content


def test_a_series_without_an_end_says_so(story: Story) -> None:
    """Its process was killed, or works on the run that is named."""
    made = begun(msgspec.structs.replace(series_of(story, 1), ended=None), "run-2")
    for form in ("text", "html"):
        content = reports.render_series(made, form)
        assert "its file has no end" in content and "Run run-2 had begun" in content


def test_every_format_is_written(story: Story, tmp_path: Path) -> None:
    """`run --report DIR`: one file a format; the document follows the schema."""
    written = reports.write_series(series_of(story, 3), tmp_path / "out")
    names = sorted(path.name for path in written)
    wanted = ["junit.xml", "metrics.prom", "series.html", "series.json", "series.md", "series.txt"]
    assert names == wanted
    document = json.loads((tmp_path / "out" / "series.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, series_schema())


def test_a_series_is_found_by_its_id(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its id, the beginning of it, or its file; what is none is an error for people."""
    monkeypatch.setenv("BREAKFIX_HOME", str(tmp_path))
    made = series_of(story, 3)
    path = tmp_path / "series" / f"{made.series_id}.json"
    path.parent.mkdir()
    path.write_bytes(msgspec.json.encode(made))
    for name in (made.series_id, "series-2026", str(path)):
        result = CliRunner().invoke(report.command, [name], catch_exceptions=False)
        assert result.exit_code == 0 and "cache_outage, 3 trials: passed" in result.output
    broken = tmp_path / "other.json"
    broken.write_text("{}")
    for name, words in (("series-1999", "no series"), (str(broken), "not the file of a series")):
        error = CliRunner().invoke(report.command, [name]).exception
        assert words in str(error)
