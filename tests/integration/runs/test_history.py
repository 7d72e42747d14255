"""Runs as processes and their history: written, held against, caught up with, and never in the way."""

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.runs.scenario_texts import HELD, MENDED

from breakfix.engine.history.place import place
from breakfix.engine.history.store import History
from breakfix.engine.trend import RunRow
from breakfix.engine.trials import TrialTime

SCENARIO = MENDED.partition("    expect:\n")[0].replace(
    "    targets:\n", '    labels: {team: shop, version: "0"}\n    observe: [up]\n    targets:\n'
)
EXPECT = """\
    expect:
      - metric: time_to_restore
        not_worse_than: {where: {branch: main}, runs: 20, margin: 8}
"""


@pytest.fixture(autouse=True)
def kept(cli: Any) -> None:
    """These runs keep a history, in the home; and no CI system looks on."""
    for name in ("BREAKFIX_HISTORY", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITLAB_CI"):
        cli.environ.pop(name, None)


def rows(cli: Any) -> list[RunRow]:
    """What the history of the home has."""
    where = place(str(cli.home / "history.db"))
    assert where is not None
    with History(where) as history:
        return history.rows()


def earlier(cli: Any, row: RunRow, times: float, count: int = 20) -> None:
    """Put runs of main before a run, each of which took so many times as long."""
    measured = row.times["time_to_restore_s"].interval_s
    assert measured is not None
    made = []
    for number in range(count):
        middle_s = times * (measured[0] + measured[1]) / 2 * (1 + (number - count / 2) / 100)
        made.append(
            msgspec.structs.replace(
                row,
                run_id=f"main-{number}",
                labels={"branch": "main"},
                series="",
                began_wall_s=row.began_wall_s - 1000 + number,
                times={"time_to_restore_s": TrialTime(interval_s=(middle_s, middle_s))},
            )
        )
    where = place(str(cli.home / "history.db"))
    assert where is not None
    with History(where) as history:
        history.put(made, anew=True)


def test_a_run_is_in_the_history_when_it_is_over(cli: Any) -> None:
    """With its labels over those of the scenario, and all that a trend takes from it."""
    done = cli.run("run", cli.write(SCENARIO), "--label", "version=1.4.2", "--env", "ci")
    assert done.returncode == 0, done.stderr
    (row,) = rows(cli)
    assert row.labels == {"team": "shop", "version": "1.4.2"}
    assert (row.verdict, row.env, row.complete, row.scenario) == ("passed", "ci", True, "mended")
    assert row.times["time_to_restore_s"].interval_s is not None
    assert [(fault.service, fault.action, fault.proved) for fault in row.faults] == [
        ("app", "process.kill", True)
    ]
    assert row.looks[0].probe == "up" and row.head and row.journal.endswith("journal.ndjson")
    (line,) = json.loads(cli.run("runs", "--format", "json", "--label", "version=1.4.2").stdout)
    assert line["run_id"] == row.run_id and line["key"] == row.key


@pytest.mark.parametrize("problem", ["folder", "server"])
def test_a_history_that_fails_changes_no_exit_code(cli: Any, problem: str, tmp_path: Path) -> None:
    """It is said, and the run is what it is."""
    where = str(tmp_path)
    if problem == "server":
        where = "postgresql://ci:s3cret@127.0.0.1:1/none"
    done = cli.run("run", cli.write(SCENARIO), "--history", where)
    assert done.returncode == 0, done.stderr
    assert "warning: run " in done.stderr and "The history " in done.stderr
    assert "s3cret" not in done.stderr + done.stdout


def test_a_run_whose_engine_was_killed_comes_with_the_next_look(
    cli: Any, wait_for: Callable[[Callable[[], object], str], None]
) -> None:
    """The guardian ends it and keeps no history: what lists runs takes it in."""
    process = cli.start("run", cli.write(HELD))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=cli.bound_s)
    wait_for(lambda: cli.events("run_ended"), "the guardian's end")
    (line,) = json.loads(cli.run("runs", "--format", "json").stdout)
    assert (line["verdict"], line["exit_code"]) == ("errored", 5)
    (row,) = rows(cli)
    assert row.complete and row.verdict == "errored"


def gate(cli: Any, *args: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the record of a gate over the scenario."""
    cli.write(SCENARIO)
    done = cli.run("gate", "scenario.yaml", "--out", "out", *args)
    record = json.loads((cli.folder / "out" / "summary.json").read_text())
    return done.returncode, record["files"][0]


AGAINST = ("--against", "home", "--where", "branch=main", "--margin", "8")


def test_a_gate_is_held_against_earlier_runs(cli: Any) -> None:
    """Green, red and inconclusive, each with its exit code; what is inconclusive passes where that is said."""
    code, file = gate(cli, *AGAINST)
    assert (code, file["verdict"]) == (3, "inconclusive")
    assert "no earlier run to compare with" in file["reason"]
    assert gate(cli, *AGAINST, "--inconclusive", "pass")[0] == 0
    (first, *_) = rows(cli)
    earlier(cli, first, 10.0)
    code, file = gate(cli, *AGAINST, "--repeat", "3")
    assert (code, file["verdict"]) == (0, "passed"), file["reason"]
    earlier(cli, first, 0.02)
    code, file = gate(cli, *AGAINST, "--repeat", "3")
    assert (code, file["verdict"]) == (1, "failed"), file["reason"]
    assert "no worse than x8 of the last 20 runs with branch=main" in file["reason"]
    assert "3 against 20" in file["reason"]
    junit = (cli.folder / "out" / "junit.xml").read_text()
    assert "no worse than x8 of the last 20 runs" in junit and "<failure" in junit
    assert len(list((cli.home / "runs").iterdir())) == 8


def test_a_row_of_the_file_is_judged_at_the_end(cli: Any) -> None:
    """Of a run by itself; the journal has it, so that a report elsewhere says the same."""
    path = cli.write(SCENARIO + EXPECT)
    done = cli.run("run", path)
    assert done.returncode == 3, done.stdout
    (compared,) = cli.events("compared")
    assert compared["found"]["why"] == "no earlier run to compare with"
    (first,) = rows(cli)
    earlier(cli, first, 10.0)
    assert "Against earlier runs" in cli.run("plan", path).stdout
    done = cli.run("run", path)
    assert done.returncode == 0, done.stdout
    (compared,) = cli.events("compared")
    assert compared["found"]["reference_n"] == 20 and len(compared["found"]["runs"]) == 20
    cli.environ["BREAKFIX_HISTORY"] = "none"
    (cli.home / "history.db").unlink()
    assert "passed" in cli.run("report", "last").stdout


def test_the_trials_of_a_series_are_held_against_together(cli: Any) -> None:
    """No trial by itself; the series shows the row and its exit code."""
    path = cli.write(SCENARIO + EXPECT)
    cli.run("run", path)
    (first,) = rows(cli)
    earlier(cli, first, 0.02)
    done = cli.run("run", path, "--repeat", "2", "--report", "out")
    assert done.returncode == 1, done.stdout
    assert "Against earlier runs" in done.stdout and "2 against 20" in done.stdout
    series = json.loads((cli.folder / "out" / "series.json").read_text())
    assert [trial["verdict"] for trial in series["trials"]] == ["passed", "passed"]
    assert series["rows"][0]["verdict"] == "failed"
    own: Sequence[RunRow] = [row for row in rows(cli) if row.series == series["series_id"]]
    assert len(own) == 2
    assert series["series_id"].rpartition("-")[2] in cli.run("runs").stdout
