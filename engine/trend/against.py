"""A run, or a series of trials, held against earlier runs: how many times as long did it take? Pure."""

import math
from collections.abc import Sequence

from msgspec import structs

from breakfix.engine.compared import ComparedFacts
from breakfix.engine.statistics import Ratio
from breakfix.engine.statistics.power import GATE_CONFIDENCE
from breakfix.engine.statistics.ratio import bounded_ratio, worse_p
from breakfix.engine.statistics.several import holm
from breakfix.engine.trend.levels import columns, value_of
from breakfix.engine.trend.record import TrendRun
from breakfix.engine.trend.row import Metric, RunRow
from breakfix.engine.trials import TrialTime

_STOPPED = ("aborted", "errored")


def usable(row: RunRow, metric: Metric) -> bool:
    """Whether a run can be held against others: it was made to its end, and has a time."""
    if not row.complete or row.no_faults or row.verdict in _STOPPED or metric not in row.times:
        return False
    return value_of(row.times[metric], _run(1, False)) is not None


def adjusted(found: Sequence[ComparedFacts]) -> tuple[ComparedFacts, ...]:
    """The comparisons of one file, with each p adjusted for how many there are."""
    tested = [one.p_worse for one in found if one.p_worse is not None]
    fresh = iter(holm(tested))
    return tuple(
        one if one.p_worse is None else structs.replace(one, p_worse=next(fresh)) for one in found
    )


def held_against(
    row: int,
    asked: tuple[Metric, float],
    times: Sequence[tuple[TrialTime, bool]],
    reference: Sequence[RunRow],
    against: str,
) -> ComparedFacts:
    """The comparison of an expectation (its index) about a metric, with its margin. Of each new time it is told whether its run was stopped:
    how long that took says nothing. The interval is one of 90 %, so that either end is left out by 5 of
    100."""
    metric, margin = asked
    new = [
        value
        for number, (time, stopped) in enumerate(times, 1)
        if (value := value_of(time, _run(number, stopped))) is not None
    ]
    old = [
        value
        for number, earlier in enumerate(reference, 1)
        if (value := value_of(earlier.times[metric], _run(number, False))) is not None
    ]
    runs = tuple(earlier.run_id for earlier in reference)
    counts = ComparedFacts(row=row, against=against, n=len(new), reference_n=len(old), runs=runs)
    if times and all(time.missing == "absorbed" for time, _ in times):
        why = "it was absorbed: there was nothing that could have taken longer"
        return _with(counts, why=why, absorbed=True)
    if not new:
        first = next((time.why for time, _ in times if time.why), "nothing was measured")
        return _with(counts, why=f"no time to compare: {first}")
    if not old:
        return _with(counts, why="no earlier run to compare with")
    ratio = bounded_ratio(columns(old), columns(new), GATE_CONFIDENCE)
    if not isinstance(ratio, Ratio):
        return _with(counts, why=ratio.why)
    longer = [value.point_s / margin for value in new]
    p = worse_p(longer, [value.point_s for value in old])
    return _with(counts, ratio=ratio, p_worse=p)


def _with(
    counts: ComparedFacts,
    *,
    why: str = "",
    absorbed: bool = False,
    ratio: Ratio | None = None,
    p_worse: float | None = None,
) -> ComparedFacts:
    found = structs.replace(counts, why=why, absorbed=absorbed, p_worse=p_worse)
    if ratio is None:
        return found
    return structs.replace(found, point=ratio.point, low=ratio.low, high=ratio.high)


def _run(number: int, stopped: bool) -> TrendRun:
    return TrendRun(
        number=number, run_id="", began_wall_s=0.0, verdict="passed", reason="", stopped=stopped
    )


def spread_of(reference: Sequence[RunRow], metric: Metric) -> float | None:
    """The coefficient of variation of earlier runs, from the spread of their logs; None of fewer than five."""
    points = [
        value.point_s
        for earlier in reference
        if (value := value_of(earlier.times[metric], _run(1, False))) is not None
    ]
    if len(points) < 5:
        return None
    logs = [math.log(point) for point in points]
    mean = math.fsum(logs) / len(logs)
    variance = math.fsum((log - mean) ** 2 for log in logs) / (len(logs) - 1)
    return math.sqrt(math.expm1(min(variance, 20.0))) or None
