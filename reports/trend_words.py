"""What the reports say about a trend, in the same words in every format. Nothing in here judges."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from breakfix.engine.statistics import Estimate
from breakfix.engine.timeline.words import with_interval
from breakfix.engine.trend.record import (
    AvailabilityTrend,
    Cell,
    Issue,
    KeyTrend,
    MetricTrend,
    TrendRecord,
    TrendRun,
)
from breakfix.engine.trend.row import Metric
from breakfix.engine.trend.words import change_in_words
from breakfix.engine.trials import TrialTime
from breakfix.engine.values import format_seconds

NAMES: Final[dict[Metric, str]] = {
    "time_to_restore_s": "time to restore (MTTR)",
    "time_to_mitigate_s": "time to mitigate",
    "time_to_detect_s": "time to detect (MTTD)",
    "time_to_acknowledge_s": "time to acknowledge (MTTA)",
    "time_to_impact_s": "time to impact",
}
NOTHING: Final = "\u2013"
DAY_S: Final = 86_400.0


class RunLine(Struct, frozen=True, kw_only=True):
    """One run of a key."""

    number: str
    run_id: str
    began: str
    verdict: str
    detected: str
    restored: str
    labels: str


class IssueLine(Struct, frozen=True, kw_only=True):
    """One issue."""

    scenario: str
    text: str
    found: str
    fixed: str


def title(record: TrendRecord) -> str:
    """How many runs and keys there are."""
    runs = f"{record.runs} run{'' if record.runs == 1 else 's'}"
    if not record.keys:
        return f"Trend of {runs}"
    keys = len(record.keys)
    return f"Trend of {runs} in {keys} comparable {'group' if keys == 1 else 'groups'}"


def source(record: TrendRecord) -> str:
    """Where the runs come from, and which were chosen."""
    chosen = f", chosen by {record.asked}" if record.asked else ""
    return f"From {record.history or 'journals'}{chosen}."


def skipped(record: TrendRecord) -> str:
    """What is in no number; empty where everything is."""
    said = [f"{count} {why}" for why, count in record.skipped.items()]
    return f"In no number: {', '.join(said)}." if said else ""


def key_title(key: KeyTrend) -> str:
    """The scenarios, which are one unless it was renamed, and the environment."""
    env = f" on {key.env}" if key.env else ""
    return f"{', '.join(key.scenarios)}{env}"


def key_facts(key: KeyTrend) -> str:
    """The faults, the verdicts, the span of time and the key."""
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in key.verdicts.items())
    faults = ", ".join(key.faults) or "no fault"
    count = len(key.runs)
    runs = f"{count} run{'' if count == 1 else 's'}"
    began = day(key.runs[0].began_wall_s)
    ended = day(key.runs[-1].began_wall_s)
    span = f"on {began}" if began == ended else f"from {began} to {ended}"
    return f"{faults}; {runs} {span}: {verdicts}; key {key.key}"


def metrics(key: KeyTrend) -> list[tuple[str, str]]:
    """Each measured time with its sentence."""
    return [(NAMES[name], found.sentence) for name, found in key.metrics.items()]


def availability(found: AvailabilityTrend) -> str:
    """``median 97.2 % [96.0, 98.1] of 34 runs; lowest 91.0 %``."""
    if isinstance(found.median, Estimate):
        low, high = percent(found.median.low), percent(found.median.high)
        said = f"median {percent(found.median.point)} % [{low}, {high}] of {found.n} runs"
    else:
        said = f"{found.n} run{'' if found.n == 1 else 's'}, too few for a median"
    return f"{said}; lowest {percent(found.lowest)} %; worst observer of each run, {found.samples} samples"


def percent(part: float) -> str:
    """
    >>> percent(0.9723), percent(1.0)
    ('97.23', '100')
    """
    return f"{100 * part:.2f}".rstrip("0").rstrip(".")


def notes(key: KeyTrend) -> list[str]:
    """What a reader must know of the numbers of a key."""
    found = []
    stopped = sum(run.stopped for run in key.runs)
    if stopped:
        found.append(
            f"{stopped} of {len(key.runs)} runs were aborted or erred: where that cut a time off, it "
            "counts as not seen to its end, and it is in no search for changes."
        )
    for name, metric in key.metrics.items():
        if metric.effective_n is not None and metric.effective_n < metric.summary.n / 2:
            found.append(
                f"The {NAMES[name]} of a run tells much of the next: {metric.summary.n} runs tell as much as "
                f"{metric.effective_n:.0f} independent ones, so intervals are too narrow."
            )
        if metric.unsearched and metric.summary.n:
            found.append(f"No change of {NAMES[name]} was searched for: {metric.unsearched}.")
    return found


def news(record: TrendRecord) -> list[str]:
    """Every change and every rise, the newest key first."""
    found = []
    for key in sorted(record.keys, key=newest, reverse=True):
        for name, metric in key.metrics.items():
            found += [
                f"{key_title(key)}: {NAMES[name]} {one}" for one in _changes(metric)
            ]
    return found


def _changes(metric: MetricTrend) -> Iterator[str]:
    for change in metric.changes or ():
        yield f"{change_in_words(change)}, on {day(change.began_wall_s)}"
    if metric.rise is not None:
        yield f"is rising since run {metric.rise.since}, known since run {metric.rise.known}"


def newest(key: KeyTrend) -> float:
    """When the newest run of a key began."""
    return key.runs[-1].began_wall_s


def run_lines(key: KeyTrend, most: int) -> list[RunLine]:
    """The newest runs of a key, the newest first."""
    return [
        RunLine(
            number=str(run.number),
            run_id=run.run_id,
            began=day(run.began_wall_s),
            verdict=run.verdict,
            detected=time_of(run, "time_to_detect_s"),
            restored=time_of(run, "time_to_restore_s"),
            labels=", ".join(f"{name}={value}" for name, value in run.labels.items()),
        )
        for run in reversed(key.runs[-most:])
    ]


def time_of(run: TrendRun, metric: Metric) -> str:
    """One time of a run."""
    return trial_time(run.times.get(metric))


def trial_time(time: TrialTime | None) -> str:
    """A time in words, or that there is none."""
    if time is None:
        return NOTHING
    if time.interval_s is not None:
        return with_interval(time.interval_s)
    if time.missing == "censored":
        return f"over {format_seconds(time.at_least_s or 0.0)}"
    return "absorbed" if time.missing == "absorbed" else NOTHING


def matrix_columns(record: TrendRecord) -> list[str]:
    """The kinds of fault, in the order of their names."""
    return sorted({cell.fault for cell in record.matrix})


def matrix_rows(record: TrendRecord) -> list[tuple[str, list[Cell | None]]]:
    """A row for each service, with a cell for each of `matrix_columns`; None: never tried."""
    columns = matrix_columns(record)
    cells = {(cell.service, cell.fault): cell for cell in record.matrix}
    services = sorted({cell.service for cell in record.matrix})
    return [(service, [cells.get((service, fault)) for fault in columns]) for service in services]


def proven(cell: Cell) -> str:
    """``12 days ago``, and what came of the newest run where that did not pass."""
    if cell.proven_days_ago is None:
        said = "never"
    elif cell.proven_days_ago < 1:
        said = "today"
    else:
        days = int(cell.proven_days_ago)
        said = f"{days} day{'' if days == 1 else 's'} ago"
    return said if cell.newest_verdict == "passed" else f"{said}; newest {cell.newest_verdict}"


def issues_title(record: TrendRecord) -> str:
    """``5 found, 3 fixed, 2 open``."""
    found, fixed = record.issues.found, record.issues.fixed
    return f"{found} found, {fixed} fixed, {found - fixed} open"


def issue_lines(record: TrendRecord, most: int) -> list[IssueLine]:
    """The issues: the open ones, then the others, each the newest first."""
    ordered = sorted(
        record.issues.items, key=lambda item: (item.fixed_run is not None, -item.found_wall_s)
    )
    return [
        IssueLine(
            scenario=item.scenario, text=item.text, found=day(item.found_wall_s), fixed=_fixed(item)
        )
        for item in ordered[:most]
    ]


def _fixed(item: Issue) -> str:
    if item.fixed_wall_s is None:
        return f"open, in {item.runs} run{'' if item.runs == 1 else 's'}"
    days = max(0.0, item.fixed_wall_s - item.found_wall_s) / DAY_S
    after = "the same day" if days < 1 else f"after {int(days)} day{'' if int(days) == 1 else 's'}"
    return f"{day(item.fixed_wall_s)}, {after}"


def day(wall_s: float) -> str:
    """The day of an instant of the wall clock, UTC."""
    try:
        return f"{datetime.fromtimestamp(wall_s, UTC):%Y-%m-%d}"
    except (OverflowError, OSError, ValueError):
        return NOTHING
