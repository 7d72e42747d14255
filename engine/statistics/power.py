"""How often a comparison with earlier runs ends without an answer, told before it is made."""

import math
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, structs

from breakfix.engine.statistics.estimates import require_part
from breakfix.engine.statistics.ratio import rank_of_bound

if TYPE_CHECKING:
    from numpy.random import Generator

SEED: Final = 20
SIMULATIONS: Final = 4_000
GATE_CONFIDENCE: Final = 0.9
"""Of the interval that a gate judges by: each end is left out by 5 of 100, one-sided."""
ENOUGH: Final = 0.2
"""Inconclusive no more often than this is enough: a power of 80 %."""
_TRIALS_MAX: Final = 200
_AT_ONCE: Final = 2_000_000


class Design(Struct, frozen=True, kw_only=True):
    """`n` values are held against `reference_n`. They are log-normal with a coefficient of variation of
    `spread` (0.3 is 30 %), and the new ones are `ratio` times as long. The interval of the ratio has
    `confidence`, and `margin` is what it is judged by."""

    n: int
    reference_n: int
    spread: float
    margin: float
    ratio: float = 1.0
    confidence: float = GATE_CONFIDENCE


class Outcomes(Struct, frozen=True, kw_only=True):
    """The shares of comparisons that end in each way; together they are all."""

    passed: float
    failed: float
    inconclusive: float


def outcomes(design: Design, simulations: int = SIMULATIONS) -> Outcomes:
    """How comparisons of a design end, found by making them, with a fixed seed.

    A comparison passes when the whole interval of the ratio (`ratio_interval`) is at most the margin, and
    fails when all of it is above.

    Raises ValueError where a number is not such.
    """
    import numpy as np

    n, reference_n = design.n, design.reference_n
    require_part("confidence", design.confidence)
    if n < 1 or reference_n < 0 or min(design.spread, design.margin, design.ratio) <= 0:
        raise ValueError("numbers of values and spreads, margins and ratios are positive")
    rank = rank_of_bound(n, reference_n, (1 - design.confidence) / 2) if reference_n else 0
    if rank == 0:
        return Outcomes(passed=0.0, failed=0.0, inconclusive=1.0)
    random = np.random.default_rng(SEED)
    sigma, bound = math.sqrt(math.log1p(design.spread**2)), math.log(design.margin)
    passed = failed = 0
    chunk = max(1, min(simulations, _AT_ONCE // (n * reference_n)))
    for begin in range(0, simulations, chunk):
        size = (min(chunk, simulations - begin), n, reference_n)
        pairs = _pairs(random, size, sigma, math.log(design.ratio))
        pairs.partition((rank - 1, n * reference_n - rank), axis=1)
        failed += int((pairs[:, rank - 1] > bound).sum())
        passed += int((pairs[:, n * reference_n - rank] <= bound).sum())
    return Outcomes(
        passed=passed / simulations,
        failed=failed / simulations,
        inconclusive=1 - (passed + failed) / simulations,
    )


def trials_needed(design: Design) -> int | None:
    """The smallest `n` that ends inconclusive no more often than `ENOUGH` with the same reference; None where
    200 would not do."""

    def enough(n: int) -> bool:
        found = outcomes(structs.replace(design, n=n), SIMULATIONS // 4)
        return found.inconclusive <= ENOUGH

    low, high = 0, 1
    while not enough(high):
        low, high = high, high * 2
        if low >= _TRIALS_MAX:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high if high <= _TRIALS_MAX else None


def _pairs(random: "Generator", size: tuple[int, int, int], sigma: float, shift: float) -> Any:
    """The logs of all pairwise ratios, a row for each comparison."""
    simulations, n, m = size
    values = random.normal(shift, sigma, (simulations, n, 1))
    reference = random.normal(0.0, sigma, (simulations, 1, m))
    return (values - reference).reshape(simulations, n * m)
