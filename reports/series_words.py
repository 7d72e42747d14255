"""What the reports say about a series of trials, in the same words in every format."""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from breakfix.engine.statistics import Bounds, Duration, Estimate, Refusal, Summary, Survival
from breakfix.engine.timeline.words import claim_in_words, with_interval
from breakfix.engine.trials import METRICS, MetricName, SeriesRecord, Trial, TrialTime
from breakfix.engine.values import format_seconds, in_one_unit
from breakfix.reports.fan_out import WIDE
from breakfix.reports.tables import ROWS_MAX
from breakfix.reports.wording import Figure

NAMES: Final[dict[MetricName, str]] = {
    "time_to_impact_s": "time to impact",
    "time_to_detect_s": "time to detect",
    "time_to_mitigate_s": "time to mitigate",
    "time_to_restore_s": "time to restore",
}
HEADS: Final = ("trial", "run", "verdict", "detected in", "mitigated in", "restored in")
"""The columns of the table of trials; the last column has the reason."""

LITERAL: Final = frozenset({"Series", "File", "File's SHA-256", "Replay"})
"""The facts of `provenance` that are copied, not read."""

_NOTHING: Final = "\u2013"


class TrialLine(Struct, frozen=True, kw_only=True):
    """One trial, each time in words."""

    number: str
    run_id: str
    verdict: str
    detected: str
    mitigated: str
    restored: str
    reason: str


class MetricLines(Struct, frozen=True, kw_only=True):
    """What the trials say of one metric together."""

    name: str
    counted: str
    figures: tuple[Figure, ...]


def title(series: SeriesRecord) -> str:
    """The scenario and how many trials there were."""
    count = len(series.trials)
    return f"{series.scenario}, {count} trial{'' if count == 1 else 's'}"


def state(series: SeriesRecord) -> str:
    """Why a series that has no end has none; else empty."""
    if series.ended is not None:
        return ""
    at_work = f" Run {series.at_work} had begun." if series.at_work else ""
    return f"The series goes on, or its process was killed: its file has no end.{at_work}"


def when(series: SeriesRecord) -> str:
    """The day and time of its start, UTC."""
    return f"{datetime.fromtimestamp(series.began_wall_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def trial_lines(series: SeriesRecord) -> list[TrialLine]:
    """The trials in their order, the first of very many."""
    return [
        TrialLine(
            number=str(number),
            run_id=trial.run_id,
            verdict=trial.verdict,
            detected=_time(trial.times["time_to_detect_s"]),
            mitigated=_time(trial.times["time_to_mitigate_s"]),
            restored=_time(trial.times["time_to_restore_s"]),
            reason=_reason(trial),
        )
        for number, trial in enumerate(series.trials[:ROWS_MAX], 1)
    ]


def metric_lines(series: SeriesRecord) -> list[MetricLines]:
    """The metrics that any trial has measured, the one that says most first."""
    found = []
    for name in reversed(METRICS):
        summary = series.summaries.get(name)
        if summary is not None and summary.n + summary.absorbed:
            unknown = len(series.trials) - summary.n - summary.absorbed
            found.append(
                MetricLines(
                    name=NAMES[name],
                    counted=_counted(summary, unknown),
                    figures=tuple(_figures(summary)),
                )
            )
    return found


def row_lines(series: SeriesRecord) -> list[tuple[str, str, str]]:
    """What all trials together are held against: the expectation, what it came to, and what was seen."""
    return [
        (f"{row.about} {claim_in_words(row)}", row.verdict, row.observed) for row in series.rows
    ]


def notes(series: SeriesRecord) -> list[str]:
    """What a reader must know of how the numbers came about."""
    found = []
    unmeasured = [
        NAMES[name]
        for name in METRICS
        if (summary := series.summaries.get(name)) is not None
        and not summary.n + summary.absorbed
    ]
    if unmeasured and series.trials:
        found.append(f"Not measured in any trial: {', '.join(unmeasured)}.")
    if (left := len(series.trials) - ROWS_MAX) > 0:
        found.append(f"{left} more trials are in the JSON record.")
    found.append(
        "Of each trial the longest of its episodes counts, and every interval is wide enough for all "
        "that the samples leave open."
    )
    if invalid := sum(trial.verdict == "invalid" for trial in series.trials):
        count = f"{invalid} of {len(series.trials)} trials"
        found.append(f"Invalid, and in no number since what was seen proves nothing: {count}.")
    if any(summary.absorbed for summary in series.summaries.values()):
        found.append("Absorbed trials, in which the service was never seen bad, count only in shares.")
    return found


