"""The journal: the append-only, hash-chained record of one run, and its writer's lock.

One writer at a time holds flock(2) LOCK_EX on the file for its whole tenure; the kernel hands the
lock over when a writer dies, whatever killed it. A line is written with one write(2), so that a kill
leaves at most a torn last line, which the next writer moves to ``journal.torn``.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from breakfix.engine.errors import JournalError
from breakfix.engine.events import Event, Line, Role, WriterTaken
from breakfix.engine.home import JOURNAL

FIRST_PREV: Final = "0" * 64
RESERVE_BYTES: Final = 256 * 1024
"""Set aside at the start of a run, and given back when the disk is full: room for the undo."""

_FIRST: Final = b'{"seq":1,'
_TAIL_BYTES: Final = 65536
_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Line)


class Verification(Struct, frozen=True, kw_only=True):
    """What the hash chain says: how many lines are whole, their head, and what is wrong."""

    lines: int
    head: str
    problems: tuple[str, ...]


class Journal:
    """The writer of one journal. Threads may append at the same time."""

    def __init__(self, path: Path, fd: int, role: Role) -> None:
        self.path = path
        self.listeners: list[Callable[[Line], None]] = []
        self.head = FIRST_PREV
        self.seq = 0
        self._fd = fd
        self._role = role
        self._lock = threading.Lock()
        self.mono_zero_s = time.monotonic()
        """The CLOCK_MONOTONIC reading of the run's start."""
        self._torn_bytes = 0

    @classmethod
    def create(cls, run_dir: Path, role: Role) -> "Journal":
        """Make the folder and the journal of a new run, and take its lock. Raises JournalError."""
        path = run_dir / JOURNAL
        try:
            run_dir.mkdir(parents=True, mode=0o700)
            fd = os.open(
                path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            fcntl.flock(fd, fcntl.LOCK_EX)
            _reserve(run_dir)
            _sync_folder(run_dir)
        except OSError as error:
            raise JournalError(
                f"the journal {path} cannot be written: {error.strerror}.",
                hint="Set BREAKFIX_HOME to a folder that can be written.",
            ) from error
        journal = cls(path, fd, role)
        journal.begin()
        return journal

    @classmethod
    def take(cls, path: Path, role: Role, *, wait: bool = True) -> "Journal":
        """Take over the journal of a run: wait for its lock and mend a torn last line. Whoever
        then writes calls `begin` first. Raises JournalError; BlockingIOError where the lock is held and `wait` is False."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise JournalError(f"the journal {path} cannot be opened: {error.strerror}.") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(fd)
            raise
        journal = cls(path, fd, role)
        journal._mend()
        return journal

    def now_s(self) -> float:
        """The instant of the run: seconds of CLOCK_MONOTONIC since its start."""
        return time.monotonic() - self.mono_zero_s

    def append(self, event: Event, sync: bool = False) -> Line:
        """Write one event; with `sync` it is on the disk when this returns.

        Raises JournalError. When the disk fills up for the first time, the event is written into the
        room that was set aside, and this raises all the same: the run must end, and what is left of
        that room is for the undo.
        """
        with self._lock:
            line = Line(seq=self.seq + 1, at_s=round(self.now_s(), 6), prev=self.head, event=event)
            raw = _encode(line)
            full = self._write(raw + b"\n")
            if sync:
                os.fsync(self._fd)
            self.seq = line.seq
            self.head = hashlib.sha256(raw).hexdigest()
        for listener in self.listeners:
            listener(line)
        if full is not None:
            raise full
        return line

    def note(self, event: Event, sync: bool = False) -> None:
        """Write it down where that is possible: what undoes and ends goes on even where it is not."""
        with contextlib.suppress(JournalError):
            self.append(event, sync)

    def close(self) -> None:
        """Give the lock back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def begin(self) -> None:
        """Say who writes from now on."""
        self.append(
            WriterTaken(
                role=self._role,
                pid=os.getpid(),
                boot_id=boot_id(),
                machine_id=_first_line(Path("/etc/machine-id")),
                mono_zero_s=self.mono_zero_s,
                wall_s=time.time(),
                torn_bytes=self._torn_bytes,
            ),
            sync=True,
        )

    def _mend(self) -> None:
        raw = self.path.read_bytes()
        whole = raw.rfind(b"\n") + 1
        if torn := raw[whole:]:
            with (self.path.parent / "journal.torn").open("ab") as kept:
                kept.write(torn + b"\n")
            os.ftruncate(self._fd, whole)
            self._torn_bytes = len(torn)
        lines = raw[:whole].splitlines()
        if not lines:
            return
        self.head = hashlib.sha256(lines[-1]).hexdigest()
        last, first = _decode(lines[-1], len(lines), self.path), _decode(lines[0], 1, self.path)
        self.seq = last.seq
        assert isinstance(first.event, WriterTaken)
        if first.event.boot_id == boot_id():
            self.mono_zero_s = first.event.mono_zero_s
        else:
            # Another boot, or another machine: only the wall clock connects the two.
            self.mono_zero_s = time.monotonic() - (time.time() - first.event.wall_s)

    def _write(self, data: bytes) -> JournalError | None:
        """Gives the error of a disk that is full from now on, but had room for this."""
        try:
            _write_all(self._fd, data)
        except OSError as error:
            failed = JournalError(
                f"{self.path} cannot be written: {error.strerror}.", hint="Make room on its disk."
            )
            if error.errno != errno.ENOSPC:
                raise failed from error
            self._write_into_reserve(data, failed)
            return failed
        return None

    def _write_into_reserve(self, data: bytes, failed: JournalError) -> None:
        whole = self.path.read_bytes().rfind(b"\n") + 1
        os.ftruncate(self._fd, whole)
        (self.path.parent / "reserve").unlink(missing_ok=True)
        try:
            _write_all(self._fd, data)
        except OSError as error:
            raise failed from error


def has_begun(path: Path) -> bool:
    """False where a run died before its first line was whole: it had done nothing then. Raises
    JournalError where the file is no journal."""
    try:
        with path.open("rb") as file:
            start = file.read(_TAIL_BYTES)
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}.") from error
    if b"\n" in start:
        return True
    if not (start.startswith(_FIRST) or _FIRST.startswith(start)):
        raise JournalError(f"{path}:1: not a line of a journal.")
    return False


