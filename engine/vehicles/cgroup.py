"""A control group of our own around the processes of a mark: ``python -m breakfix.engine.vehicles.cgroup``.

::

    set   cpu|memory MARK MAIN LIMIT    make the group, limit it, move the processes in
    read  cpu|memory MARK MAIN          {"exists", "limit", "inside", "outside"}
    clear cpu|memory MARK               move them out again, remove the group

MAIN is ``PID@START`` of the target's oldest process, LIMIT a number of CPUs or of bytes. `inside` and
`outside` count the live processes of the mark. All three may be repeated. Version 1 of control groups
(cgroups(7), the kernel's admin-guide/cgroup-v1) allows a group below any other; version 2 (cgroup-v2.rst)
only below one that has the controller enabled for its children and no processes of its own, the root
apart. So, in version 2, processes are put back into the group of whoever puts them back, which is that of
the engine that started them.

Memory that a process had before it was moved stays charged to its old group, in both versions.
"""

import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from breakfix.engine.vehicles.marked import find
from breakfix.engine.vehicles.procfs import read_stat

Controller = Literal["cpu", "memory"]

PERIOD_US: Final = 100_000
"""The kernel's own default."""

_QUOTA_US_MIN: Final = 1000
_UNLIMITED_BYTES: Final = 1 << 60
"""Version 1 says "unlimited" as the largest multiple of the page size in 63 bits."""
_ROUNDS_MAX: Final = 100
_REMOVED_WITHIN_S: Final = 2.0


class Refused(Exception):
    """This machine, or its state, does not allow it; the message says why."""


class Hierarchy(Struct, frozen=True):
    """Where a controller is: the mount, and which group of the hierarchy is its top."""

    version: int
    mount: Path
    root: str


class State(Struct, frozen=True):
    """What is there. `limit` is None where there is no group, or no limit on it."""

    exists: bool
    limit: float | None
    inside: int
    outside: int


class Groups:
    """The groups of one controller, as `mountinfo` (proc(5)) shows it."""

    def __init__(self, controller: Controller, mountinfo: str | None = None) -> None:
        if mountinfo is None:
            mountinfo = Path("/proc/self/mountinfo").read_text()
        found = hierarchy(mountinfo, controller)
        if found is None:
            raise Refused(f"the kernel has no {controller} control groups here")
        self.controller = controller
        self.hierarchy = found

    def parent(self, cgroup: str) -> Path:
        """Where a group for a process may be made; `cgroup` is its /proc/PID/cgroup.

        Raises Refused.
        """
        start = self._folder(cgroup)
        if start.name.startswith("breakfix-"):
            start = start.parent
        if self.hierarchy.version == 1:
            return start
        mount = self.hierarchy.mount
        for folder in (start, *start.parents):
            enabled = self.controller in _text(folder / "cgroup.subtree_control").split()
            if enabled and (folder == mount or not _text(folder / "cgroup.procs").strip()):
                return folder
            if folder == mount:
                break
        raise Refused(
            f"no control group above this one gives its children the {self.controller} controller; "
            f"as root: echo +{self.controller} > {mount}/cgroup.subtree_control"
        )

    def set(self, mark: str, main: str, limit: float) -> None:
        """Make the group, limit it, and move every process of the mark into it. Raises Refused."""
        found = find(mark, {main})
        if not found:
            raise Refused("nothing of it is running")
        parent = self.parent(_text(Path(f"/proc/{found[0].pid}/cgroup")))
        group = parent / self._name(mark)
        try:
            group.mkdir(exist_ok=True)
            for name, text in self._settings(limit, group):
                (group / name).write_text(text)
            self._move_in(group, mark, main)
        except OSError as error:
            self.clear(mark)
            raise Refused(f"{error.filename or group}: {error.strerror}") from None

    def read(self, mark: str, main: str) -> State:
        """What is there now."""
        pids = {stat.pid for stat in find(mark, {main})}
        group = next(self._made(mark), None)
        members = _members(group) if group is not None else set()
        return State(
            exists=group is not None,
            limit=None if group is None else self._limit(group),
            inside=len(pids & members),
            outside=len(pids - members),
        )

    def clear(self, mark: str) -> None:
        """Put the processes back and remove the group; nothing where there is none. Raises Refused."""
        for group in list(self._made(mark)):
            back = group.parent
            if self.hierarchy.version != 1:
                back = self._folder(_text(Path("/proc/self/cgroup")))
            for _ in range(_ROUNDS_MAX):
                if not (members := _members(group)):
                    break
                for pid in members:
                    _put(back, pid)
            _remove(group)

    def _name(self, mark: str) -> str:
        return f"breakfix-{mark}-{self.controller}"

    def _made(self, mark: str) -> Iterator[Path]:
        """The group of a mark, wherever it is: the processes may be gone, the group is not."""
        wanted = self._name(mark)
        for folder, names, _ in os.walk(self.hierarchy.mount):
            if wanted in names:
                yield Path(folder, wanted)

    def _folder(self, cgroup: str) -> Path:
        """The folder of a group, from /proc/PID/cgroup."""
        for line in cgroup.splitlines():
            _, controllers, path = line.split(":", 2)
            is_it = self.controller in controllers.split(",")
            if is_it if self.hierarchy.version == 1 else not controllers:
                inside = path.removeprefix(self.hierarchy.root.rstrip("/"))
                return self.hierarchy.mount / inside.lstrip("/")
        raise Refused(f"the process is in no control group for {self.controller}")

    def _settings(self, limit: float, group: Path) -> Iterator[tuple[str, str]]:
        first = self.hierarchy.version == 1
        quota_us = max(_QUOTA_US_MIN, int(limit * PERIOD_US))
        if self.controller == "cpu" and first:
            yield "cpu.cfs_period_us", str(PERIOD_US)
            yield "cpu.cfs_quota_us", str(quota_us)
        elif self.controller == "cpu":
            yield "cpu.max", f"{quota_us} {PERIOD_US}"
        else:
            yield "memory.limit_in_bytes" if first else "memory.max", str(int(limit))
            # Without this it would be swapped out instead, where there is swap.
            swap = "memory.memsw.limit_in_bytes" if first else "memory.swap.max"
            if (group / swap).exists():
                yield swap, str(int(limit)) if first else "0"

    def _limit(self, group: Path) -> float | None:
        first = self.hierarchy.version == 1
        if self.controller == "memory":
            text = _text(group / ("memory.limit_in_bytes" if first else "memory.max")).strip()
            return float(text) if text.isdigit() and int(text) < _UNLIMITED_BYTES else None
        if first:
            quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
        else:
            quota, _, period = _text(group / "cpu.max").partition(" ")
        return int(quota) / int(period) if quota.strip().isdigit() else None

    def _move_in(self, group: Path, mark: str, main: str) -> None:
        for _ in range(_ROUNDS_MAX):
            members = _members(group)
            outside = [stat for stat in find(mark, {main}) if stat.pid not in members]
            if not outside:
                return
            for stat in outside:
                _put(group, stat.pid)
                if (now := read_stat(stat.pid)) is not None and now.incarnation != stat.incarnation:
                    _put(group.parent, stat.pid)


