"""Whatever finite values come in, nothing raises, and each point lies inside its interval."""

import math
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.statistics import (
    Bounds,
    Duration,
    Estimate,
    MaximumOnly,
    QuantileBound,
    Refusal,
    Survival,
    effective_n,
    geometric_mean,
    kaplan_meier,
    median_interval,
    quantile_bound,
    summarise,
    wilson,
)

POSITIVE = st.floats(min_value=5e-324, allow_nan=False, allow_infinity=False)
USUAL = st.floats(min_value=0.001, max_value=10_000)
VALUES = st.lists(POSITIVE, max_size=30) | st.lists(USUAL, max_size=30)
ANY = st.lists(st.floats(), max_size=30)
CONFIDENCE = st.sampled_from([0.5, 0.8, 0.95, 0.99])


@st.composite
def durations(draw: st.DrawFn) -> list[Duration]:
    """Durations of any sort, ends in order."""
    pairs = draw(st.lists(st.tuples(POSITIVE, POSITIVE, st.booleans()), max_size=15))
    return [Duration(lower_s=min(a, b), upper_s=max(a, b), censored=c) for a, b, c in pairs]


def check(found: object, n: int) -> None:
    """Finite numbers in order, or a refusal in words."""
    if isinstance(found, Refusal):
        assert found.why
        assert found.needed is None or found.needed > n
        return
    assert isinstance(found, Estimate)
    assert found.n == n
    assert all(map(math.isfinite, (found.low, found.point, found.high)))
    assert found.low <= found.point <= found.high
    assert 0 < found.confidence <= 1


def check_curve(found: object, n: int) -> None:
    """A curve's median lies inside its bounds, and its mean below the largest time."""
    if isinstance(found, Refusal):
        return
    assert isinstance(found, Survival)
    assert 0 <= found.restricted_mean <= found.restricted_to
    bounds = found.median_bounds
    if isinstance(bounds, Bounds):
        high = math.inf if bounds.high is None else bounds.high
        assert bounds.low <= (math.inf if found.median is None else found.median) <= high
        assert found.n == n


@settings(deadline=None, max_examples=150)
@given(VALUES | ANY, CONFIDENCE)
def test_location_never_raises(values: Sequence[float], confidence: float) -> None:
    """Mean and median of any values are numbers in order or a refusal."""
    check(geometric_mean(values, confidence), len(values))
    found = median_interval(values, confidence)
    check(found, len(values))
    if isinstance(found, Estimate):
        assert found.confidence >= confidence - 1e-12


@settings(deadline=None, max_examples=100)
@given(
    VALUES | ANY | st.lists(USUAL, min_size=25, max_size=120),
    st.floats(min_value=0.01, max_value=0.999),
)
def test_a_quantile_never_raises(values: Sequence[float], q: float) -> None:
    """The point is one of the values and not above its bound, or there is only a maximum."""
    found = quantile_bound(values, q)
    if isinstance(found, QuantileBound):
        assert found.point in values
        assert found.point <= found.high <= max(values)
        assert found.confidence >= 0.95 - 1e-12
    elif isinstance(found, MaximumOnly):
        assert found.needed > found.n
        assert found.maximum == max(values)
    else:
        assert found.why


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(POSITIVE | USUAL | st.just(0.0), st.booleans()), max_size=30))
def test_a_curve_never_raises(pairs: Sequence[tuple[float, bool]]) -> None:
    """Any mixture of ends seen and not seen has a curve."""
    found = kaplan_meier([time for time, _ in pairs], [seen for _, seen in pairs])
    check_curve(found, len(pairs))
    if isinstance(found, Survival):
        assert found.censored == sum(not seen for _, seen in pairs)


@settings(deadline=None, max_examples=100)
@given(VALUES | ANY | st.lists(st.sampled_from([0.0, 1.0]), min_size=10, max_size=60))
def test_an_effective_n_is_between_one_and_n(series: Sequence[float]) -> None:
    """No series is worth more than its length, or less than one value."""
    found = effective_n(series)
    if isinstance(found, Refusal):
        assert found.why
    else:
        assert 1 <= found <= len(series)


@settings(deadline=None, max_examples=100)
@given(durations(), st.integers(min_value=0, max_value=50))
def test_a_summary_never_raises(trials: list[Duration], absorbed: int) -> None:
    """Any durations have a summary that counts every one of them."""
    summary = summarise(trials, absorbed=absorbed)
    assert summary.n == len(trials)
    check(summary.geometric_mean_s, len(trials))
    check(summary.median_s, len(trials))
    check(summary.share_with_impact, len(trials) + absorbed)
    if summary.kaplan_meier is not None:
        check_curve(summary.kaplan_meier, len(trials))
    assert (len(trials) < 3) == (summary.values == tuple(trials) and len(summary.values) < 3)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10**9), st.integers(0, 10**9), CONFIDENCE)
def test_a_share_lies_inside_its_interval(one: int, other: int, confidence: float) -> None:
    """Any share is inside its interval, and that inside [0, 1]."""
    good, total = min(one, other), max(one, other)
    low, high = wilson(good, total, confidence)
    assert 0 <= low <= (good / total if total else 0.5) <= high <= 1
