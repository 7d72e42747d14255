"""The numbers of textbooks and of other implementations, and the refusals."""

import math
import subprocess
import sys
from collections.abc import Callable, Sequence

import msgspec
import pytest
from scipy import stats

from breakfix.engine.statistics import (
    Bounds,
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
    wilson,
)

REMISSION_WEEKS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
"""The remission times under 6-MP of Freireich et al. (1963), the usual example of the curve."""


def counting(n: int) -> list[float]:
    """1, 2, ... n, from the largest: the order of values must not matter."""
    return [float(value) for value in range(n, 0, -1)]


@pytest.mark.parametrize(("good", "total"), [(0, 10), (1, 10), (9, 10), (10, 10), (197, 200)])
def test_wilson_is_that_of_scipy(good: int, total: int) -> None:
    """The interval of a share agrees with another implementation."""
    expected = stats.binomtest(good, total).proportion_ci(0.95, "wilson")
    assert wilson(good, total) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_nothing_is_everything() -> None:
    """No trial bounds no share, and counts that are none are a mistake of the caller."""
    assert wilson(0, 0) == (0.0, 1.0)
    for good, total in [(-1, 3), (4, 3)]:
        with pytest.raises(ValueError, match="is not a share"):
            wilson(good, total)
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        wilson(1, 3, confidence=1.0)


def test_geometric_mean_is_the_t_interval_of_logs() -> None:
    """Of 1, 10, 100: the mean of the decadic logs is 1, their deviation 1, t(0.975, 2) = 4.3027."""
    found = geometric_mean([1.0, 10.0, 100.0])
    assert isinstance(found, Estimate)
    half = 4.302652729911275 / math.sqrt(3)
    assert found.point == pytest.approx(10.0)
    assert (math.log10(found.low), math.log10(found.high)) == pytest.approx((1 - half, 1 + half))
    assert (found.n, found.confidence) == (3, 0.95)


def test_geometric_mean_of_one_value_thrice_is_the_value() -> None:
    """Trials without any spread are worth their value, exactly."""
    found = geometric_mean([0.1, 0.1, 0.1])
    assert isinstance(found, Estimate)
    assert found.low == pytest.approx(0.1)
    assert found.point == 0.1


@pytest.mark.parametrize(
    ("values", "needed", "why"),
    [
        ([1.0, 2.0], 3, "n too small: a geometric mean with its interval needs n >= 3, and n is 2"),
        ([1.0, 0.0, -2.0], None, "needs values above zero, and 2 of 3 can be zero or less"),
        ([1.0, math.nan, 2.0], None, "1 of 3 values is infinite or not a number"),
        ([1e-300, 1.0, 1e300], None, "lie too far apart"),
    ],
)
def test_geometric_mean_says_why_there_is_none(
    values: Sequence[float], needed: int | None, why: str
) -> None:
    """Too few, zero, negative, infinite: refused, each with its sentence."""
    refusal = geometric_mean(values)
    assert isinstance(refusal, Refusal)
    assert refusal.needed == needed
    assert why in refusal.why


@pytest.mark.parametrize(
    ("n", "low", "high", "confidence"),
    [(6, 1, 6, 0.96875), (10, 2, 9, 0.978516), (20, 6, 15, 0.958611)],
)
def test_median_lies_between_order_statistics(
    n: int, low: float, high: float, confidence: float
) -> None:
    """The ranks and the achieved confidences of the tables."""
    found = median_interval(counting(n))
    assert isinstance(found, Estimate)
    assert (found.low, found.high) == (low, high)
    assert found.point == (n + 1) / 2
    assert found.confidence == pytest.approx(confidence, abs=1e-6)


def test_median_of_five_has_no_interval_at_95_percent() -> None:
    """Five values reach 93.75 %, which is enough for 90 %, and not for 95 %."""
    refusal = median_interval(counting(5))
    assert isinstance(refusal, Refusal)
    assert refusal.needed == 6
    assert refusal.why == "n too small: an interval of the median at 0.95 needs n >= 6, and n is 5"
    assert isinstance(median_interval(counting(5), confidence=0.9), Estimate)
    just = median_interval([1.0, 2.0, 3.0], confidence=0.75)
    assert isinstance(just, Estimate), "asked for exactly what three values reach"
    assert (just.low, just.high, just.confidence) == (1.0, 3.0, 0.75)
    assert isinstance(median_interval([math.inf] * 6), Refusal)


@pytest.mark.parametrize(("q", "needed"), [(0.9, 29), (0.95, 59), (0.99, 299)])
def test_a_quantile_has_a_bound_from_the_known_n(q: float, needed: int) -> None:
    """From that n the largest value is the bound; below, it is all there is to tell."""
    found = quantile_bound(counting(needed), q)
    assert isinstance(found, QuantileBound)
    assert found.high == needed
    assert found.point == math.ceil(needed * q)
    assert found.confidence == pytest.approx(1 - q**needed)
    short = quantile_bound(counting(needed - 1), q)
    assert isinstance(short, MaximumOnly)
    assert (short.maximum, short.needed) == (needed - 1, needed)
    assert short.why.startswith("n too small")


