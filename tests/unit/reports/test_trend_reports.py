"""Trends and comparisons in every format: escaped, self-contained, small however much there is."""

import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.drills import BEGAN_WALL_S, DAY_S, Drill, seeded, write

from breakfix.engine.cli import compare as compare_command
from breakfix.engine.cli import trend as trend_command
from breakfix.engine.history.journals import row_of_journal
from breakfix.engine.journal import read
from breakfix.engine.timeline import Record, Verdict, fold
from breakfix.engine.trend import RunRow, TrendRecord, compare, trend
from breakfix.engine.trend.row import FaultRow, LookRow, ProblemRow
from breakfix.engine.trend.schema import comparison_schema, trend_schema
from breakfix.engine.trials import TrialTime
from breakfix.engine.verdict import judge
from breakfix.reports import comparison_html, comparison_text, trend_html, trend_text
from breakfix.reports import json as json_report

replace = msgspec.structs.replace
NASTY = "<script>alert(1)</script>\x1b[31m"
SMALL_BYTES = 5_000_000


class Page(HTMLParser):
    """What a page has and refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.labels = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag begins."""
        self.tags.append(tag)
        named = dict(attrs)
        self.references += [named[name] or "" for name in ("src", "href") if name in named]
        self.labels += tag == "svg" and bool(named.get("aria-label"))


def call(command: Any, *args: str) -> Result:
    """A command."""
    return CliRunner().invoke(command, args, catch_exceptions=False)


@pytest.fixture
def rows(tmp_path: Path) -> list[RunRow]:
    """A planted change, a time-out, an abort."""
    drills = [
        *seeded(32),
        Drill(number=40, restore_s=None),
        Drill(number=41, restore_s=None, aborted=True),
    ]
    return [row_of_journal(write(drill, tmp_path / "runs")) for drill in drills]


def told(rows: list[RunRow]) -> TrendRecord:
    """Their trend."""
    return trend(rows, as_of_wall_s=BEGAN_WALL_S + 90 * DAY_S, history="/h/history.db")


def test_every_format_of_a_trend_says_the_same(rows: list[RunRow]) -> None:
    """The sentence in words, in text, JSON (which its schema describes) and HTML."""
    record = told(rows)
    sentence = record.keys[0].metrics["time_to_restore_s"].sentence
    assert "changed at run 2" in sentence and "1 not seen" not in sentence
    assert sentence in trend_text.render(record)
    document = json.loads(json_report.document(record))
    jsonschema.validate(document, trend_schema())
    assert document["keys"][0]["metrics"]["time_to_restore_s"]["sentence"] == sentence
    page = trend_html.render(record)
    assert sentence.replace(">", "&gt;") in page
    assert "breakfix trend" in page and "1.4.2" in page


def test_a_page_of_a_trend_loads_nothing(rows: list[RunRow]) -> None:
    """No script, no reference, and each drawing has a text."""
    page = Page(trend_html.render(told(rows)))
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert page.references == []
    assert page.labels == page.tags.count("svg") == 2


def test_marks_tell_what_became_of_a_run(rows: list[RunRow]) -> None:
    """Measured runs are points, a time-out an open mark, an abort a cross, each by itself."""
    page = trend_html.render(told(rows))
    wide = page[page.index('<div class="wide">') : page.index('<div class="narrow">')]
    shapes = re.findall(r'<path[^>]* d="([^"]*)"[^>]*stroke-width="1.8"[^>]*>', wide)
    assert len(shapes) == 2
    assert sum("A" in shape for shape in shapes) == 1, "an open circle"
    assert sum("A" not in shape and shape.count("M") == 2 for shape in shapes) == 1, "a cross"
    circles = re.findall(r'<path[^>]*d="M[^"]*A[^"]*"[^>]*fill="#[0-9a-f]{6}"', wide)
    assert len(circles) == 32


def test_texts_of_runs_are_escaped(rows: list[RunRow]) -> None:
    """Names, labels and problems come from elsewhere."""
    nasty = [
        replace(
            row,
            scenario=NASTY,
            labels={"version": f"{NASTY}{index // 15}"},
            faults=(FaultRow(service=NASTY, action="docker.kill", proved=True),),
            problems=(ProblemRow(about="x", text=NASTY),),
            verdict="failed",
        )
        for index, row in enumerate(rows)
    ]
    record = told(nasty)
    assert "<script" not in trend_html.render(record)
    assert "\x1b" not in trend_text.render(record)


