"""One kill of the crash matrix, and what is left of it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from breakfix.engine.events import CommandIntended, FaultEnded, MarkIntended, RunEnded
from breakfix.engine.journal import has_begun, read, verify
from breakfix.engine.open_faults import open_faults, open_marks
from breakfix.engine.vehicles.procfs import mark_of

SCRIPT = Path(__file__).with_name("killed_engine.py")
ROOT = Path(__file__).parents[3]
BOUND_S = 240.0
CGROUPS = Path("/sys/fs/cgroup")

GRACE_S = 4.0
"""How much later than the engine a dead-man switch ends a fault, where it is to do so alone."""
SOON = {"CRASH_GRACE_S": str(GRACE_S)}
ALONE_S = GRACE_S + 3.0
"""When it has: a fault is held for 0.2 s."""


class Death(Struct, frozen=True, kw_only=True):
    """Where, and of whom: as the arguments of killed_engine.py are, and its environment. `prefix` is a command that
    runs the engine."""

    point: str = "none"
    who: str = "engine"
    prefix: tuple[str, ...] = ()
    environ: dict[str, str] = {}


class Kill(Struct, frozen=True, kw_only=True):
    """What came of one kill: whether it happened, what is left that should not be, and who ended the
    faults."""

    point: str
    who: str
    happened: bool
    residue: tuple[str, ...]
    ended_by: tuple[str, ...] = ()


class Arena(Struct, frozen=True, kw_only=True):
    """A scenario on a target that is this worker's alone. `survey` tells what the target is like, `left_of` what a
    run has left there."""

    scenario: str
    survey: Callable[[], Mapping[str, str]]
    left_of: Callable[[str], Sequence[str]] = lambda run_id: ()


def points(arena: Arena) -> list[str]:
    """Every point that a run passes which nobody kills."""
    with tempfile.TemporaryDirectory(prefix="breakfix-crash-") as folder:
        engine = start(Path(folder), arena, Death())
        engine.communicate(timeout=BOUND_S)
        assert engine.returncode in (0, 3), engine.returncode
        return (Path(folder) / "passed").read_text().split()


def kill_at(arena: Arena, point: str, who: str, prefix: Sequence[str] = ()) -> Kill:
    """Kill an engine (and with ``both`` its guardian) at a point; what the guardian, or `recover`, has
    left when it is over. With ``alone`` both are killed, and nobody recovers until the dead-man switches have done
    their work. `prefix` is a command that runs the engine."""
    with tempfile.TemporaryDirectory(prefix="breakfix-crash-") as name:
        folder = Path(name)
        before = arena.survey()
        death = Death(point=point, who=who, prefix=tuple(prefix))
        if who == "alone":
            death = structs.replace(death, who="both", environ=SOON)
        engine = start(folder, arena, death)
        engine.communicate(timeout=BOUND_S)
        return _killed(folder, arena, before, _Died(point, who, engine.returncode))


def kill_after(arena: Arena, delay_s: float, who: str) -> Kill:
    """Kill it after a time, wherever it may be then."""
    with tempfile.TemporaryDirectory(prefix="breakfix-crash-") as name:
        folder = Path(name)
        before = arena.survey()
        engine = start(folder, arena, Death(environ=SOON if who == "alone" else {}))
        try:
            engine.wait(delay_s)
        except subprocess.TimeoutExpired:
            if who != "engine":
                for pid in of(folder):
                    if pid != engine.pid:
                        os.kill(pid, signal.SIGKILL)
            engine.kill()
        engine.communicate(timeout=BOUND_S)
        died = _Died(f"after {delay_s:.3f} s", who, engine.returncode)
        return _killed(folder, arena, before, died)


def start(folder: Path, arena: Arena, death: Death) -> "subprocess.Popen[bytes]":
    """Start an engine that dies at a point, with all that it keeps in a folder."""
    (folder / "scenario.yaml").write_text(arena.scenario)
    command: list[str | Path] = [*death.prefix, sys.executable, SCRIPT, death.point, death.who]
    command += [folder / "passed", "run", "--yes", folder / "scenario.yaml"]
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(
            command,
            env=_environ(folder) | death.environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )


def recover(folder: Path) -> list[str]:
    """Recover all; what was wrong with that."""
    command = [sys.executable, "-m", "breakfix", "recover", "--all"]
    done = subprocess.run(command, env=_environ(folder), capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    return [f"recover: {done.returncode}: {done.stdout}{done.stderr}"]


def wait_until_over(folder: Path, bound_s: float = BOUND_S) -> list[str]:
    """The guardian at work; of `both`, the two dying. What runs longer than that."""
    end_s = time.monotonic() + bound_s
    while running := of(folder):
        if time.monotonic() > end_s:
            return [f"still running: {running}"]
        time.sleep(0.05)
    return []


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The fields that are not as they were."""
    return [
        f"{field}: was {before.get(field)}, is {after.get(field)}"
        for field in sorted({*before, *after})
        if before.get(field) != after.get(field)
    ]