def hierarchy(mountinfo: str, controller: Controller) -> Hierarchy | None:
    """Where the controller is, from the text of /proc/self/mountinfo; version 1 before version 2,
    since a controller that version 1 holds is not in version 2."""
    second = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(" ", 2)
        mount = Path(fields[4].encode().decode("unicode_escape"))
        if kind == "cgroup" and controller in options.split(","):
            return Hierarchy(1, mount, fields[3])
        if kind == "cgroup2" and controller in _text(mount / "cgroup.controllers").split():
            second = Hierarchy(2, mount, fields[3])
    return second


def available() -> bool:
    """Whether this machine lets us make control groups of our own for cpu and memory."""
    try:
        own = _text(Path("/proc/self/cgroup"))
        parents = [Groups(name).parent(own) for name in ("cpu", "memory")]
    except (Refused, OSError):
        return False
    return all(os.access(parent, os.W_OK) for parent in parents)


def _members(group: Path) -> set[int]:
    return {int(pid) for pid in _text(group / "cgroup.procs").split()}


def _put(group: Path, pid: int) -> None:
    """Move a process. Raises OSError; one that is gone needs no move."""
    try:
        (group / "cgroup.procs").write_text(str(pid))
    except ProcessLookupError:
        return


def _remove(group: Path) -> None:
    end_s = time.monotonic() + _REMOVED_WITHIN_S
    while True:
        try:
            group.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() >= end_s:
                raise Refused(f"{group} cannot be removed: {error.strerror}") from None
            time.sleep(0.01)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def main(argv: list[str]) -> int:
    """Run one command, print its answer; the exit code: 1 with the reason on stderr where refused."""
    verb, controller, mark, *rest = argv
    answer: Any = {}
    try:
        groups = Groups("cpu" if controller == "cpu" else "memory")
        if verb == "set":
            groups.set(mark, rest[0], float(rest[1]))
        elif verb == "clear":
            groups.clear(mark)
        if verb != "clear":
            answer = groups.read(mark, rest[0])
    except (Refused, OSError) as error:
        sys.stderr.write(f"{controller} limit: {error}\n")
        return 1
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
