"""Markdown for job summaries and comments: what it says, what it escapes, and how large it gets."""

from collections.abc import Callable
from typing import Any

import pytest

from breakfix.engine.timeline.record import Record, Verdict
from breakfix.reports import markdown, series_markdown
from breakfix.reports.markdown_text import BYTES_MAX, code, escaped
from breakfix.reports.mermaid import timeline

Told = Callable[[Any], tuple[Record, Verdict]]
Made = Callable[..., Any]


def test_it_says_what_a_reviewer_asks(story: Made, told: Told) -> None:
    """The verdict in a sentence, the time to restore with its interval, the rows, how to repeat it."""
    text = markdown.render(*told(story()))
    assert text.startswith("## cache_outage: ✅ passed\n\nWhole again after 2.18 s")
    for part in (
        "| time to restore | **2.18 s** \\[2.05, 2.32\\] |", "Nothing was left behind",
        "| ✅ passed | kill_cache restored within 15s | took 2.18 s", "Healed by the repair",
        "breakfix run --seed 7 cache.yaml",
    ):  # fmt: skip
        assert part in text, part


def test_without_a_picture_the_time_line_is_a_mermaid_chart(story: Made, told: Told) -> None:
    """Every step and every outage is in it; with an address, there is a picture instead."""
    text = markdown.render(*told(story()))
    _, _, chart = text.partition("```mermaid\n")
    for line in (
        "gantt", "  kill_cache :crit, 2000-01-01 00:00:01.000, 2000-01-01 00:00:02.850",
        "  section outages", "  whole :2000-01-01 00:00:02.970, 2000-01-01 00:00:03.430",
    ):  # fmt: skip
        assert line in chart.splitlines(), line
    pictured = markdown.render(*told(story()), picture="https://ci.example/a b/timeline.svg")
    assert "![The time axis of the run](<https://ci.example/a%20b/timeline.svg>)" in pictured
    assert "mermaid" not in pictured


def test_names_are_no_words_of_the_chart(journal: Made, told: Told) -> None:
    """Whatever a step or a target is called, it is a bar."""
    run = journal().begin().plan(
        [{"id": "title", "verify": "healthy", "within": "1s"}], units={"title": ["", "a:b;c#1"]}
    )
    for unit in ("title", "title@a:b;c#1"):
        run.unit(0.2, unit, "running").sample(0.3, 0.4, "good", unit).unit(0.5, unit, "succeeded")
    bars = [line for line in timeline(told(run.end(1.0))[0]).splitlines() if " :" in line]
    assert [bar.partition(" :")[0] for bar in bars] == ["  step title", "  step title@a b c 1"]


@pytest.mark.parametrize(
    "text", ["a|b", "<img src=x>", "[x](http://e)", "`x`", "**x**", "@someone", "x #12", "a\nb\x1b[2J"]
)
def test_texts_of_a_run_are_no_markup(text: str) -> None:
    """No cell is broken, nothing is linked, nobody is called, and code stays what it is."""
    for shown in (escaped(text), code(text)):
        inner = shown.removeprefix("<code>").removesuffix("</code>")
        assert "\n" not in shown and "\x1b" not in shown and "<" not in inner
        assert "|" not in inner.replace("\\|", "")
    assert "@someone" not in escaped(text) and "#12" not in escaped(text)
    assert "[x](" not in escaped(text) and "http://" not in escaped(text)


def test_a_failed_run_shows_first_what_does_not_hold(never_mended: Made, told: Told) -> None:
    """With the control characters of a service's answer made harmless."""
    text = markdown.render(*told(never_mended()))
    assert text.startswith("## cache_outage: ❌ failed")
    assert "no &lt;room&gt; &amp;" in text
    assert "\x1b" not in text and "\x00" not in text


def test_a_very_large_run_fits_into_a_comment(journal: Made, told: Told) -> None:
    """Ten thousand steps with long reasons: under the bound of GitHub, and it says what is left out."""
    steps = [{"id": f"s{index}", "verify": "healthy", "within": "1s"} for index in range(10_000)]
    run = journal().begin().plan(steps)
    for index in range(10_000):
        run.unit(float(index), f"s{index}", "running")
        run.unit(index + 0.3, f"s{index}", "failed", "ü" * 900)
    record, verdict = told(run.end(10_001.0))
    text = markdown.render(record, verdict)
    assert len(text.encode()) <= BYTES_MAX < 65_536
    assert "more steps in the JSON record" in text and "failed" in text


def test_a_series_is_told_with_its_numbers(series_of: Made, story: Made, never_mended: Made) -> None:
    """Every trial is a line; the summary has its interval or says why not."""
    text = series_markdown.render(series_of(story(), never_mended(), story()))
    assert text.startswith("## cache_outage, 3 trials: ❌ failed")
    assert text.count("20261126-081502-cache_outage-3f2a") == 3
    assert "Kaplan-Meier" in text
