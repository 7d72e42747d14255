"""What the sampling process does about a tripped guard: tell the engine, and go past it where it does not answer."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import msgspec

from breakfix.engine.events import GuardTripped
from breakfix.engine.home import TRIP
from breakfix.engine.vehicles.procfs import pid_of, read_stat

ANSWER_WITHIN_S: Final = 1.0
STOP_WITHIN_S: Final = 2.0


class Alarm:
    """`engine` and `guardian` are incarnations (``PID@START``), `tell` writes to the engine at once."""

    def __init__(
        self, run_dir: Path, engine: str, guardian: str, tell: Callable[[GuardTripped], None]
    ) -> None:
        self._run_dir = run_dir
        self._engine = engine
        self._guardian = guardian
        self._tell = tell
        self._answers: dict[str, anyio.Event] = {}

    def trip(self, group: anyio.abc.TaskGroup, event: GuardTripped) -> None:
        """Tell it, and begin to wait for the answer."""
        self._answers[event.guard] = anyio.Event()
        self._tell(event)
        group.start_soon(self._wait, event)

    def answer(self, guard: str) -> None:
        """The engine stops for this guard."""
        if guard in self._answers:
            self._answers[guard].set()

    async def _wait(self, event: GuardTripped) -> None:
        if await self._answered(event, ANSWER_WITHIN_S):
            return
        self._write_down(event)
        _send(self._engine, signal.SIGTERM)
        if not await self._answered(event, STOP_WITHIN_S):
            _send(self._guardian, signal.SIGUSR1)

    async def _answered(self, event: GuardTripped, within_s: float) -> bool:
        with anyio.move_on_after(within_s):
            await self._answers[event.guard].wait()
        return self._answers[event.guard].is_set()

    def _write_down(self, event: GuardTripped) -> None:
        """For whoever takes over: the first trip counts."""
        path = self._run_dir / TRIP
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError:
            # It is there already, or the disk is full: the signals say enough.
            return
        try:
            os.write(fd, msgspec.json.encode(event) + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        folder = os.open(self._run_dir, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _send(incarnation: str, number: signal.Signals) -> None:
    """To this very process, not to one that has its pid by now."""
    if not incarnation:
        return
    pid = pid_of(incarnation)
    stat = read_stat(pid)
    if stat is not None and stat.incarnation == incarnation:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            return
