"""Quantiles far from the middle, never without their bound."""

import math
from collections.abc import Sequence

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
    from scipy import stats

    # The r-th smallest is below the quantile with the chance of r or more of n values below it.
    rank = min(n, int(stats.binom.ppf(confidence, n, q)) + 1)
    # 0.07 * 100 is a little more than 7.
    nearest = max(1, math.ceil(n * q - 1e-12 * n))
    return QuantileBound(
        n=n,
        q=q,
        point=ordered[nearest - 1],
        high=ordered[rank - 1],
        confidence=float(stats.binom.cdf(rank - 1, n, q)),
    )
