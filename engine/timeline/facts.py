"""What is known of each thing in a run: the parts of a record that need no interpretation.

Every measured time is a pair ``[lower, upper]`` in seconds; where the engine's own clock was read,
the two are equal. Instants (``_at_s``) count from the run's start on its monotonic clock. What was
planned (due, hold, pause before a retry) is a plain number.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from breakfix.engine.events import EndedBy, Role, SampleState, StepState, StopSource

Interval = Annotated[
    tuple[float, float],
    Meta(description="[lower, upper] in seconds: the true value lies between the two"),
]
FaultState = Literal["intended", "active", "ending", "ended", "residue"]
Open = Annotated[
    tuple[float, float | None],
    Meta(description="[lower, upper] in seconds; the upper one is null where nothing bounds it"),
]
ShareInterval = Annotated[
    tuple[float, float],
    Meta(description="[lower, upper], from 0 to 1: the 95 % interval (Wilson) of a share"),
]
WindowName = Literal["run", "before", "faults", "repair", "after"]
During = Literal["run", "faults", "repair", "after"]
PhaseName = Literal["inject", "detect", "remediate", "verify", "wait", "unknown"]


class _Facts(Struct, frozen=True, kw_only=True):
    """A part of the record."""


class WriterFacts(_Facts, frozen=True, kw_only=True):
    """One tenure of the journal. `same_boot` is False where the machine was started anew since the
    first writer: its instants are by the wall clock then."""

    role: Role
    pid: int
    taken_at_s: Interval
    wall_s: float
    same_boot: bool = True
    torn_bytes: int = 0


class RunFacts(_Facts, frozen=True, kw_only=True):
    """What was run, when, and how to run it again. `ended_at_s` is the instant of the last line."""

    run_id: str = ""
    scenario: str = ""
    description: str = ""
    file: str = ""
    file_sha256: str = ""
    versions: dict[str, str] = {}
    seed: int | None = None
    env: str = ""
    inputs: dict[str, Any] = {}
    no_faults: bool = False
    labels: dict[str, str] = {}
    """Those of the scenario, and over them what ``--label`` said of this run."""
    series: str = ""
    """The series of trials that it is a part of."""
    command: str = ""
    started_wall_s: float | None = None
    """Seconds since the epoch."""
    ended_at_s: Interval = (0.0, 0.0)
    complete: bool = False
    """A writer has said that the run is over."""
    residue: bool = False
    """The last writer of all said that something was left behind."""
    head: str = ""
    """The hash of the journal's last line; the next line would carry it as `prev`."""
    lines: int = 0


class StepFacts(_Facts, frozen=True, kw_only=True):
    """One step: how its units joined. `needed` of its units had to succeed."""

    id: str
    phase: PhaseName
    uses: str = ""
    description: str = ""
    on_failure: Literal["fail", "continue"] = "fail"
    needed: int = 1
    units: int = 0
    state: StepState = "pending"
    reason: str = ""
    blocked_by: str = ""
    """Of a blocked step: the step that went wrong upstream of it. Empty where it is only a branch
    that was not taken."""
    blind: bool = False
    """Of a failed detect or verify step: no sample of its failed units could be taken."""
    stopped: str = ""
    """Why no further wave of it began: what the probe between two of them said."""
    stopped_blind: bool = False
    """No sample of that probe could be taken."""


class AttemptFacts(_Facts, frozen=True, kw_only=True):
    """One attempt of a unit."""

    attempt: int
    started_at_s: Interval
    ended_at_s: Interval
    outcome: Literal["succeeded", "failed", "errored", "cancelled"]
    error: str = ""
    retry_in_s: float | None = None


class UnitFacts(_Facts, frozen=True, kw_only=True):
    """One step on one target. `run_s` is the time of its attempts (of a fault: of its apply ops),
    `check_s` from there until the effect was seen, `undo_s` from the wish to end it until it was
    seen gone; each None where there was no such thing."""

    unit: str
    step: str
    phase: PhaseName
    target: str = ""
    uses: str = ""
    state: StepState = "pending"
    reason: str = ""
    due_at_s: float | None = None
    started_at_s: Interval | None = None
    ended_at_s: Interval | None = None
    queue_wait_s: Interval | None = None
    run_s: Interval | None = None
    check_s: Interval | None = None
    undo_s: Interval | None = None
    attempts: tuple[AttemptFacts, ...] = ()
    samples: int = 0
    result: dict[str, Any] = {}


