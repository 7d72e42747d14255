"""The processes that this process has started, or has inherited as a subreaper: their exit codes."""

import ctypes
import os
import threading
from typing import Final

from breakfix.engine.errors import VehicleError
from breakfix.engine.vehicles.procfs import all_stats

_PR_SET_CHILD_SUBREAPER: Final = 36


def become_subreaper() -> None:
    """Orphans of our descendants become our children, whatever session they are in (prctl(2)).

    Raises VehicleError where the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        why = os.strerror(ctypes.get_errno())
        raise VehicleError(f"This process cannot become the reaper of its descendants: {why}.")


def reap_orphans() -> None:
    """Bury the dead that fell to us as a subreaper, so that they do not pile up.

    Our own children are left to whoever started them: they are in our session, or lead their own.
    """
    ours, session = os.getpid(), os.getsid(0)
    for stat in all_stats():
        if stat.ppid == ours and not stat.alive and stat.session not in (session, stat.pid):
            try:
                os.waitpid(stat.pid, os.WNOHANG)
            except ChildProcessError:
                continue


class Children:
    """Processes that were started here, each reaped once. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alive: dict[int, str] = {}
        self._codes: dict[str, int] = {}

    def add(self, pid: int, mark: str) -> None:
        """A child of this process, not waited for by anybody else."""
        with self._lock:
            self._alive[pid] = mark
            self._codes.pop(mark, None)

    def exit_code(self, mark: str) -> int | None:
        """Of the last child of a mark: None while it lives, or where it was started elsewhere;
        negative for the signal that ended it."""
        self.reap()
        with self._lock:
            return self._codes.get(mark)

    def reap(self) -> None:
        """Take note of every child that has ended."""
        with self._lock:
            for pid, mark in list(self._alive.items()):
                try:
                    ended, status = os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    del self._alive[pid]
                    continue
                if ended:
                    del self._alive[pid]
                    if mark not in self._alive.values():
                        self._codes[mark] = os.waitstatus_to_exitcode(status)
