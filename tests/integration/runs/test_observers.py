"""Observers beside the steps, on real processes and containers."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

OBSERVED = """
    version: 1
    name: observed
    targets:
      app: {process: {command: [sleep, "600"]}}
    probes:
      up: {process.running: {}, target: app, every: 50ms, timeout: 5s}
    steady: [{probe: up, for: 300ms}]
    observe: [up]
    warmup: 300ms
    cooldown: 500ms
    steps:
      - {id: kill, inject: process.kill, target: app}
      - {id: long, wait: 1s, depends_on: [kill]}
      - {id: start, remediate: process.start, target: app, depends_on: [long]}
"""


def sampler_of(engine: int) -> int:
    """The pid of the sampling process that an engine started."""
    children = Path(f"/proc/{engine}/task").glob("*/children")
    (found,) = [
        int(pid)
        for path in children
        for pid in path.read_text().split()
        if b"breakfix.engine.sampler" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return found


def test_an_observer_measures_the_outage(cli: Any) -> None:
    """Without any detect or verify step: when it went bad, when it was good again, and for how long."""
    done = cli.run("run", cli.write(OBSERVED))
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(cli.run("report", "last", "--format", "json").stdout)
    (outage,) = [one for one in record["outages"] if one["observer"] == "up"]
    (fault,) = record["faults"]
    (repair,) = record["repairs"]
    assert outage["start_at_s"][0] <= fault["active_at_s"][1]
    assert outage["end_at_s"][1] >= repair["started_at_s"][0]
    assert outage["duration_s"][1] >= 1.0
    metrics = record["episodes"][0]["measured"]["metrics"]
    assert metrics["time_to_restore_s"][1] >= 1.0
    (observer,) = record["observers"]
    before, faults, after = (
        next(one for one in observer["windows"] if one["window"] == name)
        for name in ("before", "faults", "after")
    )
    assert (before["bad"], faults["bad"] > 0, after["good"] > 0) == (0, True, True)
    assert before["good"] >= 6


def test_without_a_steady_state_nothing_is_broken(cli: Any) -> None:
    """The run is invalid, and says what was not good."""
    text = OBSERVED.replace("process.running: {}", "file.exists: {path: nowhere}")
    text = text.replace("for: 300ms", "for: 300ms, within: 500ms").replace(
        ", target: app, every", ", every"
    )
    done = cli.run("run", cli.write(text))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "The steady state was not met: up was not good for 300ms" in done.stdout
    assert cli.events("fault_intended") == []


def test_a_run_that_loses_its_observers_is_invalid(cli: Any, wait_for: Any) -> None:
    """It stops, undone."""
    process = cli.start("run", cli.write(OBSERVED.replace("wait: 1s", "wait: 60s")))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    os.kill(sampler_of(process.pid), signal.SIGKILL)
    out, err = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 3, out + err
    assert "the sampling process died" in out
    assert not any(cli.carriers(mark) for mark in cli.marks())


def test_the_observers_end_with_a_killed_engine(cli: Any, wait_for: Any) -> None:
    """And the guardian undoes as ever; the samples until then are in the journal."""
    process = cli.start("run", cli.write(OBSERVED.replace("wait: 1s", "wait: 60s")))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    sampler = sampler_of(process.pid)
    process.kill()
    process.communicate(timeout=cli.bound_s)
    wait_for(lambda: cli.events("run_ended"), "the guardian's work")
    wait_for(lambda: not Path(f"/proc/{sampler}").exists(), "the end of the sampling process")
    assert cli.events("observer_sampled")


def test_what_is_still_bad_at_the_end_has_failed(cli: Any) -> None:
    """Nobody mends it."""
    text = """
    version: 1
    name: broken
    probes:
      there: {file.exists: {path: page}, every: 50ms}
    observe: [there]
    setup: [{run: [touch, page]}]
    warmup: 200ms
    cooldown: 300ms
    steps:
      - {id: mistake, remediate: command.run, with: {argv: [rm, page]}}
    """
    done = cli.run("run", cli.write(text))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Observer there still saw it bad at the end" in done.stdout


def test_an_observer_follows_a_container_that_is_made_again(cli: Any, container: Any) -> None:
    """Its id is another one then."""
    text = """
    version: 1
    name: again
    targets:
      app: {docker: {name: NAME}}
    probes:
      up: {docker.state: {}, target: app, every: 100ms, timeout: 5s}
    observe: [up]
    cooldown: 500ms
    steps:
      - {id: pause, inject: docker.limit_pids, target: app, with: {pids_count: 50}, hold: 300ms}
      - {id: again, remediate: docker.recreate, target: app, depends_on: [{step: pause, is: undone}]}
    """
    one = container()
    begun_s = time.monotonic()
    done = cli.run("run", "--yes", cli.write(text.replace("NAME", one.name)))
    assert done.returncode == 0, done.stdout + done.stderr
    samples = [sample for event in cli.events("observer_sampled") for sample in event["samples"]]
    assert samples[-1][0] == "good"
    assert len(samples) <= (time.monotonic() - begun_s) / 0.1 + 2
