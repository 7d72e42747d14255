"""What comes of a calculation: numbers with the interval that they are worth, or a refusal.

All numbers are finite, in the unit of the values. Each type carries its `kind`, so that a union of
them can be written as JSON and read again.
"""

import math
from collections.abc import Sequence

from msgspec import Struct


class _Result(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What a calculation gives; `n` is the number of values that went into it."""

    n: int


class Estimate(_Result, frozen=True, kw_only=True, tag="estimate"):
    """A point inside its interval [low, high], which covers the true value in `confidence` (a part
    of one) of all experiments. Of exact intervals it is what is achieved, not what was asked."""

    point: float
    low: float
    high: float
    confidence: float


class Bounds(_Result, frozen=True, kw_only=True, tag="bounds"):
    """An interval without a point; `high` is None where nothing bounds it from above."""

    low: float
    high: float | None
    confidence: float


class QuantileBound(_Result, frozen=True, kw_only=True, tag="quantile"):
    """The quantile `q` of the values, and what the true one stays below with `confidence`."""

    q: float
    point: float
    high: float
    confidence: float


class MaximumOnly(_Result, frozen=True, kw_only=True, tag="maximum"):
    """Too few values to bound the quantile `q`, which takes `needed`: all there is to tell is the
    largest."""

    q: float
    maximum: float
    needed: int
    why: str


class Survival(_Result, frozen=True, kw_only=True, tag="survival"):
    """What the Kaplan-Meier curve of `n` times tells, `censored` of them not seen to their end.

    `median` is None where the curve does not come down to one half. `restricted_mean` is the mean
    of the smaller of the time and `restricted_to`, the largest time of all.
    """

    censored: int
    median: float | None
    median_bounds: "Bounds | Refusal"
    restricted_mean: float
    restricted_to: float


class Ratio(_Result, frozen=True, kw_only=True, tag="ratio"):
    """How many times as long one group of `n` values is as another of `reference_n`: a point inside its
    interval; each upper end None where nothing bounds it. `p` is that of the test that they do not differ
    (two-sided)."""

    reference_n: int
    point: float | None
    low: float
    high: float | None
    confidence: float
    p: float


class Refusal(_Result, frozen=True, kw_only=True, tag="refusal"):
    """Why there is no number. `needed` is the n from which there is one, None where it is not a
    matter of n."""

    needed: int | None
    why: str


def too_few(n: int, needed: int, what: str) -> Refusal:
    """The refusal of what takes `needed` values.

    >>> too_few(2, 3, "a mean with an interval").why
    'n too small: a mean with an interval needs n >= 3, and n is 2'
    """
    return Refusal(n=n, needed=needed, why=f"n too small: {what} needs n >= {needed}, and n is {n}")


def not_finite(*columns: Sequence[float]) -> Refusal | None:
    """The refusal of values of which one is infinite or not a number, in any of its columns."""
    rows = list(zip(*columns, strict=True))
    odd = sum(not all(map(math.isfinite, row)) for row in rows)
    if not odd:
        return None
    why = f"{odd} of {len(rows)} values {'is' if odd == 1 else 'are'} infinite or not a number"
    return Refusal(n=len(rows), needed=None, why=why)


def require_part(name: str, value: float) -> None:
    """Raise ValueError unless the value lies between 0 and 1, both excluded."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, and is {value}")