class UndoFacts(_Facts, frozen=True, kw_only=True):
    """One try of an undo."""

    attempt: int
    started_at_s: Interval
    ended_at_s: Interval
    ok: bool
    error: str = ""
    by: Role = "engine"


class ChangeFacts(_Facts, frozen=True, kw_only=True):
    """A field of a container that is not as it was before the first effect. `why`: a repair that stays
    changed it on purpose, somebody removed the container, or it was left behind."""

    target: str
    field: str
    before: str
    after: str
    why: Literal["repair", "removed", "residue"]


class SurveyFacts(_Facts, frozen=True, kw_only=True):
    """The survey of the containers before the first effect and after the last undo (None: nobody
    looked again)."""

    before_at_s: Interval
    after_at_s: Interval | None = None
    targets: tuple[str, ...] = ()
    changes: tuple[ChangeFacts, ...] = ()


class FaultFacts(_Facts, frozen=True, kw_only=True):
    """The life of one fault. `evidence` is what its effect checks asked for and measured."""

    fault: str
    unit: str
    step: str
    action: str
    target: str
    lasting: bool
    hold_s: float
    due_at_s: float
    state: FaultState = "intended"
    mechanism: str = ""
    intended_at_s: Interval
    applied_at_s: Interval | None = None
    apply_s: Interval | None = None
    active_at_s: Interval | None = None
    ending_at_s: Interval | None = None
    ended_at_s: Interval | None = None
    ended_by: EndedBy | None = None
    ending_why: str = ""
    detail: str = ""
    evidence: dict[str, str] = {}
    unknown: bool = False
    """Nobody can tell whether its apply ops took effect."""
    error: str = ""
    undo: tuple[UndoFacts, ...] = ()
    residue_why: str = ""
    manual: str = ""
    rebinds: bool = False
    """It starts its target again: that leads another life afterwards."""
    left_to: Role | None = None
    """Who ended it, where that was not the engine: guardian or recover."""


class RepairFacts(_Facts, frozen=True, kw_only=True):
    """One attempt of a repair, or (`put_back`) its reversal at the end of the run."""

    unit: str
    step: str
    attempt: int
    action: str = ""
    target: str = ""
    started_at_s: Interval
    ended_at_s: Interval | None = None
    ok: bool = False
    error: str = ""
    put_back: bool = False


class SampleFacts(_Facts, frozen=True, kw_only=True):
    """One sample: it proves what it says for one instant between its start and its end."""

    probe: str
    unit: str
    state: SampleState
    at_s: Interval
    detail: str = ""
    armed: bool = False
    late_s: float = 0.0
    occurred_at_s: float | None = None


class OutageFacts(_Facts, frozen=True, kw_only=True):
    """A run of bad samples of one probe. It began in (last good, first bad] and ended in
    (last bad, first good]; `end_at_s` is None where no good sample followed.

    Of a quorum: it began between when enough members may have been down and when they surely were, and
    ended likewise; `last_bad_at_s` is until when they surely were."""

    probe: str
    """The probe, or the id of the quorum."""
    target: str
    observer: str = ""
    """The observer that looks at it, where there is one."""
    steps: tuple[str, ...]
    """The steps whose bad samples show it."""
    start_at_s: Interval
    end_at_s: Interval | None
    last_bad_at_s: float
    duration_s: Interval | None
    bad_samples: int


