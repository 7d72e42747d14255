"""Shares: how many of how many."""

from bisect import bisect_left
from math import sqrt
from statistics import NormalDist

from breakfix.engine.statistics.estimates import require_part


def wilson(good: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of the share good / total; of nothing, everything: (0, 1).

    Its coverage is `confidence` on the average over all shares, not for each of them. The trials
    have to be independent.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927) 209-212; recommended for small n by Brown, Cai and DasGupta, "Interval estimation
    for a binomial proportion", Statistical Science 16 (2001) 101-133.

    Raises ValueError where the counts are not such.

    >>> [round(end, 4) for end in wilson(9, 10)]
    [0.5958, 0.9821]
    """
    # A closed formula of one line; every run report has some, too many to load a library for.
    require_part("confidence", confidence)
    if not 0 <= good <= total:
        raise ValueError(f"{good} of {total} is not a share")
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    point = good / total
    weight = z * z / total
    centre = (point + weight / 2) / (1 + weight)
    half = z * sqrt(point * (1 - point) / total + weight / (4 * total)) / (1 + weight)
    low = 0.0 if good == 0 else max(0.0, min(point, centre - half))
    high = 1.0 if good == total else min(1.0, max(point, centre + half))
    return low, high


def samples_needed(share: float, confidence: float = 0.95) -> int | None:
    """The smallest n with which n of n show a share of at least so much: the lower end of `wilson`
    reaches it. None of a share of 1, which no number of samples shows.

    Raises ValueError where `share` is none.

    >>> samples_needed(0.995), samples_needed(0.5), samples_needed(1.0)
    (765, 4, None)
    """
    if not 0 <= share <= 1:
        raise ValueError(f"{share} is not a share")
    if share == 1:
        return None
    enough = 1
    while wilson(enough, enough, confidence)[0] < share:
        enough *= 2
    return bisect_left(
        range(enough), share, lo=1, key=lambda n: wilson(n, n, confidence)[0]
    )
