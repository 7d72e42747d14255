"""Samples of one series, which are not independent trials."""

from collections.abc import Sequence
from math import fsum

from breakfix.engine.statistics.estimates import Refusal, not_finite, too_few

SERIES_NEEDS_N = 10


def effective_n(series: Sequence[float]) -> float | Refusal:
    """How many independent values tell as much about the mean as this series at a fixed rate does.

    n / (1 + 2 * the sum of the autocorrelations), between 1 and n; a series that swings to and fro
    is not said to tell more than n. The sum ends where two neighbouring lags together are no longer
    positive, and no pair counts more than the one before it (Geyer's initial monotone sequence).
    From few values it comes out too large: of an AR(1) series, 0.8, about twice what is true at
    n = 50, by a sixth at 200. Take it for an upper bound (Box and Jenkins ask for 50 values to
    estimate autocorrelations at all).

    Source: C. J. Geyer, "Practical Markov chain Monte Carlo", Statistical Science 7 (1992) 473-483,
    3.3; Box, Jenkins and Reinsel, "Time Series Analysis", 2.1.5 and 2.1.6.
    """
    n = len(series)
    if n < SERIES_NEEDS_N:
        return too_few(n, SERIES_NEEDS_N, "an effective n")
    if refusal := not_finite(series):
        return refusal
    if min(series) == max(series):
        why = "all values are equal, which tells nothing about how they depend on each other"
        return Refusal(n=n, needed=None, why=why)
    lags = _autocorrelations(series)
    total, before = 0.0, 2.0
    for even, odd in zip(lags[::2], lags[1::2], strict=False):
        pair = min(before, even + odd)
        if pair <= 0:
            break
        total += pair
        before = pair
    # A first pair that is not positive is a series that swings to and fro.
    return min(float(n), max(1.0, n / max(2 * total - 1, 1.0)))


def _autocorrelations(series: Sequence[float]) -> list[float]:
    """From lag 0, which is 1, to n - 1; each sum divided by that of lag 0."""
    from scipy import fft

    # Scaled before and after the mean is taken off, no square is too large or too small.
    largest = max(abs(value) for value in series)
    scaled = [value / largest for value in series]
    mean = fsum(scaled) / len(scaled)
    centred = [value - mean for value in scaled]
    widest = max(abs(value) for value in centred)
    length = fft.next_fast_len(2 * len(series), real=True)
    power = abs(fft.rfft([value / widest for value in centred], length)) ** 2
    sums: list[float] = fft.irfft(power, length)[: len(series)].tolist()
    return [value / sums[0] for value in sums]
