"""What other commands do with a run that is alive, and with what a dead one has left."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.integration.runs.scenario_texts import HELD


@pytest.fixture
def held(cli: Any, wait_for: Any) -> subprocess.Popen[str]:
    """A run that holds one fault for five minutes."""
    process: subprocess.Popen[str] = cli.start("run", cli.write(HELD))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    return process


def ended(process: subprocess.Popen[str], cli: Any) -> int:
    """The exit code of a run."""
    process.communicate(timeout=cli.bound_s)
    return process.returncode


def test_ps_tells_what_is_broken_and_who_ends_it(
    cli: Any, held: subprocess.Popen[str], wait_for: Any
) -> None:
    """The run, the fault, for how long at most, and the process that ends it; nothing afterwards."""
    told = cli.run("ps").stdout
    assert f"its engine (pid {held.pid})" in told
    assert "pause@app: process.pause on app, for " in told
    assert ", at most " in told
    (run,) = json.loads(cli.run("ps", "--format", "json").stdout)["runs"]
    assert (run["alive"], run["pid"], run["processes"]) == (True, held.pid, 1)
    assert [fault["action"] for fault in run["faults"]] == ["process.pause"]
    held.send_signal(signal.SIGTERM)
    assert ended(held, cli) == 4
    assert "Nothing is broken" in cli.run("ps").stdout


def test_ps_of_another_home_shows_the_runs_of_this_machine(
    cli: Any, held: subprocess.Popen[str]
) -> None:
    """Whoever is on call need not know where a run keeps its journal."""
    cli.environ["BREAKFIX_HOME"] = str(cli.folder / "another")
    assert "pause@app" in cli.run("ps").stdout
    held.send_signal(signal.SIGTERM)
    assert ended(held, cli) == 4


def test_undo_ends_one_fault_and_the_run_goes_on(
    cli: Any, held: subprocess.Popen[str], wait_for: Any
) -> None:
    """The request is journaled, the fault ends, and what waited for that starts."""
    done = cli.run("undo", "last", "pause")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: cli.events("fault_ended"), "the end of the fault")
    assert cli.events("undo_requested") == [{"type": "undo_requested", "step": "pause"}]
    wait_for(
        lambda: [
            event
            for event in cli.events("unit_changed")
            if (event["unit"], event["state"]) == ("whole", "succeeded")
        ],
        "the step that waited for the undo",
    )
    assert held.poll() is None
    held.send_signal(signal.SIGTERM)
    assert ended(held, cli) == 4


def test_undo_of_what_is_not_open_is_refused(cli: Any, held: subprocess.Popen[str]) -> None:
    """A wrong step, and a run that is over: one clear message each."""
    done = cli.run("undo", "last", "nothing")
    assert (done.returncode, "'nothing'" in done.stderr) == (2, True)
    held.send_signal(signal.SIGTERM)
    assert ended(held, cli) == 4
    done = cli.run("undo", "last", "pause")
    assert (done.returncode, "not alive" in done.stderr) == (2, True)


def test_halt_stops_every_run_and_refuses_new_ones(cli: Any, held: subprocess.Popen[str]) -> None:
    """When it returns everything is undone; after the release runs begin again."""
    done = cli.run("halt", "--why", "customers suffer")
    assert done.returncode == 0, done.stderr
    assert ended(held, cli) == 4
    assert len(cli.events("fault_ended")) == 1
    assert cli.events("cancel_requested")[0]["source"] == "halt"
    assert "customers suffer" in cli.run("ps").stdout
    refused = cli.run("run", cli.folder / "scenario.yaml")
    assert refused.returncode == 2
    assert "customers suffer" in refused.stderr
    assert len(list((cli.home / "runs").iterdir())) == 1
    assert cli.run("halt", "--release").returncode == 0
    quick = cli.write(HELD.replace("300s", "0s"), "quick.yaml")
    assert cli.run("run", quick).returncode == 0


def test_halt_waits_for_a_run_that_only_begins(cli: Any, wait_for: Any) -> None:
    """It has not opened its socket yet: it finds the lever, or is asked later. No fault in any case."""
    process = cli.start("run", cli.write(HELD))
    wait_for(lambda: list((cli.home / "runs").glob("*/journal.ndjson")), "the journal")
    assert cli.run("halt").returncode == 0
    assert ended(process, cli) in (2, 4)
    assert len(cli.events("fault_intended")) == len(cli.events("fault_ended"))


def test_a_command_in_flight_ends_with_its_engine(cli: Any, wait_for: Any) -> None:
    """And with all that it started."""
    text = """
    version: 1
    name: in_flight
    steps:
      - id: mend
        remediate: command.run
        with: {argv: [sh, -c, "sleep 600 & echo $! > pid; wait"]}
        timeout: 10m
    """
    process = cli.start("run", cli.write(text))
    pid_file = cli.folder / "pid"
    wait_for(lambda: pid_file.exists() and pid_file.read_text().strip(), "the command")
    pid = int(pid_file.read_text())
    process.kill()
    process.communicate(timeout=cli.bound_s)
    wait_for(lambda: cli.events("run_ended"), "the guardian's work")
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the death of what it started")


def orphaned(cli: Any, held: subprocess.Popen[str]) -> Path:
    """Engine and guardian of a run are killed; its journal."""
    guardian = cli.guardian_of(held.pid)
    os.kill(guardian, signal.SIGSTOP)
    held.kill()
    held.communicate(timeout=cli.bound_s)
    os.kill(guardian, signal.SIGKILL)
    (journal,) = (cli.home / "runs").glob("*/journal.ndjson")
    return Path(journal)


def test_a_dry_recovery_says_what_it_would_do_and_touches_nothing(
    cli: Any, held: subprocess.Popen[str], wait_for: Any
) -> None:
    """Not even the journal."""
    journal = orphaned(cli, held)
    wait_for(lambda: "dead" in cli.run("ps").stdout, "the death of the guardian")
    assert "nobody: run `breakfix recover --run" in cli.run("ps").stdout
    before = journal.read_bytes()
    done = cli.run("recover", "--run", "last", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "pause@app#1 (process.pause on app): if it is not over already, kill -CONT" in done.stdout
    assert journal.read_bytes() == before
    assert any(cli.carriers(mark) for mark in cli.marks())
    done = cli.run("recover", "--run", "last")
    assert done.returncode == 0, done.stderr
    assert not any(cli.carriers(mark) for mark in cli.marks())


def test_a_copied_journal_of_another_machine_ends_nothing_here(
    cli: Any, held: subprocess.Popen[str], wait_for: Any
) -> None:
    """Local undos are not here: said so, with the manual command, and exit code 6."""
    journal = orphaned(cli, held)
    wait_for(lambda: "dead" in cli.run("ps").stdout, "the death of the guardian")
    text = journal.read_text()
    (taken,) = [event for event in cli.events("writer_taken") if event["role"] == "engine"]
    text = text.replace(taken["boot_id"], "another boot")
    if taken["machine_id"]:
        text = text.replace(taken["machine_id"], "another machine")
    elsewhere = cli.folder / "copied.ndjson"
    elsewhere.write_text(text)
    done = cli.run("recover", "--journal", elsewhere)
    assert done.returncode == 6, done.stdout + done.stderr
    assert "processes of app: NOT ended" in done.stdout
    assert any(cli.carriers(mark) for mark in cli.marks())
    assert cli.run("recover", "--all").returncode == 0


def test_a_journal_that_is_none_is_an_error(cli: Any) -> None:
    """With its line."""
    path = cli.folder / "x.ndjson"
    path.write_text("hello\n")
    done = cli.run("recover", "--journal", path)
    assert done.returncode == 5
    assert "x.ndjson:1" in done.stderr
