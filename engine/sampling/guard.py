"""When a guard trips: a fold over the samples of its probe, in the order of their start. Pure.

A sample proves that its probe was good (bad) at one instant between its start and its end, and nothing
else; so a trip is known to have come about between two instants as well.
"""

from collections import deque
from typing import Final, Literal

from msgspec import Struct

from breakfix.engine.events import SampleState
from breakfix.engine.model import Guard
from breakfix.engine.statistics import wilson
from breakfix.engine.values import format_seconds, fraction, seconds

BLIND_INTERVALS: Final = 3
BLIND_MIN_S: Final = 1.0
"""A hiccup of this machine is no blindness, however fast the probe is."""


class Trip(Struct, frozen=True, kw_only=True):
    """The guard stops the run, and why; it became so between the two instants `at_s`."""

    kind: Literal["tripped", "blind"]
    why: str
    at_s: tuple[float, float]


class GuardFold:
    """One guard from `begin_s` on. It is fed one sample after the other; it trips again and again."""

    def __init__(self, guard: Guard, *, every_s: float, begin_s: float) -> None:
        self._guard = guard
        self._max_outage_s = seconds(guard.max_outage) if guard.max_outage is not None else None
        self._over_s = seconds(guard.over) if guard.over is not None else 0.0
        self._min_good = fraction(guard.min_good) if guard.min_good is not None else None
        after = guard.blind.after
        self._blind_s = max(BLIND_MIN_S, BLIND_INTERVALS * every_s)
        if after is not None:
            self._blind_s = seconds(after)
        self._seen_s = begin_s
        self._down_s: float | None = None
        self._row = 0
        self._first_s: float | None = None
        self._window: deque[tuple[float, bool]] = deque()
        self._good = 0

    def feed(self, state: SampleState, started_at_s: float, ended_at_s: float) -> Trip | None:
        """One more sample; what is neither good nor bad proves nothing."""
        if (blind := self.look(started_at_s)) is not None:
            return blind
        if state not in ("good", "bad"):
            self._row = 0
            return self.look(ended_at_s)
        self._seen_s = max(self._seen_s, ended_at_s)
        is_bad = state == "bad"
        why = (
            self._of_outage(is_bad, started_at_s, ended_at_s)
            or self._of_row(is_bad)
            or self._of_share(is_bad, started_at_s)
        )
        at_s = (started_at_s, max(started_at_s, ended_at_s))
        return Trip(kind="tripped", why=why, at_s=at_s) if why else None

    def look(self, now_s: float) -> Trip | None:
        """Whether it has been blind for too long, where all samples that began before `now_s` were fed."""
        due_s = self._seen_s + self._blind_s
        if self._guard.blind.then == "ignore" or not now_s > due_s:
            return None
        dark = format_seconds(now_s - self._seen_s)
        why = (
            f"{self._guard.probe} gave no good or bad sample for {dark}, longer than"
            f" {format_seconds(self._blind_s)}"
        )
        return Trip(kind="blind", why=why, at_s=(due_s, now_s))

    def _of_outage(self, is_bad: bool, started_at_s: float, ended_at_s: float) -> str:
        """Blind samples do not end an outage: good ones do."""
        if not is_bad:
            self._down_s = None
            return ""
        if self._down_s is None:
            self._down_s = ended_at_s
        # Of overlapping samples, the one that ended first proves the earliest bad instant.
        self._down_s = min(self._down_s, ended_at_s)
        lasted_s = started_at_s - self._down_s
        if self._max_outage_s is None or not lasted_s > self._max_outage_s:
            return ""
        return (
            f"{self._guard.probe} was bad for at least {format_seconds(lasted_s)}, longer than"
            f" {self._guard.max_outage}"
        )

    def _of_row(self, is_bad: bool) -> str:
        self._row = self._row + 1 if is_bad else 0
        most = self._guard.consecutive
        if most is None or self._row < most:
            return ""
        return f"{self._guard.probe} was bad {self._row} times in a row, {most} are too many"

    def _of_share(self, is_bad: bool, started_at_s: float) -> str:
        if self._min_good is None:
            return ""
        if self._first_s is None:
            self._first_s = started_at_s
        self._window.append((started_at_s, not is_bad))
        self._good += not is_bad
        while self._window[0][0] < started_at_s - self._over_s:
            self._good -= self._window.popleft()[1]
        total = len(self._window)
        upper = wilson(self._good, total)[1]
        if started_at_s - self._first_s < self._over_s or not upper < self._min_good:
            return ""
        return (
            f"{self._guard.probe} was good in {self._good} of {total} samples within {self._guard.over}:"
            f" {upper:.1%} at most, less than {self._guard.min_good}"
        )
