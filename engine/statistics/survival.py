"""Times of which some are known only from below, because nobody waited for their end."""

import math
from collections.abc import Sequence

from breakfix.engine.statistics.estimates import Refusal, Survival, not_finite, too_few
from breakfix.engine.statistics.location import order_bounds


def kaplan_meier(
    times: Sequence[float], observed: Sequence[bool], confidence: float = 0.95
) -> Survival | Refusal:
    """Median and restricted mean of times, none of them left out.

    `observed` tells for each time whether the end was seen; where not, the true time is at least
    the given one. The curve is that of scipy.stats.ecdf.

    The median is the first time at which the curve is at one half or below; the restricted mean is
    the area below the curve up to the largest time. The interval of the median does not come from
    the curve: it lies between two order statistics, with the unseen ends anywhere above their
    times. That is exact for any n and any reason not to wait, and wide where many gave up early.

    Source: Kaplan and Meier, "Nonparametric estimation from incomplete observations", JASA 53
    (1958) 457-481; J. O. Irwin, "The standard error of an estimate of expectation of life", Journal
    of Hygiene 47 (1949) 188-189; Klein and Moeschberger, "Survival Analysis", 2nd ed., 4.2 and 4.5.

    Raises ValueError where the two sequences differ in length.
    """
    pairs = zip(times, observed, strict=True)
    uppers = [time if seen else math.inf for time, seen in pairs]
    return bounded_kaplan_meier(times, times, uppers, confidence)


def bounded_kaplan_meier(
    lowers: Sequence[float],
    points: Sequence[float],
    uppers: Sequence[float],
    confidence: float = 0.95,
) -> Survival | Refusal:
    """`kaplan_meier` of points known within bounds; an infinite upper bound is an unseen end.

    The interval of the median holds for every set of times within the bounds; the curve, and with
    it the median and the restricted mean, is that of the points.
    """
    n = len(points)
    if n == 0:
        return too_few(0, 1, "a Kaplan-Meier curve")
    if refusal := not_finite(points):
        return refusal
    if below := sum(time < 0 for time in lowers):
        return Refusal(n=n, needed=None, why=f"{below} of {n} times can be below zero")
    steps = _curve(points, [math.isinf(upper) for upper in uppers])
    # A product of fractions may miss one half by a rounding.
    median = next((time for time, share in steps if share <= 0.5 + 1e-12), None)
    area, since, left = 0.0, 0.0, 1.0
    for time, share in steps:
        area += left * (time - since)
        since, left = time, share
    return Survival(
        n=n,
        censored=sum(math.isinf(upper) for upper in uppers),
        median=median,
        median_bounds=order_bounds(lowers, uppers, confidence),
        restricted_mean=min(area, since),
        restricted_to=since,
    )


def _curve(times: Sequence[float], censored: Sequence[bool]) -> list[tuple[float, float]]:
    """Each distinct time and the share that lasts longer."""
    from scipy import stats

    curve = stats.ecdf(stats.CensoredData.right_censored(times, censored)).sf
    return list(zip(curve.quantiles.tolist(), curve.probabilities.tolist(), strict=True))