class WindowFacts(_Facts, frozen=True, kw_only=True):
    """What an observer saw in one part of the run, from `from_s` until `until_s` (None: to the end).
    `availability` is the 95 % interval (Wilson) of the share of its good and bad samples that were good;
    the percentiles are of the time that good samples took, None where there was none. Their bounds hold
    whatever the distribution, each end with 95 %."""

    window: WindowName
    from_s: float = 0.0
    until_s: float | None = None
    good: int
    bad: int
    blind: int
    availability: ShareInterval | None = None
    p50_s: float | None = None
    p90_s: float | None = None
    p99_s: float | None = None
    p50_bounds_s: Open | None = None
    p90_bounds_s: Open | None = None
    p99_bounds_s: Open | None = None
    gap_s: float | None = None
    """The longest time in it between two samples that show something: an outage that was not longer can
    have been missed. None where there was no such sample. Of a quorum, the longest of its members', or
    the longest time that enough of them may have been down and are not known to have been."""


class SpanFacts(_Facts, frozen=True, kw_only=True):
    """Samples in a row that say the same: from the start of the first to the end of the last."""

    state: SampleState
    from_s: float
    to_s: float
    samples: int


class ObserverFacts(_Facts, frozen=True, kw_only=True):
    """One observer: a probe that looked for the whole run. `fall` bad samples in a row are an outage, and
    `rise` good ones end it; `first_bad` is what its first bad sample said.

    Of a quorum, `probe` is its id, and its windows count the samples of all members. Its spans tell
    whether it was down: ``blind`` where too few members could look to tell."""

    probe: str
    every_s: float
    rise: int = 1
    fall: int = 1
    on_no_data: Literal["invalid", "fail"] = "invalid"
    windows: tuple[WindowFacts, ...] = ()
    spans: tuple[SpanFacts, ...] = ()
    first_bad: str = ""
    quorum: int = 0
    """So many members must be down; 0 where it is one probe."""
    members: tuple[str, ...] = ()


class CommandFacts(_Facts, frozen=True, kw_only=True):
    """A command of setup or teardown. `ok` is None while it is owed."""

    stage: Literal["setup", "teardown"]
    index: int
    command: tuple[str, ...]
    started_at_s: Interval | None = None
    ended_at_s: Interval | None = None
    ok: bool | None = None
    code: int | None = None
    error: str = ""
    output: str = ""
    by: Role = "engine"


class ProcessFacts(_Facts, frozen=True, kw_only=True):
    """What the engine started for a process target, by its mark; gone when nothing carries it."""

    mark: str
    target: str
    intended_at_s: Interval
    started_at_s: Interval | None = None
    ready_at_s: Interval | None = None
    gone_at_s: Interval | None = None


class CancelFacts(_Facts, frozen=True, kw_only=True):
    """The run was asked to stop."""

    at_s: Interval
    why: str
    source: StopSource


class TripFacts(_Facts, frozen=True, kw_only=True):
    """A guard tripped, or was blind for too long. `before_effect`: nothing had been broken or repaired yet.
    `open_faults` counts those that were there, or still came: the run is safe when they are gone."""

    kind: Literal["tripped", "blind"]
    why: str
    at_s: Interval
    before_effect: bool
    open_faults: int = 0


class GuardFacts(_Facts, frozen=True, kw_only=True):
    """A guard, and whether it stopped the run. `time_to_safe_s` is from the trip until the last fault was
    seen gone; None where no fault was open, or one of them was never seen gone."""

    id: str
    probe: str
    tolerance: str
    trip: TripFacts | None = None
    time_to_safe_s: Interval | None = None


class ErrorFacts(_Facts, frozen=True, kw_only=True):
    """Our side failed. `before_effect`: nothing had been broken or repaired yet."""

    at_s: Interval
    message: str
    kind: str
    before_effect: bool


class ReboundFacts(_Facts, frozen=True, kw_only=True):
    """A step changed the identity of a target."""

    at_s: Interval
    target: str
    cause: str
    old: str
    new: str


class Overhead(_Facts, frozen=True, kw_only=True):
    """The engine's own time: when no step, fault, command or starting target was at work.
    `start_delay_s` is the median and the largest time from due to start, limits included."""

    before_steps_s: float
    between_steps_s: float
    after_steps_s: float
    start_delay_median_s: float
    start_delay_max_s: float
