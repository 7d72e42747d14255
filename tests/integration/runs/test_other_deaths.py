"""Other ways to lose an engine than a signal to it: the kernel's out-of-memory killer, a closed terminal."""

import fcntl
import os
import pty
import secrets
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.crash.cases import CASES, PROCESS
from tests.integration.crash.matrix import Arena, kill_at

LIMIT_BYTES = 256 << 20
HELD = """
    version: 1
    name: held
    targets:
      app: {process: {command: [sleep, "600"]}}
    steps:
      - {id: pause, inject: process.pause, target: app}
      - {id: long, wait: 300s, depends_on: [pause]}
"""


@pytest.fixture
def bounded() -> Iterator[Path]:
    """A control group of its own with a bound of memory (needs root)."""
    first = Path("/sys/fs/cgroup/memory")
    name = f"bfx-test-{secrets.token_hex(4)}"
    folder = (first if first.is_dir() else Path("/sys/fs/cgroup")) / name
    folder.mkdir()
    bound = "memory.limit_in_bytes" if first.is_dir() else "memory.max"
    (folder / bound).write_text(str(LIMIT_BYTES))
    yield folder
    folder.rmdir()


def test_the_out_of_memory_killer(bounded: Path) -> None:
    """The kernel ends the engine, which is the larger one, and its guardian undoes."""
    (case,) = (case for case in CASES if case.name == "process.pause")
    arena = Arena(scenario=case.scenario(PROCESS), survey=dict)
    prefix = ["sh", "-c", f'echo $$ > {bounded}/cgroup.procs; exec "$@"', "sh"]
    kill = kill_at(arena, "fault_active#1", "memory", prefix)
    assert kill.happened
    assert kill.residue == ()


def on_a_terminal(cli: Any, text: str) -> tuple["subprocess.Popen[bytes]", int]:
    """A run with a terminal of its own, and the other end of that."""
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    engine = subprocess.Popen(
        [sys.executable, "-m", "breakfix", "run", cli.write(text)],
        env=cli.environ,
        cwd=cli.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=take_terminal,
    )
    os.close(theirs)
    return engine, ours


def test_a_closed_terminal(cli: Any, wait_for: Any) -> None:
    """The engine gets SIGHUP and can write to nobody any more; it undoes all the same."""
    engine, ours = on_a_terminal(cli, HELD)
    wait_for(lambda: cli.events("fault_active"), "the fault")
    os.close(ours)
    assert engine.wait(cli.bound_s) == 4
    assert "SIGHUP" in cli.events("cancel_requested")[0]["why"]
    assert cli.events("run_ended")[-1]["by"] == "engine"
    assert not any(cli.carriers(mark) for mark in cli.marks())


def test_only_who_types_it_leaves_the_undo_to_the_guardian(cli: Any, wait_for: Any) -> None:
    """A second Ctrl-C tells how; the engine then ends at once, and the guardian does the rest."""
    text = HELD + '    teardown: [{run: [sh, -c, "test -e once || { touch once; sleep 60; }"]}]\n'
    engine, ours = on_a_terminal(cli, text)
    wait_for(lambda: cli.events("fault_active"), "the fault")
    for count in (1, 2):
        os.write(ours, b"\x03")
        wait_for(lambda n=count: len(cli.events("cancel_requested")) >= n, "the request")
    wait_for((cli.folder / "once").exists, "the teardown")
    os.write(ours, b"no\nleave\n")
    assert engine.wait(cli.bound_s) == -signal.SIGKILL
    os.close(ours)
    wait_for(lambda: cli.events("run_ended"), "the guardian's work")
    assert cli.events("run_ended")[-1]["by"] == "guardian"
    assert not any(cli.carriers(mark) for mark in cli.marks())
