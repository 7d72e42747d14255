"""Quantiles far from the middle, never without their bound."""

import math
from collections.abc import Sequence
from functools import lru_cache

from breakfix.engine.statistics.estimates import (
    MaximumOnly,
    QuantileBound,
    Refusal,
    not_finite,
    require_part,
    too_few,
)


def quantile_bound(
    values: Sequence[float], q: float, confidence: float = 0.95
) -> QuantileBound | MaximumOnly | Refusal:
    """The quantile `q` of independent values, with an upper bound whatever their distribution.

    The point is the smallest value that has at least the part `q` of all at or below it, a value
    that was measured. The bound is the smallest order statistic that is not below the true quantile
    with `confidence`; one exists from n >= 29 for 0.9, 59 for 0.95 and 299 for 0.99, at 95 %.

    Source: S. S. Wilks, "Determination of sample sizes for setting tolerance limits", Annals of
    Mathematical Statistics 12 (1941) 91-96; W. J. Conover, "Practical Nonparametric Statistics",
    3rd ed., 3.2.

    Raises ValueError where `q` or `confidence` is not between 0 and 1.
    """
    require_part("q", q)
    require_part("confidence", confidence)
    n = len(values)
    if n == 0:
        return too_few(0, 1, "a quantile")
    if refusal := not_finite(values):
        return refusal
    needed = math.ceil(math.log(1 - confidence) / math.log(q))
    ordered = sorted(values)
    if n < needed:
        return MaximumOnly(
            n=n,
            q=q,
            maximum=ordered[-1],
            needed=needed,
            why=f"n too small: a bound of the quantile {q:g} needs n >= {needed}, and n is {n}",
        )
    rank, reached = _rank(n, q, confidence)
    # 0.07 * 100 is a little more than 7.
    nearest = max(1, math.ceil(n * q - 1e-12 * n))
    return QuantileBound(
        n=n,
        q=q,
        point=ordered[nearest - 1],
        high=ordered[rank - 1],
        confidence=reached,
    )


@lru_cache(maxsize=4096)
def _rank(n: int, q: float, confidence: float) -> tuple[int, float]:
    """The smallest r <= n with which the r-th smallest value is not below the quantile with `confidence`,
    and the confidence that it has: it is below with the chance of r or more of n values below it.

    A sum of one line; reports and what mends after a death need it, and must not load a library for it.
    """
    beyond = 0.0
    for below in range(n, -1, -1):
        chance = math.exp(
            math.lgamma(n + 1) - math.lgamma(below + 1) - math.lgamma(n - below + 1)
            + below * math.log(q) + (n - below) * math.log1p(-q)
        )  # fmt: skip
        if below < n and beyond + chance > 1 - confidence:
            return below + 1, 1 - beyond
        beyond += chance
    return 1, 1 - beyond
