"""A command on a host that goes on, and whose output is read line by line as it comes.

It has a channel of its own, and ends when that is closed: its standard input stays open until then, and
it is the command that must end when it ends. Its mark is that of every command of the run.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from breakfix.engine.errors import EngineUnavailable, PermissionRefused
from breakfix.engine.ops import ExecOp
from breakfix.engine.vehicles.output import Kept
from breakfix.engine.vehicles.ssh.channels import opened
from breakfix.engine.vehicles.ssh.line import command_line
from breakfix.engine.vehicles.ssh.waiting import NotReached, OutOfTime, Patience

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.pool import SshHosts
    from breakfix.engine.vehicles.ssh.session import Session

OPENED_WITHIN_S: Final = 20.0
LINE_BYTES_MAX: Final = 256 << 10
"""More of one line is not kept."""

_STDERR_BYTES_MAX: Final = 4096
_LOOK_EVERY_S: Final = 1.0
_QUIET_S: Final = 0.5
_OPEN_INPUT: Final = "\n"
"""Any input: with none the line of the command would close it."""


class Heard(Struct, frozen=True):
    """A line, without its end, and how many bytes it took with it."""

    text: str
    size_bytes: int


class _Lines(Kept):
    """Where an output goes that is read by lines; whole ones alone count."""

    def __init__(self) -> None:
        super().__init__(0)
        self.queue: queue.SimpleQueue[Heard | None] = queue.SimpleQueue()
        self._rest = bytearray()
        self._rest_bytes = 0

    def add(self, piece: bytes) -> None:
        """The next piece of it; in the thread of the connection."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._take(end)
            text = self._rest.decode("utf-8", "backslashreplace")
            self.queue.put(Heard(text, self._rest_bytes + 1))
            self._rest.clear()
            self._rest_bytes = 0
        self._take(rest)

    def _take(self, piece: bytes) -> None:
        self._rest_bytes += len(piece)
        self._rest += piece[: LINE_BYTES_MAX - len(self._rest)]


class Followed:
    """One such command. `lines` is for one thread, `close` for any."""

    def __init__(self, session: "Session", room: contextlib.ExitStack) -> None:
        self._session = session
        self._room = room
        self._lines = _Lines()
        self._lock = threading.Lock()
        session.out, session.err = self._lines, Kept(_STDERR_BYTES_MAX)

    @property
    def exit_code(self) -> int | None:
        """How it ended; None where it has not, or nobody knows."""
        return self._session.exit_code

    @property
    def stderr(self) -> str:
        """The beginning of what it said there."""
        return self._session.err.text()

    def lines(self) -> Iterator[Heard]:
        """Each line as it comes; ends with the command, the connection, or `close`."""
        while True:
            session = self._session
            quiet_s = time.monotonic() - session.heard_at_s
            # What is left behind by a command that has exited may keep the channel open.
            over = session.closed or (session.exited and quiet_s > _QUIET_S)
            try:
                heard = self._lines.queue.get(timeout=0.0 if over else _LOOK_EVERY_S)
            except queue.Empty:
                if over:
                    return
                self._session.settle()
                continue
            if heard is None:
                return
            yield heard

    def close(self) -> None:
        """End it: its input ends, and nobody reads its output any more."""
        self._session.close()
        self._lines.queue.put(None)
        with self._lock:
            self._room.close()


def follow(hosts: "SshHosts", name: str, argv: tuple[str, ...], *, sudo: bool = False) -> Followed:
    """Start a command on a host of `hosts`; blocking until it has been sent.

    Raises VehicleError where there is no such host, EngineUnavailable where it cannot be reached,
    PermissionRefused where it does not let us in, or has no room.
    """
    link, mark = hosts.link_and_mark(name)
    op = ExecOp(via="ssh", argv=argv, sudo=sudo, stdin=_OPEN_INPUT)
    patience = Patience(time.monotonic() + OPENED_WITHIN_S)
    with contextlib.ExitStack() as room:
        try:
            room.enter_context(link.room_to_follow(patience))
            _, session = opened(link, patience)
            made = Followed(session, room.pop_all())
        except NotReached as failure:
            kind = EngineUnavailable if failure.unreachable else PermissionRefused
            raise kind(f"{failure.message}.", hint=failure.hint) from None
        except OutOfTime:
            raise EngineUnavailable(f"Host {name} was not reached in time.") from None
    session.begin(command_line(op, mark))
    return made
