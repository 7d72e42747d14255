"""The engine's side of its guardian: start it before the first effect, keep it told, let it go."""

import contextlib
import os
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from breakfix.engine.errors import EngineError
from breakfix.engine.home import JOURNAL
from breakfix.engine.vehicles.procfs import read_stat

BEAT_EVERY_S: Final = 1.0
READY_WITHIN_S: Final = 30.0
DISMISS_WITHIN_S: Final = 10.0


class GuardianProcess:
    """A started guardian. It is exec'd, never forked: a child would hold the lock and the pipes."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._dismissed = threading.Event()

    @classmethod
    def start(cls, run_dir: Path, *, ssh: bool = False) -> "GuardianProcess":
        """Start it in a session of its own and wait until it is ready; with `ssh`, ready for hosts. Raises
        EngineError."""
        words = [str(run_dir / JOURNAL), *(["ssh"] if ssh else [])]
        with (run_dir / "guardian.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "breakfix.engine.guardian", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        guardian = cls(process)
        assert process.stdout is not None and process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        readable, _, _ = select.select([process.stdout], [], [], READY_WITHIN_S)
        said = os.read(process.stdout.fileno(), 64) if readable else b""
        if said != b"ready\n":
            process.kill()
            process.wait()
            raise EngineError(
                "the guardian did not start, so nothing is injected.",
                hint=f"See {run_dir / 'guardian.log'}.",
            )
        threading.Thread(target=guardian._beat, name="heartbeat", daemon=True).start()
        return guardian

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def incarnation(self) -> str:
        """``PID@START``; empty where it is gone."""
        stat = read_stat(self._process.pid)
        return stat.incarnation if stat is not None else ""

    def _beat(self) -> None:
        """Tell it that the engine is alive: a thread of its own, which stops only with the process."""
        assert self._process.stdin is not None
        while not self._dismissed.is_set():
            with contextlib.suppress(OSError):
                os.write(self._process.stdin.fileno(), b".")
            self._dismissed.wait(BEAT_EVERY_S)
        self._process.stdin.close()

    def dismiss(self) -> None:
        """The journal is closed: wait, with a bound, until the guardian has seen that and ended."""
        assert self._process.stdout is not None
        self._dismissed.set()
        self._process.stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(DISMISS_WITHIN_S)
