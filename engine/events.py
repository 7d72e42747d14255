"""The events of a run: each change of state, appended to the journal before it is acted on.

A line of the journal is ``{"seq", "at_s", "prev", "event": {"type", ...}}``. All instants that end in
``_at_s`` are seconds since the run's start on its monotonic clock; `seq` counts lines from 1.
Everything that people are shown is a fold over these.
"""

from typing import Any, Literal

from msgspec import Struct

from breakfix.engine.compared import ComparedFacts
from breakfix.engine.endpoints import Endpoint, Host
from breakfix.engine.model import LocalCommand, SecretSource
from breakfix.engine.ops import Identity, Plan
from breakfix.engine.run_plan import RunPlan

StepState = Literal[
    "pending", "skipped", "blocked", "running", "cancelling",
    "succeeded", "failed", "errored", "cancelled",
]  # fmt: skip
EndedBy = Literal["repair", "restart", "self", "expiry", "engine", "other"]
Role = Literal["engine", "guardian", "recover"]
StopSource = Literal[
    "signal", "deadline", "halt", "error", "guardian", "invalid", "failed", "guard", "guard_blind",
]  # fmt: skip
SampleState = Literal["good", "bad", "seen", "unseen", "blind"]


class _Event(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    pass


class WriterTaken(_Event, frozen=True, kw_only=True, tag="writer_taken"):
    """A process took the journal's lock. `mono_zero_s` is the CLOCK_MONOTONIC reading of the run's
    start, the same for all writers of one boot; `wall_s` the wall clock now (since the epoch)."""

    role: Role
    pid: int
    boot_id: str
    machine_id: str
    mono_zero_s: float
    wall_s: float
    torn_bytes: int = 0


class RunStarted(_Event, frozen=True, kw_only=True, tag="run_started"):
    """The first event of a run after its writer's."""

    run_id: str
    scenario: str
    file: str
    file_sha256: str
    versions: dict[str, str]
    """``{"breakfix": ..., "python": ..., "docker_engine": ..., "kernel": ...}``"""
    seed: int
    env: str = ""
    inputs: dict[str, Any] = {}
    no_faults: bool = False
    command: str = ""
    """The command line that replays it."""
    secrets: dict[str, SecretSource] = {}
    """Where the secrets come from, never what they are."""
    labels: dict[str, str] = {}
    """What ``--label NAME=VALUE`` said of this run: ``{"version": "1.4.2"}``."""
    series: str = ""
    """The series of trials that it is a part of."""


class EndpointSeen(_Event, frozen=True, kw_only=True, tag="endpoint_seen"):
    """An engine that this run uses."""

    endpoint: Endpoint


class HostsSeen(_Event, frozen=True, kw_only=True, tag="hosts_seen"):
    """The SSH hosts that this run uses, each with the fingerprint of the key that it has shown."""

    hosts: tuple[Host, ...]


class CommandIntended(_Event, frozen=True, kw_only=True, tag="command_intended"):
    """A command of setup is about to run, or one of teardown is owed from now on."""

    stage: Literal["setup", "teardown"]
    index: int
    command: LocalCommand


class CommandEnded(_Event, frozen=True, kw_only=True, tag="command_ended"):
    """A command of setup or teardown is over."""

    stage: Literal["setup", "teardown"]
    index: int
    ok: bool
    code: int | None = None
    error: str = ""
    output: str = ""
    by: Role = "engine"


class MarkIntended(_Event, frozen=True, kw_only=True, tag="mark_intended"):
    """From now on processes may exist that carry this mark; whoever writes last ends them all."""

    mark: str
    target: str


class MarkGone(_Event, frozen=True, kw_only=True, tag="mark_gone"):
    """No process carries the mark any more."""

    mark: str
    by: Role = "engine"


class TargetStarted(_Event, frozen=True, kw_only=True, tag="target_started"):
    """A process target was started (pid journaled before its program runs), or is ready."""

    target: str
    identity: Identity
    ready: bool = False


class PlanMade(_Event, frozen=True, kw_only=True, tag="plan_made"):
    """The complete plan, after setup and after the process targets were started."""

    plan: RunPlan


class Surveyed(_Event, frozen=True, kw_only=True, tag="surveyed"):
    """What each container and host of the plan was like, field by field, before the first effect or after the
    last undo."""

    when: Literal["before", "after"]
    targets: dict[str, dict[str, str]]
    by: Role = "engine"


class TargetRebound(_Event, frozen=True, kw_only=True, tag="target_rebound"):
    """A step changed the identity of a target; later units use the new one."""

    target: str
    old: Identity
    new: Identity
    cause: str


class UnitChanged(_Event, frozen=True, kw_only=True, tag="unit_changed"):
    """A unit went into a state. `due_at_s` is when its last dependency allowed it."""

    unit: str
    state: StepState
    reason: str = ""
    due_at_s: float | None = None
    result: dict[str, Any] = {}


class MilestoneReached(_Event, frozen=True, kw_only=True, tag="milestone_reached"):
    """Of a unit, or of a step (its join): the milestone holds (or never will)."""

    node: str
    milestone: str
    holds: bool


class WavesStopped(_Event, frozen=True, kw_only=True, tag="waves_stopped"):
    """No further wave of a step begins: the probe between them was not good in time. `blind`: no sample of
    it could be taken."""

    step: str
    why: str
    blind: bool = False


class AttemptEnded(_Event, frozen=True, kw_only=True, tag="attempt_ended"):
    """One attempt of a unit: from when to when, and what came of it."""

    unit: str
    attempt: int
    started_at_s: float
    ended_at_s: float
    outcome: Literal["succeeded", "failed", "errored", "cancelled"]
    error: str = ""
    retry_in_s: float | None = None


class SampleTaken(_Event, frozen=True, kw_only=True, tag="sample_taken"):
    """One sample of a probe by a unit. `armed` marks the one before the fault; `late_s` how late on
    its grid it began, where that is more than a tenth of the interval."""

    probe: str
    """The name of the probe in the file, or the action's where the step names one."""
    unit: str
    state: SampleState
    started_at_s: float
    ended_at_s: float
    detail: str = ""
    armed: bool = False
    late_s: float = 0.0
    occurred_at_s: float | None = None


class ObserverSampled(_Event, frozen=True, kw_only=True, tag="observer_sampled"):
    """Samples of one observer since its last such event. Each is ``[state, started_at_s, ended_at_s,
    detail]``, the detail only of what is not good, and only where it is another than before."""

    probe: str
    samples: tuple[tuple[SampleState, float, float, str], ...]


class ObserversEnded(_Event, frozen=True, kw_only=True, tag="observers_ended"):
    """The observers have stopped: `lost` says why, where that was not asked for."""

    lost: str = ""


class GuardTripped(_Event, frozen=True, kw_only=True, tag="guard_tripped"):
    """A guard stops the run: its probe was bad beyond what it tolerates (`tripped`), or it saw nothing
    for too long (`blind`), some time between the two instants."""

    guard: str
    probe: str
    kind: Literal["tripped", "blind"]
    why: str
    after_at_s: float
    before_at_s: float


class SteadyMet(_Event, frozen=True, kw_only=True, tag="steady_met"):
    """The steady state was good for long enough: the steps begin."""

    probes: tuple[str, ...]


class FaultIntended(_Event, frozen=True, kw_only=True, tag="fault_intended"):
    """Fsynced before the first op of the fault. `fault` is unit id + attempt: ``kill_cache#1``."""

    fault: str
    unit: str
    action: str
    target: str
    """The binding's key, or empty."""
    plan: Plan
    lasting: bool
    hold_s: float
    due_at_s: float


class FaultApplied(_Event, frozen=True, kw_only=True, tag="fault_applied"):
    """The apply ops ran, from t0 (`started_at_s`) on."""

    fault: str
    started_at_s: float
    ended_at_s: float
    unknown: bool = False
    error: str = ""


class FaultActive(_Event, frozen=True, kw_only=True, tag="fault_active"):
    """The effect was seen (t1), some time between the two instants. `evidence`: asked -> measured."""

    fault: str
    after_at_s: float
    before_at_s: float
    evidence: dict[str, str] = {}


class FaultEnding(_Event, frozen=True, kw_only=True, tag="fault_ending"):
    """Its end was asked for: hold over, until, end of run, cancelled, recover."""

    fault: str
    why: str
    by: Role = "engine"


class UndoTried(_Event, frozen=True, kw_only=True, tag="undo_tried"):
    """The undo ops ran once."""

    fault: str
    attempt: int
    started_at_s: float
    ended_at_s: float
    ok: bool
    error: str = ""
    by: Role = "engine"


class FaultEnded(_Event, frozen=True, kw_only=True, tag="fault_ended"):
    """It was seen gone (t9), some time between the two instants."""

    fault: str
    ended_by: EndedBy
    after_at_s: float
    before_at_s: float
    detail: str = ""
    by: Role = "engine"


class FaultResidue(_Event, frozen=True, kw_only=True, tag="fault_residue"):
    """It could not be seen gone. `manual` is the command for people."""

    fault: str
    why: str
    manual: str
    by: Role = "engine"


class RepairIntended(_Event, frozen=True, kw_only=True, tag="repair_intended"):
    """A repair begins (t5)."""

    unit: str
    attempt: int
    action: str
    target: str
    plan: Plan


class RepairEnded(_Event, frozen=True, kw_only=True, tag="repair_ended"):
    """A repair is over (t6); its undo is owed only where it was put back or cut off half-way."""

    unit: str
    attempt: int
    started_at_s: float
    ended_at_s: float
    ok: bool
    error: str = ""
    put_back: bool = False
    """These are the times of putting it back."""


class CancelRequested(_Event, frozen=True, kw_only=True, tag="cancel_requested"):
    """The run is to stop: by a signal, the deadline, a guard, an error, or the guardian's death."""

    why: str
    source: StopSource


class UndoRequested(_Event, frozen=True, kw_only=True, tag="undo_requested"):
    """Somebody asked for the end of one fault; the run goes on."""

    step: str


class RunInvalid(_Event, frozen=True, kw_only=True, tag="run_invalid"):
    """Something makes every verdict of this run worthless: a detect step's condition held before
    its fault, a fault was not seen effective, the clock jumped."""

    reason: str


class RunErrored(_Event, frozen=True, kw_only=True, tag="run_errored"):
    """Our side failed: an engine that went away, a full disk, an exception."""

    message: str
    kind: str = ""


class Compared(_Event, frozen=True, kw_only=True, tag="compared"):
    """An expectation that says ``not_worse_than`` was held against the history."""

    found: ComparedFacts


class RunEnded(_Event, frozen=True, kw_only=True, tag="run_ended"):
    """The last event. Open faults: none, unless `residue`."""

    by: Role
    exit_code: int
    verdict: str
    reason: str
    residue: bool = False


Event = (
    WriterTaken | RunStarted | EndpointSeen | HostsSeen | CommandIntended | CommandEnded | MarkIntended
    | MarkGone | TargetStarted | PlanMade | Surveyed | TargetRebound | UnitChanged | MilestoneReached
    | WavesStopped | AttemptEnded | SampleTaken | ObserverSampled | ObserversEnded | GuardTripped | SteadyMet | FaultIntended | FaultApplied | FaultActive | FaultEnding
    | UndoTried | FaultEnded | FaultResidue | RepairIntended | RepairEnded | CancelRequested | UndoRequested
    | RunInvalid | RunErrored | Compared | RunEnded
)  # fmt: skip


class Line(Struct, frozen=True, kw_only=True):
    """One line of a journal. `prev` is the SHA-256 (hex) of the line before, without its newline;
    of the first line, 64 zeros."""

    seq: int
    at_s: float
    prev: str
    event: Event
