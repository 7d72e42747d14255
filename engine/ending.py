"""The end of faults and of processes, blocking: how what is open is undone, and seen to be over.

The engine calls this from worker threads; guardian and recover call it directly. An end begins with
the gone checks: what is over already is never undone again. Whoever ended it, the dead-man switch is taken
away after that, and tells whether it was the one.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from msgspec import Struct, structs

from breakfix.engine.checks import judge, wait_for
from breakfix.engine.deadman import disarmed
from breakfix.engine.describe import describe_all, failure
from breakfix.engine.errors import BreakfixError, JournalError
from breakfix.engine.events import (
    EndedBy,
    Event,
    FaultEnded,
    FaultEnding,
    FaultResidue,
    Line,
    MarkGone,
    Role,
    UndoTried,
)
from breakfix.engine.open_faults import OpenFault, OpenMark
from breakfix.engine.ops import DockerOp, Op, Outcome
from breakfix.engine.targets import process
from breakfix.engine.vehicles import docker_api

UNDO_ATTEMPTS: Final = 3
UNDO_PAUSE_S: Final = 0.3
UNDO_PAUSE_S_MAX: Final = 1.0
UNDO_PATIENCE_S: Final = 30.0
"""For so long an engine that does not answer may take to come back."""
SETTLE_S: Final = 5.0
"""For so long a command that was sent by a dead engine may take to come into effect."""
SETTLE_LOOK_EVERY_S: Final = 0.1
PARALLEL_MAX: Final = 32
HOSTS_MAX: Final = 256
"""So many hosts at once: one that is dead is waited for, and keeps nobody else from being mended."""
NOT_FOUND: Final = 404


class Writer(Protocol):
    """A journal that can be written."""

    def append(self, event: Event, sync: bool = False) -> Line: ...

    def now_s(self) -> float: ...


class Vehicle(Protocol):
    """Whatever executes ops."""

    def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome: ...


class Attempted:
    """Vehicles that never raise: what could not be tried is an outcome that is not ok."""

    def __init__(self, vehicles: Vehicle) -> None:
        self._vehicles = vehicles

    def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
        """Execute one op."""
        try:
            return self._vehicles.run(op, stop=stop)
        except BreakfixError as error:
            return Outcome(ok=False, error=str(error))


End = FaultEnded | FaultResidue
"""How the end of a fault came out."""


class Seen(Struct, frozen=True, kw_only=True):
    """One reading of the gone checks of a fault: whether all hold, what was seen, and whether the
    target leads another life than the one that the fault was meant for."""

    gone: bool
    detail: str
    reborn: bool


def look(fault: OpenFault, vehicles: Vehicle) -> Seen:
    """Read the gone checks once. A fault without any is never seen gone."""
    seen: list[str] = []
    vehicles = Attempted(vehicles)
    gone, reborn = bool(fault.intent.plan.gone), False
    for check in fault.intent.plan.gone:
        outcome = vehicles.run(check.op)
        judgement = judge(check, outcome)
        seen.append(f"{check.asked or check.pick}: {judgement.value}")
        reborn = reborn or _is_reborn(check.op, outcome)
        gone = gone and judgement.holds
    return Seen(gone=gone, detail="; ".join(seen), reborn=reborn)


def _is_reborn(op: Op, outcome: Outcome) -> bool:
    if op.target is None or op.target.kind != "docker" or not outcome.ok:
        return False
    now, meant = docker_api.incarnation(outcome.data), op.target.incarnation
    return bool(now and meant) and now != meant


class _Switch(Struct, frozen=True, kw_only=True):
    """What came of taking a dead-man switch away, in the place of its fault: why it could not be done; else
    whether it had ended the fault, and whether its host was started again since."""

    error: str = ""
    silent: bool = False
    ended_it: bool = False
    restarted: bool = False


def _disarm(fault: OpenFault, vehicles: Vehicle) -> _Switch:
    switch = _Switch()
    for op in fault.intent.plan.disarm:
        outcome = vehicles.run(op)
        if not outcome.ok:
            return _Switch(error=failure(op, outcome), silent=_is_silent(op, outcome))
        if (said := disarmed(outcome)) is not None:
            meant = op.target.incarnation if op.target is not None else ""
            switch = _Switch(
                ended_it=said.found != "armed" and fault.applied,
                restarted=bool(meant) and said.boot_id != meant,
            )
    return switch


def _disarm_patiently(fault: OpenFault, vehicles: Vehicle) -> _Switch:
    end_s = time.monotonic() + UNDO_PATIENCE_S
    for attempt in itertools.count(1):
        switch = _disarm(fault, vehicles)
        patient = switch.silent and time.monotonic() < end_s
        if not switch.error or (attempt >= UNDO_ATTEMPTS and not patient):
            break
        time.sleep(min(UNDO_PAUSE_S * attempt, UNDO_PAUSE_S_MAX))
    return switch


def _cause(seen: Seen, switch: _Switch, fault: OpenFault, *, repaired: bool) -> EndedBy:
    """What ended a fault that is over before it was undone. One whose end had begun was undone by whoever died
    then."""
    if repaired:
        return "repair"
    if seen.reborn or switch.restarted:
        return "restart"
    if switch.ended_it:
        return "expiry"
    return "engine" if fault.ending else "self"


def end_if_gone(
    fault: OpenFault, journal: Writer, vehicles: Vehicle, *, repaired: bool = False
) -> OpenFault | None:
    """Record the end of a fault that is over though nobody undid it: None then, else what is open. It is
    open for as long as its dead-man switch cannot be taken away."""
    asked_at_s = journal.now_s()
    seen = look(fault, vehicles)
    if not seen.gone:
        return structs.replace(fault, open_at_s=asked_at_s)
    between = (_open_until(fault, asked_at_s), journal.now_s())
    switch = _disarm(fault, Attempted(vehicles))
    if switch.error:
        return fault
    cause = _cause(seen, switch, fault, repaired=repaired)
    _note(journal, _ended(fault, cause, between, seen.detail, "engine"))
    return None


def _open_until(fault: OpenFault, now_s: float) -> float:
    """Since when it may be over."""
    known = [at_s for at_s in (fault.started_at_s, fault.open_at_s) if at_s is not None]
    return max(known, default=now_s)


def end(fault: OpenFault, journal: Writer, vehicles: Vehicle, *, why: str, by: Role) -> End:
    """End one fault: gone checks first, else undo, at most three times; longer only while its
    Docker engine or host does not answer. Then its dead-man switch is taken away.

    Never raises: what cannot be written down is undone all the same.
    """
    name = fault.intent.fault
    vehicles = Attempted(vehicles)
    _note(journal, FaultEnding(fault=name, why=why, by=by))
    if fault.started_at_s is None:
        _settle(fault, vehicles)
    asked_at_s = journal.now_s()
    seen = look(fault, vehicles)
    if seen.gone and (fault.active or not fault.intent.plan.undo_unseen):
        between = (_open_until(fault, asked_at_s), journal.now_s())
        switch = _disarm_patiently(fault, vehicles)
        if switch.error:
            return _noted(journal, _still_armed(fault, switch, by))
        cause = _cause(seen, switch, fault, repaired=fault.repaired_at_s is not None)
        return _noted(journal, _ended(fault, cause, between, seen.detail, by))
    return _undo_until_gone(fault, journal, vehicles, asked_at_s, by)


def _still_armed(fault: OpenFault, switch: _Switch, by: Role) -> FaultResidue:
    return FaultResidue(
        fault=fault.intent.fault,
        why=f"it is over, but its dead-man switch cannot be taken away: {switch.error}",
        manual=describe_all(fault.intent.plan.disarm),
        by=by,
    )


def _settle(fault: OpenFault, vehicles: Vehicle) -> None:
    """Of a fault that is only known to be intended, the command may be on its way: a Docker engine
    or a host carries out what it was asked though whoever did so is dead. Return when its effect is seen, or
    does not come any more."""
    remote = [op for op in fault.intent.plan.apply if _is_remote(op)]
    if not remote:
        return
    # A stop waits so long for the container (query `t`, in seconds) before it kills it.
    graces_s = [float(op.query.get("t", 0)) for op in remote if isinstance(op, DockerOp)]
    end_s = time.monotonic() + SETTLE_S + max(graces_s, default=0.0)
    while time.monotonic() < end_s:
        checks = fault.intent.plan.effect
        if all(judge(check, vehicles.run(check.op)).holds for check in checks):
            return
        time.sleep(SETTLE_LOOK_EVERY_S)


def _is_remote(op: Op) -> bool:
    return op.target is not None and op.target.kind in ("docker", "ssh")


def _is_silent(op: Op, outcome: Outcome) -> bool:
    """Whether a Docker engine or a host gave no answer: it may be starting again."""
    return _is_remote(op) and outcome.code is None and not outcome.gone


def _undo_until_gone(
    fault: OpenFault, journal: Writer, vehicles: Vehicle, asked_at_s: float, by: Role
) -> End:
    end_s = time.monotonic() + UNDO_PATIENCE_S
    for attempt in itertools.count(1):
        undone = _undo(fault, journal, vehicles, attempt, by)
        if undone.lost is not None:
            cause = "repair" if fault.repaired_at_s is not None else undone.lost
            between = (_open_until(fault, asked_at_s), journal.now_s())
            return _over(fault, journal, vehicles, _ended(fault, cause, between, undone.error, by))
        detail, over = _wait_gone(fault, journal, vehicles)
        # Without a gone check an undo that succeeded is all there is to see.
        if over and (fault.intent.plan.gone or not undone.error):
            between = (asked_at_s, journal.now_s())
            return _over(fault, journal, vehicles, _ended(fault, "engine", between, detail, by))
        patient = undone.silent and time.monotonic() < end_s
        if attempt >= UNDO_ATTEMPTS and not patient:
            break
        time.sleep(min(UNDO_PAUSE_S * attempt, UNDO_PAUSE_S_MAX))
    manual = describe_all(fault.intent.plan.undo)
    why = undone.error or detail
    return _noted(journal, FaultResidue(fault=fault.intent.fault, why=why, manual=manual, by=by))


def _over(fault: OpenFault, journal: Writer, vehicles: Vehicle, ended: FaultEnded) -> End:
    """A fault was seen gone after its undo: take its switch away, which may have been faster."""
    switch = _disarm_patiently(fault, vehicles)
    if switch.error:
        return _noted(journal, _still_armed(fault, switch, ended.by))
    if switch.ended_it and not switch.restarted and ended.ended_by == "engine":
        ended = structs.replace(ended, ended_by="expiry")
    return _noted(journal, ended)


class _Undone(Struct, frozen=True, kw_only=True):
    """What came of the undo ops: the first error, what ended the fault where what the undo was meant
    for is not there, and whether a Docker engine or a host did not answer (it may be starting again)."""

    error: str = ""
    lost: EndedBy | None = None
    silent: bool = False


def _undo(fault: OpenFault, journal: Writer, vehicles: Vehicle, attempt: int, by: Role) -> _Undone:
    started_at_s = journal.now_s()
    undone = _send_undo(fault, vehicles)
    tried = UndoTried(
        fault=fault.intent.fault,
        attempt=attempt,
        started_at_s=started_at_s,
        ended_at_s=journal.now_s(),
        ok=not undone.error,
        error=undone.error,
        by=by,
    )
    _note(journal, tried)
    return undone


def _send_undo(fault: OpenFault, vehicles: Vehicle) -> _Undone:
    error, silent = "", False
    for op in fault.intent.plan.undo:
        outcome = vehicles.run(op)
        if outcome.gone:
            # What was made again or removed is not there; what lives again was restarted.
            lost: EndedBy = "other" if outcome.code == NOT_FOUND else "restart"
            return _Undone(error=outcome.error or "its target is gone", lost=lost)
        if not outcome.ok:
            error = error or failure(op, outcome)
            silent = silent or _is_silent(op, outcome)
    return _Undone(error=error, silent=silent)


def _wait_gone(fault: OpenFault, journal: Writer, vehicles: Vehicle) -> tuple[str, bool]:
    seen: list[str] = []
    for check in fault.intent.plan.gone:
        result = wait_for(check, vehicles, journal.now_s)
        seen.append(f"{check.asked or check.pick}: {result.value}")
        if not result.holds:
            return f"{check.asked or check.pick}: {result.error}", False
    return "; ".join(seen), True


def _ended(
    fault: OpenFault, cause: EndedBy, between_at_s: tuple[float, float], detail: str, by: Role
) -> FaultEnded:
    after_at_s, before_at_s = between_at_s
    return FaultEnded(
        fault=fault.intent.fault,
        ended_by=cause,
        after_at_s=after_at_s,
        before_at_s=before_at_s,
        detail=detail,
        by=by,
    )


def _noted(journal: Writer, came: End) -> End:
    _note(journal, came)
    return came


def end_all(
    faults: Sequence[OpenFault], journal: Writer, vehicles: Vehicle, *, why: str, by: Role
) -> list[End]:
    """End faults: on one target the last first, targets side by side."""
    by_target: dict[str, list[OpenFault]] = {}
    for fault in reversed(faults):
        by_target.setdefault(fault.intent.target, []).append(fault)

    def one_target(mine: list[OpenFault]) -> list[End]:
        return [end(fault, journal, vehicles, why=why, by=by) for fault in mine]

    if not by_target:
        return []
    on_hosts = any(op.target and op.target.kind == "ssh" for f in faults for op in f.intent.plan.undo)
    at_once = HOSTS_MAX if on_hosts else PARALLEL_MAX
    with ThreadPoolExecutor(min(at_once, len(by_target))) as pool:
        return [came for mine in pool.map(one_target, by_target.values()) for came in mine]


def end_marks(marks: Sequence[OpenMark], journal: Writer, vehicles: Vehicle, *, by: Role) -> bool:
    """End every process that carries one of the marks, side by side. False: some are left."""
    vehicles = Attempted(vehicles)

    def one(mark: OpenMark) -> bool:
        identity = process.identity(mark.target, mark.mark, mark.incarnation)
        outcome = Outcome(ok=True)
        for op in process.end_ops(identity):
            outcome = vehicles.run(op)
        status = vehicles.run(process.status_op(identity))
        running = not isinstance(status.data, dict) or bool(status.data.get("running"))
        if not outcome.ok or running:
            return False
        _note(journal, MarkGone(mark=mark.mark, by=by))
        return True

    if not marks:
        return True
    with ThreadPoolExecutor(min(PARALLEL_MAX, len(marks))) as pool:
        return all(list(pool.map(one, marks)))


def _note(journal: Writer, event: Event) -> None:
    """Write it down where that is possible: an undo goes on even where it is not."""
    with contextlib.suppress(JournalError):
        journal.append(event, sync=True)
