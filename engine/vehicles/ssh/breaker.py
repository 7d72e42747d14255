"""When a host is tried again: a circuit breaker as a fold over what came of its connections.

Closed, every call may connect. After some failures in a row it is open: calls are answered at once,
without a try. When its time is over it is half open: one call may try, and what comes of that closes
it again, or opens it for twice as long.
"""

from typing import Final, Literal

from msgspec import Struct, structs

FAILURES_MAX: Final = 3
"""So many in a row open it."""

OPEN_S: Final = 0.5
OPEN_S_MAX: Final = 5.0
"""Longer than that, nobody would see soon that a host is back."""

BACKOFF_S: Final = 0.1
"""Between two tries of one call while it is closed; twice as long after each."""

State = Literal["closed", "open", "half_open"]


class Breaker(Struct, frozen=True, kw_only=True):
    """`failures` and `openings` are counted since the last success; `until_s` is an instant of the same
    clock as all the others here."""

    failures: int = 0
    openings: int = 0
    until_s: float = 0.0
    trying: bool = False

    def state(self, now_s: float) -> State:
        """Half open, there is room for one try; while that is under way, it is open."""
        if not self.openings:
            return "closed"
        return "open" if self.trying or now_s < self.until_s else "half_open"

    def begun(self) -> "Breaker":
        """A connection is tried."""
        return structs.replace(self, trying=True)

    def given_up(self) -> "Breaker":
        """The try was broken off by us: it says nothing about the host."""
        return structs.replace(self, trying=False)

    def failed(
        self, now_s: float, *, for_good: bool, chance: float, took_s: float = 0.0
    ) -> "Breaker":
        """It came to nothing. `for_good`: trying again would not help (a time-out, a refused key).
        `chance` (0 to 1) spreads the tries of many callers: the time is between half and all of it.
        One that took long is not tried again before as much time has gone by, up to the bound."""
        failures = self.failures + 1
        if not (for_good or self.openings or failures >= FAILURES_MAX):
            return structs.replace(self, failures=failures, trying=False)
        longer_s = max(took_s, OPEN_S * 2 ** min(self.openings, 10))
        open_s = min(OPEN_S_MAX, longer_s) * (0.5 + chance / 2)
        return Breaker(failures=failures, openings=self.openings + 1, until_s=now_s + open_s)


def backoff_s(failures: int, chance: float) -> float:
    """How long one call waits after so many failures before it tries again.

    >>> backoff_s(1, 1.0), backoff_s(2, 0.0)
    (0.1, 0.1)
    """
    return BACKOFF_S * 2.0 ** (max(failures, 1) - 1) * (0.5 + chance / 2)
