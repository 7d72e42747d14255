"""What is broken right now on this machine, by which run, and who will end it. A fold over journals."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from breakfix.engine.errors import JournalError
from breakfix.engine.events import Line, WriterTaken
from breakfix.engine.journal import ended_clean, is_held, read
from breakfix.engine.machine import journals
from breakfix.engine.open_faults import open_faults, open_marks


class OpenFaultFacts(Struct, frozen=True, kw_only=True):
    """One open fault. `since_wall_s` is when it was commanded, `until_wall_s` when its time is over at
    the latest (both since the epoch); both are None where only its intent is known."""

    step: str
    action: str
    target: str
    since_wall_s: float | None
    until_wall_s: float | None


class OpenRun(Struct, frozen=True, kw_only=True):
    """A run that is alive, or that left something open. `role` and `pid` are those of its last writer,
    `ends` says who will end what is open, `processes` counts the process targets that it started."""

    run_id: str
    folder: str
    alive: bool
    role: str
    pid: int
    faults: tuple[OpenFaultFacts, ...]
    processes: int
    ends: str


def open_runs() -> list[OpenRun]:
    """Every run of this machine that is alive, or has ended without saying that nothing is open. Broken
    journals are passed over."""
    found = []
    for path in journals():
        with contextlib.suppress(JournalError, FileNotFoundError):
            alive = is_held(path)
            if alive or not ended_clean(path):
                found.append(open_run(path, read(path), alive=alive))
    return found


def open_run(path: Path, lines: Sequence[Line], *, alive: bool) -> OpenRun:
    """Pure: what is open at the end of these lines."""
    *_, (at_s, last) = (
        (line.at_s, line.event) for line in lines if isinstance(line.event, WriterTaken)
    )
    zero_s = last.wall_s - at_s
    faults = [
        OpenFaultFacts(
            step=fault.intent.unit,
            action=fault.intent.action,
            target=fault.intent.target,
            since_wall_s=None if fault.started_at_s is None else zero_s + fault.started_at_s,
            until_wall_s=None
            if fault.started_at_s is None
            else zero_s + fault.started_at_s + fault.intent.hold_s,
        )
        for fault in open_faults(lines)
    ]
    return OpenRun(
        run_id=path.parent.name,
        folder=str(path.parent),
        alive=alive,
        role=last.role,
        pid=last.pid,
        faults=tuple(faults),
        processes=len(open_marks(lines)),
        ends=f"its {last.role} (pid {last.pid})"
        if alive
        else f"nobody: run `breakfix recover --run {path.parent.name}`",
    )