def read(path: Path) -> list[Line]:
    """The lines of a journal; a torn last line is left out. Raises JournalError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}.") from error
    whole = raw[: raw.rfind(b"\n") + 1].splitlines()
    if not whole:
        raise JournalError(f"{path} is not a journal: it has no whole line.")
    return [_decode(line, number, path) for number, line in enumerate(whole, 1)]


def verify(path: Path) -> Verification:
    """Compare every line with the hash in the next one. Raises JournalError where it cannot be read."""
    problems: list[str] = []
    head = FIRST_PREV
    raw = path.read_bytes()
    whole, _, torn = raw.rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    for number, text in enumerate(lines, 1):
        try:
            line = _decode(text, number, path)
        except JournalError as error:
            problems.append(str(error))
        else:
            if line.prev != head:
                problems.append(f"line {number}: the line before it was changed")
            if line.seq != number:
                problems.append(f"line {number}: its number is {line.seq}")
        head = hashlib.sha256(text).hexdigest()
    if torn:
        problems.append(f"the last {len(torn)} bytes are no whole line")
    return Verification(lines=len(lines), head=head, problems=tuple(problems))


def is_held(path: Path) -> bool:
    """Whether a living writer holds the lock of a journal. Raises JournalError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise JournalError(f"{path} cannot be opened: {error.strerror}.") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def ended_clean(path: Path) -> bool:
    """Whether the last line is the end of a run that left nothing; read without the others."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    return b'"type":"run_ended"' in last and b'"residue":true' not in last


def is_this_machine(writer: WriterTaken) -> bool:
    """Whether a writer was on this machine: in the same boot, or under the same machine-id(5)."""
    machine_id = _first_line(Path("/etc/machine-id"))
    return writer.boot_id == boot_id() or (bool(machine_id) and writer.machine_id == machine_id)


def boot_id() -> str:
    """The kernel's name of this boot (random(4))."""
    return _first_line(Path("/proc/sys/kernel/random/boot_id"))


def _encode(line: Line) -> bytes:
    try:
        raw = _encoder.encode(line)
    except (UnicodeEncodeError, ValueError):
        return json.dumps(_plain(msgspec.to_builtins(line)), ensure_ascii=True).encode()
    return raw


def _plain(value: Any) -> Any:
    """Lone surrogates escaped and non-finite floats tagged, so that JSON can hold them."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _decode(raw: bytes, number: int, path: Path) -> Line:
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise JournalError(f"{path}:{number}: not a line of a journal: {error}.") from error


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _reserve(run_dir: Path) -> None:
    fd = os.open(run_dir / "reserve", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, RESERVE_BYTES)
    finally:
        os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _first_line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
