"""The record of a series, as it is kept in a file and written by the reports.

The JSON Schema of these types is schemas/series.v1.json. `SCHEMA` changes with any change of meaning.
"""

from typing import Final, Literal, get_args

from msgspec import Struct

from breakfix.engine.statistics import Summary
from breakfix.engine.timeline.facts import Interval
from breakfix.engine.timeline.record import Missing, Row, VerdictWord

SCHEMA: Final = "breakfix/series/v1"

MetricName = Literal[
    "time_to_impact_s", "time_to_detect_s", "time_to_mitigate_s", "time_to_restore_s"
]
METRICS: Final[tuple[MetricName, ...]] = get_args(MetricName)
EndKind = Literal["complete", "short", "failed", "broken_off", "interrupted"]


class _Part(Struct, frozen=True, kw_only=True):
    """A part of the record."""


class TrialTime(_Part, frozen=True, kw_only=True):
    """One duration of a trial: the longest of its episodes. `interval_s` is None where `missing` says
    why; of a censored one, it took at least `at_least_s`."""

    interval_s: Interval | None = None
    missing: Missing | None = None
    at_least_s: float | None = None
    why: str = ""


class Trial(_Part, frozen=True, kw_only=True):
    """One run of the series. Without `evidence` it does not count as one of those that are wanted; it
    counts for the exit code all the same."""

    run_id: str
    verdict: VerdictWord
    reason: str
    exit_code: int
    evidence: bool
    times: dict[MetricName, TrialTime]


class SeriesEnd(_Part, frozen=True, kw_only=True):
    """Why there is no further trial: as many as wanted have evidence; no more are allowed (short);
    one failed, where that ends it; one was aborted, erred or left something behind, or could not begin
    (broken_off); a signal or a halt came between two trials (interrupted). `exit_code` is what the end
    itself adds to those of the trials."""

    kind: EndKind
    why: str
    exit_code: int = 0


class SeriesRecord(_Part, frozen=True, kw_only=True):
    """All that is known of a series. `ended` is None while it goes on, or where it was killed; then
    `at_work` is the run that had begun. `summaries` are of the trials that are not invalid."""

    schema: Literal["breakfix/series/v1"] = "breakfix/series/v1"
    series_id: str
    scenario: str
    file: str
    file_sha256: str
    command: str
    versions: dict[str, str]
    seed: int
    env: str = ""
    no_faults: bool = False
    began_wall_s: float
    """Seconds since the epoch."""
    times: int
    up_to: int
    pause_s: float
    stop_on: Literal["failed", "never"]
    trials: tuple[Trial, ...] = ()
    at_work: str = ""
    ended: SeriesEnd | None = None
    verdict: VerdictWord = "inconclusive"
    reason: str = ""
    exit_code: int = 3
    summaries: dict[MetricName, Summary] = {}
    rows: tuple[Row, ...] = ()
    """The expectations about earlier runs, which all trials together are held against."""
