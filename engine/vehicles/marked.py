"""All processes of one mark: found, signalled, and seen to be gone.

A process belongs to a mark when its environment carries it; when it was known to belong to it before;
when it is in the session of one that did; or when its parent belongs to it. All but the first are for
programs that write over their environment, as those that change their title do. One that does so,
leaves its session and loses its parent before it was ever seen is not found: a target runs in the
foreground.
"""

import errno
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from breakfix.engine.errors import VehicleError
from breakfix.engine.vehicles.procfs import Stat, all_stats, carries, mark_of, pid_of, read_stat

KILLED_WITHIN_S: Final = 5.0
"""How long a killed process may take to go; one that hangs in the kernel takes longer."""

_LOOK_EVERY_S: Final = 0.01
_LOOK_EVERY_S_MAX: Final = 0.1
_ROUNDS_MAX: Final = 100
"""A process that goes on forking is chased so often; each round ends all that it finds."""

_UNTIL_NONE_IS_NEW: Final = frozenset(
    {signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
)


class Marked:
    """Finds and signals the processes of marks, and remembers which it has found. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, set[str]] = defaultdict(set)

    def know(self, mark: str, incarnation: str) -> None:
        """That process belongs to the mark. Incarnations that are gone count for nothing."""
        if incarnation:
            with self._lock:
                self._known[mark].add(incarnation)

    def find(self, mark: str) -> list[Stat]:
        """The live processes of a mark, the oldest first."""
        with self._lock:
            known = set(self._known[mark])
        found = find(mark, known)
        with self._lock:
            self._known[mark] -= known
            self._known[mark].update(stat.incarnation for stat in found)
        return found

    def send(self, mark: str, number: signal.Signals) -> list[int]:
        """A signal to all processes of a mark; the pids that got it.

        What stops or ends goes out until a look finds none that has not got it: a process that was
        seen may have forked before the signal reached it. Raises PermissionError.
        """
        reached: set[str] = set()
        for _ in range(_ROUNDS_MAX):
            new = [stat for stat in self.find(mark) if stat.incarnation not in reached]
            for stat in new:
                send_to_one(stat.incarnation, number)
                reached.add(stat.incarnation)
            if not new or number not in _UNTIL_NONE_IS_NEW:
                break
        return sorted(pid_of(incarnation) for incarnation in reached)

    def wait_gone(
        self, mark: str, within_s: float, stop: threading.Event | None = None
    ) -> list[Stat]:
        """Wait until nothing of a mark is left; what is left when the time is over."""
        end_s = time.monotonic() + within_s
        pause_s = _LOOK_EVERY_S
        while left := self.find(mark):
            if time.monotonic() >= end_s or (stop is not None and stop.is_set()):
                break
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LOOK_EVERY_S_MAX)
        return left

    def end(self, mark: str, grace_s: float) -> list[Stat]:
        """SIGTERM, a grace, SIGKILL; what is left after that. Raises PermissionError.

        SIGCONT follows SIGTERM, since a stopped process would not see it.
        """
        self.send(mark, signal.SIGTERM)
        self.send(mark, signal.SIGCONT)
        if not self.wait_gone(mark, grace_s):
            return []
        self.send(mark, signal.SIGKILL)
        return self.wait_gone(mark, KILLED_WITHIN_S)


def find(mark: str, known: Iterable[str] = ()) -> list[Stat]:
    """The live processes of a mark, the oldest first; `known` are incarnations that belong to it.

    This process itself is never among them.
    """
    known = set(known)
    stats = {stat.pid: stat for stat in all_stats() if stat.alive and not stat.in_kernel}
    stats.pop(os.getpid(), None)
    children: dict[int, list[int]] = defaultdict(list)
    for stat in stats.values():
        children[stat.ppid].append(stat.pid)
    sessions = {stat.session for stat in stats.values() if stat.incarnation in known}
    sessions.discard(os.getsid(0))
    todo = [
        pid
        for pid, stat in stats.items()
        if stat.incarnation in known or stat.session in sessions or carries(pid, mark)
    ]
    found: dict[int, Stat] = {}
    while todo:
        pid = todo.pop()
        if pid not in found:
            found[pid] = stats[pid]
            todo += children[pid]
    return sorted(found.values(), key=lambda stat: (stat.start_ticks, stat.pid))


def in_flight(prefix: str) -> set[str]:
    """The marks that begin with this and whose first process still runs: it leads its session."""
    leaders = (stat for stat in all_stats() if stat.alive and stat.session == stat.pid)
    marks = {mark_of(stat.pid) for stat in leaders}
    return {mark for mark in marks if mark.startswith(prefix)}


def signal_number(name: str) -> signal.Signals:
    """``SIGKILL`` or ``KILL``. Raises VehicleError where there is no such signal."""
    try:
        return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
    except KeyError:
        raise VehicleError(f"There is no signal {name} on this machine.") from None


def send_to_one(incarnation: str, number: signal.Signals) -> bool:
    """A signal to that one process and never to a later one of its pid. False: it is gone.

    Raises PermissionError. The descriptor pins the process (pidfd_open(2)): its start time, read
    after that, says whether it is the one that was meant.
    """
    pid = pid_of(incarnation)
    try:
        descriptor = os.pidfd_open(pid)
    except OSError as error:
        # ESRCH: no such process. EINVAL: the pid is that of a thread now.
        if error.errno in (errno.ESRCH, errno.EINVAL):
            return False
        raise
    try:
        stat = read_stat(pid)
        if stat is None or stat.incarnation != incarnation or not stat.alive:
            return False
        signal.pidfd_send_signal(descriptor, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
