"""Runs as metrics: an OpenMetrics text that Prometheus' older text format reads too.

Names and labels follow https://prometheus.io/docs/practices/naming/: seconds and ratios, the unit last. All
but the times are gauges of the last run of each scenario, since a file or a push replaces the one before. A
time counts once for each run: the longest of its episodes; of an invalid run, none. One whose end nobody saw
counts in the bucket ``+Inf`` alone, and in the sum with what it took at least.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, get_args

from msgspec import Struct

from breakfix.engine.timeline.record import Record, Verdict, VerdictWord
from breakfix.engine.trials import METRICS, SeriesRecord, Trial, TrialTime, trial_of
from breakfix.engine.verdict import heaviest
from breakfix.reports.observer_metrics import observer_families

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import CollectorRegistry

BUCKETS_S: Final = (
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0,
    3600.0, math.inf,
)  # fmt: skip
"""For recoveries from a restarted process to a restored region."""
_MET: Final = {"passed": 1.0, "failed": 0.0, "inconclusive": math.nan}


class Measured(Struct, frozen=True, kw_only=True):
    """What is told of one scenario: all its runs, and the last of them where its record is at hand."""

    scenario: str
    trials: tuple[Trial, ...]
    verdict: VerdictWord
    exit_code: int
    version: str
    env: str
    last: tuple[Record, Verdict] | None = None


def render(record: Record, verdict: Verdict) -> str:
    """The text of one run."""
    return text(measured([(record, verdict)]))


def render_series(series: SeriesRecord) -> str:
    """The text of a series, from its file alone."""
    one = Measured(
        scenario=series.scenario,
        trials=series.trials,
        verdict=series.verdict,
        exit_code=series.exit_code,
        version=series.versions.get("breakfix", ""),
        env=series.env,
    )
    return text([one])


def measured(runs: Iterable[tuple[Record, Verdict]]) -> list[Measured]:
    """Runs by their scenario, in their order."""
    grouped: dict[str, list[tuple[Record, Verdict]]] = {}
    for record, verdict in runs:
        grouped.setdefault(record.run.scenario, []).append((record, verdict))
    found = []
    for scenario, of_scenario in grouped.items():
        code = heaviest(verdict.exit_code for _, verdict in of_scenario)
        record = of_scenario[-1][0]
        found.append(
            Measured(
                scenario=scenario,
                trials=tuple(trial_of(record, verdict) for record, verdict in of_scenario),
                verdict=next(v.verdict for _, v in of_scenario if v.exit_code == code),
                exit_code=code,
                version=record.run.versions.get("breakfix", ""),
                env=record.run.env,
                last=of_scenario[-1],
            )
        )
    return found


def text(scenarios: Sequence[Measured]) -> str:
    """The exposition; it ends with ``# EOF``."""
    from prometheus_client.openmetrics.exposition import generate_latest

    content: bytes = generate_latest(registry(scenarios))  # type: ignore[no-untyped-call]
    return content.decode()


def registry(scenarios: Sequence[Measured]) -> "CollectorRegistry":
    """What a Pushgateway is sent."""
    from prometheus_client.registry import Collector, CollectorRegistry

    class _Runs(Collector):
        def collect(self) -> "Iterator[Metric]":
            return iter(families(scenarios))

    made = CollectorRegistry()
    made.register(_Runs())
    return made


def families(scenarios: Sequence[Measured]) -> "list[Metric]":
    """Every metric family; each is there even where it has no sample."""
    lasts = {one.scenario: one.last for one in scenarios if one.last is not None}
    return [
        *_verdicts(scenarios),
        *_times(scenarios),
        *_of_last(lasts),
        *observer_families({name: record for name, (record, _) in lasts.items()}),
    ]


def _verdicts(scenarios: Sequence[Measured]) -> "Iterator[Metric]":
    from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

    info = Gauge("breakfix_run_info", "What was run; always 1.", labels=("scenario", "version", "env"))
    verdict = Gauge(
        "breakfix_run_verdict", "1 for the verdict over all runs, 0 for all others.",
        labels=("scenario", "verdict"),
    )  # fmt: skip
    code = Gauge("breakfix_exit_code", "The heaviest exit code of all runs.", labels=("scenario",))
    trials = Gauge(
        "breakfix_trials", "Runs that these metrics are about, by verdict.",
        labels=("scenario", "verdict"),
    )  # fmt: skip
    for one in scenarios:
        info.add_metric((one.scenario, one.version, one.env), 1)
        code.add_metric((one.scenario,), one.exit_code)
        for word in get_args(VerdictWord):
            verdict.add_metric((one.scenario, word), float(word == one.verdict))
            trials.add_metric((one.scenario, word), sum(t.verdict == word for t in one.trials))
    yield from (info, verdict, code, trials)


