"""Steps on hundreds of targets: told as a whole in every report, with nothing lost in the record."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from breakfix.engine.cli.live import LiveView
from breakfix.engine.timeline import fold
from breakfix.engine.timeline.record import Record, Verdict
from breakfix.engine.verdict import judge
from breakfix.reports import fan_out, html, tables, text, wording
from breakfix.reports import json as json_report
from breakfix.reports.fan_out import shares

Wide = Callable[..., Any]
COUNT = 500


@pytest.fixture
def told(wide: Wide) -> tuple[Record, Verdict]:
    """A fault, a repair and a look on each of 500 hosts."""
    record = fold(wide(COUNT).lines)
    return record, judge(record)


def test_the_times_of_the_units_are_percentiles(told: tuple[Record, Verdict]) -> None:
    """Nearest ranks, so each is a time that was measured: of 1, 2 ... 500 ms, p90 is 450 ms."""
    (kill, _, _) = fan_out.fan_outs(told[0])
    run = next(line for line in kill.timings if line.name == "run")
    assert run.units == "500"
    assert run.spread == ("1.00 ms", "250 ms", "450 ms", "495 ms", "500 ms")
    assert [line.name for line in kill.timings] == ["start delay", "run", "check"]


def test_the_slowest_ten_are_named(told: tuple[Record, Verdict]) -> None:
    """The slowest first, by the time of its own work."""
    (_, start, _) = fan_out.fan_outs(told[0])
    assert [line.target for line in start.slowest] == [f"host-{499 - n:05}" for n in range(10)]


def test_failures_are_named_with_their_reason(told: tuple[Record, Verdict]) -> None:
    """Those that are alike together, whatever their own name is in the reason."""
    (kill, start, _) = fan_out.fan_outs(told[0])
    (unseen,) = kill.failures
    assert (unseen.what, unseen.count) == ("failed", 4)
    assert unseen.targets == "host-[00125,00250,00375,00500]"
    refused, blocked = start.failures
    assert (refused.count, refused.why) == (8, "<target> refuses the connection")
    assert blocked.why == "needs kill@<target> active, it is failed"
    assert start.outcome == "488 succeeded, 8 errored, 4 blocked; 450 had to succeed"


def test_reasons_that_differ_are_counted_beyond_a_bound(wide: Wide) -> None:
    """Twenty of them are told, and how many units are in none of those."""
    run = wide(100, refused_every=0, unseen_every=0)
    for number in range(1, 41):
        run.unit(9.0, f"whole@host-{number:05}", "failed", f"reason {number}")
    whole = fan_out.fan_outs(fold(run.lines))[2]
    assert len(whole.failures) == fan_out.GROUPS_MAX
    assert whole.left == 20


def test_a_step_of_twenty_units_is_told_unit_by_unit(wide: Wide) -> None:
    """The threshold is one number for all reports."""
    narrow = fold(wide(fan_out.WIDE, refused_every=0, unseen_every=0).lines)
    assert fan_out.fan_outs(narrow) == []
    assert len(tables.step_lines(narrow)) == 3 * fan_out.WIDE
    assert "start@host-00020" in text.render(narrow, judge(narrow))


def test_every_report_is_short_and_says_the_same(told: tuple[Record, Verdict]) -> None:
    """A few dozen lines of text, and a page far below what a browser has trouble with."""
    page, plain = html.render(*told), text.render(*told)
    assert len(page) < 500_000
    assert plain.count("\n") < 150
    for content in (page, plain):
        for part in (
            "kill on 500 targets", "496 succeeded, 4 failed", "host-[00125,00250,00375,00500]",
            "start delay", "p99", "slowest", "p50 250 ms", "496 targets",
        ):  # fmt: skip
            assert part.lower() in content.lower(), part
    assert "host-00042" not in page + plain


def test_the_record_has_every_unit(told: tuple[Record, Verdict]) -> None:
    """What the reports leave out is in the JSON document."""
    document = json.loads(json_report.render(*told))
    assert len(document["units"]) == 3 * COUNT
    assert {unit["target"] for unit in document["units"]} == {
        f"host-{number:05}" for number in range(1, COUNT + 1)
    }


def test_reasons_of_the_verdict_are_told_once(told: tuple[Record, Verdict]) -> None:
    """Eight units that could not be carried out are not eight lines."""
    first = wording.notes(*told)[0]
    assert first.startswith("Step start@<target> could not be carried out")
    assert "(7 times: host-[00100," in first


def test_what_was_left_behind_is_told_one_by_one(wide: Wide) -> None:
    """Whoever has to mend it by hand needs each command; a summary would hide it."""
    from breakfix.engine.events import FaultResidue

    run = wide(100)
    for number in (3, 4):
        run.add(9.0, FaultResidue(
            fault=f"kill@host-{number:05}#1", why="no answer", manual=f"ssh host-{number:05} start"
        ))  # fmt: skip
    lines = tables.proofs(fold(run.lines))
    assert [line.manual for line in lines[:2]] == ["ssh host-00003 start", "ssh host-00004 start"]
    assert sum(bool(line.manual) for line in lines) == 2
    assert len(lines) == 3


def test_the_axis_shows_the_share_that_is_at_work() -> None:
    """On average over each part of the axis; what was there for a moment shows too."""
    found = shares([(0.0, 2.0), (1.0, 2.0), (3.5, 3.5)], 2, (0.0, 4.0), 4)
    assert found[:3] == [0.5, 1.0, 0.0]
    assert 0 < found[3] < 0.01
    assert shares([(-5.0, 0.5), (9.0, 10.0)], 1, (0.0, 1.0), 2) == [1.0, 0.0]


def shown(lines: Any, **options: Any) -> list[str]:
    """What the live view prints of some lines where there is no terminal."""
    stream = io.StringIO()
    with LiveView(stream=stream, **options) as view:
        for line in lines:
            view.on_line(line)
    return stream.getvalue().splitlines()


def test_the_live_view_tells_each_tenth(wide: Wide) -> None:
    """Beside the begin of a step and what goes wrong; the verbose get every unit."""
    lines = wide(COUNT).lines
    output = shown(lines)
    assert len(output) < 110
    assert any("kill begins on 500 targets" in line for line in output)
    assert any("kill: active on 250 of 500 targets" in line for line in output)
    assert any("kill: 500 of 500 over, 4 failed" in line for line in output)
    assert any("start@host-00050 errored" in line for line in output)
    assert not any("kill@host-00042 begins" in line for line in output)
    assert any("kill@host-00042 begins" in line for line in shown(lines, verbosity=1))


def test_very_many_failures_are_counted_while_the_run_goes_on(wide: Wide) -> None:
    """The first twenty of a step are told, all of them are in the count."""
    output = shown(wide(COUNT, refused_every=1, unseen_every=0).lines)
    assert sum("errored:" in line for line in output) == fan_out.WIDE
    assert any("start: 500 of 500 over, 500 errored" in line for line in output)


def test_the_table_has_one_row_for_a_wide_step(wide: Wide, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is broken and what is at work, counted, with the longest time."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with LiveView(stream=stream) as view:
        for line in wide(COUNT).lines:
            if line.at_s <= 1.5:
                view.on_line(line)
    output = stream.getvalue()
    assert "targets of kill" in output and " active" in output
    assert "of 500 over" in output and "at work" in output
    assert "host-00142" not in output


def test_why_a_wide_step_is_as_it_is(
    wide: Wide, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One unit of each state is told of, with the names of the others; of the run, the first reasons."""
    import msgspec
    from click.testing import CliRunner

    from breakfix.engine.cli import why

    lines = wide(COUNT, refused_every=2, unseen_every=0).lines
    journal = tmp_path / "journal.ndjson"
    journal.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))

    def told(*args: str) -> list[str]:
        result = CliRunner().invoke(why.command, [str(journal), *args], catch_exceptions=False)
        return str(result.output).splitlines()

    output = told("start")
    assert len(output) < 25
    assert "and 249 more errored: host-[00004," in "\n".join(output)
    assert "start@host-00001: succeeded" in output
    assert "start@host-00042: errored" in told("start@host-00042")
    assert len(told()) < 30
    assert any("and 230 more reasons" in line for line in told())
