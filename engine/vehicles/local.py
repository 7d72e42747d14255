"""This machine: commands, processes of process targets, signals and files."""

import contextlib
import hashlib
import threading
from pathlib import Path
from typing import Any, Final

from breakfix.engine.ops import (
    ExecOp,
    FileOp,
    Identity,
    Outcome,
    ProcessOp,
    SignalOp,
    SpawnOp,
)
from breakfix.engine.vehicles import command
from breakfix.engine.vehicles.children import Children, reap_orphans
from breakfix.engine.vehicles.marked import Marked, in_flight, send_to_one, signal_number
from breakfix.engine.vehicles.spawn import Spawner

_FILE_BYTES_MAX: Final = 1 << 20


class Local:
    """Executes ops on this machine. Thread-safe."""

    def __init__(self, run_dir: Path) -> None:
        self._marked = Marked()
        self._prefix = f"{run_dir.name}."
        self._children = Children()
        self.spawner = Spawner(run_dir, self._marked, self._children)

    def close(self) -> None:
        """Bury the dead. Whatever still runs goes on running."""
        self._children.reap()
        reap_orphans()

    def execute(self, op: ExecOp, stop: threading.Event | None) -> Outcome:
        """Run a command; see `breakfix.engine.vehicles.command.execute`."""
        return command.execute(op, stop, self._marked, self._prefix)

    def end_commands(self, run_id: str) -> int:
        """End the commands that an engine which is gone left in flight; how many there were. What a
        command that is over left running is left alone."""
        marks = in_flight(f"{run_id}.")
        for mark in marks:
            with contextlib.suppress(PermissionError):
                self._marked.end(mark, command.GRACE_S)
        return len(marks)

    def spawn(self, op: SpawnOp, stop: threading.Event | None) -> Outcome:
        """Start a process of a mark; see `breakfix.engine.vehicles.spawn`."""
        return self.spawner.spawn(op, stop)

    def incarnation(self, identity: Identity) -> str:
        """The oldest live process of a mark, ``PID@START``; empty where there is none."""
        self._marked.know(identity.object_id, identity.incarnation)
        found = self._marked.find(identity.object_id)
        return found[0].incarnation if found else ""

    def signal(self, op: SignalOp, stop: threading.Event | None) -> Outcome:
        """A signal to all that carries a mark, or to one process of it. ``data`` is
        ``{"pids": [...]}``: who got it."""
        number = signal_number(op.signal)
        try:
            if op.only_incarnation:
                reached = send_to_one(op.only_incarnation, number)
                return Outcome(ok=True, gone=not reached)
            self._know(op.target)
            pids = self._marked.send(op.mark, number)
        except PermissionError:
            return Outcome(ok=False, error=f"we may not send {op.signal}: they run as another user")
        left = []
        if op.gone_within_s:
            left = self._marked.wait_gone(op.mark, op.gone_within_s, stop)
            reap_orphans()
        stuck = bool(left) and number.name == "SIGKILL"
        error = f"still there: {', '.join(str(stat.pid) for stat in left)}" if stuck else ""
        return Outcome(ok=not stuck, data={"pids": pids}, gone=not pids, error=error)

    def read_process(self, op: ProcessOp) -> Outcome:
        """What carries a mark. The state is ``T`` where every one of them is stopped."""
        self._know(op.target)
        found = self._marked.find(op.mark)
        moving = [stat for stat in found if stat.state not in ("T", "t")]
        state = moving[0].state if moving else "T"
        return Outcome(
            ok=True,
            data={
                "running": bool(found),
                "pids": [stat.pid for stat in found],
                "state": state if found else "",
                "incarnation": found[0].incarnation if found else "",
                "exit_code": self._children.exit_code(op.mark),
            },
        )

    def _know(self, target: Identity | None) -> None:
        if target is not None:
            self._marked.know(target.object_id, target.incarnation)

    def file(self, op: FileOp) -> Outcome:
        """Write, delete or read one file. Of a read, ``data`` is ``{"exists": bool, ...}``, also where
        there is none (not ``ok`` then); it is None where nobody can tell."""
        path = Path(op.path)
        try:
            if op.delete:
                path.unlink(missing_ok=True)
                return Outcome(ok=True)
            if op.content is not None:
                path.write_bytes(op.content.encode("utf-8", "surrogateescape"))
                return Outcome(ok=True)
            return _read(path)
        except (FileNotFoundError, NotADirectoryError):
            there_is_none = {"exists": False} if op.content is None else None
            return Outcome(ok=False, data=there_is_none, error=f"there is no {op.path}")
        except OSError as error:
            return Outcome(ok=False, error=f"{op.path}: {error.strerror}")


def _read(path: Path) -> Outcome:
    facts = path.stat()
    data: dict[str, Any] = {"exists": True, "size_bytes": facts.st_size, "modified_s": facts.st_mtime}
    if not path.is_file():
        return Outcome(ok=True, data=data)
    content = b""
    with contextlib.suppress(PermissionError), path.open("rb") as file:
        content = file.read(_FILE_BYTES_MAX + 1)
        data["sha256"] = hashlib.sha256(content).hexdigest()
    cut = len(content) > _FILE_BYTES_MAX
    if cut:
        del data["sha256"]
    text = content[:_FILE_BYTES_MAX].decode("utf-8", "backslashreplace")
    return Outcome(ok=True, data=data, text=text, cut=cut)
