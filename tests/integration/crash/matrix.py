"""One kill of the crash matrix, and what is left of it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from breakfix.engine.journal import has_begun, read, verify
from breakfix.engine.open_faults import open_faults, open_marks
from breakfix.engine.vehicles.procfs import mark_of

SCRIPT = Path(__file__).with_name("killed_engine.py")
BOUND_S = 90.0
CGROUPS = Path("/sys/fs/cgroup")


class Kill(Struct, frozen=True, kw_only=True):
    """What came of one kill: whether it happened, and what is left that should not be."""

    point: str
    who: str
    happened: bool
    residue: tuple[str, ...]


class Arena(Struct, frozen=True, kw_only=True):
    """A scenario on a target that is this worker's alone. `survey` tells what the target is like."""

    scenario: str
    survey: Callable[[], Mapping[str, str]]


def points(arena: Arena) -> list[str]:
    """Every point that a run passes which nobody kills."""
    with tempfile.TemporaryDirectory(prefix="breakfix-crash-") as folder:
        engine = _start(Path(folder), arena, "none", "engine")
        engine.communicate(timeout=BOUND_S)
        assert engine.returncode in (0, 3), engine.returncode
        return (Path(folder) / "passed").read_text().split()


def kill_at(arena: Arena, point: str, who: str, prefix: Sequence[str] = ()) -> Kill:
    """Kill an engine (and with ``both`` its guardian) at a point; what the guardian, or `recover`, has
    left when it is over. `prefix` is a command that runs the engine."""
    with tempfile.TemporaryDirectory(prefix="breakfix-crash-") as name:
        folder = Path(name)
        before = arena.survey()
        engine = _start(folder, arena, point, who, prefix)
        engine.communicate(timeout=BOUND_S)
        return _kill(point, who, engine.returncode, _left(folder, arena, before, who))


def kill_after(arena: Arena, delay_s: float, who: str) -> Kill:
    """Kill it after a time, wherever it may be then."""
    with tempfile.TemporaryDirectory(prefix="breakfix-crash-") as name:
        folder = Path(name)
        before = arena.survey()
        engine = _start(folder, arena, "none", who)
        try:
            engine.wait(delay_s)
        except subprocess.TimeoutExpired:
            if who == "both":
                for pid in _of(folder):
                    if pid != engine.pid:
                        os.kill(pid, signal.SIGKILL)
            engine.kill()
        engine.communicate(timeout=BOUND_S)
        point = f"after {delay_s:.3f} s"
        return _kill(point, who, engine.returncode, _left(folder, arena, before, who))


def _start(
    folder: Path, arena: Arena, point: str, who: str, prefix: Sequence[str] = ()
) -> "subprocess.Popen[bytes]":
    (folder / "scenario.yaml").write_text(arena.scenario)
    command: list[str | Path] = [*prefix, sys.executable, SCRIPT, point, who, folder / "passed"]
    command += ["run", "--yes", folder / "scenario.yaml"]
    return subprocess.Popen(
        command,
        env=_environ(folder),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _environ(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "BREAKFIX_HOME": str(folder / "home"),
        "BREAKFIX_MACHINE_DIR": str(folder / "machine"),
    }


def _kill(point: str, who: str, code: int, residue: Sequence[str]) -> Kill:
    happened = code in (-signal.SIGKILL, 128 + signal.SIGKILL)
    return Kill(point=point, who=who, happened=happened, residue=tuple(residue))


def _left(folder: Path, arena: Arena, before: Mapping[str, str], who: str) -> list[str]:
    end_s = time.monotonic() + BOUND_S
    while running := _of(folder):
        # The guardian at work; of `both`, the two dying.
        if time.monotonic() > end_s:
            return [f"still running: {running}"]
        time.sleep(0.005)
    residue: list[str] = []
    if who == "both":
        command = [sys.executable, "-m", "breakfix", "recover", "--all"]
        done = subprocess.run(command, env=_environ(folder), capture_output=True, text=True)
        if done.returncode != 0:
            residue.append(f"recover: {done.returncode}: {done.stdout}{done.stderr}")
    after = arena.survey()
    residue += [
        f"{field}: was {before.get(field)}, is {after.get(field)}"
        for field in sorted({*before, *after})
        if before.get(field) != after.get(field)
    ]
    for journal in (folder / "home" / "runs").glob("*/journal.ndjson"):
        residue += _residue_of(journal)
    return residue


def _residue_of(journal: Path) -> list[str]:
    if not has_begun(journal):
        return []
    lines = read(journal)
    found = [f"open: {fault.intent.fault}" for fault in open_faults(lines)]
    found += [f"open mark of {mark.target}" for mark in open_marks(lines)]
    found += verify(journal).problems
    marks = [line.event.mark for line in lines if hasattr(line.event, "mark")]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (carried := mark_of(int(entry.name))):
            if carried in marks or carried.startswith(f"{journal.parent.name}."):
                found.append(f"process {entry.name} is left")
    for mark in marks:
        found += [f"{path} is left" for path in CGROUPS.glob(f"**/breakfix-{mark}-*")]
    return found


def _of(folder: Path) -> list[int]:
    """The processes that have this folder on their command line (an engine, its guardian), or sample for
    a run in it."""
    needle = os.fsencode(folder)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                samples = b"breakfix.engine.sampler" in command
                if needle in command or (samples and needle in (entry / "environ").read_bytes()):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
