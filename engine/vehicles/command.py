"""Commands on this machine: an argv without a shell, bounded in time and in output."""

import contextlib
import errno
import os
import secrets
import selectors
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Final, Literal

from breakfix.engine.errors import VehicleError
from breakfix.engine.ops import ExecOp, Outcome
from breakfix.engine.values import format_seconds
from breakfix.engine.vehicles.marked import Marked
from breakfix.engine.vehicles.output import Kept, decoded
from breakfix.engine.vehicles.procfs import MARK_NAME, read_stat

GRACE_S: Final = 1.0
"""Between SIGTERM and SIGKILL."""

_READ_BYTES: Final = 65536
_LOOK_EVERY_S: Final = 0.05
"""How often a running command looks whether it is to stop."""
_DRAIN_READS_MAX: Final = 64

End = Literal["exited", "timeout", "stopped"]


def execute(
    op: ExecOp, stop: threading.Event | None, marked: Marked, prefix: str = ""
) -> Outcome:
    """Run a command to its end; when this returns because of a time-out or `stop`, nothing of it is
    left: neither its process group nor a descendant that left the group.

    What it leaves running by itself, as a command that starts a service does, is left alone, unless
    the op only reads. ``code`` is None where the command could not be started. Its mark begins with
    `prefix`, so that it can be found by who does not know all of it.
    """
    if op.user:
        raise VehicleError("A user can be given for commands in containers only.")
    mark = prefix + secrets.token_hex(16)
    try:
        process = subprocess.Popen(
            op.argv,
            stdin=subprocess.PIPE if op.stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **op.env, MARK_NAME: mark},
            cwd=op.cwd or None,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Outcome(ok=False, error=why_not_started(op.argv[0], op.cwd, error))
    with process:
        return _Running(op, process, mark, marked).outcome(stop)


def why_not_started(command: str, cwd: str, error: Exception) -> str:
    """Why a command could not be started, in words."""
    if cwd and not Path(cwd).is_dir():
        return f"there is no folder {cwd} to run {command} in"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOENT:
        return f"there is no command {command}"
    if number == errno.EACCES:
        return f"{command} is not executable for us"
    if number == errno.ENOEXEC:
        return f"{command} is not a program: its first line does not name an interpreter"
    return f"{command} could not be started: {error}"


class _Running:
    def __init__(
        self, op: ExecOp, process: subprocess.Popen[bytes], mark: str, marked: Marked
    ) -> None:
        self._op = op
        self._process = process
        self._mark = mark
        self._marked = marked
        self._input = memoryview(op.stdin.encode("utf-8", "surrogateescape"))
        self._out = Kept(op.output_bytes_max)
        self._err = Kept(op.output_bytes_max)
        # Until it is waited for, the pid stays its own, whether it has ended or not.
        stat = read_stat(process.pid)
        assert stat is not None
        marked.know(mark, stat.incarnation)

    def outcome(self, stop: threading.Event | None) -> Outcome:
        try:
            end = self._pump(stop)
        except BaseException:
            self._end_all(asked=True)
            raise
        if end != "exited" or self._op.changes == "no":
            self._end_all(asked=end != "exited")
        code = self._process.wait()
        text = self._out.text()
        errors = {
            "exited": "",
            "timeout": f"took longer than {format_seconds(self._op.timeout_s)} and was ended",
            "stopped": "was stopped before it was over",
        }
        return Outcome(
            ok=end == "exited" and code in self._op.ok_exit,
            code=code,
            data=decoded(text) if not self._out.cut else None,
            text=text,
            stderr=self._err.text(),
            cut=self._out.cut or self._err.cut,
            error=errors[end],
        )

    def _pump(self, stop: threading.Event | None) -> End:
        """Move bytes until the command has exited, or must not go on."""
        process = self._process
        end_s = time.monotonic() + self._op.timeout_s
        exited = os.pidfd_open(process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(exited, selectors.EVENT_READ)
                self._register(selector)
                while True:
                    left_s = end_s - time.monotonic()
                    if left_s <= 0:
                        return "timeout"
                    if stop is not None and stop.is_set():
                        return "stopped"
                    pause_s = left_s if stop is None else min(left_s, _LOOK_EVERY_S)
                    ready = {key.fd for key, _ in selector.select(pause_s)}
                    self._move(selector, ready - {exited})
                    if exited in ready:
                        selector.unregister(exited)
                        self._drain(selector)
                        return "exited"
        finally:
            os.close(exited)

    def _register(self, selector: selectors.BaseSelector) -> None:
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        for stream, kept in ((process.stdout, self._out), (process.stderr, self._err)):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream.fileno(), selectors.EVENT_READ, kept)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin.fileno(), selectors.EVENT_WRITE)

    def _move(self, selector: selectors.BaseSelector, ready: set[int]) -> None:
        for descriptor in ready:
            kept = selector.get_key(descriptor).data
            if isinstance(kept, Kept):
                piece = _read(descriptor)
                if piece:
                    kept.add(piece)
                elif piece is not None:
                    selector.unregister(descriptor)
            elif not self._write(descriptor):
                selector.unregister(descriptor)
                assert self._process.stdin is not None
                # Its own buffer is empty: closing it writes nothing.
                self._process.stdin.close()

    def _write(self, descriptor: int) -> bool:
        """Feed the command; False where there is nothing (or nobody) left to feed."""
        try:
            self._input = self._input[os.write(descriptor, self._input[:_READ_BYTES]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self._input = self._input[:0]
        return bool(self._input)

    def _drain(self, selector: selectors.BaseSelector) -> None:
        """What the command wrote before it exited is in the pipes: nothing has to be waited for."""
        for _ in range(_DRAIN_READS_MAX):
            ready = {
                key.fd for key, _ in selector.select(0) if isinstance(key.data, Kept)
            }
            if not ready:
                return
            self._move(selector, ready)

    def _end_all(self, *, asked: bool) -> None:
        with contextlib.suppress(PermissionError):
            if asked:
                self._marked.end(self._mark, GRACE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _read(descriptor: int) -> bytes | None:
    """A piece; empty at the end; None where there is nothing yet."""
    try:
        return os.read(descriptor, _READ_BYTES)
    except BlockingIOError:
        return None
