"""An engine that is killed at one point of its run: ``killed_engine.py POINT WHO FILE [ARGUMENT...]``.

Points are named by what has just happened and how often: ``fault_intended#1`` is right after that event
was appended for the first time, ``before_op#2`` and ``after_op#2`` are around the second op that changes
something, ``sent#2`` is when that has gone to its host, and nothing has come back. `WHO` is ``engine``;
``both`` where its guardian is killed first; ``memory``, where the engine takes memory until the kernel ends it;
or ``nobody``. Each point that is passed is written into FILE. The arguments are those of breakfix.

Where the environment has CRASH_RELAY, the relay that listens there is cut first. CRASH_GRACE_S is how much
later than the engine a dead-man switch ends a fault.
"""

import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from tests.integration.crash.relay import told

from breakfix.engine import deadman
from breakfix.engine.cli import main
from breakfix.engine.events import Event, Line
from breakfix.engine.journal import Journal
from breakfix.engine.ops import Op, Outcome
from breakfix.engine.vehicles.dispatch import Vehicles
from breakfix.engine.vehicles.ssh import command

MIB = 1 << 20
_append, _run = Journal.append, Vehicles.run


class Points:
    """Counts the points that are passed, and dies at the one that is wanted."""

    def __init__(self, wanted: str, who: str, passed: Path) -> None:
        self._wanted = wanted
        self._who = who
        self._passed = passed
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        """At one point."""
        with self._lock:
            self._counts[name] += 1
            point = f"{name}#{self._counts[name]}"
            with self._passed.open("a") as file:
                file.write(f"{point}\n")
            if point == self._wanted:
                self._die()

    def _die(self) -> None:
        if relay := os.environ.get("CRASH_RELAY"):
            told(Path(relay), "cut")
        if self._who == "nobody":
            return
        if self._who == "both":
            for pid in _guardians():
                os.kill(pid, signal.SIGKILL)
        taken = []
        while self._who == "memory":
            taken.append(b"x" * MIB)
        os.kill(os.getpid(), signal.SIGKILL)


def _guardians() -> list[int]:
    children = Path("/proc/self/task").glob("*/children")
    pids = [int(pid) for path in children for pid in path.read_text().split()]
    return [
        pid
        for pid in pids
        if b"breakfix.engine.guardian" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def patched(points: Points) -> None:
    """Journal and vehicles tell when they have done something."""
    at_work = threading.local()

    def append(self: Journal, event: Event, sync: bool = False) -> Line:
        line = _append(self, event, sync)
        points.reach(str(event.__struct_config__.tag))
        return line

    def run(self: Vehicles, op: Op, *, stop: threading.Event | None = None) -> Outcome:
        if op.changes == "no":
            return _run(self, op, stop=stop)
        points.reach("before_op")
        at_work.changes = True
        outcome = _run(self, op, stop=stop)
        at_work.changes = False
        points.reach("after_op")
        return outcome

    def pump(self: Any, *args: Any) -> Any:
        if getattr(at_work, "changes", False):
            points.reach("sent")
        return wait(self, *args)

    patch: Any = setattr
    patch(Journal, "append", append)
    patch(Vehicles, "run", run)
    wait = command._Running._pump
    patch(command._Running, "_pump", pump)
    if grace_s := os.environ.get("CRASH_GRACE_S"):
        patch(deadman, "GRACE_S", float(grace_s))
        # Nor does it wait longer for what may take longer.
        patch(deadman, "APPLY_USUAL_S", 1000.0)


if __name__ == "__main__":
    point, who, passed, *arguments = sys.argv[1:]
    patched(Points(point, who, Path(passed)))
    sys.argv[1:] = arguments
    main()
