"""Two groups against each other, against known values, and against what they promise."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from breakfix.engine.statistics import Ratio, Refusal, ratio_interval
from breakfix.engine.statistics.ratio import bounded_ratio, rank_of_bound, worse_p


def interval(reference: list[float], values: list[float], confidence: float = 0.95) -> Ratio:
    """The interval, which there has to be."""
    found = ratio_interval(reference, values, confidence)
    assert isinstance(found, Ratio)
    return found


def test_permeability_of_membranes() -> None:
    """Example 4.1 of Hollander and Wolfe: U = 35, two-sided p = 0.2544, as R's wilcox.test gives it."""
    x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    y = [1.15, 0.88, 0.90, 0.74, 1.21]
    found = interval(y, x)
    assert found.p == pytest.approx(0.2544, abs=5e-5)
    ratios = sorted(a / b for a in x for b in y)
    assert found.point == pytest.approx((ratios[24] + ratios[25]) / 2)
    assert worse_p(x, y) == pytest.approx(0.1272, abs=5e-5)


@pytest.mark.parametrize(("n", "m"), [(1, 20), (3, 4), (5, 6)])
def test_the_rank_leaves_out_no_more_than_it_may(n: int, m: int) -> None:
    """Counted over all orders of both groups."""
    below: dict[int, int] = {}
    total = math.comb(n + m, n)
    for places in itertools.combinations(range(n + m), n):
        u = sum(place - index for index, place in enumerate(places))
        below[u] = below.get(u, 0) + 1
    for tail in (0.025, 0.05, 0.1):
        rank = rank_of_bound(n, m, tail)
        assert sum(below.get(u, 0) for u in range(rank)) <= tail * total
        assert sum(below.get(u, 0) for u in range(rank + 1)) > tail * total


def test_the_rank_of_large_groups_is_that_of_a_normal() -> None:
    """Where it is counted no more, it is within one of what was counted."""
    exact, normal = rank_of_bound(63, 63, 0.025), rank_of_bound(64, 64, 0.025)
    assert 0 <= normal - exact <= 64


def test_it_covers_the_true_ratio() -> None:
    """In 95 of 100 experiments or a little more, with a fixed seed."""
    random = np.random.default_rng(7)
    hits = 0
    for _ in range(400):
        reference = random.lognormal(0.0, 0.4, 12)
        values = 1.5 * random.lognormal(0.0, 0.4, 8)
        found = interval(list(reference), list(values))
        hits += found.low <= 1.5 <= (found.high or math.inf)
    assert 0.93 <= hits / 400 <= 0.985


def test_what_is_known_within_bounds_makes_it_wider() -> None:
    """And it holds the interval of every set of values within them."""
    reference, values = [8.0, 9.0, 7.5, 8.4, 8.8], [10.0, 11.0, 10.4, 12.0, 9.7]
    wide = bounded_ratio(
        ([x - 0.3 for x in reference], reference, [x + 0.3 for x in reference]),
        ([x - 0.3 for x in values], values, [x + 0.3 for x in values]),
    )
    assert isinstance(wide, Ratio)
    random = np.random.default_rng(1)
    for _ in range(50):
        one = interval(
            [x + random.uniform(-0.3, 0.3) for x in reference],
            [x + random.uniform(-0.3, 0.3) for x in values],
        )
        assert wide.low <= one.low and (wide.high or 0) >= (one.high or math.inf)


def test_an_unseen_end_leaves_the_upper_end_open() -> None:
    """A time-out is never dropped: with many of them nothing bounds the ratio from above."""
    values = [10.0, 11.0, 12.0, 60.0, 60.0]
    uppers = [10.0, 11.0, 12.0, math.inf, math.inf]
    reference = [8.0, 9.0, 7.5, 8.4, 8.8, 8.1]
    found = bounded_ratio((reference, reference, reference), (values, values, uppers))
    assert isinstance(found, Ratio)
    assert found.high is None and found.low > 1
    assert found.p == pytest.approx(stats.mannwhitneyu(values, reference).pvalue, abs=0.01)


@pytest.mark.parametrize(
    ("reference", "values", "said"),
    [
        ([], [1.0], "nothing to compare"),
        ([1.0, 2.0], [], "n too small"),
        ([1.0, 2.0], [1.0, 2.0], "cannot come of 2 against 2"),
        ([1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 2.0, 3.0], "above zero"),
        ([1.0, 2.0, 3.0, 4.0], [math.inf, 1.0, 2.0, 3.0], "infinite"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    reference: list[float], values: list[float], said: str
) -> None:
    """In words."""
    found = ratio_interval(reference, values)
    assert isinstance(found, Refusal)
    assert said in found.why
