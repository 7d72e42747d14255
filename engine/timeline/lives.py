"""The lives of faults and repairs, event by event."""

from collections.abc import Callable
from typing import Any

import msgspec

from breakfix.engine.events import (
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultEnding,
    FaultIntended,
    FaultResidue,
    RepairEnded,
    RepairIntended,
    UndoTried,
)
from breakfix.engine.timeline.facts import FaultFacts, RepairFacts, UndoFacts
from breakfix.engine.timeline.intervals import exact

Adder = Callable[[float, Any], None]
replace = msgspec.structs.replace


class Lives:
    """Every fault and every attempt of a repair. `begun`: something was broken or repaired."""

    def __init__(self) -> None:
        self.faults: dict[str, FaultFacts] = {}
        self.repairs: dict[tuple[str, int, bool], RepairFacts] = {}
        self.begun = False
        self.adders: dict[type[Any], Adder] = {
            FaultIntended: self._fault_intended,
            FaultApplied: self._fault_applied,
            FaultActive: self._fault_active,
            FaultEnding: self._fault_ending,
            UndoTried: self._undo_tried,
            FaultEnded: self._fault_ended,
            FaultResidue: self._fault_residue,
            RepairIntended: self._repair_intended,
            RepairEnded: self._repair_ended,
        }

    # --- faults ---

    def _fault(self, fault: str, at_s: float) -> FaultFacts:
        """What is known of a fault; one that was never intended is told as far as it goes."""
        if fault not in self.faults:
            unit = fault.rpartition("#")[0] or fault
            self.faults[fault] = FaultFacts(
                fault=fault,
                unit=unit,
                step=unit.partition("@")[0],
                action="",
                target=unit.partition("@")[2],
                lasting=False,
                hold_s=0.0,
                due_at_s=at_s,
                intended_at_s=exact(at_s),
            )
        return self.faults[fault]

    def _fault_intended(self, at_s: float, event: FaultIntended) -> None:
        self.begun = True
        self.faults[event.fault] = FaultFacts(
            fault=event.fault,
            unit=event.unit,
            step=event.unit.partition("@")[0],
            action=event.action,
            target=event.target,
            lasting=event.lasting,
            hold_s=event.hold_s,
            due_at_s=event.due_at_s,
            mechanism=event.plan.mechanism,
            rebinds=event.plan.rebinds,
            intended_at_s=exact(at_s),
        )

    def _fault_applied(self, at_s: float, event: FaultApplied) -> None:
        ended_at_s = max(event.started_at_s, event.ended_at_s)
        self.faults[event.fault] = replace(
            self._fault(event.fault, at_s),
            applied_at_s=exact(event.started_at_s),
            apply_s=exact(ended_at_s - event.started_at_s),
            unknown=event.unknown,
            error=event.error,
        )

    def _fault_active(self, at_s: float, event: FaultActive) -> None:
        known = self._fault(event.fault, at_s)
        self.faults[event.fault] = replace(
            known,
            state=known.state if known.state in ("ended", "residue") else "active",
            active_at_s=(event.after_at_s, max(event.after_at_s, event.before_at_s)),
            evidence=event.evidence,
        )

    def _fault_ending(self, at_s: float, event: FaultEnding) -> None:
        known = self._fault(event.fault, at_s)
        self.faults[event.fault] = replace(
            known,
            state="ended" if known.state == "ended" else "ending",
            ending_at_s=known.ending_at_s or exact(at_s),
            ending_why=known.ending_why or event.why,
        )

    def _undo_tried(self, at_s: float, event: UndoTried) -> None:
        known = self._fault(event.fault, at_s)
        tried = UndoFacts(
            attempt=event.attempt,
            started_at_s=exact(event.started_at_s),
            ended_at_s=exact(event.ended_at_s),
            ok=event.ok,
            error=event.error,
            by=event.by,
        )
        self.faults[event.fault] = replace(known, undo=(*known.undo, tried))

    def _fault_ended(self, at_s: float, event: FaultEnded) -> None:
        self.faults[event.fault] = replace(
            self._fault(event.fault, at_s),
            state="ended",
            ended_at_s=(event.after_at_s, max(event.after_at_s, event.before_at_s)),
            ended_by=event.ended_by,
            detail=event.detail,
            left_to=None if event.by == "engine" else event.by,
        )

    def _fault_residue(self, at_s: float, event: FaultResidue) -> None:
        self.faults[event.fault] = replace(
            self._fault(event.fault, at_s),
            state="residue",
            residue_why=event.why,
            manual=event.manual,
        )

    # --- repairs ---

    def _repair_intended(self, at_s: float, event: RepairIntended) -> None:
        self.begun = True
        self.repairs[event.unit, event.attempt, False] = RepairFacts(
            unit=event.unit,
            step=event.unit.partition("@")[0],
            attempt=event.attempt,
            action=event.action,
            target=event.target,
            started_at_s=exact(at_s),
        )

    def _repair_ended(self, at_s: float, event: RepairEnded) -> None:
        intended = self.repairs.get((event.unit, event.attempt, False))
        self.repairs[event.unit, event.attempt, event.put_back] = RepairFacts(
            unit=event.unit,
            step=event.unit.partition("@")[0],
            attempt=event.attempt,
            action=intended.action if intended is not None else "",
            target=intended.target if intended is not None else event.unit.partition("@")[2],
            started_at_s=exact(event.started_at_s),
            ended_at_s=exact(max(event.started_at_s, event.ended_at_s)),
            ok=event.ok,
            error=event.error,
            put_back=event.put_back,
        )
