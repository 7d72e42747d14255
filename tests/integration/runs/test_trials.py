"""`breakfix run --repeat` as a process, on process targets: trials, their file, their reports, signals."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.integration.runs.scenario_texts import SLEEPER

STEADY_SLEEPER = SLEEPER + "    steady: [{probe: up, within: 30s}]\n"
MENDED = (
    STEADY_SLEEPER
    + """
    steps:
      - {id: kill, inject: process.kill, target: app}
      - {id: noticed, detect: up, depends_on: [kill], within: 30s}
      - {id: start, remediate: process.start, target: app, depends_on: [noticed]}
      - {id: whole, verify: up, depends_on: [start], consecutive: 2, within: 30s}
"""
)
NEVER_MENDED = (
    STEADY_SLEEPER
    + """
    steps:
      - {id: kill, inject: process.kill, target: app}
      - {id: noticed, detect: up, depends_on: [kill], within: 30s}
      - {id: whole, verify: up, depends_on: [noticed], within: 200ms}
"""
)
HELD_FROM_THE_SECOND_ON = (
    STEADY_SLEEPER
    + """
    steps:
      - {id: pause, inject: process.pause, target: app}
      - id: long
        remediate: command.run
        with: {argv: [sh, -c, "test ! -e second || sleep 600; touch second"]}
        timeout: 9m
        depends_on: [pause]
      - {id: whole, verify: up, depends_on: [{step: pause, is: undone}], within: 30s}
"""
)


def kept(cli: Any) -> dict[str, Any]:
    """The file of the only series; empty where there is none yet."""
    paths = list((cli.home / "series").glob("*.json"))
    assert len(paths) <= 1
    return dict(json.loads(paths[0].read_text())) if paths else {}


def events(cli: Any, run_id: str, kind: str) -> list[dict[str, Any]]:
    """The events of one type of one run."""
    lines = (cli.home / "runs" / run_id / "journal.ndjson").read_text().splitlines()
    found = [json.loads(line)["event"] for line in lines]
    return [event for event in found if event["type"] == kind]


def test_three_trials_are_three_runs_and_one_series(cli: Any) -> None:
    """Each has its journal, report and steady state; the series has all of them, in every format."""
    done = cli.run("run", cli.write(MENDED), "--repeat", "3", "--report", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    series = kept(cli)
    runs = [trial["run_id"] for trial in series["trials"]]
    assert len(set(runs)) == 3
    for run_id in runs:
        assert len(events(cli, run_id, "steady_met")) == 1
        assert [event["verdict"] for event in events(cli, run_id, "run_ended")] == ["passed"]
    assert (series["exit_code"], series["ended"]["kind"], series["at_work"]) == (0, "complete", "")
    restored = series["summaries"]["time_to_restore_s"]
    assert (restored["n"], restored["censored"]) == (3, 0)
    assert "3 trials: 3 passed." in done.stdout and "geometric mean" in done.stdout
    out: Path = cli.folder / "out"
    assert {"series.txt", "series.json", "series.html"} <= {path.name for path in out.iterdir()}
    assert json.loads((out / "series.json").read_text()) == series
    assert all((out / f"trial-{number}" / "report.html").is_file() for number in (1, 2, 3))
    shown = cli.run("report", series["series_id"])
    assert shown.returncode == 0 and shown.stdout.strip() in done.stdout


def test_a_failed_trial_ends_the_series_where_that_is_asked(cli: Any) -> None:
    """`stop_on: failed`: one trial, and its exit code."""
    text = NEVER_MENDED + "    repeat: {times: 3, up_to: 6, stop_on: failed}\n"
    done = cli.run("run", cli.write(text))
    assert done.returncode == 1, done.stdout + done.stderr
    series = kept(cli)
    assert [trial["verdict"] for trial in series["trials"]] == ["failed"]
    assert (series["verdict"], series["ended"]["kind"]) == ("failed", "failed")


def test_failed_trials_are_not_made_up_for(cli: Any) -> None:
    """They are evidence: two are wanted, two are made, though five are allowed; time-outs are kept."""
    text = NEVER_MENDED + "    repeat: {times: 2, up_to: 5}\n"
    done = cli.run("run", cli.write(text))
    assert done.returncode == 1, done.stdout + done.stderr
    series = kept(cli)
    assert [trial["verdict"] for trial in series["trials"]] == ["failed", "failed"]
    assert series["summaries"]["time_to_restore_s"]["censored"] == 2


def test_trials_without_evidence_are_made_up_for_until_no_more_are_allowed(cli: Any) -> None:
    """A steady state that does not hold is asked in each, and nothing is broken."""
    text = MENDED.replace("within: 30s}]", "for: 1s, within: 50ms}]", 1)
    done = cli.run("run", cli.write(text + "    repeat: {times: 1, up_to: 2}\n"))
    assert done.returncode == 3, done.stdout + done.stderr
    series = kept(cli)
    assert [trial["verdict"] for trial in series["trials"]] == ["invalid", "invalid"]
    assert series["ended"]["kind"] == "short"
    assert not any(events(cli, trial["run_id"], "fault_intended") for trial in series["trials"])


def test_a_signal_in_a_trial_ends_the_series_after_its_undo(cli: Any, wait_for: Any) -> None:
    """The second trial is undone and aborted; there is no third, and the file knows both."""
    process = cli.start("run", cli.write(HELD_FROM_THE_SECOND_ON), "--repeat", "3")
    wait_for(lambda: len(kept(cli).get("trials", [])) == 1, "the first trial")
    wait_for(lambda: kept(cli)["at_work"], "the second trial")
    second = kept(cli)["at_work"]
    wait_for(lambda: events(cli, second, "fault_active"), "its fault")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 4, out + err
    series = kept(cli)
    assert [trial["verdict"] for trial in series["trials"]] == ["passed", "aborted"]
    assert series["trials"][1]["run_id"] == second
    assert (series["verdict"], series["ended"]["kind"]) == ("aborted", "broken_off")
    assert len(events(cli, second, "fault_ended")) == 1
    assert not any(cli.carriers(mark) for mark in cli.marks())
    assert "2 trials: 1 passed, 1 aborted." in out


@pytest.mark.parametrize("how", ["signal", "halt"])
def test_a_pause_can_be_ended(cli: Any, wait_for: Any, how: str) -> None:
    """Nothing is broken between two trials: a signal or the safety lever ends the series, exit code 4."""
    text = MENDED + "    repeat: {times: 3, pause: 5m}\n"
    process = cli.start("run", cli.write(text))
    wait_for(lambda: len(kept(cli).get("trials", [])) == 1, "the first trial")
    if how == "signal":
        process.send_signal(signal.SIGTERM)
    else:
        assert cli.run("halt").returncode == 0
    out, err = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 4, out + err
    series = kept(cli)
    assert (len(series["trials"]), series["ended"]["kind"]) == (1, "interrupted")


def test_one_is_a_plain_run(cli: Any) -> None:
    """`--repeat 1` makes no series, whatever the file says, and the report's replay says it too."""
    done = cli.run("run", cli.write(MENDED + "    repeat: {times: 3}\n"), "--repeat", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept(cli) == {}
    assert "--repeat 1" in done.stdout
