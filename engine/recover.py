"""Ends everything that a dead run left open, from its journal alone; any number of times."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from breakfix.engine import survey
from breakfix.engine.describe import describe_all
from breakfix.engine.ending import (
    Attempted,
    End,
    end_all,
    end_marks,
)
from breakfix.engine.endpoints import Endpoint, Host
from breakfix.engine.events import (
    CommandEnded,
    CommandIntended,
    EndedBy,
    EndpointSeen,
    FaultEnded,
    FaultResidue,
    GuardTripped,
    HostsSeen,
    Line,
    Role,
    RunEnded,
    RunStarted,
    Surveyed,
    WriterTaken,
)
from breakfix.engine.home import TRIP
from breakfix.engine.journal import Journal, has_begun, is_this_machine, read
from breakfix.engine.model import LocalCommand, SecretSource
from breakfix.engine.open_faults import OpenFault
from breakfix.engine.ops import ExecOp, Plan
from breakfix.engine.owed import Owed, owed
from breakfix.engine.secrets import Secrets
from breakfix.engine.timeline import fold
from breakfix.engine.values import seconds
from breakfix.engine.vehicles.dispatch import Vehicles
from breakfix.engine.verdict import judge

RESIDUE_EXIT: Final = 6


class Recovered(Struct, frozen=True, kw_only=True):
    """What recovery did: one sentence for each thing, and whether nothing is left."""

    clean: bool
    said: tuple[str, ...]


def recover(path: Path, role: Role, *, wait: bool) -> Recovered:
    """Take the journal of a run that has no writer, and end what is open.

    Raises JournalError; BlockingIOError where its writer is alive and `wait` is False.
    """
    if not has_begun(path):
        return Recovered(clean=True, said=())
    journal = Journal.take(path, role, wait=wait)
    try:
        lines = read(path)
        todo = owed(lines)
        if todo.nothing:
            return Recovered(clean=True, said=())
        journal.begin()
        _note_trip(lines, journal)
        vehicles = _vehicles(lines, journal)
        try:
            return _recover(todo, journal, vehicles, role)
        finally:
            vehicles.close()
            if vehicles.ssh is not None:
                vehicles.ssh.close()
    finally:
        journal.close()


def outlook(path: Path) -> tuple[str, ...]:
    """What `recover` would do, a sentence each; nothing is touched. Raises JournalError."""
    todo = owed(read(path)) if has_begun(path) else None
    if todo is None or todo.nothing:
        return ()
    faults = [
        f"{_name(fault)}: ends with its target"
        if _ends_with_its_target(fault, todo)
        else f"{_name(fault)}: if it is not over already, {_commands(fault.intent.plan)}"
        for fault in reversed(todo.faults)
    ]
    repairs = [
        f"{repair.unit}: cut off half-way, taken back by {_commands(repair.plan)}"
        for repair in reversed(todo.repairs)
    ]
    marks = [f"processes of {name}: ended" for name in sorted(todo.started)]
    teardown = [f"teardown {' '.join(owing.command.run)}" for owing in todo.teardown]
    return (*repairs, *faults, *marks, *teardown)


def _vehicles(lines: list[Line], journal: Journal) -> Vehicles:
    endpoints: dict[str, Endpoint] = {}
    sources: Mapping[str, SecretSource] = {}
    hosts: dict[str, Host] = {}
    here, run_id = True, ""
    for line in lines:
        if isinstance(line.event, EndpointSeen):
            endpoints[line.event.endpoint.name] = line.event.endpoint
        elif isinstance(line.event, HostsSeen):
            hosts |= {host.name: host for host in line.event.hosts}
        elif isinstance(line.event, RunStarted):
            sources, run_id = line.event.secrets, line.event.run_id
        elif isinstance(line.event, WriterTaken) and line.event.role == "engine":
            here = is_this_machine(line.event)
    secrets = Secrets(sources)
    ssh = None
    if hosts:
        from breakfix.engine.vehicles.ssh.pool import SshHosts

        ssh = SshHosts(hosts, secrets.reveal, prefix=f"{run_id}.")
    folder = journal.path.parent
    return Vehicles(endpoints, folder, secrets, journal.now_s, here=here, ssh=ssh)


def _note_trip(lines: list[Line], journal: Journal) -> None:
    """A guard that tripped while the engine did not answer is journaled now."""
    try:
        tripped = msgspec.json.decode((journal.path.parent / TRIP).read_bytes(), type=GuardTripped)
    except (OSError, msgspec.MsgspecError):
        return
    known = [line.event.guard for line in lines if isinstance(line.event, GuardTripped)]
    if tripped.guard not in known:
        journal.note(tripped)


def _recover(todo: Owed, journal: Journal, vehicles: Vehicles, role: Role) -> Recovered:
    said: list[str] = []
    clean = True
    attempted = Attempted(vehicles)
    if count := vehicles.end_commands(todo.run_id):
        said.append(f"commands in flight: {count} ended")
    # What came last is taken back first: a repair, then the fault that it was meant for.
    for repair in reversed(todo.repairs):
        outcomes = [attempted.run(op) for op in repair.plan.undo]
        errors = [
            outcome.error or f"answer {outcome.code}" for outcome in outcomes if not outcome.ok
        ]
        words = f"not taken back, maybe it had not begun: {errors[0]}" if errors else "taken back"
        said.append(f"{repair.unit}: cut off half-way, {words}")
        # Of what is surveyed, or ended, it is seen whether something is left.
        clean = clean and not (errors and repair.target not in {*todo.surveyed, *todo.started})
    inside = [fault for fault in todo.faults if _ends_with_its_target(fault, todo)]
    outside = [fault for fault in todo.faults if fault not in inside]
    ends = end_all(outside, journal, vehicles, why="its engine is gone", by=role)
    by_name = {fault.intent.fault: fault for fault in outside}
    said += [f"{_name(by_name[came.fault])}: {_what_came(came)}" for came in ends]
    clean = clean and not any(isinstance(came, FaultResidue) for came in ends)
    if todo.marks:
        ended = end_marks(todo.marks, journal, vehicles, by=role)
        said.append(
            f"processes of {', '.join(sorted(todo.started))}: {'' if ended else 'NOT '}ended"
        )
        clean = clean and ended
        for fault in inside if ended else ():
            _note_ended_with_its_target(fault, journal, role)
            said.append(f"{_name(fault)}: ended with its target")
    survey_again(todo, journal, vehicles, role)
    said += [_tear_down(owing, journal, vehicles, role) for owing in todo.teardown]
    clean = _close(journal, role) and clean
    return Recovered(clean=clean, said=tuple(said))


def _ends_with_its_target(fault: OpenFault, todo: Owed) -> bool:
    """Whether its undo would start what is ended right after that."""
    return fault.intent.target in todo.started and not fault.intent.lasting


def _note_ended_with_its_target(fault: OpenFault, journal: Journal, role: Role) -> None:
    now_s = journal.now_s()
    journal.note(
        FaultEnded(
            fault=fault.intent.fault,
            ended_by="engine",
            after_at_s=now_s,
            before_at_s=now_s,
            detail="its target was ended",
            by=role,
        )
    )


def _name(fault: OpenFault) -> str:
    return (
        f"{fault.intent.fault} ({fault.intent.action} on {fault.intent.target or 'this machine'})"
    )


def _commands(plan: Plan) -> str:
    """What takes it back, as people would type it."""
    return describe_all(plan.undo) or "nothing to do"


_OVER: Final[Mapping[EndedBy, str]] = {
    "engine": "undone",
    "repair": "was already gone, by a repair",
    "self": "was already gone",
    "expiry": "was already gone, its time was over",
    "restart": "was already gone: its target was started again since",
    "other": "its target was replaced or removed; nothing was touched",
}


def _what_came(came: End) -> str:
    if isinstance(came, FaultEnded):
        return _OVER[came.ended_by]
    return f"NOT undone: {came.why}. By hand: {came.manual}"


def survey_again(todo: Owed, journal: Journal, vehicles: Vehicles, role: Role) -> None:
    """What each container and host is like now, where that was written down before the first effect."""
    if todo.surveyed:
        found = survey.take(todo.surveyed, Attempted(vehicles), todo.run_id)
        journal.note(Surveyed(when="after", targets=found, by=role))


def _tear_down(owing: CommandIntended, journal: Journal, vehicles: Vehicles, role: Role) -> str:
    outcome = Attempted(vehicles).run(command_op(owing.command))
    journal.note(
        CommandEnded(
            stage="teardown",
            index=owing.index,
            ok=outcome.ok,
            code=outcome.code,
            error=outcome.error,
            by=role,
        )
    )
    words = "done" if outcome.ok else f"failed: {outcome.error or f'exit code {outcome.code}'}"
    return f"teardown {' '.join(owing.command.run)}: {words}"


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
    journal.note(
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
