"""The durations of several trials of one thing, summed up."""

import math
from collections.abc import Sequence

from msgspec import Struct

from breakfix.engine.statistics.estimates import Estimate, Refusal, Survival, too_few
from breakfix.engine.statistics.location import (
    MEAN_NEEDS_N,
    bounded_geometric_mean,
    bounded_median,
)
from breakfix.engine.statistics.share import wilson
from breakfix.engine.statistics.survival import bounded_kaplan_meier


class Duration(Struct, frozen=True, kw_only=True):
    """How long one trial took: between `lower_s` and `upper_s`. Where it is `censored`, nobody saw
    its end: it took at least `lower_s`, and `upper_s` says nothing."""

    lower_s: float
    upper_s: float
    censored: bool = False


class Summary(Struct, frozen=True, kw_only=True):
    """What the trials say together.

    `n` trials had an impact, `censored` of them without a seen end; `absorbed` had none. `values`
    has the durations where they are too few for more than a list. The numbers that end in `_s` are
    refused where any is censored, since they would leave it out; then `kaplan_meier` is there, in
    seconds too. Points are of the middles of the durations; intervals are wide enough for all that
    the durations can have been. `share_with_impact` is of all trials.
    """

    n: int
    absorbed: int
    censored: int
    values: tuple[Duration, ...]
    geometric_mean_s: Estimate | Refusal
    median_s: Estimate | Refusal
    kaplan_meier: Survival | Refusal | None
    share_with_impact: Estimate | Refusal


def summarise(
    durations: Sequence[Duration], *, absorbed: int = 0, confidence: float = 0.95
) -> Summary:
    """Sum up the trials with an impact, and count the `absorbed` ones beside them.

    Raises ValueError where a count is negative, or a lower bound is above the upper one.
    """
    for duration in durations:
        if not duration.censored and duration.lower_s > duration.upper_s:
            raise ValueError(f"{duration} has its lower bound above the upper one")
    n = len(durations)
    censored = sum(duration.censored for duration in durations)
    few = n < MEAN_NEEDS_N
    mean, median = _locations(durations, censored, confidence)
    lowers, points, uppers = _columns(durations)
    return Summary(
        n=n,
        absorbed=absorbed,
        censored=censored,
        values=tuple(durations) if few else (),
        geometric_mean_s=mean,
        median_s=median,
        kaplan_meier=(
            bounded_kaplan_meier(lowers, points, uppers, confidence)
            if censored and not few
            else None
        ),
        share_with_impact=_share(n, n + absorbed, confidence),
    )


def _locations(
    durations: Sequence[Duration], censored: int, confidence: float
) -> tuple[Estimate | Refusal, Estimate | Refusal]:
    """The geometric mean and the median, or why not."""
    n = len(durations)
    if n < MEAN_NEEDS_N:
        few = too_few(n, MEAN_NEEDS_N, "a summary")
        return few, few
    if censored:
        left_out = Refusal(
            n=n,
            needed=None,
            why=f"{censored} of {n} did not end while anybody looked, and leaving them out would "
            "make it too short: the Kaplan-Meier curve has them all",
        )
        return left_out, left_out
    lowers, points, uppers = _columns(durations)
    median = bounded_median(lowers, points, uppers, confidence)
    if zero := sum(lower <= 0 for lower in lowers):
        why = (
            f"{zero} of {n} durations can have been zero, and a geometric mean needs values above "
            "zero: sample more often"
        )
        return Refusal(n=n, needed=None, why=why), median
    return bounded_geometric_mean(lowers, points, uppers, confidence), median


def _columns(durations: Sequence[Duration]) -> tuple[list[float], list[float], list[float]]:
    """Lower bounds, middles and upper bounds; of a censored one the lower, the lower, infinity."""
    lowers = [duration.lower_s for duration in durations]
    points = [
        d.lower_s if d.censored else d.lower_s + (d.upper_s - d.lower_s) / 2 for d in durations
    ]
    uppers = [math.inf if duration.censored else duration.upper_s for duration in durations]
    return lowers, points, uppers


def _share(good: int, total: int, confidence: float) -> Estimate | Refusal:
    low, high = wilson(good, total, confidence)
    if total == 0:
        return too_few(0, 1, "a share")
    return Estimate(n=total, point=good / total, low=low, high=high, confidence=confidence)
