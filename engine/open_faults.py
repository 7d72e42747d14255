"""What is open at the end of a journal's lines: faults not seen gone, processes not seen ended. Pure."""

from collections.abc import Iterable

from msgspec import Struct, structs

from breakfix.engine.events import (
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultEnding,
    FaultIntended,
    Line,
    MarkGone,
    MarkIntended,
    RepairEnded,
    RepairIntended,
    TargetStarted,
)


class OpenFault(Struct, frozen=True, kw_only=True):
    """A fault that was intended and not yet seen gone. `open_at_s` is the last instant at which it was
    surely there, `repaired_at_s` when a repair on its target last succeeded since. `applied`: its ops ran, and
    none of them was refused. `ending`: its end had begun, and it is not known what came of that."""

    intent: FaultIntended
    started_at_s: float | None = None
    applied: bool = False
    active: bool = False
    ending: bool = False
    open_at_s: float | None = None
    repaired_at_s: float | None = None


class OpenMark(Struct, frozen=True, kw_only=True):
    """Processes that may still carry a mark."""

    mark: str
    target: str
    incarnation: str = ""


def open_faults(lines: Iterable[Line]) -> list[OpenFault]:
    """The faults that were intended and not seen gone, the oldest first. Residue is still open."""
    found: dict[str, OpenFault] = {}
    of_target: dict[str, list[str]] = {}
    targets: dict[tuple[str, int], str] = {}
    for line in lines:
        event = line.event
        if isinstance(event, FaultIntended):
            found[event.fault] = OpenFault(intent=event)
            of_target.setdefault(event.target, []).append(event.fault)
        elif isinstance(event, FaultApplied) and event.fault in found:
            found[event.fault] = structs.replace(
                found[event.fault],
                started_at_s=event.started_at_s,
                applied=event.unknown or not event.error,
            )
        elif isinstance(event, FaultActive) and event.fault in found:
            found[event.fault] = structs.replace(found[event.fault], active=True)
        elif isinstance(event, FaultEnding) and event.fault in found:
            found[event.fault] = structs.replace(found[event.fault], ending=True)
        elif isinstance(event, FaultEnded):
            found.pop(event.fault, None)
        elif isinstance(event, RepairIntended):
            targets[event.unit, event.attempt] = event.target
        elif isinstance(event, RepairEnded) and event.ok and not event.put_back:
            target = targets.get((event.unit, event.attempt), "")
            for name in of_target.get(target, ()):
                if name in found:
                    found[name] = structs.replace(found[name], repaired_at_s=event.ended_at_s)
    return list(found.values())


def open_marks(lines: Iterable[Line]) -> list[OpenMark]:
    """The marks that processes may still carry, in the order in which they were made."""
    found: dict[str, OpenMark] = {}
    for line in lines:
        event = line.event
        if isinstance(event, MarkIntended):
            found[event.mark] = OpenMark(mark=event.mark, target=event.target)
        elif isinstance(event, TargetStarted) and event.identity.object_id in found:
            mark = event.identity.object_id
            found[mark] = structs.replace(found[mark], incarnation=event.identity.incarnation)
        elif isinstance(event, MarkGone):
            found.pop(event.mark, None)
    return list(found.values())
