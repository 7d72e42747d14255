"""What there is to one host: its connection, its circuit breaker, and how many commands run on it."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from breakfix.engine.endpoints import Host
from breakfix.engine.vehicles.ssh.breaker import Breaker, backoff_s
from breakfix.engine.vehicles.ssh.waiting import NotReached, Patience

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.connect import Connection, Connector
    from breakfix.engine.vehicles.ssh.host_keys import Key

COMMANDS_MAX: Final = 8
"""So many at once on one host: sshd allows ten sessions on a connection (MaxSessions), and a command
that has to be ended needs one more."""

ENDINGS_MAX: Final = 2

FOLLOWED_MAX: Final = 4
"""So many of the commands at once may go on for the whole run, or there would be no room for others."""


class Link:
    """One host. Thread-safe: one caller connects, the others wait for what comes of it."""

    def __init__(
        self, host: Host, via: "Link | None", connector: "Callable[[], Connector]"
    ) -> None:
        self.host = host
        self.via = via
        self._connector = connector
        self._connecting = threading.Lock()
        self._state = threading.Lock()
        self._breaker = Breaker()
        self._connection: Connection | None = None
        self.key: Key | None = None
        """What the host has shown last."""
        self._failed_count = 0
        self._failure: NotReached | None = None
        self._commands = threading.BoundedSemaphore(COMMANDS_MAX)
        self._endings = threading.BoundedSemaphore(ENDINGS_MAX)
        self._followed = threading.BoundedSemaphore(FOLLOWED_MAX)
        self._closed = False

    @property
    def connection(self) -> "Connection | None":
        """The one that is open."""
        found = self._connection
        return found if found is not None and found.alive else None

    @contextlib.contextmanager
    def room(self, patience: Patience, *, ending: bool = False) -> Iterator[None]:
        """Room for one command more; for one that ends another there is some apart."""
        places = self._endings if ending else self._commands
        patience.acquire(places)
        try:
            yield
        finally:
            places.release()

    @contextlib.contextmanager
    def room_to_follow(self, patience: Patience) -> Iterator[None]:
        """Room for a command that goes on. Raises NotReached where too many do."""
        if not self._followed.acquire(blocking=False):
            raise NotReached(
                f"{self.host.name} is listened to by {FOLLOWED_MAX} commands already", ours=True
            )
        try:
            with self.room(patience):
                yield
        finally:
            self._followed.release()

    def connected(self, patience: Patience) -> "Connection":
        """The connection, made where there is none.

        Raises NotReached, at once where the host is known to be dead; Stopped, OutOfTime.
        """
        found = self.connection
        if found is not None:
            return found
        seen = self._failed_count
        self._refuse_if_open()
        patience.acquire(self._connecting)
        try:
            found = self.connection
            if found is not None:
                return found
            if self._failure is not None and self._failed_count != seen:
                raise self._failure
            return self._connect(patience)
        finally:
            self._connecting.release()

    def close(self) -> None:
        """No connection is made after this one."""
        with self._state:
            self._closed = True
            found, self._connection = self._connection, None
        if found is not None:
            found.transport.shut()

    def _refuse_if_open(self) -> None:
        now_s = time.monotonic()
        with self._state:
            if self._breaker.state(now_s) != "open" or self._failure is None:
                return
            failure, wait_s = self._failure, self._breaker.until_s - now_s
        when = f"in {wait_s:.1f} s" if wait_s > 0 else "right now"
        raise NotReached(
            f"{failure.message} (it is tried again {when})",
            hint=failure.hint,
            refused=failure.refused,
            ours=failure.ours,
        )

    def _connect(self, patience: Patience) -> "Connection":
        for tries in range(1, 100):
            self._refuse_if_open()
            try:
                return self._tried(patience)
            except NotReached as failure:
                pause_s = backoff_s(tries, random.random())
                closed = self._breaker.state(time.monotonic()) == "closed"
                late = time.monotonic() + pause_s >= patience.deadline_s
                if not failure.passing or not closed or late:
                    raise
            patience.sleep(pause_s)
        raise AssertionError("the breaker opens before that")

    def _tried(self, patience: Patience) -> "Connection":
        via = self._way(patience)
        self._begin()
        started_s = time.monotonic()
        try:
            made = self._connector().connect(self.host, via, patience)
        except NotReached as failure:
            self._note(failure, time.monotonic() - started_s)
            raise
        except BaseException:
            with self._state:
                self._breaker = self._breaker.given_up()
            raise
        with self._state:
            self._breaker, self._failure = Breaker(), None
            self._connection, self.key = made, made.key
            late = self._closed
        if late:
            self.close()
        return made

    def _way(self, patience: Patience) -> "Connection | None":
        if self.via is None:
            return None
        try:
            return self.via.connected(patience)
        except NotReached as failure:
            # That one has a breaker of its own.
            raise NotReached(
                f"{self.host.name} is behind another host: {failure.message}",
                hint=failure.hint,
                refused=failure.refused,
                ours=failure.ours,
            ) from None

    def _begin(self) -> None:
        with self._state:
            if self._closed:
                raise NotReached("the connections of this run are closed", ours=True)
            self._breaker = self._breaker.begun()

    def _note(self, failure: NotReached, took_s: float) -> None:
        with self._state:
            self._failed_count += 1
            self._failure = failure
            self._breaker = self._breaker.failed(
                time.monotonic(),
                for_good=not failure.passing,
                chance=random.random(),
                took_s=took_s,
            )
