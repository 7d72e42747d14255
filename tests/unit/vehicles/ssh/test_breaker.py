"""The circuit breaker as a fold."""

from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.vehicles.ssh.breaker import (
    FAILURES_MAX,
    OPEN_S,
    OPEN_S_MAX,
    Breaker,
    backoff_s,
)


def failed(breaker: Breaker, now_s: float, *, for_good: bool = False) -> Breaker:
    """One try that came to nothing."""
    return breaker.begun().failed(now_s, for_good=for_good, chance=1.0)


def test_it_opens_after_failures_in_a_row() -> None:
    """And not before; a success in between begins anew."""
    breaker = Breaker()
    for _ in range(FAILURES_MAX - 1):
        breaker = failed(breaker, 0.0)
        assert breaker.state(0.0) == "closed"
    assert failed(breaker, 0.0).state(0.0) == "open"
    assert failed(Breaker(), 0.0).state(0.0) == "closed"


def test_what_will_not_pass_opens_it_at_once() -> None:
    """A host that is silent has cost its time already."""
    assert failed(Breaker(), 0.0, for_good=True).state(0.0) == "open"


def test_half_open_lets_one_try() -> None:
    """While that is under way, the others are answered at once; broken off, the next one may."""
    breaker = failed(Breaker(), 10.0, for_good=True)
    assert breaker.state(10.0 + OPEN_S - 0.01) == "open"
    assert breaker.state(10.0 + OPEN_S) == "half_open"
    assert breaker.begun().state(10.0 + OPEN_S) == "open"
    assert breaker.begun().given_up().state(10.0 + OPEN_S) == "half_open"


def test_each_opening_is_longer_up_to_a_bound() -> None:
    """So that a dead host costs little, and one that is back is seen soon."""
    breaker, now_s, lengths = Breaker(), 0.0, []
    for _ in range(8):
        breaker = failed(breaker, now_s, for_good=True)
        lengths.append(breaker.until_s - now_s)
        now_s = breaker.until_s
    assert lengths == sorted(lengths)
    assert lengths[0] == OPEN_S
    assert lengths[-1] == OPEN_S_MAX


def test_a_silent_host_is_left_alone_as_long_as_it_took() -> None:
    """Else most calls would wait for it again."""
    breaker = Breaker().begun().failed(0.0, for_good=True, chance=1.0, took_s=3.0)
    assert breaker.until_s == 3.0


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.floats(0, 10)), max_size=40))
def test_it_never_stays_open(story: list[tuple[bool, float, float]]) -> None:
    """Whatever came of the tries, there is one more soon."""
    breaker, now_s = Breaker(), 0.0
    for for_good, chance, pause_s in story:
        now_s += pause_s
        if breaker.state(now_s) != "open":
            breaker = breaker.begun().failed(now_s, for_good=for_good, chance=chance)
        assert breaker.state(now_s + OPEN_S_MAX) != "open"


@given(st.integers(1, 5), st.floats(0, 1))
def test_backoff_grows_and_is_spread(failures: int, chance: float) -> None:
    """Callers that failed together do not come back together."""
    assert backoff_s(failures, 0.0) <= backoff_s(failures, chance) <= backoff_s(failures, 1.0)
    assert backoff_s(failures + 1, 0.0) == backoff_s(failures, 1.0)
