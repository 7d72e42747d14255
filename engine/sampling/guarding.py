"""The guards of one probe: each is fed with its samples in the order of their start, however they overlap."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from breakfix.engine.events import GuardTripped, SampleState
from breakfix.engine.model import Guard
from breakfix.engine.sampling.guard import GuardFold, Trip
from breakfix.engine.values import needed

LATE_S: Final = 1.0
"""A sample that outlasts its time-out by this, and by an interval, is waited for no longer."""


class _Ticket(Struct, kw_only=True):
    started_at_s: float
    states: list[SampleState] | None = None
    ended_at_s: float = 0.0


class Guarding:
    """From `begin_s` on. A guard that has tripped is not asked again."""

    def __init__(
        self, guards: Sequence[Guard], *, every_s: float, timeout_s: float, begin_s: float
    ) -> None:
        self._folds = [
            (guard, GuardFold(guard, every_s=every_s, begin_s=begin_s)) for guard in guards
        ]
        self._patience_s = timeout_s + every_s + LATE_S
        self._line: deque[_Ticket] = deque()
        self._first = 0

    def begin(self, started_at_s: float) -> int:
        """A sample begins; the ticket under which it ends."""
        self._line.append(_Ticket(started_at_s=started_at_s))
        return self._first + len(self._line) - 1

    def end(self, ticket: int, states: list[SampleState], ended_at_s: float) -> None:
        """What each target showed. Of a sample that nobody waits for any more, nothing is taken."""
        index = ticket - self._first
        if index >= 0:
            self._line[index].states = states
            self._line[index].ended_at_s = ended_at_s

    def look(self, now_s: float) -> list[GuardTripped]:
        """Feed what is in order by now; the guards that trip. A sample on its way is no blindness."""
        trips: list[GuardTripped] = []
        while self._line:
            ticket = self._line[0]
            if ticket.states is None:
                if now_s - ticket.started_at_s <= self._patience_s:
                    break
                ticket.states, ticket.ended_at_s = [], now_s
            self._line.popleft()
            self._first += 1
            trips += self._feed(ticket)
        until_s = self._line[0].started_at_s if self._line else now_s
        return [*trips, *self._out((guard, fold.look(until_s)) for guard, fold in self._folds)]

    def _feed(self, ticket: _Ticket) -> list[GuardTripped]:
        states = ticket.states or []
        return self._out(
            (
                guard,
                fold.feed(joined(guard.require, states), ticket.started_at_s, ticket.ended_at_s),
            )
            for guard, fold in list(self._folds)
        )

    def _out(self, found: Iterator[tuple[Guard, Trip | None]]) -> list[GuardTripped]:
        trips = [
            GuardTripped(
                guard=guard.id,
                probe=guard.probe,
                kind=trip.kind,
                why=trip.why,
                after_at_s=round(trip.at_s[0], 6),
                before_at_s=round(trip.at_s[1], 6),
            )
            for guard, trip in found
            if trip is not None
        ]
        over = {trip.guard for trip in trips}
        self._folds = [item for item in self._folds if item[0].id not in over]
        return trips


def joined(require: str | int, states: Sequence[SampleState]) -> SampleState:
    """One sample of several targets: good where enough are, bad where enough cannot be, else blind.

    >>> joined("all", ["good", "bad"]), joined("any", ["good", "bad"]), joined("all", ["good", "blind"])
    ('bad', 'good', 'blind')
    """
    wanted = needed(require, len(states))
    if states and states.count("good") >= wanted:
        return "good"
    return "bad" if states and states.count("bad") > len(states) - wanted else "blind"
