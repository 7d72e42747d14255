"""One pass over the lines of a journal: what each event adds. Nothing in here is judged."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from breakfix.engine.compared import ComparedFacts
from breakfix.engine.events import (
    AttemptEnded,
    CancelRequested,
    CommandEnded,
    CommandIntended,
    Compared,
    Event,
    GuardTripped,
    Line,
    MarkGone,
    MarkIntended,
    ObserverSampled,
    ObserversEnded,
    PlanMade,
    RunEnded,
    RunErrored,
    RunInvalid,
    RunStarted,
    SampleTaken,
    Surveyed,
    TargetRebound,
    TargetStarted,
    UnitChanged,
    WavesStopped,
    WriterTaken,
)
from breakfix.engine.run_plan import RunPlan
from breakfix.engine.timeline.facts import (
    AttemptFacts,
    CancelFacts,
    CommandFacts,
    ErrorFacts,
    Interval,
    ProcessFacts,
    ReboundFacts,
    RunFacts,
    SampleFacts,
    WriterFacts,
)
from breakfix.engine.timeline.intervals import exact
from breakfix.engine.timeline.lives import Adder, Lives

FINAL: Final = frozenset({"skipped", "blocked", "succeeded", "failed", "errored", "cancelled"})
"""The states that a unit does not leave."""

replace = msgspec.structs.replace


class UnitSeen(Struct, kw_only=True):
    """What the events say of one unit."""

    unit: str
    state: Any = "pending"
    reason: str = ""
    due_at_s: float | None = None
    started_at_s: float | None = None
    ended_at_s: float | None = None
    result: dict[str, Any] = {}
    attempts: list[AttemptFacts] = []


class Collected:
    """The events of a run by what they are about. `add` never raises on a well-formed event, in
    whatever order they come."""

    def __init__(self) -> None:
        self.run = RunFacts()
        self.plan: RunPlan | None = None
        self.writers: list[WriterFacts] = []
        self.taken_over = False
        self.units: dict[str, UnitSeen] = {}
        self.lives = Lives()
        self.samples: list[SampleFacts] = []
        self.samples_of: dict[str, list[SampleFacts]] = defaultdict(list)
        self.observed: dict[str, list[SampleFacts]] = defaultdict(list)
        self.observers_lost = ""
        self.trips: list[GuardTripped] = []
        self.commands: dict[tuple[str, int], CommandFacts] = {}
        self.processes: dict[str, ProcessFacts] = {}
        self.stopped: dict[str, WavesStopped] = {}
        self.rebound: list[ReboundFacts] = []
        self.surveys: dict[str, tuple[Interval, dict[str, dict[str, str]]]] = {}
        self.cancelled: list[CancelFacts] = []
        self.invalid: list[str] = []
        self.errors: list[ErrorFacts] = []
        self.compared: dict[int, ComparedFacts] = {}
        self.gone_spans: list[tuple[float, float]] = []
        self.head = ""
        self.last_s = 0.0
        self.lines = 0
        self._boot_id = ""
        self._add: dict[type[Any], Adder] = {
            WriterTaken: self._writer_taken,
            RunStarted: self._run_started,
            PlanMade: self._plan_made,
            CommandIntended: self._command_intended,
            CommandEnded: self._command_ended,
            MarkIntended: self._mark_intended,
            MarkGone: self._mark_gone,
            TargetStarted: self._target_started,
            Surveyed: self._surveyed,
            TargetRebound: self._target_rebound,
            UnitChanged: self._unit_changed,
            WavesStopped: self._waves_stopped,
            AttemptEnded: self._attempt_ended,
            SampleTaken: self._sample_taken,
            ObserverSampled: self._observer_sampled,
            ObserversEnded: self._observers_ended,
            GuardTripped: self._guard_tripped,
            CancelRequested: self._cancel_requested,
            RunInvalid: self._run_invalid,
            RunErrored: self._run_errored,
            Compared: self._compared,
            RunEnded: self._run_ended,
            **self.lives.adders,
        }

    def add_all(self, lines: Iterable[Line]) -> None:
        """Every line, in its order."""
        line = None
        for line in lines:
            self.add(line.at_s, line.event)
        if line is not None:
            self.head = _hash(line)

    def add(self, at_s: float, event: Event) -> None:
        """One event; a kind that says nothing to people is passed over."""
        adder = self._add.get(type(event))
        if adder is not None:
            adder(at_s, event)
        self.lines += 1
        self.last_s = max(self.last_s, at_s)

    # --- the run ---

    def _writer_taken(self, at_s: float, event: WriterTaken) -> None:
        self._boot_id = self._boot_id or event.boot_id
        if event.role != "engine" and not self.run.complete:
            self.taken_over = True
        # Whoever takes it looks again: what the one before left behind may be gone by now.
        self.run = replace(self.run, residue=False)
        if self.run.started_wall_s is None:
            self.run = replace(self.run, started_wall_s=event.wall_s - at_s)
        self.writers.append(
            WriterFacts(
                role=event.role,
                pid=event.pid,
                taken_at_s=exact(at_s),
                wall_s=event.wall_s,
                same_boot=event.boot_id == self._boot_id,
                torn_bytes=event.torn_bytes,
            )
        )

    def _run_started(self, at_s: float, event: RunStarted) -> None:
        self.run = replace(
            self.run,
            run_id=event.run_id,
            scenario=event.scenario,
            file=event.file,
            file_sha256=event.file_sha256,
            versions=event.versions,
            seed=event.seed,
            env=event.env,
            inputs=event.inputs,
            no_faults=event.no_faults,
            labels=event.labels,
            series=event.series,
            command=event.command,
        )

    def _plan_made(self, at_s: float, event: PlanMade) -> None:
        self.plan = event.plan

    def _cancel_requested(self, at_s: float, event: CancelRequested) -> None:
        self.cancelled.append(CancelFacts(at_s=exact(at_s), why=event.why, source=event.source))

    def _run_invalid(self, at_s: float, event: RunInvalid) -> None:
        self.invalid.append(event.reason)

    def _run_errored(self, at_s: float, event: RunErrored) -> None:
        self.errors.append(
            ErrorFacts(
                at_s=exact(at_s),
                message=event.message,
                kind=event.kind,
                before_effect=not self.lives.begun,
            )
        )

    def _compared(self, at_s: float, event: Compared) -> None:
        self.compared[event.found.row] = event.found

    def _run_ended(self, at_s: float, event: RunEnded) -> None:
        self.run = replace(self.run, complete=True, residue=event.residue)

    # --- commands, processes, identities ---

    def _command_intended(self, at_s: float, event: CommandIntended) -> None:
        key = (event.stage, event.index)
        self.commands[key] = CommandFacts(
            stage=event.stage,
            index=event.index,
            command=event.command.run,
            started_at_s=exact(at_s) if event.stage == "setup" else None,
        )

    def _command_ended(self, at_s: float, event: CommandEnded) -> None:
        key = (event.stage, event.index)
        known = self.commands.get(key)
        # Teardown is owed long before it runs: it began after the line before.
        began = known.started_at_s if known is not None else None
        self.commands[key] = CommandFacts(
            stage=event.stage,
            index=event.index,
            command=known.command if known is not None else (),
            started_at_s=began or (min(self.last_s, at_s), at_s),
            ended_at_s=exact(at_s),
            ok=event.ok,
            code=event.code,
            error=event.error,
            output=event.output,
            by=event.by,
        )

    def _process(self, mark: str, target: str, at_s: float) -> ProcessFacts:
        known = self.processes.get(mark)
        return known or ProcessFacts(mark=mark, target=target, intended_at_s=exact(at_s))

    def _mark_intended(self, at_s: float, event: MarkIntended) -> None:
        self.processes[event.mark] = self._process(event.mark, event.target, at_s)

    def _mark_gone(self, at_s: float, event: MarkGone) -> None:
        known = self._process(event.mark, "", at_s)
        self.processes[event.mark] = replace(known, gone_at_s=exact(at_s))
        self.gone_spans.append((min(self.last_s, at_s), at_s))

    def _target_started(self, at_s: float, event: TargetStarted) -> None:
        mark = event.identity.object_id
        known = self._process(mark, event.target, at_s)
        if event.ready:
            self.processes[mark] = replace(known, ready_at_s=exact(at_s))
        else:
            self.processes[mark] = replace(known, started_at_s=exact(at_s))

    def _surveyed(self, at_s: float, event: Surveyed) -> None:
        self.surveys[event.when] = (exact(at_s), event.targets)

    def _target_rebound(self, at_s: float, event: TargetRebound) -> None:
        self.rebound.append(
            ReboundFacts(
                at_s=exact(at_s),
                target=event.target,
                cause=event.cause,
                old=event.old.incarnation or event.old.object_id,
                new=event.new.incarnation or event.new.object_id,
            )
        )

    # --- units and samples ---

    def _unit(self, unit: str) -> UnitSeen:
        if unit not in self.units:
            self.units[unit] = UnitSeen(unit=unit)
        return self.units[unit]

    def _unit_changed(self, at_s: float, event: UnitChanged) -> None:
        unit = self._unit(event.unit)
        unit.state, unit.reason = event.state, event.reason
        if event.due_at_s is not None:
            unit.due_at_s = event.due_at_s
        if event.result:
            unit.result = event.result
        if event.state == "running" and unit.started_at_s is None:
            unit.started_at_s = at_s
        if event.state in FINAL:
            unit.ended_at_s = at_s

    def _waves_stopped(self, at_s: float, event: WavesStopped) -> None:
        self.stopped.setdefault(event.step, event)

    def _attempt_ended(self, at_s: float, event: AttemptEnded) -> None:
        self._unit(event.unit).attempts.append(
            AttemptFacts(
                attempt=event.attempt,
                started_at_s=exact(event.started_at_s),
                ended_at_s=exact(event.ended_at_s),
                outcome=event.outcome,
                error=event.error,
                retry_in_s=event.retry_in_s,
            )
        )

    def _sample_taken(self, at_s: float, event: SampleTaken) -> None:
        sample = SampleFacts(
            probe=event.probe,
            unit=event.unit,
            state=event.state,
            at_s=(event.started_at_s, max(event.started_at_s, event.ended_at_s)),
            detail=event.detail,
            armed=event.armed,
            late_s=event.late_s,
            occurred_at_s=event.occurred_at_s,
        )
        self.samples.append(sample)
        self.samples_of[event.unit].append(sample)

    def _observer_sampled(self, at_s: float, event: ObserverSampled) -> None:
        known = self.observed[event.probe]
        for state, started_at_s, ended_at_s, detail in event.samples:
            known.append(
                SampleFacts(
                    probe=event.probe,
                    unit="",
                    state=state,
                    at_s=(started_at_s, max(started_at_s, ended_at_s)),
                    detail=detail,
                )
            )

    def _observers_ended(self, at_s: float, event: ObserversEnded) -> None:
        self.observers_lost = event.lost

    def _guard_tripped(self, at_s: float, event: GuardTripped) -> None:
        self.trips.append(event)


def _hash(line: Line) -> str:
    """The SHA-256 that the next line would carry as `prev`."""
    return hashlib.sha256(msgspec.json.encode(line)).hexdigest()
