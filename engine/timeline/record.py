"""The record of a run: what `fold` makes of its journal, and what every report is made from.

The JSON Schema of these types is schemas/record.v1.json. `SCHEMA` changes with any
change of meaning.
"""

from typing import Literal

from msgspec import Struct

from breakfix.engine.comparability import Comparability
from breakfix.engine.compared import ComparedFacts
from breakfix.engine.timeline.facts import (
    CancelFacts,
    CommandFacts,
    During,
    ErrorFacts,
    FaultFacts,
    GuardFacts,
    Interval,
    ObserverFacts,
    Open,
    OutageFacts,
    Overhead,
    ProcessFacts,
    ReboundFacts,
    RepairFacts,
    RunFacts,
    SampleFacts,
    ShareInterval,
    StepFacts,
    SurveyFacts,
    UnitFacts,
    WriterFacts,
)
from breakfix.engine.timeline.planned import PlanFacts

SCHEMA = "breakfix/record/v1"

HealedBy = Literal[
    "repair", "restart", "self", "expiry", "engine", "other", "people", "absorbed"
]
ImpactFrom = Literal["sample", "occurrence", "nothing"]
Missing = Literal["censored", "absorbed", "not_measured"]
PartName = Literal["noticed", "waiting", "repair", "confirmed"]
Expects = Literal[
    "detected_within", "mitigated_within", "restored_within", "healed_by",
    "max_outage", "availability", "error_share", "latency_p50", "latency_p90", "latency_p99",
    "not_worse_than",
]  # fmt: skip
Judged = Literal["passed", "failed", "inconclusive"]
VerdictWord = Literal["passed", "failed", "inconclusive", "invalid", "aborted", "errored"]


class _Part(Struct, frozen=True, kw_only=True):
    """A part of the record."""


class Marks(_Part, frozen=True, kw_only=True):
    """The marks of an episode, each an instant of the run; None where it was not reached or seen.

    t0 command issued, t1 fault seen effective, t2 first bad sample, t3 detected (the sample that
    completes the streak; the first hit beside it), t4 acknowledged, t5 repair began, t6 repair
    ended, t7 first good sample, t8 good for the required streak, t9 fault ended and clean.
    """

    t0: Interval | None = None
    t1: Interval | None = None
    t2: Interval | None = None
    t3: Interval | None = None
    t3_first_hit: Interval | None = None
    t4: Interval | None = None
    t5: Interval | None = None
    t6: Interval | None = None
    t7: Interval | None = None
    t8: Interval | None = None
    t9: Interval | None = None


class MissingFacts(_Part, frozen=True, kw_only=True):
    """Why a duration has no value. Of a censored one, it took at least `at_least_s`."""

    reason: Missing
    why: str
    at_least_s: float | None = None


class Metrics(_Part, frozen=True, kw_only=True):
    """The durations of an episode; `missing` has an entry for each that is None."""

    time_to_impact_s: Interval | None = None
    time_to_detect_s: Interval | None = None
    time_to_detect_from_effect_s: Interval | None = None
    time_to_acknowledge_s: Interval | None = None
    time_to_mitigate_s: Interval | None = None
    time_to_restore_s: Interval | None = None
    missing: dict[str, MissingFacts] = {}


class PartFacts(_Part, frozen=True, kw_only=True):
    """A part of the time to restore; together they are all of it."""

    name: PartName
    from_mark: str
    to_mark: str
    duration_s: Interval


class Measured(_Part, frozen=True, kw_only=True):
    """Marks, durations, and who healed the service. `impact_from` says what t2 was read from: a
    sample of a state, or the report of an occurrence."""

    marks: Marks
    metrics: Metrics
    parts: tuple[PartFacts, ...] = ()
    healed_by: HealedBy | None = None
    healed_why: str = ""
    impact_from: ImpactFrom = "nothing"


class UnitMeasured(_Part, frozen=True, kw_only=True):
    """The same, seen from the fault of one unit alone, and from what looked at its target."""

    unit: str
    measured: Measured


