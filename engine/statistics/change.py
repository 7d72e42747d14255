"""Where the level of a series of runs has changed: looking back over all of it, and as it grows."""

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from breakfix.engine.statistics.estimates import Refusal, not_finite, too_few

if TYPE_CHECKING:
    from numpy.random import Generator

SEED: Final = 20
WINDOW: Final = 50
P_MAX: Final = 0.001
PERMUTATIONS: Final = 1_999
SEGMENT_MIN: Final = 4
"""A level has so many values at least."""
CHANGE_NEEDS_N: Final = 12
"""Of fewer values, even the clearest change is one of less than 1,000 ways to choose the groups."""
BASELINE_N: Final = 20
_BASELINE_MAX: Final = 200
ALLOWANCE: Final = 0.5
THRESHOLD: Final = 6.0
_EXCEEDED_ENOUGH: Final = 20
_MAD_FACTOR: Final = 1.4826
"""Times the MAD it is the standard deviation of a normal."""
_FAR: Final = 3.0


class ChangePoint(Struct, frozen=True, kw_only=True):
    """The level changes with the value at `index` (from 0); `p` is that of the permutation test."""

    index: int
    p: float


class Alarm(Struct, frozen=True, kw_only=True):
    """The level has risen: known at the value `at` (from 0), and under way since the value `since`."""

    at: int
    since: int


def pulled_in(values: Sequence[float]) -> list[float]:
    """The values, those that lie more than three robust standard deviations from the median pulled in to there:
    single time-outs must neither hide a change of level nor look like one.

    Source: Lucas and Crosier, "Robust CUSUM", Communications in Statistics 11 (1982) 2669-2687; the factor of the
    MAD: Rousseeuw and Croux, JASA 88 (1993) 1273-1283.
    """
    if not values:
        return []
    middle = median(values)
    reach = _FAR * _MAD_FACTOR * median(abs(value - middle) for value in values)
    if reach <= 0:
        return list(values)
    return [min(middle + reach, max(middle - reach, value)) for value in values]


def change_points(
    values: Sequence[float],
    *,
    window: int = WINDOW,
    p_max: float = P_MAX,
    permutations: int = PERMUTATIONS,
) -> tuple[ChangePoint, ...] | Refusal:
    """E-divisive: the points at which the distribution of the values changes, in their order.

    A series is cut where the energy distance of the two sides, weighted by their sizes, is largest, and
    each part again, as long as a permutation test with a fixed seed gives p < `p_max`. A test stops early
    where its outcome is clear (Besag and Clifford, "Sequential Monte Carlo p-values", Biometrika 78 (1991)
    301-304). Longer series are cut in windows that overlap by half, and each cut is tested again between its
    neighbours, the weakest first. Give it the logs of times.

    Source: Matteson and James, "A nonparametric approach for multiple change point analysis of multivariate
    data", JASA 109 (2014) 334-345; windows: Fleming and others, "Hunter: using change point detection to
    hunt for performance regressions", ICPE 2023.
    """
    import numpy as np

    if len(values) < CHANGE_NEEDS_N:
        return too_few(len(values), CHANGE_NEEDS_N, "a search for changes")
    if refusal := not_finite(values):
        return refusal
    random = np.random.default_rng(SEED)
    test = _Test(np.asarray(values, dtype=float), random, p_max, permutations)
    n = len(values)
    if n <= window:
        return tuple(test.cuts(0, n))
    found: set[int] = set()
    step = window // 2
    for begin in range(0, n - step, step):
        found |= {cut.index for cut in test.cuts(begin, min(n, begin + window))}
    return tuple(_confirmed(test, sorted(found), n))


def _confirmed(test: "_Test", cuts: list[int], n: int) -> list[ChangePoint]:
    """The cuts that hold between their neighbours; the weakest is dropped until all of them do."""
    while cuts:
        edges = [0, *cuts, n]
        tested = [
            ChangePoint(index=cut, p=test.of_cut(edges[i], cut, edges[i + 2]))
            for i, cut in enumerate(cuts)
        ]
        weakest = max(tested, key=lambda point: point.p)
        if weakest.p < test.p_max:
            return tested
        cuts = [cut for cut in cuts if cut != weakest.index]
    return []


