"""The beginning of one fault, blocking: intent, effect, and its proof. The engine calls this from worker
threads."""

import threading
from collections.abc import Collection, Iterable

from msgspec import Struct, structs

from breakfix.engine.checks import wait_for
from breakfix.engine.describe import failure
from breakfix.engine.ending import Vehicle, Writer, end
from breakfix.engine.events import (
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultIntended,
)
from breakfix.engine.open_faults import OpenFault
from breakfix.engine.ops import Op, Plan


class Injected(Struct, frozen=True, kw_only=True):
    """What came of one attempt: `again` says that another one is safe, `ours` that our side failed."""

    active: bool = False
    fault: OpenFault | None = None
    error: str = ""
    ours: bool = False
    again: bool = False


def why_not_safe(plan: Plan, allow: Collection[str]) -> str:
    """Why a fault of this plan must not be injected; empty where it may."""
    if not plan.effect:
        return "nothing would prove its effect; give it a check"
    if not (plan.undo and plan.gone) and "irreversible" not in allow:
        return "it could not be undone and seen gone; give it an undo, or `allow: [irreversible]`"
    return ""


def inject(
    intent: FaultIntended, journal: Writer, vehicles: Vehicle, stop: threading.Event
) -> Injected:
    """Intent on the disk, then the dead-man switch, then the ops, then the proof. What had no effect is
    undone at once.

    Raises JournalError where the intent could not be written: nothing was done then.
    """
    journal.append(intent, sync=True)
    ran = _run_all(intent.plan.arm, vehicles, stop)
    # Unless we know that it is armed, nothing is applied.
    error = f"the dead-man switch cannot be armed: {ran.error}" if ran.error else ""
    unknown, ours = False, ran.ours
    started_at_s = journal.now_s()
    if not error:
        ran = _run_all(intent.plan.apply, vehicles, stop)
        error, unknown, ours = ran.error, ran.unknown, ran.ours
    journal.append(
        FaultApplied(
            fault=intent.fault,
            started_at_s=started_at_s,
            ended_at_s=journal.now_s(),
            unknown=unknown,
            error=error,
        )
    )
    applied = unknown or not error
    fault = OpenFault(intent=intent, started_at_s=started_at_s, applied=applied)
    if not applied:
        return _without_effect(fault, journal, vehicles, error, ours=ours)
    evidence: dict[str, str] = {}
    after_at_s = before_at_s = started_at_s
    for check in intent.plan.effect:
        result = wait_for(check, vehicles, journal.now_s, stop)
        if not result.holds:
            error = f"{check.asked or check.pick}: not seen, {result.error}"
            return _without_effect(fault, journal, vehicles, error, ours=ours)
        evidence[check.asked or check.pick] = str(result.value)
        before_at_s = max(before_at_s, result.before_at_s)
    journal.append(
        FaultActive(
            fault=intent.fault,
            after_at_s=after_at_s,
            before_at_s=max(before_at_s, after_at_s),
            evidence=evidence,
        )
    )
    return Injected(active=True, fault=structs.replace(fault, active=True))


class _Ran(Struct, frozen=True, kw_only=True):
    """What came of ops one after the other: the first error ends them."""

    error: str = ""
    unknown: bool = False
    ours: bool = False


def _run_all(ops: Iterable[Op], vehicles: Vehicle, stop: threading.Event) -> _Ran:
    for op in ops:
        outcome = vehicles.run(op, stop=stop)
        if not outcome.ok:
            return _Ran(
                error=failure(op, outcome),
                unknown=outcome.unknown,
                ours=outcome.code is None and not outcome.gone,
            )
    return _Ran()


def _without_effect(
    fault: OpenFault, journal: Writer, vehicles: Vehicle, error: str, *, ours: bool
) -> Injected:
    came = end(fault, journal, vehicles, why="its effect was not seen", by="engine")
    again = isinstance(came, FaultEnded) and fault.intent.lasting
    return Injected(active=False, fault=fault, error=error, ours=ours, again=again)
