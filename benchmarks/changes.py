"""How often changes are found where they are, and where there is none: the table of docs/history.md.

``python -m benchmarks.changes [HISTORIES]`` makes so many histories of each sort (400), with fixed seeds.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from breakfix.engine.statistics.change import (
    Alarm,
    ChangePoint,
    change_points,
    pulled_in,
    rise_alarm,
)

NEAR = 3
"""A change counts as found where it is told within so many runs."""
SORTS = [
    (34, 27, 1.5, 0.1), (34, 27, 1.5, 0.15), (34, 27, 1.5, 0.2), (34, 27, 1.5, 0.3), (40, 27, 1.5, 0.3),
    (60, 27, 1.5, 0.3), (60, 27, 1.25, 0.15), (34, 27, 1.0, 0.15), (60, 27, 1.0, 0.3), (200, 27, 1.0, 0.3),
]  # fmt: skip
"""Runs, the one with which it changes, how many times as long they take, and their spread."""


def history(n: int, change_at: int, factor: float, spread: float, seed: int) -> list[float]:
    """The logs of the times of n runs, log-normal."""
    random = np.random.default_rng(seed)
    values = random.normal(0.0, math.sqrt(math.log1p(spread**2)), n)
    values[change_at - 1 :] += math.log(factor)
    return [float(value) for value in values]


def searched(sort: tuple[int, int, float, float], histories: int) -> tuple[float, float, float]:
    """The shares of histories with any change told, with one told near the true one, and with more than
    one."""
    found: list[Sequence[ChangePoint]] = []
    for seed in range(histories):
        points = change_points(pulled_in(history(*sort, seed)))
        assert isinstance(points, tuple)
        found.append(points)
    near = sum(any(abs(p.index + 1 - sort[1]) <= NEAR for p in points) for points in found)
    return (
        sum(bool(points) for points in found) / histories,
        near / histories,
        sum(len(points) > 1 for points in found) / histories,
    )


def rises(histories: int) -> Iterator[str]:
    """How soon a rise by one standard deviation is known, and how often one is told that is none."""
    quiet = watched = 0
    delays = []
    for seed in range(histories):
        random = np.random.default_rng(seed)
        alarm = rise_alarm([float(value) for value in random.normal(0.0, 1.0, 220)])
        quiet += isinstance(alarm, Alarm)
        watched += (alarm.at if isinstance(alarm, Alarm) else 220) - 20
        values = random.normal(0.0, 1.0, 160)
        values[60:] += 1.0
        alarm = rise_alarm([float(value) for value in values])
        if isinstance(alarm, Alarm) and alarm.at >= 60:
            delays.append(alarm.at - 59)
    yield f"A false alarm every {watched / max(1, quiet):.0f} runs ({quiet} in {watched})."
    yield f"A rise by one standard deviation after 60 runs is known after {median(delays):.0f} runs (median)."


def main(histories: int) -> None:
    """Print the table."""
    write = sys.stdout.write
    write("| runs | change | spread | any told | told within 3 runs | more than one |\n")
    write("| --- | --- | --- | --- | --- | --- |\n")
    for sort in SORTS:
        n, at, factor, spread = sort
        told, near, more = searched(sort, histories)
        change = "none" if factor == 1 else f"x{factor:g} at run {at}"
        hit = "\u2013" if factor == 1 else f"{100 * near:.0f} %"
        write(f"| {n} | {change} | {100 * spread:.0f} % | {100 * told:.1f} % | {hit} | {100 * more:.1f} % |\n")
        sys.stdout.flush()
    for line in rises(histories):
        write(f"{line}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