def provenance(series: SeriesRecord) -> list[tuple[str, str]]:
    """Where the series comes from, and how to make it again."""
    stops = "when one failed" if series.stop_on == "failed" else "never for a failed one"
    asked = f"{series.times} with evidence, at most {series.up_to} in all; stops {stops}"
    found = [
        ("Series", series.series_id),
        ("Began", when(series)),
        ("Trials", asked),
        ("Pause between", format_seconds(series.pause_s) if series.pause_s else ""),
        ("File", series.file),
        ("File's SHA-256", series.file_sha256),
        ("Replay", series.command),
        ("Seed", f"{series.seed}, the same in every trial"),
        ("Environment", series.env),
        ("Versions", ", ".join(f"{name} {value}" for name, value in series.versions.items())),
    ]
    return [(name, value) for name, value in found if value]


def _reason(trial: Trial) -> str:
    return trial.reason if trial.evidence else f"No evidence: {trial.reason}"


def _time(time: TrialTime) -> str:
    if time.interval_s is not None:
        return with_interval(time.interval_s)
    if time.missing == "censored":
        return f"over {format_seconds(time.at_least_s or 0.0)}"
    return "absorbed" if time.missing == "absorbed" else _NOTHING


def _counted(summary: Summary, unknown: int) -> str:
    """``n = 5, 1 of them not seen to the end; 2 absorbed``."""
    said = f"n = {summary.n}"
    if summary.censored:
        said += f", {summary.censored} of them not seen to the end"
    if summary.absorbed:
        said += f"; {summary.absorbed} absorbed"
    return f"{said}; {unknown} not measured" if unknown else said


def _figures(summary: Summary) -> list[Figure]:
    found = []
    if summary.values:
        shown = ", ".join(_value(value) for value in summary.values[:WIDE])
        left = len(summary.values) - WIDE
        found.append(Figure(name="values", value=shown + (f" and {left} more" if left > 0 else "")))
    mean, median = summary.geometric_mean_s, summary.median_s
    if isinstance(mean, Refusal) and isinstance(median, Refusal) and mean == median:
        found.append(Figure(name="mean and median", value=_NOTHING, note=mean.why))
    else:
        found += [_estimate("geometric mean", mean), _estimate("median", median)]
    if summary.kaplan_meier is not None:
        found += _survival(summary.kaplan_meier)
    found.append(_share(summary.share_with_impact))
    return found


def _value(value: Duration) -> str:
    if value.censored:
        return f"over {format_seconds(value.lower_s)}"
    return with_interval((value.lower_s, value.upper_s))


def _estimate(name: str, found: Estimate | Refusal) -> Figure:
    if isinstance(found, Refusal):
        return Figure(name=name, value=_NOTHING, note=found.why)
    point, low, high = in_one_unit(found.point, found.low, found.high)
    return Figure(
        name=name, value=point, ends=f"[{low}, {high}]", note=_confidence(found.confidence)
    )


def _survival(found: Survival | Refusal) -> list[Figure]:
    if isinstance(found, Refusal):
        return [Figure(name="Kaplan-Meier median", value=_NOTHING, note=found.why)]
    bounds = found.median_bounds
    median = "not reached" if found.median is None else format_seconds(found.median)
    mean = Figure(
        name="restricted mean",
        value=format_seconds(found.restricted_mean),
        note=f"of the first {format_seconds(found.restricted_to)}",
    )
    if isinstance(bounds, Refusal):
        return [Figure(name="Kaplan-Meier median", value=median, note=bounds.why), mean]
    return [
        Figure(
            name="Kaplan-Meier median",
            value=median,
            ends=_ends(bounds),
            note=_confidence(bounds.confidence),
        ),
        mean,
    ]


def _ends(bounds: Bounds) -> str:
    if bounds.high is None:
        return f"[{format_seconds(bounds.low)}, no upper bound]"
    return f"[{format_seconds(bounds.low)}, {format_seconds(bounds.high)}]"


def _share(found: Estimate | Refusal) -> Figure:
    name = "share with impact"
    if isinstance(found, Refusal):
        return Figure(name=name, value=_NOTHING, note=found.why)
    return Figure(
        name=name,
        value=f"{found.point * 100:.0f} %",
        ends=f"[{found.low * 100:.0f}, {found.high * 100:.0f}]",
        note=f"{_confidence(found.confidence)}, of {found.n} trials",
    )


def _confidence(confidence: float) -> str:
    return f"{confidence * 100:.3g} % interval"