class _Test:
    """Permutation tests over parts of one series."""

    def __init__(self, values: Any, random: "Generator", p_max: float, permutations: int) -> None:
        self.p_max = p_max
        self._values = values
        self._random = random
        self._permutations = permutations

    def cuts(self, begin: int, end: int) -> Iterator[ChangePoint]:
        """All cuts of a part, in their order."""
        if end - begin < 2 * SEGMENT_MIN:
            return
        distances = self._distances(begin, end)
        sizes = _weights(end - begin)
        at, strength = _best(distances, sizes)
        p = self._p(distances, strength, lambda shuffled: _best(shuffled, sizes)[1])
        if p >= self.p_max:
            return
        cut = begin + at
        yield from self.cuts(begin, cut)
        yield ChangePoint(index=cut, p=p)
        yield from self.cuts(cut, end)

    def of_cut(self, begin: int, cut: int, end: int) -> float:
        """p of a given cut of a part."""
        distances = self._distances(begin, end)
        sizes = _weights(end - begin)
        which = cut - begin - SEGMENT_MIN
        if not 0 <= which < len(sizes[0]):
            return 1.0
        strength = float(_strengths(distances, sizes)[which])
        return self._p(
            distances, strength, lambda shuffled: float(_strengths(shuffled, sizes)[which])
        )

    def _distances(self, begin: int, end: int) -> Any:
        part = self._values[begin:end]
        return abs(part[:, None] - part[None, :])

    def _p(self, distances: Any, strength: float, of: Any) -> float:
        """How often a shuffled series is cut at least as strongly."""
        exceeded, n = 0, len(distances)
        bound = strength * (1 - 1e-9)
        for made in range(1, self._permutations + 1):
            order = self._random.permutation(n)
            exceeded += of(distances[order][:, order]) >= bound
            if exceeded >= _EXCEEDED_ENOUGH:
                return float(exceeded / made)
        return float((exceeded + 1) / (self._permutations + 1))


def _weights(n: int) -> tuple[Any, Any]:
    import numpy as np

    left = np.arange(SEGMENT_MIN, n - SEGMENT_MIN + 1)
    return left, n - left


def _best(distances: Any, sizes: tuple[Any, Any]) -> tuple[int, float]:
    """Where the cut is strongest, and how strong."""
    strengths = _strengths(distances, sizes)
    which = int(strengths.argmax())
    return which + SEGMENT_MIN, float(strengths[which])


def _strengths(distances: Any, sizes: tuple[Any, Any]) -> Any:
    """The weighted energy distance of both sides, of every cut."""
    left, right = sizes
    sums = distances.cumsum(0).cumsum(1)
    inside = sums[left - 1, left - 1]
    across = sums[left - 1, -1] - inside
    others = sums[-1, -1] - inside - 2 * across
    energy = (
        2 * across / (left * right)
        - inside / (left * (left - 1))
        - others / (right * (right - 1))
    )
    return left * right / (left + right) * energy


def rise_alarm(values: Sequence[float], *, baseline: int = BASELINE_N) -> Alarm | Refusal | None:
    """The first value at which it is known that the level has risen, by a one-sided cumulative sum; None:
    it has not.

    Each value is standardised by the median and the MAD of those before it, of which the first `baseline` are
    taken for undisturbed; the sum of what exceeds `ALLOWANCE` falls no lower than zero, and `THRESHOLD` is an
    alarm. A false alarm comes about every 900 values, and a rise of one standard deviation is found in about 10
    (simulated). With a level and a spread that are known, and need no estimate, a threshold of 5 does that; with
    estimated ones it would be false twice as often. Give it the logs of times.

    Source: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954) 100-115; NIST/SEMATECH e-Handbook
    of Statistical Methods, 6.3.2.3.
    """
    n = len(values)
    if n <= baseline:
        return too_few(n, baseline + 1, "a watch for a rise")
    if refusal := not_finite(values):
        return refusal
    total, since = 0.0, baseline
    for index, value in enumerate(values[baseline:], baseline):
        before = values[: min(index, _BASELINE_MAX)]
        middle = median(before)
        spread = _MAD_FACTOR * median(abs(one - middle) for one in before)
        if spread <= 0 or not math.isfinite(spread):
            why = "half of the values before are equal, so there is no spread to measure by"
            return Refusal(n=n, needed=None, why=why)
        total = max(0.0, total + (value - middle) / spread - ALLOWANCE)
        if total == 0:
            since = index + 1
        if total >= THRESHOLD:
            return Alarm(at=index, since=since)
    return None