class StepMeasured(_Part, frozen=True, kw_only=True):
    """The same, seen from the faults of one inject step alone."""

    step: str
    measured: Measured
    units: tuple[UnitMeasured, ...] = ()
    """Where an expectation is about a share of them."""


class EpisodeFacts(_Part, frozen=True, kw_only=True):
    """A largest set of faults that overlap, each from its command to its end, or to the end of the
    outage that it was part of. `by_step` has the steps that expectations name."""

    faults: tuple[str, ...]
    steps: tuple[str, ...]
    measured: Measured
    by_step: tuple[StepMeasured, ...] = ()


class Row(_Part, frozen=True, kw_only=True):
    """One expectation against what was observed. `observed_s` is None where nothing was measured, or
    nothing bounds it from above; `at_least_s` then says how long it took at least. A row about a share
    has `bound_share` and `observed_share`, any other but `healed_by` has `bound_s`."""

    about: str
    """The fault's step, the probe, or ``the run``."""
    expects: Expects
    wanted: str
    verdict: Judged
    observed: str
    """In words."""
    bound_s: float | None = None
    observed_s: Interval | None = None
    at_least_s: float | None = None
    bound_share: float | None = None
    """From 0 to 1, as `point_share`."""
    point_share: float | None = None
    observed_share: ShareInterval | None = None
    point_s: float | None = None
    """Of a percentile: the one that was measured."""
    bound_ratio: float | None = None
    """Of a row about earlier runs: how many times as long as they took it may take."""
    point_ratio: float | None = None
    observed_ratio: Open | None = None
    reference_n: int = 0
    """How many earlier runs it was held against."""
    episode: int | None = None
    """Which episode was the worst, from 0."""
    probe: str = ""
    """Whose samples were judged; of a row about the run, those of the worst observer."""
    during: During | None = None
    """In which part of the run; None of rows about episodes."""
    samples: int = 0
    """How many samples it was judged by."""
    units: tuple[int, int] | None = None
    """Of a row about a share of units: how many of them passed, and how many had to."""
    item: int | None = None
    """Which item of the file's `expect` it comes from, from 0."""


class Verdict(_Part, frozen=True, kw_only=True):
    """What the run proves, why in one sentence, and the exit code that it leads to."""

    verdict: VerdictWord
    reason: str
    exit_code: int
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    """What else weighed in: every other reason, in the order of weight."""


class Record(_Part, frozen=True, kw_only=True):
    """All that is known of one run. `verdict` is set in the documents that reports write."""

    schema: Literal["breakfix/record/v1"] = "breakfix/record/v1"
    run: RunFacts
    verdict: Verdict | None = None
    plan: PlanFacts | None = None
    comparable: Comparability | None = None
    """Which other runs it may be compared with: those with the same key."""
    compared: tuple[ComparedFacts, ...] = ()
    episodes: tuple[EpisodeFacts, ...] = ()
    steps: tuple[StepFacts, ...] = ()
    units: tuple[UnitFacts, ...] = ()
    faults: tuple[FaultFacts, ...] = ()
    repairs: tuple[RepairFacts, ...] = ()
    outages: tuple[OutageFacts, ...] = ()
    observers: tuple[ObserverFacts, ...] = ()
    observers_lost: str = ""
    """Why the observers stopped before the run was over."""
    guards: tuple[GuardFacts, ...] = ()
    setup: tuple[CommandFacts, ...] = ()
    teardown: tuple[CommandFacts, ...] = ()
    processes: tuple[ProcessFacts, ...] = ()
    survey: SurveyFacts | None = None
    rebound: tuple[ReboundFacts, ...] = ()
    cancelled: tuple[CancelFacts, ...] = ()
    invalid: tuple[str, ...] = ()
    errors: tuple[ErrorFacts, ...] = ()
    writers: tuple[WriterFacts, ...] = ()
    taken_over: bool = False
    """The engine was gone before the end; guardian or recover wrote the rest."""
    overhead: Overhead | None = None
    samples: tuple[SampleFacts, ...] = ()