def _times(scenarios: Sequence[Measured]) -> "Iterator[Metric]":
    from prometheus_client.metrics_core import GaugeMetricFamily as Gauge
    from prometheus_client.metrics_core import HistogramMetricFamily as Histogram

    last = Gauge(
        "breakfix_last_time_seconds",
        "A time of the last run, by its lower and its upper bound; one whose end nobody saw has no upper.",
        labels=("scenario", "time", "bound"),
        unit="seconds",
    )
    censored = Gauge(
        "breakfix_times_censored", "Runs in which nobody saw the end of a time.",
        labels=("scenario", "time"),
    )  # fmt: skip
    for metric in METRICS:
        name = metric.removesuffix("_s").removeprefix("time_to_")
        histogram = Histogram(
            f"breakfix_time_to_{name}_seconds",
            f"Time to {name}: the longest of each run.",
            labels=("scenario",),
            unit="seconds",
        )
        for one in scenarios:
            found = [trial.times[metric] for trial in one.trials]
            buckets, sum_s = _histogram(found)
            histogram.add_metric((one.scenario,), buckets, sum_s)
            censored.add_metric(
                (one.scenario, name), sum(time.missing == "censored" for time in found)
            )
            for bound, value_s in _bounds(found[-1:]):
                last.add_metric((one.scenario, name, bound), value_s)
        yield histogram
    yield from (last, censored)


def _histogram(times: Sequence[TrialTime]) -> tuple[list[tuple[str, float]], float]:
    """The cumulated buckets and the sum."""
    values: list[tuple[float, float]] = []
    for time in times:
        if time.interval_s is not None:
            middle_s = sum(time.interval_s) / 2
            values.append((middle_s, middle_s))
        elif time.missing == "censored":
            values.append((math.inf, time.at_least_s or 0.0))
    buckets = [
        ("+Inf" if bound_s == math.inf else str(bound_s), float(sum(at_s <= bound_s for at_s, _ in values)))
        for bound_s in BUCKETS_S
    ]
    return buckets, sum(took_s for _, took_s in values)


def _bounds(times: Sequence[TrialTime]) -> Iterator[tuple[str, float]]:
    for time in times:
        if time.interval_s is not None:
            yield "lower", time.interval_s[0]
            yield "upper", time.interval_s[1]
        elif time.at_least_s is not None:
            yield "lower", time.at_least_s


def _of_last(lasts: Mapping[str, tuple[Record, Verdict]]) -> "Iterator[Metric]":
    from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

    began = Gauge(
        "breakfix_run_start_timestamp_seconds", "When the last run began, since the epoch.",
        labels=("scenario",), unit="seconds",
    )  # fmt: skip
    lasted = Gauge(
        "breakfix_run_duration_seconds", "How long the last run took.",
        labels=("scenario",), unit="seconds",
    )  # fmt: skip
    steps = Gauge("breakfix_steps", "Steps of the last run, by state.", labels=("scenario", "state"))
    faults = Gauge(
        "breakfix_faults", "Faults of the last run, by state.", labels=("scenario", "state")
    )
    healed = Gauge(
        "breakfix_episodes", "Episodes of the last run, by who healed the service.",
        labels=("scenario", "healed_by"),
    )  # fmt: skip
    met = Gauge(
        "breakfix_expectation_met",
        "Of the last run: 1 where an expectation holds, 0 where not, NaN where that cannot be told.",
        labels=("scenario", "item", "about", "expects", "wanted"),
    )
    for scenario, (record, verdict) in lasts.items():
        if record.run.started_wall_s is not None:
            began.add_metric((scenario,), record.run.started_wall_s)
        lasted.add_metric((scenario,), record.run.ended_at_s[1])
        counted: tuple[tuple[Gauge, Counter[str]], ...] = (
            (steps, Counter(step.state for step in record.steps)),
            (faults, Counter(fault.state for fault in record.faults)),
            (healed, Counter(one.measured.healed_by or "nobody" for one in record.episodes)),
        )
        for family, states in counted:
            for state, count in sorted(states.items()):
                family.add_metric((scenario, state), count)
        worthless = verdict.verdict == "invalid"
        for row in verdict.rows:
            labels = (scenario, str(row.item), row.about, row.expects, row.wanted)
            met.add_metric(labels, math.nan if worthless else _MET[row.verdict])
    yield from (began, lasted, steps, faults, healed, met)