def many_rows(keys: int, each: int) -> Iterator[RunRow]:
    """A fleet."""
    for key in range(keys):
        for number in range(each):
            yield RunRow(
                run_id=f"{number:05}-{key:05}", scenario=f"drill_{key}", key=f"key{key:05}",
                version="0.1.0", began_wall_s=BEGAN_WALL_S + number * DAY_S,
                ended_wall_s=BEGAN_WALL_S + number * DAY_S + 60, complete=True,
                verdict="passed" if number % 5 else "failed", exit_code=0, reason="it was so",
                evidence=True, labels={"version": str(number // 100)},
                times={"time_to_restore_s": TrialTime(interval_s=(7.9, 8.1 + number % 7))},
                faults=(FaultRow(service=f"service{key}", action=f"net.fault{key % 12}", proved=True),),
                looks=(LookRow(probe="up", good=95, bad=5),),
                problems=() if number % 5 else (ProblemRow(about="row x", text="x took too long " * 5),),
            )  # fmt: skip


@pytest.mark.parametrize(("keys", "each"), [(700, 4), (1, 3000), (14, 300)])
def test_a_large_history_makes_a_small_page(keys: int, each: int) -> None:
    """Many groups, and many runs of one: what is left out is said, and JSON has it."""
    record = told(list(many_rows(keys, each)))
    page = trend_html.render(record)
    assert len(page.encode()) < SMALL_BYTES
    if keys > 300:
        assert "the JSON has all of them" in page
    if each > 300:
        assert f"the newest 300 of {each} runs" in page


def test_an_empty_history_has_a_page() -> None:
    """It says that there is nothing."""
    record = told([])
    assert "Trend of 0 runs" in trend_html.render(record)
    assert "Trend of 0 runs" in trend_text.render(record)


def test_the_command_shows_a_trend(
    rows: list[RunRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the home's runs, filtered, in every format, and into a file."""
    monkeypatch.setenv("BREAKFIX_HOME", str(tmp_path))
    monkeypatch.delenv("BREAKFIX_HISTORY", raising=False)
    assert "changed at run 2" in call(trend_command.command).output
    found = json.loads(call(trend_command.command, "--format", "json", "--label", "version=1.4.1").output)
    assert found["runs"] == 26 and found["asked"] == "--label version=1.4.1"
    out = tmp_path / "trend.html"
    assert call(trend_command.command, "--format", "html", "--out", str(out)).output == ""
    assert out.read_text().startswith("<!doctype html>")
    bad = CliRunner().invoke(trend_command.command, ["--since", "yesterday"])
    assert bad.exception is not None and "is no time" in str(bad.exception)


# --- two runs ---


def run_of(drill: Drill, folder: Path) -> tuple[Record, Verdict]:
    """The record of a drill."""
    record = fold(read(write(drill, folder)))
    return record, judge(record)


def test_two_runs_side_by_side(tmp_path: Path) -> None:
    """Times with the ratio that both leave open, expectations, faults, observers, steps."""
    first = run_of(Drill(number=1, labels={"version": "1"}), tmp_path)
    second = run_of(Drill(number=2, restore_s=20.0, labels={"version": "2"}), tmp_path)
    found = compare(first, second)
    assert found.differs == ()
    jsonschema.validate(json.loads(json_report.document(found)), comparison_schema())
    restored = next(pair for pair in found.times if pair.metric == "time_to_restore_s")
    ratio: Any = restored.ratio
    assert list(ratio) == [pytest.approx(19.99 / 8.1), pytest.approx(20.1 / 7.99)]
    text = comparison_text.render(found)
    assert "They may be compared" in text and "x[2.47, 2.52]" in text
    assert "version 1" in text and "failed: took 20.0 s" in text
    page = comparison_html.render(found)
    assert page.count('class="differs"') == 5
    assert not Page(page).references


def test_what_may_not_be_compared_is_said(tmp_path: Path) -> None:
    """And which parts differ."""
    first = run_of(Drill(number=1), tmp_path)
    second = run_of(Drill(number=2, env="staging", restore_s=None), tmp_path)
    found = compare(first, second)
    assert found.differs == ("env",)
    text = comparison_text.render(found)
    assert "may not be compared" in text and "the environment" in text
    restored = next(pair for pair in found.times if pair.metric == "time_to_restore_s")
    assert restored.ratio is not None and restored.ratio[1] is None


def test_two_very_large_runs_make_a_small_page(story: Callable[..., Any]) -> None:
    """10,000 steps each: those that differ are shown, the others counted."""
    record = fold(story().lines)
    step = record.steps[0]
    steps = tuple(replace(step, id=f"step{i}") for i in range(10_000))
    other = tuple(
        replace(one, state="failed", reason=f"{NASTY}{i}") if i % 50 == 0 else one
        for i, one in enumerate(steps)
    )
    verdict = judge(record)
    found = compare((replace(record, steps=steps), verdict), (replace(record, steps=other), verdict))
    page = comparison_html.render(found)
    assert len(page.encode()) < SMALL_BYTES
    assert page.count("failed: ") >= 200 and "And 9800 more" in page and "<script" not in page
    assert len(json.loads(json_report.document(found))["steps"]) == 10_000


def test_the_command_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs by any of their names."""
    monkeypatch.setenv("BREAKFIX_HOME", str(tmp_path))
    for drill in (Drill(number=1), Drill(number=2)):
        write(drill, tmp_path / "runs")
    shown = call(compare_command.command, Drill(number=1).run_id, "last")
    assert shown.exit_code == 0 and "time to restore (MTTR)" in shown.output
