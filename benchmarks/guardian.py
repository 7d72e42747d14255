"""From the SIGKILL of an engine to the end of all that it had broken, as its guardian wrote it down."""

import contextlib
import os
import secrets
import subprocess
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from breakfix.engine.errors import JournalError
from breakfix.engine.events import FaultActive, FaultEnded, RunEnded, UndoTried, WriterTaken
from breakfix.engine.journal import read

FAULTS = 10
BOUND_S = 60.0


class Recovery(Struct, frozen=True, kw_only=True):
    """Seconds since the kill: when the last undo was issued, and when the last fault was seen gone."""

    issued_s: float
    gone_s: float


def recovery(breakfix: list[str], image: str) -> Recovery:
    """Pause ten containers, kill the engine, and wait for its guardian."""
    with tempfile.TemporaryDirectory(prefix="breakfix-bench-") as name:
        folder = Path(name)
        names = [f"bfx-bench-{secrets.token_hex(4)}" for _ in range(FAULTS)]
        try:
            for one in names:
                command = ["docker", "run", "-d", "--name", one, "--network", "none", image]
                subprocess.run([*command, "sleep", "600"], capture_output=True, check=True)
            return _killed(breakfix, folder, names)
        finally:
            subprocess.run(["docker", "rm", "-f", *names], capture_output=True, check=True)


def _killed(breakfix: list[str], folder: Path, names: list[str]) -> Recovery:
    lines = ["version: 1", "name: guardian", "targets:"]
    lines += [f"  c{n}: {{docker: {{name: {name}}}}}" for n, name in enumerate(names)]
    lines += ["steps:"]
    lines += [f"  - {{id: p{n}, inject: docker.pause, target: c{n}}}" for n in range(FAULTS)]
    last = ", ".join(f"p{n}" for n in range(FAULTS))
    lines += [f"  - {{id: long, wait: 5m, depends_on: [{last}]}}"]
    path = folder / "guardian.yaml"
    path.write_text("\n".join(lines) + "\n")
    environ = {**os.environ, "BREAKFIX_HOME": str(folder / "home")}
    with subprocess.Popen(
        [*breakfix, "run", "--yes", path],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as engine:
        try:
            _wait(folder, FaultActive, FAULTS)
            killed_s = time.monotonic()
        finally:
            engine.kill()
    _wait(folder, RunEnded, 1)
    return _since(_journal(folder), killed_s)


def _journal(folder: Path) -> Path:
    (found,) = (folder / "home" / "runs").glob("*/journal.ndjson")
    return found


def _wait(folder: Path, kind: type, count: int) -> None:
    end_s = time.monotonic() + BOUND_S
    while True:
        # Until its first line is whole it is no journal.
        with contextlib.suppress(JournalError, ValueError):
            found = [line for line in read(_journal(folder)) if isinstance(line.event, kind)]
            if len(found) >= count:
                return
        if time.monotonic() > end_s:
            raise RuntimeError(f"{count} times {kind.__name__}: not within {BOUND_S} s")
        time.sleep(0.05)


def _since(journal: Path, killed_s: float) -> Recovery:
    zero_s, issued_s, gone_s = 0.0, 0.0, 0.0
    for line in read(journal):
        event = line.event
        if isinstance(event, WriterTaken):
            zero_s = event.mono_zero_s
        elif isinstance(event, UndoTried):
            issued_s = max(issued_s, zero_s + event.started_at_s - killed_s)
        elif isinstance(event, FaultEnded):
            gone_s = max(gone_s, zero_s + event.before_at_s - killed_s)
    return Recovery(issued_s=issued_s, gone_s=gone_s)
