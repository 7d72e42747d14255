"""The record of a trend: what many runs say together, for each key on its own.

The JSON Schema of these types is schemas/trend.v1.json. `SCHEMA` changes with any change of meaning.
"""

from typing import Final, Literal

from msgspec import Struct

from breakfix.engine.statistics import Estimate, Ratio, Refusal, Summary
from breakfix.engine.timeline.record import VerdictWord
from breakfix.engine.trend.row import Metric
from breakfix.engine.trials import TrialTime

SCHEMA: Final = "breakfix/trend/v1"


class _Part(Struct, frozen=True, kw_only=True):
    """A part of the record."""


class TrendRun(_Part, frozen=True, kw_only=True):
    """One run among those of its key, counted from 1, the oldest first. `stopped`: it was aborted or erred, so
    its times were cut off by us. `availability` is that of its worst observer, a part of one."""

    number: int
    run_id: str
    began_wall_s: float
    verdict: VerdictWord
    reason: str
    stopped: bool = False
    labels: dict[str, str] = {}
    times: dict[Metric, TrialTime] = {}
    availability: float | None = None


class LabelChange(_Part, frozen=True, kw_only=True):
    """A label that is another one from this run on: what was deployed."""

    number: int
    name: str
    before: str
    after: str


class Level(_Part, frozen=True, kw_only=True):
    """The runs between two changes: the first and the last of them, and the median of all `n` that have a time
    (Kaplan-Meier, where some were not seen to their end)."""

    first: int
    last: int
    n: int
    median_s: Estimate | Refusal


class Change(_Part, frozen=True, kw_only=True):
    """The level is another one from run `number` on: `ratio` times what it was. `p` is that of the search,
    `p_adjusted` the same for all keys and metrics of the trend (Benjamini and Hochberg). `labels` are those
    that changed with it."""

    number: int
    run_id: str
    began_wall_s: float
    p: float
    p_adjusted: float
    ratio: Ratio | Refusal
    labels: tuple[LabelChange, ...] = ()


class Rise(_Part, frozen=True, kw_only=True):
    """The newest level is rising since run `since`, which is known since run `known` (one-sided CUSUM)."""

    since: int
    known: int


class MetricTrend(_Part, frozen=True, kw_only=True):
    """One time over the runs of a key. `sentence` says it all in words. `changes` are None where `unsearched`
    says why nobody looked for any. `effective_n`: as many independent runs tell as much."""

    metric: Metric
    summary: Summary
    levels: tuple[Level, ...] = ()
    changes: tuple[Change, ...] | None = None
    unsearched: str = ""
    rise: Rise | None = None
    unwatched: str = ""
    """Why no rise was watched for."""
    effective_n: float | None = None
    sentence: str


class AvailabilityTrend(_Part, frozen=True, kw_only=True):
    """How much of the samples of the worst observer was good: the median of `n` runs, and the lowest."""

    n: int
    median: Estimate | Refusal
    lowest: float
    good: int
    samples: int


class KeyTrend(_Part, frozen=True, kw_only=True):
    """All runs that may be compared with each other. `faults` are ``docker.kill on cache``."""

    key: str
    scenarios: tuple[str, ...]
    env: str
    engine: str
    faults: tuple[str, ...]
    verdicts: dict[VerdictWord, int]
    runs: tuple[TrendRun, ...]
    deploys: tuple[LabelChange, ...] = ()
    metrics: dict[Metric, MetricTrend] = {}
    availability: AvailabilityTrend | None = None


class Cell(_Part, frozen=True, kw_only=True):
    """A kind of fault on a service: how often it was tried, and when it was last proven that the service bears
    it: a run that passed, with the effect of the fault seen. None: never."""

    service: str
    fault: str
    tries: int
    proven_days_ago: float | None = None
    proven_run: str = ""
    newest_run: str
    newest_verdict: VerdictWord


class Issue(_Part, frozen=True, kw_only=True):
    """Something that runs of a key failed in: from the first run that did until the first that could have and
    did not (None: it is open)."""

    key: str
    scenario: str
    about: str
    text: str
    found_run: str
    found_wall_s: float
    runs: int
    """How many runs failed in it."""
    fixed_run: str | None = None
    fixed_wall_s: float | None = None


class Issues(_Part, frozen=True, kw_only=True):
    """What was found, and what was fixed; one that comes back is found again."""

    found: int
    fixed: int
    items: tuple[Issue, ...] = ()


Skipped = Literal["rehearsals", "unfinished", "without a plan"]


class TrendRecord(_Part, frozen=True, kw_only=True):
    """What a history says. `asked` is the choice of its runs, in words; `skipped` of the chosen are in no
    number."""

    schema: Literal["breakfix/trend/v1"] = "breakfix/trend/v1"
    as_of_wall_s: float
    history: str = ""
    asked: str = ""
    runs: int
    skipped: dict[Skipped, int] = {}
    keys: tuple[KeyTrend, ...] = ()
    matrix: tuple[Cell, ...] = ()
    issues: Issues
