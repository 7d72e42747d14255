"""How many times as long the values of one group are as those of another.

`bounded_ratio` takes values that are themselves known only within bounds; an upper bound may be infinite.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Final

from breakfix.engine.statistics.estimates import Ratio, Refusal, require_part, too_few

EXACT_PAIRS_MAX: Final = 4_000
"""Up to so many pairs the distribution of U is counted; above, it is as good as normal."""


def ratio_interval(
    reference: Sequence[float], values: Sequence[float], confidence: float = 0.95
) -> Ratio | Refusal:
    """The Hodges-Lehmann estimate of how many times `reference` the `values` are, with its interval, and
    the two-sided p of the Mann-Whitney test that they do not differ.

    The point is the median of all pairwise ratios, the interval lies between two of them, and holds for
    groups of any continuous distribution that differ by a factor. p is exact for small groups without
    ties (scipy.stats.mannwhitneyu).

    Source: Hodges and Lehmann, "Estimates of location based on rank tests", Annals of Mathematical
    Statistics 34 (1963) 598-611; Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods",
    3rd ed., 4.2 and 4.3 (the interval is that of Moses).
    """
    return bounded_ratio(
        (reference, reference, reference), (values, values, values), confidence
    )


def bounded_ratio(
    reference: tuple[Sequence[float], Sequence[float], Sequence[float]],
    values: tuple[Sequence[float], Sequence[float], Sequence[float]],
    confidence: float = 0.95,
) -> Ratio | Refusal:
    """`ratio_interval` of lower bounds, points and upper bounds, those in this order.

    A pairwise ratio grows with the value and falls with the reference, so order statistics of the
    ratios of the bounds enclose those of whatever the values are. An infinite upper bound is a value
    known only from below; its point counts as the longest of all in the test.
    """
    require_part("confidence", confidence)
    n, m = len(values[1]), len(reference[1])
    if refusal := _unfit(n, m, reference, values):
        return refusal
    rank = rank_of_bound(n, m, (1 - confidence) / 2)
    if rank == 0:
        needed = fewest(m, (1 - confidence) / 2)
        why = f"n too small: an interval of the ratio at {confidence:.4g} cannot come of {n} against {m}"
        return Refusal(n=n, needed=needed, why=why)
    lows = sorted(low / high for low in values[0] for high in reference[2])
    highs = sorted(
        high / low if low > 0 else math.inf for high in values[2] for low in reference[0]
    )
    open_points = (_opened(values), _opened(reference))
    points = sorted(
        1.0 if math.isinf(value) and math.isinf(other) else value / other
        for value in open_points[0]
        for other in open_points[1]
    )
    low, high = lows[rank - 1], highs[len(highs) - rank]
    middle = (points[(len(points) - 1) // 2] + points[len(points) // 2]) / 2
    return Ratio(
        n=n,
        reference_n=m,
        point=middle if math.isfinite(middle) else None,
        low=min(low, middle),
        high=max(high, middle) if math.isfinite(max(high, middle)) else None,
        confidence=confidence,
        p=_mann_whitney(open_points[0], open_points[1]),
    )


def rank_of_bound(n: int, m: int, tail: float) -> int:
    """Which of the n * m pairwise ratios, from either end, is left out of an interval with at most the
    chance `tail`; 0 where even the last one is left out more often than that."""
    if n * m > EXACT_PAIRS_MAX:
        spread = math.sqrt(n * m * (n + m + 1) / 12)
        return max(0, int(n * m / 2 + NormalDist().inv_cdf(tail) * spread))
    rank, below = 0, 0
    bound = tail * math.comb(n + m, n) * (1 + 1e-12)
    for count in _counts(min(n, m), max(n, m)):
        below += count
        if below > bound:
            break
        rank += 1
    return rank


def fewest(reference_n: int, tail: float) -> int | None:
    """The smallest group that can have an interval against `reference_n` values; None: none can, below a
    thousand."""
    for n in range(1, 1000):
        if 1 <= tail * math.comb(n + reference_n, n):
            return n
    return None


@lru_cache(maxsize=256)
def _counts(n: int, m: int) -> tuple[int, ...]:
    """In how many of all orders of two groups U is 0, 1, ...: the coefficients of a Gaussian binomial.

    scipy has the p of a given U, and no quantile of it.
    """
    counts = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for u in range(n * m, m + i - 1, -1):
            counts[u] -= counts[u - m - i]
        for u in range(i, n * m + 1):
            counts[u] += counts[u - i]
    return tuple(counts)


def _opened(group: tuple[Sequence[float], Sequence[float], Sequence[float]]) -> list[float]:
    return [
        math.inf if math.isinf(upper) else point
        for point, upper in zip(group[1], group[2], strict=True)
    ]


def _mann_whitney(values: Sequence[float], reference: Sequence[float]) -> float:
    from scipy import stats

    found = [*values, *reference]
    if min(found) == max(found):
        return 1.0
    largest = max((value for value in found if math.isfinite(value)), default=1.0)
    ranked = [[min(value, 2 * largest) for value in group] for group in (values, reference)]
    return float(stats.mannwhitneyu(*ranked).pvalue)


def worse_p(values: Sequence[float], reference: Sequence[float]) -> float:
    """The one-sided p of the Mann-Whitney test that the values are no longer than the reference
    (scipy.stats.mannwhitneyu)."""
    from scipy import stats

    if min(*values, *reference) == max(*values, *reference):
        return 1.0
    return float(stats.mannwhitneyu(values, reference, alternative="greater").pvalue)


def _unfit(
    n: int,
    m: int,
    reference: tuple[Sequence[float], Sequence[float], Sequence[float]],
    values: tuple[Sequence[float], Sequence[float], Sequence[float]],
) -> Refusal | None:
    if n == 0 or m == 0:
        return too_few(n, 1, "a ratio") if n == 0 else Refusal(
            n=n, needed=None, why="there is nothing to compare with"
        )
    points = [*values[1], *reference[1]]
    lowers = [*values[0], *reference[0]]
    if any(not math.isfinite(one) for one in (*points, *lowers)) or any(
        math.isnan(one) for one in (*values[2], *reference[2])
    ):
        return Refusal(n=n, needed=None, why="a value is infinite or not a number")
    if any(point <= 0 for point in points) or any(lower < 0 for lower in lowers):
        return Refusal(n=n, needed=None, why="a ratio needs values above zero")
    return None
