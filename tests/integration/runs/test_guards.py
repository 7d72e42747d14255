"""Guards in whole runs: a trip undoes everything, also where the engine does not answer any more."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

UNITS = 50
ANY_FILE = """
    version: 1
    name: guarded
    limits: {{concurrency: {units}}}
    targets:
{targets}
    probes:
      calm: {{file.exists: {{path: {folder}/calm}}, every: 50ms}}
      asked: {{command.run: {{argv: [{folder}/ask]}}, every: 200ms}}
    {observe}
    guards:
      - {{id: quiet, {guard}}}
    steps:
{steps}
      - {{id: long, wait: 300s, depends_on: [{first}]}}
      - {{id: whole, verify: calm, depends_on: [long], within: 30s}}
"""
PATIENT = "blind: {after: 60s}"


def scenario(folder: Path, units: int, guard: str, observe: str = "") -> str:
    """As many paused processes as `units`, and a guard on a file that is there at first."""
    (folder / "calm").touch()
    names = [f"app{index}" for index in range(units)]
    targets = [f'      {name}: {{process: {{command: [sleep, "600"]}}}}' for name in names]
    steps = [
        f"      - {{id: pause_{name}, inject: process.pause, target: {name}}}" for name in names
    ]
    return ANY_FILE.format(
        units=units, folder=folder, guard=guard, observe=observe,
        targets="\n".join(targets), steps="\n".join(steps), first=f"pause_{names[0]}",
    )  # fmt: skip


def record_of(cli: Any) -> Any:
    """The JSON record of the newest run."""
    done = cli.run("report", "last", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_guard_undoes_a_run_of_many_units(cli: Any, wait_for: Callable[..., None]) -> None:
    """Twenty faults are active when the probe turns bad: all of them are undone, the run has failed, and
    every report says how long it took until all was safe."""
    text = scenario(cli.folder, UNITS, f"probe: calm, consecutive: 3, {PATIENT}", "observe: [calm]")
    process = cli.start("run", cli.write(text))
    wait_for(lambda: len(cli.events("fault_active")) == UNITS, "the faults")
    (cli.folder / "calm").unlink()
    out, err = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 1, out + err
    (tripped,) = cli.events("guard_tripped")
    assert (tripped["guard"], tripped["kind"]) == ("quiet", "tripped")
    assert cli.events("cancel_requested")[0]["source"] == "guard"
    assert len(cli.events("fault_ended")) == UNITS
    assert not any(cli.carriers(mark) for mark in cli.marks())
    record = record_of(cli)
    assert record["verdict"]["verdict"] == "failed"
    (guard,) = record["guards"]
    low_s, high_s = guard["time_to_safe_s"]
    assert 0 < low_s <= high_s
    assert guard["trip"]["open_faults"] == UNITS
    assert "calm was bad 3 times in a row" in out
    assert "time to safe" in cli.run("report", "last").stdout
    assert any(line["event"]["type"] == "observer_sampled" for line in cli.journal())
    why = cli.run("why", "last").stdout
    assert "Guard quiet tripped" in why


def test_a_blind_guard_aborts(cli: Any, wait_for: Callable[..., None]) -> None:
    """Nobody can tell any more how the system is: undone, and 4."""
    ask = cli.folder / "ask"
    ask.write_text("#!/bin/sh\n")
    ask.chmod(0o755)
    text = scenario(cli.folder, 1, "probe: asked, max_outage: 60s, blind: {after: 5s}")
    process = cli.start("run", cli.write(text))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    ask.unlink()
    out, err = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 4, out + err
    (tripped,) = cli.events("guard_tripped")
    assert tripped["kind"] == "blind"
    assert "no good or bad sample" in tripped["why"]
    assert len(cli.events("fault_ended")) == 1
    assert record_of(cli)["verdict"]["verdict"] == "aborted"


def test_a_stopped_engine_is_taken_over(cli: Any, wait_for: Callable[..., None]) -> None:
    """It cannot answer to the trip: the sampling process writes it down and wakes the guardian, which kills
    the engine long before its own patience is over, undoes everything, and journals the trip."""
    cli.environ["BREAKFIX_SILENCE_S"] = "3600"
    process = cli.start("run", cli.write(scenario(cli.folder, 3, f"probe: calm, max_outage: 200ms, {PATIENT}")))
    wait_for(lambda: len(cli.events("fault_active")) == 3, "the faults")
    os.kill(process.pid, signal.SIGSTOP)
    (cli.folder / "calm").unlink()
    process.communicate(timeout=cli.bound_s)
    assert process.returncode == -signal.SIGKILL
    wait_for(lambda: cli.events("run_ended"), "the guardian's work")
    assert cli.events("run_ended")[-1]["by"] == "guardian"
    (trip,) = (cli.home / "runs").glob("*/trip.json")
    assert cli.events("guard_tripped") == [json.loads(trip.read_text())]
    assert {event["by"] for event in cli.events("fault_ended")} == {"guardian"}
    assert not any(cli.carriers(mark) for mark in cli.marks())
    record = record_of(cli)
    assert record["guards"][0]["time_to_safe_s"][0] > 0
    assert any("Guard quiet tripped" in note for note in record["verdict"]["notes"])


def test_a_guard_that_trips_before_any_fault_proves_nothing(cli: Any) -> None:
    """The system was bad before it was touched: invalid, and nothing was injected."""
    text = scenario(cli.folder, 1, f"probe: calm, consecutive: 1, {PATIENT}", "warmup: 60s")
    (cli.folder / "calm").unlink()
    done = cli.run("run", cli.write(text))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "tripped before anything was broken" in done.stdout
    assert cli.events("fault_intended") == []
