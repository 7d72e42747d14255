"""Processes of process targets: known to the journal before their program runs."""

import contextlib
import errno
import fcntl
import os
import select
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from breakfix.engine.errors import VehicleError
from breakfix.engine.ops import Outcome, SpawnOp
from breakfix.engine.vehicles.children import Children
from breakfix.engine.vehicles.command import why_not_started
from breakfix.engine.vehicles.marked import Marked
from breakfix.engine.vehicles.procfs import MARK_NAME, read_stat

Announce = Callable[[SpawnOp, str], None]
"""Called with the op and ``PID@START`` while the child waits; the program runs after it returned."""

_GO: Final = 3
_ERRORS: Final = 4
_ABOVE: Final = 10
"""Our ends of the pipes are above the numbers that they get in the child."""

# The child says that it is ready, with the mark in its environment, and waits. A pipe that closes
# without the letter means that whoever started it is gone, and then nothing may run. The environment
# is taken from the kernel, since an interpreter may add to its own.
_LAUNCHER: Final = f"""
import os, signal, sys
cwd, path, *argv = sys.argv[1:]
with open("/proc/self/environ", "rb") as file:
    pairs = [item.partition(b"=") for item in file.read().split(b"\\0")]
os.write({_ERRORS}, b"r")
if os.read({_GO}, 1) != b"x":
    os._exit(125)
try:
    os.close({_GO})
    os.set_inheritable({_ERRORS}, False)
    os.closerange({_ERRORS} + 1, min(os.sysconf("SC_OPEN_MAX"), 65536))
    if cwd:
        os.chdir(cwd)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execve(path, argv, {{name: value for name, is_, value in pairs if is_}})
except OSError as error:
    os.write({_ERRORS}, str(error.errno).encode())
os._exit(126)
"""


def ignore(op: SpawnOp, incarnation: str) -> None:
    """Nobody wants to know."""


class Spawner:
    """Starts the processes of one run. `announce` is called before each program runs."""

    def __init__(self, run_dir: Path, marked: Marked, children: Children) -> None:
        self.announce: Announce = ignore
        self._run_dir = run_dir
        self._marked = marked
        self._children = children

    def spawn(self, op: SpawnOp, stop: threading.Event | None = None) -> Outcome:
        """Start a process of a mark in a session of its own; nothing where one of it is alive.

        Raises VehicleError where the output is not inside the folder of the run, and whatever
        `announce` raises, with nothing started.
        """
        if alive := self._marked.find(op.mark):
            data = {"incarnation": alive[0].incarnation}
            return Outcome(ok=True, data=data, text="is running already")
        environ = {**os.environ, **op.env, MARK_NAME: op.mark}
        try:
            path = _program(op.argv[0], op.cwd, environ)
        except OSError as error:
            return Outcome(ok=False, error=why_not_started(op.argv[0], op.cwd, error))
        waiting = _launch(op, path, _output(op.output, self._run_dir), environ)
        try:
            return self._release(op, waiting, stop)
        finally:
            os.close(waiting.go)
            os.close(waiting.errors)

    def _release(
        self, op: SpawnOp, waiting: "_Waiting", stop: threading.Event | None
    ) -> Outcome:
        """Tell of the child, then let it go. Without the letter it ends when the pipe is closed."""
        stat = read_stat(waiting.pid)
        assert stat is not None
        self._marked.know(op.mark, stat.incarnation)
        self._children.add(waiting.pid, op.mark)
        if stop is not None and stop.is_set():
            return Outcome(ok=False, error="was stopped before it began")
        if why := self._start(op, waiting, stat.incarnation):
            self._marked.send(op.mark, signal.SIGKILL)
            self._marked.wait_gone(op.mark, op.timeout_s)
            return Outcome(ok=False, error=why)
        return Outcome(ok=True, data={"incarnation": stat.incarnation})

    def _start(self, op: SpawnOp, waiting: "_Waiting", incarnation: str) -> str:
        """Why the program does not run; empty where it does."""
        late = f"{op.argv[0]} did not start in time"
        if _said(waiting.errors, 1, op.timeout_s) != b"r":
            return late
        self.announce(op, incarnation)
        with contextlib.suppress(BrokenPipeError):
            os.write(waiting.go, b"x")
        # Its exec closes the pipe; if that fails, the number of the error comes first.
        said = _said(waiting.errors, 16, op.timeout_s)
        if said is None:
            return late
        number = int(said or b"0")
        error = OSError(number, os.strerror(number))
        return why_not_started(op.argv[0], op.cwd, error) if number else ""


class _Waiting(Struct, frozen=True):
    """A child before its program: the writing end of one pipe, the reading end of the other."""

    pid: int
    go: int
    errors: int


def _program(command: str, cwd: str, environ: dict[str, str]) -> str:
    """The file of a command, found as execvp(3) does. Raises OSError."""
    if "/" in command:
        path = Path(cwd, command).absolute()
        if not path.exists():
            raise OSError(errno.ENOENT, "not there")
        return str(path)
    found = shutil.which(command, path=environ.get("PATH", os.defpath))
    if found is None:
        raise OSError(errno.ENOENT, "not in PATH")
    return found


def _output(name: str, run_dir: Path) -> Path:
    path = (run_dir / name).resolve()
    if not path.is_relative_to(run_dir.resolve()):
        raise VehicleError(f"The output {name} is not inside the folder of the run.")
    return path


def _launch(op: SpawnOp, path: str, output: Path, environ: dict[str, str]) -> _Waiting:
    opened: list[int] = []

    def keep(descriptor: int) -> int:
        """The same, above the numbers that the child uses."""
        try:
            opened.append(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ABOVE))
        finally:
            os.close(descriptor)
        return opened[-1]

    try:
        out = keep(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600))
        go_in, go_out = map(keep, os.pipe())
        errors_in, errors_out = map(keep, os.pipe())
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, op.cwd, path, *op.argv],
            environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, out, 1),
                (os.POSIX_SPAWN_DUP2, out, 2),
                (os.POSIX_SPAWN_DUP2, go_in, _GO),
                (os.POSIX_SPAWN_DUP2, errors_out, _ERRORS),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP),
        )
    except (OSError, ValueError) as error:
        for descriptor in opened:
            os.close(descriptor)
        raise VehicleError(f"{op.argv[0]} could not be started: {error}.") from None
    for descriptor in (out, go_in, errors_out):
        os.close(descriptor)
    return _Waiting(pid, go_out, errors_in)


def _said(descriptor: int, bytes_max: int, within_s: float) -> bytes | None:
    """What the child says next; empty when it has closed the pipe, None when nothing came in time."""
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    return os.read(descriptor, bytes_max) if ready.poll(within_s * 1000) else None
