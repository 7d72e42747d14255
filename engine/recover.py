"""Ends everything that a dead run left open, from its journal alone; any number of times."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from breakfix.engine import survey
from breakfix.engine.action import ExecOp, Identity
from breakfix.engine.describe import describe
from breakfix.engine.events import (
    CommandEnded,
    CommandIntended,
    Endpoint,
    EndpointSeen,
    FaultEnded,
    Line,
    PlanMade,
    RepairEnded,
    RepairIntended,
    Role,
    RunEnded,
    RunStarted,
    Surveyed,
)
from breakfix.engine.faults import OpenFault, OpenMark, end, end_marks, open_faults, open_marks
from breakfix.engine.journal import Journal, read
from breakfix.engine.model import LocalCommand, SecretSource
from breakfix.engine.secrets import Secrets
from breakfix.engine.timeline import fold
from breakfix.engine.values import seconds
from breakfix.engine.vehicles.dispatch import Vehicles
from breakfix.engine.verdict import judge

RESIDUE_EXIT: Final = 6


class Owed(Struct, frozen=True, kw_only=True):
    """What a journal says is still to be done."""

    faults: tuple[OpenFault, ...]
    repairs: tuple[RepairIntended, ...]
    marks: tuple[OpenMark, ...]
    teardown: tuple[CommandIntended, ...]
    ended: bool
    surveyed: dict[str, Identity] = {}
    """The containers that were surveyed before the first effect."""

    @property
    def nothing(self) -> bool:
        """Whether the run is over and left nothing open."""
        return self.ended and not (self.faults or self.marks)


class Recovered(Struct, frozen=True, kw_only=True):
    """What recovery did: one sentence for each thing, and whether nothing is left."""

    clean: bool
    said: tuple[str, ...]


def owed(lines: list[Line]) -> Owed:
    """Pure: what is open at the end of these lines."""
    repairs: dict[tuple[str, int], RepairIntended] = {}
    teardown: dict[int, CommandIntended] = {}
    ended = False
    bindings: dict[str, Identity] = {}
    surveyed: dict[str, Identity] = {}
    for line in lines:
        event = line.event
        if isinstance(event, RepairIntended):
            repairs[event.unit, event.attempt] = event
        elif isinstance(event, RepairEnded):
            repairs.pop((event.unit, event.attempt), None)
        elif isinstance(event, CommandIntended) and event.stage == "teardown":
            teardown[event.index] = event
        elif isinstance(event, CommandEnded) and event.stage == "teardown":
            teardown.pop(event.index, None)
        elif isinstance(event, PlanMade):
            bindings = {key: bound.identity for key, bound in event.plan.bindings.items()}
        elif isinstance(event, Surveyed) and event.when == "before":
            surveyed = {key: bindings[key] for key in event.targets if key in bindings}
        ended = isinstance(event, RunEnded) or (ended and not isinstance(event, RunStarted))
    return Owed(
        faults=tuple(open_faults(lines)),
        repairs=tuple(repairs.values()),
        marks=tuple(open_marks(lines)),
        teardown=tuple(teardown[index] for index in sorted(teardown)),
        ended=ended,
        surveyed=surveyed,
    )


def recover(path: Path, role: Role, *, wait: bool) -> Recovered:
    """Take the journal of a run that has no writer, and end what is open.

    Raises JournalError; BlockingIOError where its writer is alive and `wait` is False.
    """
    journal = Journal.take(path, role, wait=wait)
    try:
        lines = read(path)
        todo = owed(lines)
        if todo.nothing:
            return Recovered(clean=True, said=())
        journal.begin()
        vehicles = _vehicles(lines, journal)
        try:
            return _recover(todo, journal, vehicles, role)
        finally:
            vehicles.close()
    finally:
        journal.close()


def _vehicles(lines: list[Line], journal: Journal) -> Vehicles:
    endpoints: dict[str, Endpoint] = {}
    sources: Mapping[str, SecretSource] = {}
    for line in lines:
        if isinstance(line.event, EndpointSeen):
            endpoints[line.event.endpoint.name] = line.event.endpoint
        elif isinstance(line.event, RunStarted):
            sources = line.event.secrets
    return Vehicles(endpoints, journal.path.parent, Secrets(sources), journal.now_s)


def _recover(todo: Owed, journal: Journal, vehicles: Vehicles, role: Role) -> Recovered:
    said: list[str] = []
    clean = True
    # A fault on a process target ends with the target: starting it again would be for nothing.
    ours = {mark.target for mark in todo.marks}
    for fault in reversed(todo.faults):
        if fault.intent.target in ours:
            continue
        done = end(fault, journal, vehicles, why="its engine is gone", by=role)
        clean = clean and done
        said.append(_what_came_of(fault, done=done))
    for repair in reversed(todo.repairs):
        failed = [op for op in repair.plan.undo if not vehicles.run(op).ok]
        clean = clean and not failed
        said.append(f"{repair.unit}: cut off half-way, {'not ' if failed else ''}taken back")
    if todo.marks:
        clean = end_marks(todo.marks, journal, vehicles, by=role) and clean
        said.append(f"processes ended: {', '.join(sorted(ours))}")
    for fault in todo.faults:
        if fault.intent.target in ours:
            now_s = journal.now_s()
            journal.append(
                FaultEnded(
                    fault=fault.intent.fault,
                    ended_by="engine",
                    after_at_s=now_s,
                    before_at_s=now_s,
                    detail="its target was ended",
                    by=role,
                )
            )
    survey_again(todo, journal, vehicles, role)
    said += [_tear_down(owing, journal, vehicles, role) for owing in todo.teardown]
    clean = _close(journal, role) and clean
    return Recovered(clean=clean, said=tuple(said))


def survey_again(todo: Owed, journal: Journal, vehicles: Vehicles, role: Role) -> None:
    """What each container is like now, where that was written down before the first effect."""
    if todo.surveyed:
        found = survey.take(todo.surveyed, vehicles)
        journal.append(Surveyed(when="after", targets=found, by=role))


def _what_came_of(fault: OpenFault, *, done: bool) -> str:
    intent = fault.intent
    if done:
        return f"{intent.fault} ({intent.action} on {intent.target}): over"
    manual = "; ".join(describe(op) for op in intent.plan.undo)
    return f"{intent.fault} ({intent.action} on {intent.target}): NOT undone. By hand: {manual}"


def _tear_down(owing: CommandIntended, journal: Journal, vehicles: Vehicles, role: Role) -> str:
    outcome = vehicles.run(command_op(owing.command))
    journal.append(
        CommandEnded(
            stage="teardown",
            index=owing.index,
            ok=outcome.ok,
            code=outcome.code,
            error=outcome.error,
            by=role,
        )
    )
    return f"teardown {' '.join(owing.command.run)}: {'done' if outcome.ok else 'failed'}"


def command_op(command: LocalCommand) -> ExecOp:
    """The op of a command of setup or teardown."""
    return ExecOp(
        via="local",
        argv=command.run,
        env=command.env,
        cwd=command.cwd,
        timeout_s=seconds(command.timeout),
    )


def _close(journal: Journal, role: Role) -> bool:
    """The last event, with the verdict that the whole journal gives. True: nothing was left."""
    judged = judge(fold(read(journal.path)))
    clean = judged.exit_code != RESIDUE_EXIT
    journal.append(
        RunEnded(
            by=role,
            exit_code=judged.exit_code,
            verdict=judged.verdict,
            reason=judged.reason,
            residue=not clean,
        ),
        sync=True,
    )
    return clean
