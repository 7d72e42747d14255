"""One time over the runs of one key: its levels, and where they change."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from breakfix.engine.statistics import Estimate, Ratio, Refusal, effective_n, summarise
from breakfix.engine.statistics.change import (
    CHANGE_NEEDS_N,
    Alarm,
    ChangePoint,
    change_points,
    pulled_in,
    rise_alarm,
)
from breakfix.engine.statistics.location import bounded_median
from breakfix.engine.statistics.ratio import bounded_ratio
from breakfix.engine.statistics.survival import bounded_kaplan_meier
from breakfix.engine.trend.record import (
    Change,
    LabelChange,
    Level,
    MetricTrend,
    Rise,
    TrendRun,
)
from breakfix.engine.trend.row import Metric
from breakfix.engine.trials import TrialTime, duration_of

FALSE_MAX: Final = 0.05
"""Of all changes that a trend tells, so large a part may be false on the average."""
_SHORTEST_S: Final = 0.001

Columns = tuple[list[float], list[float], list[float]]


class Value(Struct, frozen=True, kw_only=True):
    """The time of one run; of a censored one, `upper_s` is infinite and the point is its lower bound."""

    run: TrendRun
    lower_s: float
    point_s: float
    upper_s: float


class Searched(Struct, frozen=True, kw_only=True):
    """The values of one metric, and the changes that a search found; the smallest p of them, 1 of none."""

    metric: Metric
    values: tuple[Value, ...]
    found: tuple[ChangePoint, ...] | Refusal

    @property
    def p(self) -> float:
        """How sure the search is that there is any change."""
        if isinstance(self.found, Refusal):
            return 1.0
        return min((cut.p for cut in self.found), default=1.0)

    @property
    def searched(self) -> bool:
        """Whether there were enough values to look for any."""
        return not isinstance(self.found, Refusal)


def value_of(time: TrialTime, run: TrendRun) -> Value | None:
    """The value that a run gives to the search for changes. One that we cut off gives none: when it was stopped
    says nothing about how long it would have taken."""
    if time.interval_s is not None:
        lower_s, upper_s = time.interval_s
        middle_s = max(_SHORTEST_S, (lower_s + upper_s) / 2)
        return Value(run=run, lower_s=lower_s, point_s=middle_s, upper_s=max(upper_s, middle_s))
    if time.missing == "censored" and not run.stopped and (time.at_least_s or 0.0) > 0:
        at_least_s = max(_SHORTEST_S, time.at_least_s or 0.0)
        return Value(run=run, lower_s=at_least_s, point_s=at_least_s, upper_s=math.inf)
    return None


def enough(runs: Sequence[TrendRun], metric: Metric) -> bool:
    """Whether there are enough values to look for changes."""
    return len(_values(runs, metric)) >= CHANGE_NEEDS_N


def search(runs: Sequence[TrendRun], metric: Metric, permutations: int) -> Searched:
    """Look for changes of one metric."""
    values = _values(runs, metric)
    found = change_points(pulled_in(_logs(values)), permutations=permutations)
    return Searched(metric=metric, values=values, found=found)


def metric_trend(
    searched: Searched,
    runs: Sequence[TrendRun],
    p_adjusted: float,
    label_changes: Mapping[int, Sequence[LabelChange]],
) -> MetricTrend:
    """What one metric says. `p_adjusted` is that of the whole search."""
    metric, values = searched.metric, searched.values
    times = [(run.times[metric], run) for run in runs if metric in run.times]
    durations = [duration for time, _ in times if (duration := duration_of(time)) is not None]
    absorbed = sum(time.missing == "absorbed" for time, _ in times)
    cuts: tuple[ChangePoint, ...] = ()
    if not isinstance(searched.found, Refusal) and p_adjusted <= FALSE_MAX:
        cuts = searched.found
    edges = [0, *(cut.index for cut in cuts), len(values)]
    parts = [values[begin:end] for begin, end in itertools.pairwise(edges)]
    factor = p_adjusted / searched.p
    changes = tuple(
        _change(cut, parts[i], parts[i + 1], min(1.0, cut.p * factor), label_changes)
        for i, cut in enumerate(cuts)
    )
    alarm = rise_alarm(pulled_in(_logs(parts[-1])))
    effective = effective_n([deviation for part in parts for deviation in _deviations(part)])
    found = MetricTrend(
        metric=metric,
        summary=summarise(durations, absorbed=absorbed),
        levels=tuple(_level(part) for part in parts if part),
        changes=changes if searched.searched else None,
        unsearched=searched.found.why if isinstance(searched.found, Refusal) else "",
        rise=_rise(alarm, parts[-1]),
        unwatched=alarm.why if isinstance(alarm, Refusal) else "",
        effective_n=None if isinstance(effective, Refusal) else effective,
        sentence="",
    )
    from breakfix.engine.trend.words import sentence

    return msgspec.structs.replace(found, sentence=sentence(found))


def _values(runs: Sequence[TrendRun], metric: Metric) -> tuple[Value, ...]:
    found = (value_of(run.times[metric], run) for run in runs if metric in run.times)
    return tuple(value for value in found if value is not None)


def _logs(values: Sequence[Value]) -> list[float]:
    return [math.log(value.point_s) for value in values]


def columns(values: Sequence[Value]) -> Columns:
    """Lower bounds, points and upper bounds."""
    return (
        [value.lower_s for value in values],
        [value.point_s for value in values],
        [value.upper_s for value in values],
    )


def _level(values: Sequence[Value]) -> Level:
    lowers, points, uppers = columns(values)
    censored = any(math.isinf(upper) for upper in uppers)
    median = _censored_median(values) if censored else bounded_median(lowers, points, uppers)
    return Level(
        first=values[0].run.number, last=values[-1].run.number, n=len(values), median_s=median
    )


def _censored_median(values: Sequence[Value]) -> Estimate | Refusal:
    """That of the Kaplan-Meier curve, where it and its upper bound are known."""
    curve = bounded_kaplan_meier(*columns(values))
    if isinstance(curve, Refusal):
        return curve
    bounds = curve.median_bounds
    if isinstance(bounds, Refusal):
        return bounds
    if curve.median is None or bounds.high is None:
        why = f"{curve.censored} of {curve.n} did not end while anybody looked"
        return Refusal(n=curve.n, needed=None, why=why)
    return Estimate(
        n=curve.n,
        point=curve.median,
        low=min(bounds.low, curve.median),
        high=max(bounds.high, curve.median),
        confidence=bounds.confidence,
    )


def _change(
    cut: ChangePoint,
    before: Sequence[Value],
    after: Sequence[Value],
    p_adjusted: float,
    label_changes: Mapping[int, Sequence[LabelChange]],
) -> Change:
    ratio: Ratio | Refusal = bounded_ratio(columns(before), columns(after))
    run, last = after[0].run, before[-1].run
    # Between two runs with a value there may be some without.
    between = range(last.number + 1, run.number + 1)
    return Change(
        number=run.number,
        run_id=run.run_id,
        began_wall_s=run.began_wall_s,
        p=cut.p,
        p_adjusted=p_adjusted,
        ratio=ratio,
        labels=tuple(change for number in between for change in label_changes.get(number, ())),
    )


def _deviations(values: Sequence[Value]) -> list[float]:
    """The logs without their mean: a change of level is no dependence of one run on the next."""
    logs = _logs(values)
    mean = math.fsum(logs) / len(logs) if logs else 0.0
    return [log - mean for log in logs]


def _rise(alarm: Alarm | Refusal | None, values: Sequence[Value]) -> Rise | None:
    if not isinstance(alarm, Alarm):
        return None
    return Rise(since=values[alarm.since].run.number, known=values[alarm.at].run.number)
