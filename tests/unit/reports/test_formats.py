"""The formats of a report: complete, escaped, self-contained, and valid against the schema."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from breakfix import reports
from breakfix.engine.errors import BreakfixError
from breakfix.engine.events import FaultResidue, RunErrored
from breakfix.engine.timeline import fold
from breakfix.engine.timeline.record import Record, Verdict
from breakfix.engine.timeline.schema import record_schema
from breakfix.engine.verdict import judge
from breakfix.reports import chart, html, palette, text, wording
from breakfix.reports import json as json_report

Story = Callable[..., Any]
SCHEMA = Path(__file__).parents[3] / "schemas" / "record.v1.json"
NASTY = "<script>alert(1)</script>&\"'"
VOID = {"meta", "br", "hr", "img", "input", "link"}


def told(run: Any) -> tuple[Record, Verdict]:
    """Record and verdict of a builder's lines."""
    record = fold(run.lines)
    return record, judge(record)


def nasty(story: Story) -> Any:
    """A run in which texts from outside try to be markup or an escape sequence."""
    run = story()
    run.add(3.7, RunErrored(message=f"{NASTY}\x1b[31mred\nline"))
    run.add(3.7, FaultResidue(fault="kill_cache@cache#1", why=NASTY, manual=NASTY))
    run.unit(3.7, "whole", "failed", NASTY)
    return run


