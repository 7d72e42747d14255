"""Where the middle of some values lies: the geometric mean, and the median.

Each comes in two forms: of exact values, and of values that are themselves known only within
bounds, whose interval is wide enough for every set of values within those.
"""

import math
from collections.abc import Sequence

from breakfix.engine.statistics.estimates import (
    Bounds,
    Estimate,
    Refusal,
    not_finite,
    require_part,
    too_few,
)

MEAN_NEEDS_N = 3


def geometric_mean(values: Sequence[float], confidence: float = 0.95) -> Estimate | Refusal:
    """The geometric mean of at least 3 positive values, with Student's t interval on their logs.

    Exact where the logs are normal, and then the interval is also one of the median of the values.

    Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.2 "Confidence limits for the
    mean"; on logs: Limpert, Stahel and Abbt, "Log-normal distributions across the sciences",
    BioScience 51 (2001) 341-352.
    """
    return bounded_geometric_mean(values, values, values, confidence)


def bounded_geometric_mean(
    lowers: Sequence[float],
    points: Sequence[float],
    uppers: Sequence[float],
    confidence: float = 0.95,
) -> Estimate | Refusal:
    """`geometric_mean` of points known within bounds, lower <= point <= upper for each.

    The interval holds that of every set of values within the bounds: the mean of the logs lies
    between those of the bounds, and the standard deviation, a norm, cannot exceed that of the
    points by more than the norm of how far the logs can lie from them (triangle inequality).
    """
    require_part("confidence", confidence)
    n = len(points)
    if n < MEAN_NEEDS_N:
        return too_few(n, MEAN_NEEDS_N, "a geometric mean with its interval")
    if refusal := not_finite(lowers, points, uppers):
        return refusal
    if below := sum(value <= 0 for value in lowers):
        why = f"a geometric mean needs values above zero, and {below} of {n} can be zero or less"
        return Refusal(n=n, needed=None, why=why)
    from scipy import stats

    low, middle, high = (_log_mean(values) for values in (lowers, points, uppers))
    logs = [math.log(value) for value in points]
    spread = math.hypot(*(value - middle for value in logs))
    slack = math.hypot(
        *(
            max(log - math.log(lower), math.log(upper) - log)
            for lower, log, upper in zip(lowers, logs, uppers, strict=True)
        )
    )
    quantile = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    half = quantile * (spread + slack) / math.sqrt(n - 1) / math.sqrt(n)
    try:
        end = math.exp(high + half)
    except OverflowError:
        why = "the values lie too far apart for an interval of their mean"
        return Refusal(n=n, needed=None, why=why)
    point = min(max(points), max(min(points), math.exp(middle)))
    return Estimate(
        n=n,
        point=point,
        low=min(point, math.exp(low - half)),
        high=max(point, end),
        confidence=confidence,
    )


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Estimate | Refusal:
    """The median with the exact interval between two order statistics; 95 % needs n >= 6.

    It holds for any continuous distribution. `confidence` of what comes back is the achieved one,
    at least what is asked: of n = 6 the smallest to the largest with 96.9 %, of n = 10 the 2nd to
    the 9th, of n = 20 the 6th to the 15th.

    Source: W. R. Thompson, "On confidence ranges for the median and other expectation
    distributions for populations of unknown distribution form", Annals of Mathematical Statistics 7
    (1936) 122-128; David and Nagaraja, "Order Statistics", 3rd ed., 7.1.
    """
    return bounded_median(values, values, values, confidence)


def bounded_median(
    lowers: Sequence[float],
    points: Sequence[float],
    uppers: Sequence[float],
    confidence: float = 0.95,
) -> Estimate | Refusal:
    """`median_interval` of points known within bounds, lower <= point <= upper for each."""
    if refusal := not_finite(lowers, points, uppers):
        return refusal
    bounds = order_bounds(lowers, uppers, confidence)
    if isinstance(bounds, Refusal):
        return bounds
    assert bounds.high is not None, "no upper bound is infinite"
    ordered, n = sorted(points), len(points)
    below, above = ordered[(n - 1) // 2], ordered[n // 2]
    return Estimate(
        n=n,
        point=below / 2 + above / 2 if below < above else below,
        low=bounds.low,
        high=bounds.high,
        confidence=bounds.confidence,
    )


def order_bounds(
    lowers: Sequence[float], uppers: Sequence[float], confidence: float = 0.95
) -> Bounds | Refusal:
    """The order statistics that hold the median, of values known within bounds.

    An upper bound may be infinite: of a value known only from below. No order statistic of the
    values lies below that of their lower bounds or above that of their upper bounds, therefore the
    interval holds the exact one of the values, whatever they are.
    """
    require_part("confidence", confidence)
    n = len(lowers)
    needed = math.ceil(1 - math.log2(1 - confidence))
    if n < needed:
        return too_few(n, needed, f"an interval of the median at {confidence:.4g}")
    from scipy import stats

    # The k-th smallest is above the median with the chance of fewer than k heads in n throws.
    tail = (1 - confidence) / 2
    rank = int(stats.binom.ppf(tail, n, 0.5))
    if stats.binom.cdf(rank, n, 0.5) <= tail:  # the next one reaches it exactly
        rank += 1
    high = sorted(uppers)[n - rank]
    return Bounds(
        n=n,
        low=sorted(lowers)[rank - 1],
        high=high if math.isfinite(high) else None,
        confidence=1 - 2 * float(stats.binom.cdf(rank - 1, n, 0.5)),
    )


def _log_mean(values: Sequence[float]) -> float:
    return math.fsum(math.log(value) for value in values) / len(values)
