"""The one road on which a run is stopped: signals, deadline, a guard, a dead guardian, an invalid run."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Final

import anyio

from breakfix.engine.events import CancelRequested, StopSource
from breakfix.engine.journal import Journal

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LEAVE: Final = "leave"


class Stopper:
    """Stop starting, cancel what runs; the undo comes after, and no second request cuts it short."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._scope: anyio.CancelScope | None = None
        self.requested = False
        self.signalled = False
        self._offered = False

    def begin(self, scope: anyio.CancelScope) -> None:
        """From now on this is what a request cancels; at once, where there was one already."""
        self._scope = scope
        if self.requested:
            scope.cancel()

    def stop(self, why: str, source: StopSource) -> None:
        """Ask for the end of the run; from the second time on only noted."""
        first, self.requested = not self.requested, True
        # A full disk must not keep the run from stopping.
        self._journal.note(CancelRequested(why=why, source=source))
        if first and self._scope is not None:
            self._scope.cancel()

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Signals end the run while this is entered."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _on_signal(self, number: signal.Signals) -> None:
        again = "again: faults are being undone already" if self.requested else ""
        if again and not self._offered and sys.stdin.isatty():
            self._offered = True
            threading.Thread(target=_leave_when_typed, name="leave", daemon=True).start()
        self.signalled = True
        self.stop(f"{number.name} {again}".strip(), "signal")


def _leave_when_typed() -> None:
    """Whoever is at the terminal may end this process at once: the guardian goes on from there."""
    sys.stderr.write(
        f"Faults are being undone. Type `{LEAVE}` and Enter to leave the rest to the guardian.\n"
    )
    sys.stderr.flush()
    while line := sys.stdin.readline():
        if line.strip() == LEAVE:
            os.kill(os.getpid(), signal.SIGKILL)