def residue_of(folder: Path, arena: Arena) -> list[str]:
    """What the runs in a folder have left open, or running."""
    found: list[str] = []
    for journal in journals(folder):
        found += _residue_of(journal)
        found += traces(journal.parent.name)
        found += [f"its host says: {left}" for left in arena.left_of(journal.parent.name)]
    return found


def journals(folder: Path) -> list[Path]:
    """Of the runs in a folder."""
    return list((folder / "home" / "runs").glob("*/journal.ndjson"))


def ended_by(folder: Path) -> tuple[str, ...]:
    """Who has ended the faults of the runs in a folder."""
    lines = [line for path in journals(folder) if has_begun(path) for line in read(path)]
    return tuple(line.event.ended_by for line in lines if isinstance(line.event, FaultEnded))


def traces(run_id: str) -> list[str]:
    """What there is of a run on the hosts that are this machine: state folders, and processes that carry its
    mark, or the name of such a folder."""
    found = [
        f"folder {path} is left"
        for parent in (Path("/run/breakfix"), *Path("/tmp").glob("breakfix-*"))
        for path in parent.glob(f"{run_id}.*")
    ]
    token, mark = f"{run_id}.".encode(), f"\0BREAKFIX_MARK={run_id}.".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
                if token in words or mark in b"\0" + (entry / "environ").read_bytes():
                    shown = words.replace(b"\0", b" ")[-300:].decode(errors="replace")
                    found.append(f"process {entry.name} is left: {shown}")
            except OSError:
                continue
    return found


def _environ(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "BREAKFIX_HOME": str(folder / "home"),
        "BREAKFIX_MACHINE_DIR": str(folder / "machine"),
        "PYTHONPATH": os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(ROOT)]),
    }


class _Died(Struct, frozen=True):
    point: str
    who: str
    code: int


def _killed(folder: Path, arena: Arena, before: Mapping[str, str], died: _Died) -> Kill:
    residue = wait_until_over(folder)
    if died.who == "alone":
        # Not one look before: until then nobody but the switches may have done anything.
        time.sleep(ALONE_S)
        residue += [f"before recovery: {left}" for left in wait_for_switches(folder, arena, before)]
    if died.who in ("both", "alone"):
        residue += recover(folder)
    residue += differences(before, arena.survey())
    residue += residue_of(folder, arena)
    return Kill(
        point=died.point,
        who=died.who,
        happened=died.code in (-signal.SIGKILL, 128 + signal.SIGKILL),
        residue=tuple(residue),
        ended_by=ended_by(folder),
    )


def wait_for_switches(folder: Path, arena: Arena, before: Mapping[str, str]) -> list[str]:
    """Until all is as before, and nothing of a run is left on a host; what does not come to that."""
    end_s = time.monotonic() + BOUND_S
    while True:
        found = differences(before, arena.survey())
        found += [left for path in journals(folder) for left in traces(path.parent.name)]
        if not found or time.monotonic() > end_s:
            return found
        time.sleep(0.3)


def _residue_of(journal: Path) -> list[str]:
    if not has_begun(journal):
        return []
    lines = read(journal)
    found = [f"open: {fault.intent.fault}" for fault in open_faults(lines)]
    found += [f"open mark of {mark.target}" for mark in open_marks(lines)]
    found += verify(journal).problems
    last = lines[-1].event
    # Before its guardian was there an engine owes nothing, and nobody ends its run.
    owes = any(isinstance(line.event, CommandIntended | MarkIntended) for line in lines)
    if isinstance(last, RunEnded):
        found += [f"residue: {last.reason}"] * last.residue
    elif owes:
        found.append("nobody has written the end of the run")
    marks = [line.event.mark for line in lines if hasattr(line.event, "mark")]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (carried := mark_of(int(entry.name))):
            if carried in marks or carried.startswith(f"{journal.parent.name}."):
                found.append(f"process {entry.name} is left")
    for mark in marks:
        found += [f"{path} is left" for path in CGROUPS.glob(f"**/breakfix-{mark}-*")]
    return found


def of(folder: Path) -> list[int]:
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