class Balanced(HTMLParser):
    """Fails where a tag is closed that is not open, and collects what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.labels: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag begins."""
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "srcset", "action", "data", "xlink:href"):
                self.references.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name == "aria-labelledby":
                self.labels.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that is closed at once."""
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        """A tag ends: it must be the innermost."""
        assert self.open.pop() == tag


def page(run: Any) -> tuple[str, Balanced]:
    """The HTML of a run, parsed."""
    content = html.render(*told(run))
    parser = Balanced()
    parser.feed(content)
    parser.close()
    assert parser.open == []
    return content, parser


def test_the_page_loads_nothing(story: Story) -> None:
    """No address of another machine, no script, nothing to fetch; a policy forbids it as well."""
    content, parser = page(story())
    assert "http:" not in content and "https:" not in content and "//" not in content
    assert parser.references == []
    assert not parser.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert "default-src 'none'" in content
    assert "@import" not in content and "url(" not in content


def test_the_page_is_well_formed_and_named(story: Story) -> None:
    """Every tag is closed, ids are unique, and each labelled section points at its heading."""
    _, parser = page(story())
    assert len(parser.ids) == len(set(parser.ids))
    assert set(parser.labels) <= set(parser.ids)
    assert {"main", "h1", "h2", "table", "th", "figure", "figcaption"} <= parser.tags


def test_the_page_tells_all_of_it(story: Story) -> None:
    """Verdict, times with their intervals, expectations, proof, steps, and how to repeat it."""
    record, _ = told(story())
    content, _ = page(story())
    for part in (
        "Passed.", "2.18 s", "[2.05, 2.32]", "kill_cache restored within 15s",
        "the process is gone", "measured: running: false", "Healed by the repair",
        "breakfix run --seed 7 cache.yaml", record.run.head, "first bad sample",
        "1 of 1 faults seen gone", "breakfix 0.1.0",
    ):  # fmt: skip
        assert part in content, part


def test_nothing_of_a_run_becomes_markup(story: Story) -> None:
    """Texts of the run are escaped, wherever they stand."""
    content, parser = page(nasty(story))
    assert "<script>" not in content
    assert "script" not in parser.tags
    assert content.count("&lt;script&gt;") >= 3


def test_the_page_has_light_and_dark(story: Story) -> None:
    """The colours are variables; each colour of a chart is one of them, so that it follows."""
    content, _ = page(story())
    assert "prefers-color-scheme: dark" in content
    light, dark = palette.variables(dark=False), palette.variables(dark=True)
    assert light in content and dark in content
    known = {pair[0] for pair in palette.palette().values()}
    drawn = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', content))
    assert drawn and drawn <= known


def test_light_colours_are_told_apart() -> None:
    """A style sheet finds a role by its light colour, so no two roles have the same."""
    pairs = palette.palette()
    assert len({pair[0] for pair in pairs.values()}) == len(pairs)


def test_the_chart_stands_alone(story: Story) -> None:
    """The time axis is an SVG file that is well-formed, named, and of the size it says."""
    svg = chart.standalone(told(story())[0], width_px=700)
    assert svg is not None
    root = ET.fromstring(svg)
    assert root.attrib["width"] == "700"
    assert root.attrib["role"] == "img"
    texts = "".join(root.itertext())
    for word in ("kill_cache", "noticed", "start_cache", "whole", "healthy bad", "t8"):
        assert word in texts


def test_a_run_that_never_began_has_a_report_too() -> None:
    """An empty journal is told in every format, without a chart."""
    record = fold([])
    verdict = judge(record)
    assert chart.time_axis(record) is None
    assert "Errored." in html.render(record, verdict)
    assert "errored" in text.render(record, verdict)
    jsonschema.validate(json.loads(json_report.render(record, verdict)), record_schema())


@pytest.mark.parametrize("make", [lambda story: story(), nasty], ids=["good", "nasty"])
def test_the_json_document_follows_its_schema(story: Story, make: Callable[..., Any]) -> None:
    """The document is what the published schema says, and can be read back into its types."""
    content = json_report.render(*told(make(story)))
    document = json.loads(content)
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert document["schema"] == "breakfix/record/v1"
    assert document["verdict"]["verdict"] in ("passed", "errored")
    again = msgspec.json.decode(content, type=Record)
    assert again.episodes == told(make(story))[0].episodes


def test_every_measured_time_of_the_document_is_a_pair(story: Story) -> None:
    """Marks, durations, and the times of steps, faults, samples and outages have two ends."""
    document = json.loads(json_report.render(*told(story())))
    planned = {
        "due_at_s", "hold_s", "retry_in_s", "worst_s", "deadline_s", "wall_s", "started_wall_s",
        "bound_s", "at_least_s", "late_s", "occurred_at_s", "last_bad_at_s",
    }  # fmt: skip

    def look(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                if key != "overhead":
                    look(item, key)
        elif isinstance(value, list) and not name.endswith("_s"):
            for item in value:
                look(item, name)
        elif name.endswith("_s") and name not in planned and value is not None:
            lower, upper = value
            assert lower <= upper, name

    look(document, "")


def test_the_committed_schema_is_that_of_the_types() -> None:
    """schemas/record.v1.json is derived; `breakfix schema --write` brings it up to date."""
    committed = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(record_schema()))
    jsonschema.Draft202012Validator.check_schema(committed)


def test_the_text_is_plain_unless_colour_is_asked_for(story: Story) -> None:
    """Escape sequences come from us alone, and only where they were asked for."""
    record, verdict = told(nasty(story))
    assert "\x1b" not in text.render(record, verdict)
    coloured = text.render(record, verdict, color=True)
    assert "\x1b[" in coloured
    assert "\x1b[31mred" not in coloured


def test_the_text_tells_all_of_it(story: Story) -> None:
    """The same words as in the page."""
    content = text.render(*told(story()))
    for part in (
        "cache_outage: passed", "2.18 s [2.05, 2.32]", "kill_cache restored within 15s",
        "running: false", "Healed by the repair", "breakfix run --seed 7 cache.yaml",
    ):  # fmt: skip
        assert part in content, part


def test_the_certificate_counts_what_is_gone(journal: Story) -> None:
    """A fault that was not seen gone is left behind, and the report says so."""
    record, _ = told(journal().begin().plan().inject(1.0))
    assert wording.certificate(record).startswith("Something was left behind: 0 of 1 faults")


def test_a_censored_time_is_told_as_a_lower_bound(journal: Story) -> None:
    """Not restored: over so many seconds, never a plain number."""
    run = journal().begin().plan()
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.sample(1.1, 1.2, "bad", "noticed").sample(2.0, 2.1, "bad", "whole")
    run.unit(11.2, "whole", "failed", "no")
    (episode,) = told(run)[0].episodes
    assert wording.restored(episode.measured).value == "over 10 s"


def test_a_long_run_is_cut_and_says_so(journal: Story) -> None:
    """A report of a thousand steps shows some of them and counts the rest."""
    steps = [{"id": f"s{index}", "verify": "healthy", "within": "1s"} for index in range(1000)]
    run = journal().begin().plan(steps)
    for index in range(1000):
        run.unit(float(index), f"s{index}", "running", due_at_s=float(index))
        run.sample(index + 0.1, index + 0.2, "good", f"s{index}")
        run.unit(index + 0.3, f"s{index}", "succeeded")
    content, _ = page(run)
    assert "500 more steps are in the JSON record" in content
    assert "36 of 1000 steps are drawn" in content


def test_all_formats_are_written_into_a_folder(story: Story, tmp_path: Path) -> None:
    """`run --report DIR`: one file a format, and the chart."""
    written = reports.write_all(*told(story()), tmp_path / "deep" / "out")
    assert sorted(path.name for path in written) == [
        "junit.xml", "metrics.prom", "report.html", "report.json", "report.md", "report.txt",
        "timeline.svg",
    ]  # fmt: skip
    assert all(path.stat().st_size > 0 for path in written)


def test_a_folder_that_cannot_be_written_is_an_error_for_people(
    story: Story, tmp_path: Path
) -> None:
    """No traceback: a sentence that names the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BreakfixError, match="cannot be written"):
        reports.write_all(*told(story()), tmp_path / "file" / "out")