def test_a_quantile_of_many_has_a_bound_below_the_largest() -> None:
    """Of 1000 values, the 95th percentile is the 950th, and stays below the 962nd."""
    found = quantile_bound(counting(1000), 0.95)
    assert isinstance(found, QuantileBound)
    assert (found.point, found.high) == (950, 962)
    assert isinstance(quantile_bound([], 0.95), Refusal)
    assert isinstance(quantile_bound([math.nan], 0.95), Refusal)
    with pytest.raises(ValueError, match="q must lie"):
        quantile_bound([1.0], 95)


def test_kaplan_meier_of_the_usual_example() -> None:
    """Median 23 weeks, and the restricted mean to 35 weeks of 23.3, as in the textbooks."""
    found = kaplan_meier([float(week) for week in REMISSION_WEEKS], [bool(r) for r in RELAPSED])
    assert isinstance(found, Survival)
    assert (found.n, found.censored, found.median, found.restricted_to) == (21, 12, 23, 35)
    assert found.restricted_mean == pytest.approx(23.287, abs=0.001)
    assert isinstance(found.median_bounds, Bounds)
    assert found.median_bounds.low == 9
    assert found.median_bounds.high is None, "so many gave up early that nothing bounds it"


def test_kaplan_meier_drops_no_censored_time() -> None:
    """Time-outs pull the restricted mean up, and a median that is not reached is not made up."""
    found = kaplan_meier([1.0, 2.0, 60.0, 60.0, 60.0], [True, True, False, False, False])
    assert isinstance(found, Survival)
    assert found.median is None
    assert found.restricted_mean == pytest.approx((1 + 2 + 60 * 3) / 5)
    assert isinstance(found.median_bounds, Refusal)
    assert found.median_bounds.needed == 6


def test_kaplan_meier_bounds_the_median_where_the_values_do() -> None:
    """A few time-outs above all others change nothing about the order statistics in the middle."""
    times = [*counting(8), 60.0, 60.0]
    found = kaplan_meier(times, [True] * 8 + [False] * 2)
    assert isinstance(found, Survival)
    assert isinstance(found.median_bounds, Bounds)
    assert (found.median, found.median_bounds.low, found.median_bounds.high) == (5, 2, None)
    one = kaplan_meier(times, [True] * 8 + [True, False])
    assert isinstance(one, Survival)
    assert isinstance(one.median_bounds, Bounds)
    assert one.median_bounds.high == 60


def test_kaplan_meier_of_what_is_no_time() -> None:
    """Nothing, times below zero and what is not a number are refused; lengths must agree."""
    for times in [[], [-1.0, 2.0], [math.nan]]:
        assert isinstance(kaplan_meier(times, [True] * len(times)), Refusal)
    with pytest.raises(ValueError, match="zip"):
        kaplan_meier([1.0], [])


def test_effective_n_says_why_there_is_none() -> None:
    """Too few values and values without variation tell nothing about their dependence."""
    short, flat = effective_n([1.0, 2.0]), effective_n([0.1] * 20)
    assert isinstance(short, Refusal)
    assert isinstance(flat, Refusal)
    assert short.needed == 10
    assert flat.needed is None
    assert "all values are equal" in flat.why


def test_effective_n_of_a_series_that_swings_is_n() -> None:
    """A series that swings to and fro is not said to be worth more than its length."""
    assert effective_n([0.0, 1.0] * 20) == 40


@pytest.mark.parametrize(
    "result",
    [
        geometric_mean([1.0]),
        geometric_mean([1.0, 2.0, 3.0]),
        kaplan_meier([1.0, 2.0], [True, False]),
        quantile_bound(counting(40), 0.9),
        quantile_bound(counting(4), 0.9),
    ],
)
def test_results_can_be_written_and_read(result: object) -> None:
    """Whatever came out is the same after it was JSON, in a union of all kinds."""
    kinds = Estimate | Refusal | Survival | QuantileBound | MaximumOnly
    assert msgspec.json.decode(msgspec.json.encode(result), type=kinds) == result


def test_scipy_is_loaded_only_where_it_is_needed() -> None:
    """Shares and refusals, which every run has, cost no import of a library."""
    code = (
        "import sys; from breakfix.engine.statistics import Duration, summarise, wilson;"
        "wilson(9, 10); summarise([Duration(lower_s=1, upper_s=2)]);"
        "print(sorted({'scipy', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


_ALL: list[Callable[[Sequence[float]], object]] = [
    lambda values: geometric_mean(values, confidence=95),
    lambda values: median_interval(values, confidence=95),
    lambda values: quantile_bound(values, 0.9, confidence=95),
]


@pytest.mark.parametrize("calculate", _ALL)
def test_a_confidence_in_percent_is_a_mistake(
    calculate: Callable[[Sequence[float]], object],
) -> None:
    """95 is not 0.95: the caller hears of it."""
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1, and is 95"):
        calculate(counting(40))
