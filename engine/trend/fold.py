"""From the rows of a history to its trend: pure, and the same whatever the order of the rows."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from breakfix.engine.statistics import Refusal, median_interval
from breakfix.engine.statistics.change import PERMUTATIONS
from breakfix.engine.statistics.estimates import Estimate
from breakfix.engine.statistics.several import benjamini_hochberg
from breakfix.engine.trend.fleet import issues, matrix
from breakfix.engine.trend.levels import FALSE_MAX, Searched, enough, metric_trend, search
from breakfix.engine.trend.record import (
    AvailabilityTrend,
    KeyTrend,
    LabelChange,
    Skipped,
    TrendRecord,
    TrendRun,
)
from breakfix.engine.trend.row import Metric, RunRow

TOLD: Final[tuple[Metric, ...]] = (
    "time_to_restore_s", "time_to_mitigate_s", "time_to_detect_s", "time_to_acknowledge_s",
)  # fmt: skip
"""The metrics that a trend tells, the one that says most first."""
_STOPPED: Final = ("aborted", "errored")
_PERMUTATIONS_MAX: Final = 99_999


def trend(
    rows: Iterable[RunRow], *, as_of_wall_s: float, history: str = "", asked: str = ""
) -> TrendRecord:
    """What the runs say, each key on its own. Rehearsals, unfinished runs and runs without a plan count in
    nothing."""
    ordered = sorted(rows, key=lambda row: (row.began_wall_s, row.run_id))
    counted = [row for row in ordered if _skipped(row) is None]
    skipped = Counter(why for row in ordered if (why := _skipped(row)) is not None)
    by_key: dict[str, list[RunRow]] = defaultdict(list)
    for row in counted:
        by_key[row.key].append(row)
    runs = {key: _runs(own) for key, own in by_key.items()}
    found = _searched(runs)
    # One decision for the whole page: each search is adjusted for all of them.
    tested = [(key, one) for key, searches in found.items() for one in searches if one.searched]
    adjusted = dict(
        zip(
            ((key, one.metric) for key, one in tested),
            benjamini_hochberg([one.p for _, one in tested]),
            strict=True,
        )
    )
    keys = [_key(key, by_key[key], runs[key], found[key], adjusted) for key in by_key]
    keys.sort(key=lambda one: (one.scenarios, one.env, one.engine, one.key))
    return TrendRecord(
        as_of_wall_s=as_of_wall_s,
        history=history,
        asked=asked,
        runs=len(counted),
        skipped=dict(sorted(skipped.items())),
        keys=tuple(keys),
        matrix=tuple(matrix(counted, as_of_wall_s)),
        issues=issues(counted),
    )


def _skipped(row: RunRow) -> Skipped | None:
    if not row.complete:
        return "unfinished"
    if row.no_faults:
        return "rehearsals"
    return None if row.key else "without a plan"


def _runs(rows: Sequence[RunRow]) -> tuple[TrendRun, ...]:
    return tuple(
        TrendRun(
            number=number,
            run_id=row.run_id,
            began_wall_s=row.began_wall_s,
            verdict=row.verdict,
            reason=row.reason,
            stopped=row.verdict in _STOPPED,
            labels=row.labels,
            times={metric: row.times[metric] for metric in TOLD if metric in row.times},
            availability=_worst(row)[0],
        )
        for number, row in enumerate(rows, 1)
    )


def _searched(runs: dict[str, tuple[TrendRun, ...]]) -> dict[str, list[Searched]]:
    """A search for each metric of each key. The more searches there are, the finer their p has to be."""
    searches = sum(enough(own, metric) for own in runs.values() for metric in TOLD)
    finest = min(_PERMUTATIONS_MAX, round(2 * searches / FALSE_MAX))
    permutations = max(PERMUTATIONS, finest)
    return {
        key: [search(own, metric, permutations) for metric in TOLD] for key, own in runs.items()
    }


def _key(
    key: str,
    rows: Sequence[RunRow],
    runs: tuple[TrendRun, ...],
    found: Sequence[Searched],
    adjusted: dict[tuple[str, Metric], float],
) -> KeyTrend:
    deploys = tuple(_label_changes(runs))
    at: dict[int, list[LabelChange]] = defaultdict(list)
    for change in deploys:
        at[change.number].append(change)
    faults = {f"{fault.action} on {fault.service}" for row in rows for fault in row.faults}
    metrics = {
        one.metric: metric_trend(one, runs, adjusted.get((key, one.metric), 1.0), at)
        for one in found
        if any(_said(run, one.metric) for run in runs)
    }
    return KeyTrend(
        key=key,
        scenarios=tuple(sorted({row.scenario for row in rows})),
        env=rows[-1].env,
        engine=rows[-1].version.partition(".")[0],
        faults=tuple(sorted(faults)),
        verdicts=dict(sorted(Counter(row.verdict for row in rows).items())),
        runs=runs,
        deploys=deploys,
        metrics=metrics,
        availability=_availability(rows),
    )


def _said(run: TrendRun, metric: Metric) -> bool:
    return metric in run.times and run.times[metric].missing != "not_measured"


def _label_changes(runs: Sequence[TrendRun]) -> Iterator[LabelChange]:
    """Every change of a label from one run to the next, but of those that change in most of them, as the
    number of a build does."""
    names = sorted({name for run in runs for name in run.labels})
    pairs = list(itertools.pairwise(runs))
    for name in names:
        changes = [
            LabelChange(
                number=run.number,
                name=name,
                before=before.labels.get(name, ""),
                after=run.labels.get(name, ""),
            )
            for before, run in pairs
            if before.labels.get(name) != run.labels.get(name)
        ]
        if len(changes) <= max(1, len(pairs) // 2):
            yield from changes


def _worst(row: RunRow) -> tuple[float | None, int, int]:
    """The smallest share of good samples of any observer, and its good and all samples."""
    shares = [
        (look.good / (look.good + look.bad), look.good, look.good + look.bad)
        for look in row.looks
        if look.good + look.bad
    ]
    return min(shares, default=(None, 0, 0))


def _availability(rows: Sequence[RunRow]) -> AvailabilityTrend | None:
    worst = [_worst(row) for row in rows if row.verdict != "invalid"]
    shares = [share for share, _, _ in worst if share is not None]
    if not shares:
        return None
    median: Estimate | Refusal = median_interval(shares)
    return AvailabilityTrend(
        n=len(shares),
        median=median,
        lowest=min(shares),
        good=sum(good for _, good, _ in worst),
        samples=sum(samples for _, _, samples in worst),
    )
