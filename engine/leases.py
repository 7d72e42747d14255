"""Mutual exclusion: one run at a time on a target, by a lock that the kernel frees with its owner.

A lease is flock(2) on a file named by the identity of the target, in one folder for the whole machine. Process targets need none: nobody else knows them.
"""

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from breakfix.engine.errors import JournalError, UsageError
from breakfix.engine.events import FaultIntended
from breakfix.engine.journal import ended_clean, is_held, read
from breakfix.engine.machine import journals, shared
from breakfix.engine.open_faults import open_faults
from breakfix.engine.ops import Identity, Op

LOOK_EVERY_S: Final = 0.1
LEASED: Final = ("docker", "ssh")
"""The kinds of target that others know too."""


class Busy(Struct, frozen=True, kw_only=True):
    """Why a target cannot be had. `dead`: nobody will free it but `recover`."""

    key: str
    owner: str
    why: str
    dead: bool = False


class Leases:
    """The leases of one run. They end with `close`, or with the process."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._held: list[int] = []

    def take(self, targets: Mapping[str, Identity], *, wait: bool, stop: threading.Event) -> None:
        """Take the lease of every container and host, all or none; blocking. With `wait`, until they are free or
        `stop` is set. Raises UsageError where another run has one, or has left a fault there."""
        wanted = sorted(
            (lease_name(identity), key)
            for key, identity in targets.items()
            if identity.kind in LEASED
        )
        if not wanted:
            return
        object_ids = {identity.object_id: key for key, identity in targets.items()}
        while (busy := self._try(wanted) or left_open(object_ids)) is not None:
            self.close()
            if busy.dead or not wait or stop.is_set():
                hint = "Say --wait to begin after it."
                if busy.dead:
                    hint = f"Run `breakfix recover --run {busy.owner}` first."
                raise UsageError(f"{busy.key} {busy.why} run {busy.owner}.", hint=hint)
            stop.wait(LOOK_EVERY_S)

    def close(self) -> None:
        """Give all of them back."""
        for fd in self._held:
            os.close(fd)
        self._held.clear()

    def _try(self, wanted: Iterable[tuple[str, str]]) -> "Busy | None":
        """None where all were taken; else the first that is not free."""
        folder = shared("leases")
        for name, key in wanted:
            path = folder / name
            fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.read(fd, 200).decode(errors="replace").strip()
                os.close(fd)
                return Busy(key=key, owner=owner or "unknown", why="is in use by")
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{self._run_id} (pid {os.getpid()})\n".encode(), 0)
            self._held.append(fd)
        return None


def lease_name(identity: Identity) -> str:
    """The name of the lease of a container, whose id is unique in the world, or of a host: its key and where
    it is reached."""
    return hashlib.sha256(identity.object_id.encode()).hexdigest()[:32]


def left_open(object_ids: Mapping[str, str]) -> Busy | None:
    """The first of these containers and hosts on which a run whose engine is dead has left a fault.

    Its guardian may be about to end it: the journal is held then.
    """
    for path in journals():
        if ended_clean(path):
            continue
        with contextlib.suppress(JournalError):
            held = is_held(path)
            for fault in open_faults(read(path)):
                for object_id in _touched(fault.intent) & object_ids.keys():
                    why = (
                        "is being freed by the guardian of"
                        if held
                        else (f"has {fault.intent.action} left open by the dead")
                    )
                    return Busy(
                        key=object_ids[object_id], owner=path.parent.name, why=why, dead=not held
                    )
    return None


def _touched(intent: FaultIntended) -> set[str]:
    ops: list[Op] = [*intent.plan.apply, *intent.plan.undo]
    return {op.target.object_id for op in ops if op.target is not None and op.target.object_id}
