"""Processes as the kernel shows them under /proc (proc(5)), read raw: no process is started for it.

A process is named by its *incarnation*, ``PID@START``: START is field 22 of /proc/PID/stat, its start
in clock ticks since boot. A pid is used again and again; the two together are not.
"""

import os
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

MARK_NAME: Final = "BREAKFIX_MARK"
"""The variable of the environment by which processes are known as ours."""

_READ_BYTES: Final = 16384
_DEAD: Final = frozenset("ZXx")
_KTHREADD: Final = 2
"""The parent of all kernel threads; they have no environment."""


class Stat(Struct, frozen=True):
    """What /proc/PID/stat says of a process."""

    pid: int
    state: str
    ppid: int
    session: int
    start_ticks: int

    @property
    def incarnation(self) -> str:
        """``PID@START``."""
        return f"{self.pid}@{self.start_ticks}"

    @property
    def alive(self) -> bool:
        """Neither dead nor a zombie: a zombie runs nothing any more."""
        return self.state not in _DEAD

    @property
    def in_kernel(self) -> bool:
        """A kernel thread."""
        return self.ppid == _KTHREADD or self.pid == _KTHREADD


def pid_of(incarnation: str) -> int:
    """The pid of an incarnation. Raises ValueError where the text is not one."""
    pid, at, start = incarnation.partition("@")
    if not (at and pid.isdigit() and start.isdigit()):
        raise ValueError(f"{incarnation!r} is not PID@START")
    return int(pid)


def read_stat(pid: int) -> Stat | None:
    """The stat of a process; None where there is none of that pid."""
    raw = read_bytes(f"/proc/{pid}/stat")
    return parse_stat(raw) if raw else None


def parse_stat(raw: bytes) -> Stat:
    """
    >>> parse_stat(b"7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 456 0 0")
    Stat(pid=7, state='S', ppid=1, session=7, start_ticks=456)
    """
    # The name of the program stands in brackets and may itself hold blanks and brackets.
    pid, rest = raw[: raw.index(b" ")], raw[raw.rindex(b")") + 2 :].split()
    return Stat(int(pid), rest[0].decode(), int(rest[1]), int(rest[3]), int(rest[19]))


def all_stats() -> Iterator[Stat]:
    """Every process of this machine that we can see."""
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for pid in pids:
        if (stat := read_stat(pid)) is not None:
            yield stat


def carries(pid: int, mark: str) -> bool:
    """Whether the environment that a process was started with holds our mark.

    False also where we may not read it. A program may have written over it (those that change their
    title do): `breakfix.engine.vehicles.marked` has other ways to know such a one.
    """
    wanted = f"{MARK_NAME}={mark}".encode()
    raw = read_bytes(f"/proc/{pid}/environ")
    return wanted in raw and wanted in raw.split(b"\0")


def mark_of(pid: int) -> str:
    """The mark in the environment that a process was started with; empty where there is none."""
    for entry in read_bytes(f"/proc/{pid}/environ").split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name == MARK_NAME.encode():
            return value.decode("ascii", "replace")
    return ""


def read_bytes(path: str) -> bytes:
    """A small file of /proc or /sys; empty where it cannot be read (any more)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        pieces = [os.read(descriptor, _READ_BYTES)]
        while pieces[-1]:
            pieces.append(os.read(descriptor, _READ_BYTES))
        return b"".join(pieces)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
