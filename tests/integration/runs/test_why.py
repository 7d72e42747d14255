"""`breakfix why` over the journal of a real run on process targets."""

import json
import signal
import time
from typing import Any

import pytest
from tests.integration.runs.scenario_texts import HELD

SCENARIO = """
    version: 1
    name: reasons
    targets:
      app: {process: {command: [sleep, "600"]}}
      other: {process: {command: [sleep, "600"]}}
    inputs:
      deep: {type: boolean, default: false}
    probes:
      up: {process.running: {}, target: app, every: 50ms, timeout: 5s}
    steps:
      - {id: kill, inject: process.kill, target: app}
      - {id: noticed, detect: up, depends_on: [kill], within: 30s}
      - {id: only_deep, wait: 0s, when: inputs.deep, depends_on: [noticed]}
      - id: breaks
        remediate: command.run
        with: {argv: ["false"]}
        retry: {attempts: 2, backoff: 50ms}
        on_failure: continue
        depends_on: [noticed]
      - {id: after_it, wait: 0s, depends_on: [breaks]}
      - {id: after_that, wait: 0s, depends_on: [after_it, noticed]}
      - {id: first, wait: 300ms, target: other, depends_on: [noticed]}
      - {id: second, wait: 0s, target: other, depends_on: [noticed]}
      - {id: start, remediate: process.start, target: app, depends_on: [{step: noticed, after: 200ms}]}
      - {id: whole, verify: up, depends_on: [start, first, second], consecutive: 2, within: 30s}
    expect:
      - {fault: kill, detected_within: 60s}
      - {fault: kill, restored_within: 100ms, healed_by: repair}
"""
HELD_TO_THE_END = HELD.replace("[{step: pause, is: undone}]", "[long]")


def why(cli: Any, *args: str) -> dict[str, Any]:
    """The JSON answer."""
    done = cli.run("why", *args, "--format", "json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def said(document: dict[str, Any]) -> str:
    """All sentences about the units of a step."""
    return "\n".join(s["text"] for unit in document["units"] for s in unit["sentences"])


def test_a_run_explains_itself(cli: Any) -> None:
    """The verdict by the sample that broke the bound; each step by what it waited for."""
    done = cli.run("run", cli.write(SCENARIO))
    assert done.returncode == 1, done.stdout + done.stderr
    lines = cli.journal()
    run = why(cli)
    assert (run["exit_code"], run["run_state"]) == (1, "ended")
    (ground,) = run["grounds"]
    assert "restored within 100ms: took" in ground["text"]
    last = lines[ground["lines"][-1] - 1]["event"]
    assert (last["type"], last["unit"], last["state"]) == ("sample_taken", "whole", "good")

    assert "inputs.deep was false" in said(why(cli, "last", "only_deep"))
    assert "Attempt 2 failed" in said(why(cli, "last", "breaks"))
    assert "the repair start@app ended it" in said(why(cli, "last", "kill"))
    assert "and 200 ms after that is" in said(why(cli, "last", "start@app"))

    waits = said(why(cli, "last", "first")) + said(why(cli, "last", "second"))
    assert "No slot was free, since other takes 1 at a time: at work were" in waits

    blocked = why(cli, "last", "after_that")
    (root,) = [s for s in blocked["units"][0]["sentences"] if s["kind"] == "root"]
    assert root["text"].startswith("breaks failed at")
    assert lines[root["lines"][-1] - 1]["event"]["unit"] == "breaks"

    # What the journal says of the due time agrees with what is told of the dependencies.
    (unit,) = why(cli, "last", "whole")["units"]
    decisive = [awaited for awaited in unit["awaited"] if awaited["decisive"]]
    assert len(decisive) == 1
    assert decisive[0]["due_at_s"] == pytest.approx(unit["due_at_s"], abs=0.5)


def test_the_text_names_lines_and_root_causes(cli: Any) -> None:
    """For people; a step that is not there is bad input, with what may have been meant."""
    cli.run("run", cli.write(SCENARIO))
    assert "because the system failed (1): kill was expected" in cli.run("why").stdout
    text = cli.run("why", "last", "after_that").stdout
    assert "Root cause: breaks failed" in text
    assert "[line" in text
    wrong = cli.run("why", "last", "after_thot")
    assert wrong.returncode == 2
    assert "Did you mean after_that?" in wrong.stderr


def test_a_run_that_is_alive_and_is_then_stopped(cli: Any) -> None:
    """While it goes on, what is waited for; afterwards, who stopped it."""
    process = cli.start("run", cli.write(HELD_TO_THE_END))
    try:
        bound_s = time.monotonic() + cli.bound_s
        while not any(e["unit"] == "long" for e in cli.events("unit_changed")):
            assert time.monotonic() < bound_s
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        whole = why(cli, "last", "whole")
        assert (whole["run_state"], whole["state"]) == ("alive", "pending")
        assert "long is running since" in said(whole)
        assert why(cli)["run_state"] == "alive"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=cli.bound_s)
    assert process.returncode == 4
    run = why(cli)
    assert (run["exit_code"], run["grounds"][0]["rule"]) == (4, "the run was stopped from outside")
    assert cli.journal()[run["grounds"][0]["lines"][0] - 1]["event"]["type"] == "cancel_requested"
    assert "The run was stopped at" in said(why(cli, "last", "whole"))
