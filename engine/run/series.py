"""A series of trials: runs one after the other, with a file that knows after each what there is."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

import msgspec

from breakfix.engine.errors import BreakfixError
from breakfix.engine.events import Line, RunStarted
from breakfix.engine.home import series_file
from breakfix.engine.machine import halted
from breakfix.engine.run.session import RunDone
from breakfix.engine.run.stopper import SIGNALS
from breakfix.engine.timeline import Row
from breakfix.engine.trials import (
    Repeating,
    SeriesEnd,
    SeriesRecord,
    add,
    begun,
    end_after,
    ended,
    trial_of,
)

_LOOK_EVERY_S: Final = 0.1
_ABORTED: Final = 4
Listener = Callable[[Line], None]


class Series:
    """Makes the trials of one series. `trial` makes one run, and gives each line of its journal to the
    listener that it gets; `after` is told of each trial once the file has it, and `compare` holds all of them
    against earlier runs."""

    def __init__(
        self,
        record: SeriesRecord,
        trial: Callable[[Listener], RunDone],
        after: Callable[[SeriesRecord, RunDone], None],
        compare: Callable[[SeriesRecord], tuple[Row, ...]],
    ) -> None:
        self._record = record
        self._asked = Repeating(times=record.times, up_to=record.up_to, stop_on=record.stop_on)
        self._trial = trial
        self._after = after
        self._compare = compare
        self._between = BetweenRuns()

    def run(self) -> SeriesRecord:
        """All trials, until there is a reason for no more. Raises BreakfixError where one could not
        begin; the file says so then."""
        try:
            with self._between.all_of_them():
                end = self._trials()
        except (BreakfixError, KeyboardInterrupt) as error:
            code = error.exit_code if isinstance(error, BreakfixError) else _ABORTED
            why = str(error) or "A signal came"
            self._keep(ended(self._record, SeriesEnd(kind="broken_off", why=why, exit_code=code)))
            raise
        self._keep(ended(self._record, end, self._compare(self._record)))
        return self._record

    def _trials(self) -> SeriesEnd:
        while True:
            with self._between.one():
                done = self._trial(self._on_line)
            self._keep(add(self._record, trial_of(done.record, done.verdict)))
            self._after(self._record, done)
            if (end := end_after(self._asked, self._record.trials)) is not None:
                return end
            why = "A signal came" if done.signalled else self._between.pause(self._record.pause_s)
            if why:
                return SeriesEnd(kind="interrupted", why=why, exit_code=_ABORTED)

    def _on_line(self, line: Line) -> None:
        if isinstance(line.event, RunStarted):
            self._keep(begun(self._record, line.event.run_id))

    def _keep(self, record: SeriesRecord) -> None:
        self._record = record
        save(record)


def save(record: SeriesRecord) -> None:
    """Write the file of a series: as a whole or not at all. Raises BreakfixError."""
    path = series_file(record.series_id)
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with fresh.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise BreakfixError(
            f"The series cannot be written to {path}: {error.strerror}.",
            hint="Set BREAKFIX_HOME to a folder that can be written.",
        ) from error


class BetweenRuns:
    """The time between runs, when no fault is open: a signal is noted then, and has nothing to undo.
    Within a run, signals are its own."""

    def __init__(self) -> None:
        self.caught = ""
        self._before = {number: signal.getsignal(number) for number in SIGNALS}

    @contextlib.contextmanager
    def all_of_them(self) -> Iterator[None]:
        """All runs; whoever had the signals before gets them back."""
        self._take()
        try:
            yield
        finally:
            self._give_back()

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """One run: a signal has its usual effect until the run takes over."""
        self._give_back()
        try:
            yield
        finally:
            self._take()

    def pause(self, pause_s: float) -> str:
        """Wait; what came in between, empty where nothing did."""
        end_s = time.monotonic() + pause_s
        while True:
            if since := halted():
                return f"All runs are halted since {since}"
            left_s = end_s - time.monotonic()
            if self.caught or left_s <= 0:
                return f"{self.caught} came between two runs" if self.caught else ""
            time.sleep(min(left_s, _LOOK_EVERY_S))

    def _take(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._catch)

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self.caught = signal.Signals(number).name
