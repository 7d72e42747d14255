"""Channels for commands on a host, and short commands of the vehicle's own."""

from typing import TYPE_CHECKING, Final

from breakfix.engine.vehicles.output import Kept
from breakfix.engine.vehicles.ssh.link import Link
from breakfix.engine.vehicles.ssh.quote import line_of
from breakfix.engine.vehicles.ssh.waiting import NotReached, OutOfTime, Patience, Stopped

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.connect import Connection
    from breakfix.engine.vehicles.ssh.session import Session

_ROOM_EVERY_S: Final = 0.1


def opened(link: Link, patience: Patience) -> "tuple[Connection, Session]":
    """A channel. A connection that turns out to be dead before anything was sent is replaced once; a
    host that has no room (MaxSessions) is asked again."""
    dead_before = False
    why = ""
    while True:
        connection = link.connected(patience)
        try:
            return connection, connection.transport.session(patience)
        except OutOfTime:
            if why:
                raise NotReached(why, refused=True) from None
            raise
        except NotReached as failure:
            why = f"{link.host.name}: {failure}"
            if failure.passing and dead_before:
                raise NotReached(why) from None
            dead_before = failure.passing
        if not dead_before:
            patience.sleep(_ROOM_EVERY_S)


def aside(link: Link, argv: tuple[str, ...], patience: Patience) -> tuple[int | None, str]:
    """Run a command of the vehicle's own, which carries no mark; its exit code, None where there was
    none, and its output."""
    try:
        with link.room(patience, ending=True):
            _, session = opened(link, patience)
            session.out, session.err = Kept(1 << 16), Kept(1 << 16)
            try:
                session.begin(f"exec {line_of(argv)} </dev/null".encode())
                while not session.closed:
                    session.wake.clear()
                    if not session.closed:
                        session.wake.wait(patience.slice_s())
            finally:
                session.close()
            return session.exit_code, session.out.text()
    except (NotReached, OutOfTime, Stopped):
        return None, ""
