"""`breakfix run` as a process, on process targets: real processes, signals, files; no Docker."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.integration.runs.scenario_texts import SLEEPER

KILLED_AND_STARTED = (
    SLEEPER
    + """
    steps:
      - {id: kill, inject: process.kill, target: app}
      - {id: noticed, detect: up, depends_on: [kill], within: 30s}
      - {id: start, remediate: process.start, target: app, depends_on: [noticed]}
      - {id: whole, verify: up, depends_on: [start], consecutive: 2, within: 30s}
    expect:
      - {fault: kill, detected_within: 30s}
      - {fault: kill, restored_within: 60s, healed_by: repair}
"""
)

HELD = (
    SLEEPER
    + """
    steps:
      - {id: pause, inject: process.pause, target: app}
      - {id: long, wait: 300s, depends_on: [pause]}
      - {id: whole, verify: up, depends_on: [{step: pause, is: undone}], within: 30s}
"""
)


def test_kill_notice_start_verify(cli: Any) -> None:
    """The main job: a killed process is noticed, started again and verified; the report says so."""
    done = cli.run("run", cli.write(KILLED_AND_STARTED))
    assert done.returncode == 0, done.stdout + done.stderr
    report = cli.run("report", "last", "--format", "json")
    record = json.loads(report.stdout)
    assert "passed" in report.stdout
    assert record
    assert [event["ended_by"] for event in cli.events("fault_ended")] == ["repair"]
    assert all(not cli.carriers(mark) for mark in cli.marks())


def test_every_format_is_written_where_asked(cli: Any) -> None:
    """`--report DIR` writes text, JSON and HTML."""
    done = cli.run("run", cli.write(KILLED_AND_STARTED), "--report", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    suffixes = {path.suffix for path in (cli.folder / "out").iterdir()}
    assert {".txt", ".json", ".html"} <= suffixes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_undoes_everything_first(cli: Any, wait_for: Any, number: signal.Signals) -> None:
    """A signal ends the run on the orderly road: undone, aborted, exit code 4."""
    process = cli.start("run", cli.write(HELD))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    process.send_signal(number)
    out, err = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 4, out + err
    assert len(cli.events("fault_ended")) == 1
    assert cli.events("run_ended")[0]["verdict"] == "aborted"
    assert all(not cli.carriers(mark) for mark in cli.marks())


def test_the_guardian_undoes_when_the_engine_is_killed(cli: Any, wait_for: Any) -> None:
    """After SIGKILL of the engine, the guardian ends what is open and closes the journal."""
    process = cli.start("run", cli.write(HELD))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    process.kill()
    process.communicate(timeout=cli.bound_s)
    wait_for(lambda: cli.events("run_ended"), "the guardian's work")
    assert cli.events("run_ended")[0]["by"] == "guardian"
    assert all(not cli.carriers(mark) for mark in cli.marks())


def test_the_deadline_ends_a_run(cli: Any) -> None:
    """At the deadline everything is undone, and the run is aborted."""
    text = HELD.replace("wait: 300s", "wait: 2500ms").replace("within: 30s", "within: 2s")
    text += "      - {id: longer, wait: 2500ms, depends_on: [long]}\n    limits: {deadline: 3s}\n"
    done = cli.run("run", cli.write(text))
    assert done.returncode == 4, done.stdout + done.stderr
    assert len(cli.events("fault_ended")) == 1


def test_concurrency_holds_and_branches_overlap(cli: Any) -> None:
    """Of 300 units with `concurrency: 10`, never 11 are at work, and independent ones overlap."""
    steps = "".join(f"      - {{id: s{i}, wait: 20ms}}\n" for i in range(300))
    text = f"""
    version: 1
    name: many
    limits: {{concurrency: 10}}
    steps:
{steps}"""
    done = cli.run("run", cli.write(text))
    assert done.returncode == 3, done.stdout + done.stderr
    now = most = 0
    for event in cli.events("unit_changed"):
        now += {"running": 1, "succeeded": -1}[event["state"]]
        most = max(most, now)
    assert most == 10
    assert now == 0


def test_a_condition_that_held_before_its_fault_makes_the_run_invalid(cli: Any) -> None:
    """What was bad already proves nothing: no fault, verdict invalid, exit code 3."""
    text = """
    version: 1
    name: bad_already
    targets:
      app: {process: {command: [sleep, "600"]}}
    probes:
      never: {command.run: {argv: ["false"]}, every: 50ms}
    steps:
      - {id: kill, inject: process.kill, target: app}
      - {id: noticed, detect: never, depends_on: [kill], within: 30s}
    """
    done = cli.run("run", cli.write(text))
    assert done.returncode == 3, done.stdout + done.stderr
    assert cli.events("fault_intended") == []
    assert cli.events("run_ended")[0]["verdict"] == "invalid"


def test_a_detection_that_never_comes_fails(cli: Any) -> None:
    """A fault that nobody notices within the time fails the run; the fault is undone."""
    text = """
    version: 1
    name: unnoticed
    targets:
      app: {process: {command: [sleep, "600"]}}
    probes:
      fine: {command.run: {argv: ["true"]}, every: 50ms}
    steps:
      - {id: pause, inject: process.pause, target: app}
      - {id: noticed, detect: fine, depends_on: [pause], within: 500ms}
      - {id: whole, verify: fine, depends_on: [{step: noticed, is: finished}], within: 30s}
    """
    done = cli.run("run", cli.write(text))
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(cli.events("fault_ended")) == 1


def test_a_rehearsal_breaks_nothing(cli: Any) -> None:
    """`--no-faults` runs probes alone."""
    done = cli.run("run", cli.write(KILLED_AND_STARTED), "--no-faults")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cli.events("fault_intended") == []
    assert cli.events("repair_intended") == []


def test_a_dry_run_leaves_no_trace(cli: Any) -> None:
    """`--dry-run` shows the plan; nothing is started, no journal is written."""
    done = cli.run("run", cli.write(KILLED_AND_STARTED), "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill" in done.stdout
    assert not (cli.home / "runs").exists() or not list((cli.home / "runs").iterdir())


def test_a_failing_setup_ends_with_teardown(cli: Any) -> None:
    """Setup that fails is told with its output; teardown runs all the same; nothing is injected."""
    text = (
        KILLED_AND_STARTED
        + """
    setup: [{run: [sh, -c, "echo no luck >&2; exit 7"]}]
    teardown: [{run: [touch, torn-down]}]
    """
    )
    done = cli.run("run", cli.write(text))
    assert done.returncode == 5, done.stdout + done.stderr
    assert "no luck" in done.stderr + done.stdout
    assert (cli.folder / "torn-down").exists()
    assert cli.events("fault_intended") == []


def test_a_command_that_times_out_leaves_no_process(cli: Any) -> None:
    """The whole process group of a repair ends with its time-out, grandchildren included."""
    text = (
        SLEEPER
        + """
    steps:
      - id: slow
        remediate: command.run
        with: {argv: [sh, -c, "sleep 611 & sleep 612; wait"]}
        timeout: 1s
      - {id: whole, verify: up, depends_on: [{step: slow, is: finished}], within: 30s}
    """
    )
    done = cli.run("run", cli.write(text))
    assert done.returncode == 1, done.stdout + done.stderr
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [line for line in commands if line in (b"sleep\x00611\x00", b"sleep\x00612\x00")]


def test_a_closed_stdout_does_not_stop_the_undo(cli: Any) -> None:
    """Whoever reads the output may go away: the run goes on to its end."""
    read_end, write_end = os.pipe()
    process = cli.start("run", cli.write(KILLED_AND_STARTED), stdout=write_end)
    os.close(write_end)
    os.close(read_end)
    process.communicate(timeout=cli.bound_s)
    assert cli.events("run_ended")[0]["verdict"] == "passed"


def test_retries_are_told_with_their_pauses(cli: Any) -> None:
    """Each attempt of a repair is an event; the last failure fails the run."""
    text = (
        SLEEPER
        + """
    steps:
      - id: hopeless
        remediate: command.run
        with: {argv: ["false"]}
        retry: {attempts: 3, backoff: 10ms}
      - {id: whole, verify: up, depends_on: [{step: hopeless, is: finished}], within: 30s}
    """
    )
    done = cli.run("run", cli.write(text))
    assert done.returncode == 1, done.stdout + done.stderr
    attempts = [e for e in cli.events("attempt_ended") if e["unit"] == "hopeless"]
    assert [attempt["outcome"] for attempt in attempts] == ["failed"] * 3
    assert all(attempt["retry_in_s"] > 0 for attempt in attempts[:2])


def test_a_run_of_a_plan_file_refuses_what_has_drifted(cli: Any) -> None:
    """`--plan` runs what was planned, and ends with 2 before any effect where the file has changed."""
    path = cli.write(KILLED_AND_STARTED)
    assert cli.run("plan", path, "--out", "plan.json").returncode == 0
    done = cli.run("run", path, "--plan", "plan.json")
    assert done.returncode == 0, done.stdout + done.stderr
    cli.write(KILLED_AND_STARTED.replace("consecutive: 2", "consecutive: 3"))
    drifted = cli.run("run", path, "--plan", "plan.json")
    assert drifted.returncode == 2, drifted.stdout + drifted.stderr
    assert cli.events("fault_intended") == []
