"""The guardian: a small process that undoes what is open when the engine ends, however it ended.

``python -m breakfix.engine.guardian JOURNAL [ssh]``. It says ``ready`` on its standard output once it has
imported all that it needs; what reaches hosts, only where it is told that the run has some. Its standard input is the engine's heartbeat: silence of
`SILENCE_MAX_S` means that the engine is stopped, and a stopped engine gives no lock, so it is killed
first; so it is on SIGUSR1, by which the sampling process says that the engine does not answer to the trip
of a guard. Then the guardian waits for the journal's lock, which the kernel hands over when the engine
is gone.
"""

import contextlib
import importlib
import os
import select
import signal
import sys
from pathlib import Path
from typing import Final

from breakfix.engine.events import WriterTaken
from breakfix.engine.journal import read
from breakfix.engine.recover import recover
from breakfix.engine.vehicles import docker_api
from breakfix.engine.vehicles.procfs import read_stat

SILENCE_MAX_S: Final = 10.0
OOM_SCORE_ADJ: Final = -900


def main(path: Path, *, ssh: bool = False) -> int:
    """Until the run is over and nothing is open. The exit code: 0, or 6 where something is left."""
    assert docker_api is not None
    if ssh:
        importlib.import_module("paramiko")
        importlib.import_module("breakfix.engine.vehicles.ssh.pool")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    # Where the kernel runs out of memory it is not the guardian that has to go (proc(5)).
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJ))
    asked = _asked_to_take_over()
    engine = _engine(path)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    silence_s = float(os.environ.get("BREAKFIX_SILENCE_S", SILENCE_MAX_S))
    if not _wait_for_end(silence_s, asked):
        _kill(*engine)
    done = recover(path, "guardian", wait=True)
    return 0 if done.clean else 6


def _engine(path: Path) -> tuple[int, str]:
    first = read(path)[0].event
    assert isinstance(first, WriterTaken)
    return first.pid, _incarnation(first.pid)


def _incarnation(pid: int) -> str:
    stat = read_stat(pid)
    return stat.incarnation if stat is not None else ""


def _asked_to_take_over() -> int:
    """A descriptor that can be read from once SIGUSR1 has come."""
    reader, writer = os.pipe()
    signal.signal(signal.SIGUSR1, lambda number, frame: os.write(writer, b"x") and None)
    return reader


def _wait_for_end(silence_s: float, asked: int) -> bool:
    """Read heartbeats. True: the pipe was closed; False: nothing came for too long, or the engine is to be
    killed."""
    fd = sys.stdin.fileno()
    while True:
        readable, _, _ = select.select([fd, asked], [], [], silence_s)
        if not readable or asked in readable:
            return False
        if not os.read(fd, 4096):
            return True


def _kill(pid: int, incarnation: str) -> None:
    if incarnation and _incarnation(pid) == incarnation:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), ssh="ssh" in sys.argv[2:]))
