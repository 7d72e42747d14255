"""`breakfix report`, `breakfix runs` and the live view, on journals in a home of their own."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from breakfix.engine.cli import report, runs
from breakfix.engine.cli.live import LiveView
from breakfix.engine.cli.narration import tell
from breakfix.engine.events import (
    CancelRequested,
    ObserverSampled,
    RunErrored,
    RunStarted,
    SteadyMet,
)

Story = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without runs."""
    monkeypatch.setenv("BREAKFIX_HOME", str(tmp_path))
    return tmp_path


def keep(home: Path, run_id: str, lines: Any) -> Path:
    """Write a journal into the home, as that of this run."""
    replace = msgspec.structs.replace
    lines = [
        replace(line, event=replace(line.event, run_id=run_id))
        if isinstance(line.event, RunStarted)
        else line
        for line in lines
    ]
    folder = home / "runs" / run_id
    folder.mkdir(parents=True)
    path = folder / "journal.ndjson"
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


def call(command: Any, *args: str) -> str:
    """The output of a command that must end well."""
    result = CliRunner().invoke(command, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("named", ["last", "20261126-081502", "folder", "file"])
def test_a_report_is_found_by_any_name_of_its_run(home: Path, story: Story, named: str) -> None:
    """By `last`, the beginning of its id, its folder, or the journal itself."""
    path = keep(home, "20261126-081502-cache_outage-3f2a", story().lines)
    name = {"folder": str(path.parent), "file": str(path)}.get(named, named)
    assert "cache_outage: passed" in call(report.command, name)


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_a_report_goes_into_a_file(home: Path, story: Story, tmp_path: Path, form: str) -> None:
    """`--out FILE` writes the file, and nothing to the terminal."""
    keep(home, "20261126-081502-cache_outage-3f2a", story().lines)
    out = tmp_path / "here"
    assert call(report.command, "last", "--format", form, "--out", str(out)) == ""
    assert "kill_cache" in out.read_text(encoding="utf-8")


def test_the_json_report_on_standard_output_is_json(home: Path, story: Story) -> None:
    """Nothing else is printed with it."""
    keep(home, "20261126-081502-cache_outage-3f2a", story().lines)
    assert json.loads(call(report.command, "last", "--format", "json"))["verdict"]["exit_code"] == 0


def test_runs_are_listed_with_their_verdicts(home: Path, story: Story) -> None:
    """Newest first; one that has no end is unfinished, and a broken journal is a line."""
    keep(home, "20261126-081502-a-0001", story().lines)
    keep(home, "20261126-091502-b-0002", story().lines[:10])
    broken = keep(home, "20261126-101502-c-0003", [])
    broken.write_bytes(b"no journal\n")
    lines = call(runs.command).splitlines()
    assert lines[0].split()[0] == "RUN"
    assert "broken" in lines[1]
    assert "unfinished" in lines[2]
    assert "passed" in lines[3] and "2.18 s" in lines[3]


def test_runs_as_json_are_typed(home: Path, story: Story) -> None:
    """Times are pairs; of a broken journal the error is told."""
    keep(home, "20261126-081502-a-0001", story().lines)
    keep(home, "20261126-101502-c-0003", []).write_bytes(b"no journal\n")
    broken, good = json.loads(call(runs.command, "--format", "json"))
    assert broken["error"] and broken["exit_code"] is None
    assert good["time_to_restore_s"] == pytest.approx([2.05, 2.32])


def test_a_home_without_runs_says_what_to_do(home: Path) -> None:
    """No error: nothing has run yet."""
    assert "breakfix init" in call(runs.command)


def shown(lines: Any, **options: Any) -> str:
    """What the live view prints of some lines where there is no terminal."""
    stream = io.StringIO()
    with LiveView(stream=stream, **options) as view:
        for line in lines:
            view.on_line(line)
    return stream.getvalue()


def test_plain_lines_tell_each_change_with_its_instant(story: Story) -> None:
    """Without a terminal: one line for a change of state, and no escape sequence."""
    output = shown(story().lines)
    assert "    1.020 s  kill_cache@cache#1 is active (the process is gone: running:" in output
    assert "noticed succeeded" in output
    assert "kill_cache@cache#1 is over, by repair" in output
    assert "\x1b" not in output
    assert "healthy is bad" not in output


def test_verbose_lines_have_the_samples(story: Story) -> None:
    """`-v` tells each sample."""
    assert "noticed: healthy is bad (status 503, wanted 200)" in shown(story().lines, verbosity=1)


def test_quiet_lines_tell_only_what_goes_wrong(story: Story) -> None:
    """`-q` is silent on a good run, and not when the run is stopped or errs."""
    run = story()
    assert shown(run.lines, verbosity=-1) == ""
    run.add(4.0, RunErrored(message="no engine\x1b[2J"))
    run.add(4.0, CancelRequested(why="SIGTERM", source="signal"))
    output = shown(run.lines, verbosity=-1)
    assert "no engine" in output and "SIGTERM" in output
    assert "\x1b" not in output


def test_a_reader_that_went_away_does_not_stop_the_run(story: Story) -> None:
    """A closed stream is forgotten; the view takes every line and raises nothing."""
    stream = io.StringIO()
    with LiveView(stream=stream) as view:
        stream.close()
        for line in story().lines:
            view.on_line(line)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_a_terminal_gets_a_table_of_what_is_broken(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is broken, since when, and what is at work."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    view = LiveView(stream=stream)
    with view:
        for line in story().lines:
            if line.at_s <= 1.4:
                view.on_line(line)
    output = stream.getvalue()
    assert "broken" in output and "process.kill, active" in output
    assert "noticed" in output and "bad: status 503" in output


def test_every_event_can_be_told(story: Story) -> None:
    """The narration knows each event of a run, or passes it over."""
    for line in story().lines:
        told = tell(line.event)
        assert told is None or told.text


def observed_run(journal: Story) -> Any:
    """A steady state that is waited for, and an observer that sees two bad samples among others."""
    use = {"uses": "http.get", "with": {"url": "http://127.0.0.1:1/"}}
    run = journal().begin().plan(
        probes={"healthy": use, "up": use},
        steady=[{"probe": "up", "for": "1s"}],
        observe=[{"probe": "up", "fall": 2}],
    )
    run.sample(0.2, 0.21, "bad", "steady up", probe="up", detail="refused")
    run.sample(0.3, 0.31, "good", "steady up", probe="up")
    run.sample(1.4, 1.41, "good", "steady up", probe="up")
    run.add(1.42, SteadyMet(probes=("up",)))
    looks: tuple[tuple[tuple[Any, float, float, str], ...], ...] = (
        (("good", 1.0, 1.01, ""), ("bad", 1.1, 1.11, "refused"), ("good", 1.2, 1.21, "")),
        (("bad", 1.3, 1.31, "refused"), ("bad", 1.4, 1.41, "")),
        (("blind", 1.5, 1.51, "no route"), ("good", 1.6, 1.61, "")),
    )
    for at_s, samples in zip((1.45, 1.46, 1.62), looks, strict=True):
        run.add(at_s, ObserverSampled(probe="up", samples=samples))
    return run


def test_an_observed_probe_is_told_when_it_goes_bad_and_is_good_again(journal: Story) -> None:
    """One line each, counted as outages are: a single bad sample of two that are wanted is none."""
    lines = [line for line in shown(observed_run(journal).lines).splitlines() if "observer" in line]
    assert lines == [
        "    1.460 s  observer up: bad since 1.300 s (refused)",
        "    1.620 s  observer up: good again since 1.610 s, after about 310 ms",
    ]


def test_the_steady_state_is_told_while_it_is_waited_for(journal: Story) -> None:
    """What it waits for, each change, and that it is met."""
    lines = [line for line in shown(observed_run(journal).lines).splitlines() if "steady" in line]
    assert [line.partition(" s  ")[2] for line in lines] == [
        "waiting for the steady state: up good for 1s",
        "steady state: up is bad (refused)",
        "steady state: up is good",
        "the steady state is met: up",
    ]


def test_the_table_has_what_is_waited_for_and_what_is_bad(
    journal: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal: the steady state while it is not met, observers while they see it bad."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    def drawn(until_s: float) -> str:
        stream = Terminal()
        with LiveView(stream=stream) as view:
            for line in observed_run(journal).lines:
                if line.at_s <= until_s:
                    view.on_line(line)
        return stream.getvalue()

    assert "for the steady state" in drawn(0.5)
    bad = drawn(1.5)
    assert "observer up" in bad and "refused" in bad and "for the steady state" not in bad
    assert "observer up" not in drawn(2.0)
