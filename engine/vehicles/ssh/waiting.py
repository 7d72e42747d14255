"""Waiting that ends: when it has come, at a deadline, or when it is told to stop."""

import threading
import time
from typing import Final, Protocol

LOOK_EVERY_S: Final = 0.05
"""How often a wait looks whether it is to stop."""

_SLICE_S: Final = 1.0
"""How long it waits in one piece where nobody can stop it."""


class NotReached(Exception):
    """There is no connection to a host, and nothing was sent.

    `refused`: it is there, but does not let us in, or is not who it should be. `passing`: it may go
    well in a moment. `ours`: it was not even asked, for something that is wrong on this side. The text is a sentence without its end; `hint` says what to do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        refused: bool = False,
        passing: bool = False,
        ours: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.refused = refused
        self.passing = passing
        self.ours = ours

    @property
    def unreachable(self) -> bool:
        """The host (or what lies between) is at fault, and not our way of asking."""
        return not self.refused and not self.ours

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class Stopped(Exception):
    """It was told to stop."""


class OutOfTime(Exception):
    """The deadline came first."""


class Lock(Protocol):
    """A lock or a semaphore."""

    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool: ...


class Patience:
    """How long to wait: until `deadline_s` (of time.monotonic), or until `stop` is set.

    Its methods raise Stopped or OutOfTime where that comes first.
    """

    def __init__(self, deadline_s: float, stop: threading.Event | None = None) -> None:
        self.deadline_s = deadline_s
        self.stop = stop

    def within(self, wait_s: float) -> "Patience":
        """The same, but no longer than so many seconds from now."""
        return Patience(min(self.deadline_s, time.monotonic() + wait_s), self.stop)

    def left_s(self) -> float:
        """How much time is left."""
        if self.stop is not None and self.stop.is_set():
            raise Stopped
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise OutOfTime
        return left_s

    def slice_s(self) -> float:
        """How long one wait may take before the next look."""
        return min(self.left_s(), _SLICE_S if self.stop is None else LOOK_EVERY_S)

    def wait(self, event: threading.Event) -> None:
        """Wait for an event."""
        while not event.is_set():
            event.wait(self.slice_s())

    def sleep(self, wait_s: float) -> None:
        """Wait so long."""
        until_s = time.monotonic() + wait_s
        while (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, self.slice_s()))

    def acquire(self, lock: Lock) -> None:
        """Wait for a lock or a semaphore."""
        if lock.acquire(blocking=False):
            return
        while not lock.acquire(timeout=self.slice_s()):
            pass
