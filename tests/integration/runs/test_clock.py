"""The wall clock jumps one hour ahead in the middle of a run (libfaketime; the monotonic clock does not)."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

HELD = """
    version: 1
    name: held
    targets:
      app: {process: {command: [sleep, "600"]}}
    probes:
      up: {process.running: {}, target: app, every: 50ms, timeout: 5s}
    steps:
      - {id: pause, inject: process.pause, target: app, hold: HOLD}
      - {id: whole, verify: up, depends_on: [{step: pause, is: undone}], within: 30s}
"""

# libfaketime 0.9.10 shifts the end of a sleep on the monotonic clock too, against DONT_FAKE_MONOTONIC.
SLEEP = "import select, time\ntime.sleep = lambda pause_s: select.select([], [], [], pause_s)\n"


@pytest.fixture
def clock(cli: Any) -> Path:
    """A file that says how far the wall clock of what `cli` starts is ahead."""
    found = [str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
    if not found:
        pytest.fail("This test needs libfaketime: apt-get install libfaketime", pytrace=False)
    path = Path(cli.folder / "ahead")
    path.write_text("+0")
    (cli.folder / "path").mkdir()
    (cli.folder / "path" / "sitecustomize.py").write_text(SLEEP)
    python_path = [str(cli.folder / "path"), os.environ.get("PYTHONPATH", "")]
    cli.environ |= {
        "PYTHONPATH": os.pathsep.join(filter(None, python_path)),
        "LD_PRELOAD": found[0],
        "FAKETIME_TIMESTAMP_FILE": str(path),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    return path


def test_durations_do_not_see_it(cli: Any, clock: Path, wait_for: Any) -> None:
    """The fault lasts as long as its hold says; the verdict is that of any other day."""
    process = cli.start("run", cli.write(HELD.replace("HOLD", "1s")))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    clock.write_text("+1h")
    out, err = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 0, out + err
    (active,), (ended,) = cli.events("fault_active"), cli.events("fault_ended")
    assert 1.0 <= ended["before_at_s"] - active["after_at_s"] < 30.0
    assert max(line["at_s"] for line in cli.journal()) < 60.0


def test_a_guardian_that_takes_over_does_not_see_it(cli: Any, clock: Path, wait_for: Any) -> None:
    """Its instants go on where the engine's ended."""
    process = cli.start("run", cli.write(HELD.replace("HOLD", "60s")))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    clock.write_text("+1h")
    process.kill()
    process.communicate(timeout=cli.bound_s)
    wait_for(lambda: cli.events("run_ended"), "the guardian's work")
    assert max(line["at_s"] for line in cli.journal()) < 60.0
    assert len(cli.events("fault_ended")) == 1
    record = json.loads(cli.run("report", "last", "--format", "json").stdout)
    assert record["verdict"]["exit_code"] == 5
