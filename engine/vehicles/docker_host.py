"""Processes of containers, where their engine runs on this machine and we may signal them.

The main process of a container is in State.Pid of inspect, a pid of the engine's own pid namespace.
That pid means the same to us only if the namespace is ours too, and the engine no proxy of another
machine: so a process is touched only when its control group (cgroups(7)) names the container.
"""

import os
import signal
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Final

from breakfix.engine.endpoints import Endpoint
from breakfix.engine.ops import Outcome, SignalOp
from breakfix.engine.vehicles.docker_api import moved_on
from breakfix.engine.vehicles.marked import signal_number
from breakfix.engine.vehicles.procfs import read_bytes

_PEER_FORMAT: Final = "3i"
"""struct ucred of unix(7): pid, uid, gid."""


def shares_processes(endpoint: Endpoint) -> bool:
    """Whether the engine's pids are ours, and we may signal them: a Unix socket whose listener is
    seen in our pid namespace, and we are root. Behind a socket of ours for an engine on another host
    there is only us."""
    if endpoint.host is not None:
        return False
    scheme, path = endpoint.url.split("://", 1)
    if scheme != "unix" or os.geteuid() != 0:
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
            asked.settimeout(1.0)
            asked.connect(path)
            size = struct.calcsize(_PEER_FORMAT)
            peer = asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        pid, _, _ = struct.unpack(_PEER_FORMAT, peer)
        # A listener outside of our namespace has the pid 0 here.
        return pid > 0 and Path(f"/proc/{pid}/ns/pid").samefile("/proc/self/ns/pid")
    except OSError:
        return False


def belongs(pid: int, object_id: str) -> bool:
    """Whether a process of this machine is one of that container."""
    return bool(object_id) and object_id.encode() in read_bytes(f"/proc/{pid}/cgroup")


def memory_usage_bytes(pid: int, object_id: str) -> int | None:
    """What the control group of a container uses, without the page cache that can be dropped; None
    where it cannot be read here. Both versions of control groups."""
    if not belongs(pid, object_id):
        return None
    for line in read_bytes(f"/proc/{pid}/cgroup").decode().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            return _usage(Path(f"/sys/fs/cgroup{group}"), "memory.current", "inactive_file")
        if "memory" in controllers.split(","):
            folder = Path(f"/sys/fs/cgroup/memory{group}")
            return _usage(folder, "memory.usage_in_bytes", "total_inactive_file")
    return None


def _usage(folder: Path, usage: str, inactive: str) -> int | None:
    used = read_bytes(str(folder / usage)).strip()
    if not used.isdigit():
        return None
    pairs = (line.split() for line in read_bytes(str(folder / "memory.stat")).decode().splitlines())
    details = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
    return max(0, int(used) - details.get(inactive, 0))


def signal_main(endpoint: Endpoint, op: SignalOp, stop: threading.Event | None) -> Outcome:
    """The signal of an op to the main process of its target, in the very life that the op is bound
    to. ``data`` is ``{"pids": [pid]}``."""
    target = op.target
    assert target is not None
    number = signal_number(op.signal)
    pid = int(target.incarnation.partition("@")[0] or 0)
    if not pid:
        return Outcome(ok=False, gone=True, error=f"{target.name} did not run; nothing was sent")
    if not shares_processes(endpoint):
        return Outcome(ok=False, error=f"the processes of {endpoint.url} are not within our reach")
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return Outcome(ok=False, gone=True, error=f"{target.name} does not run any more")
    try:
        # The handle is held: what is compared now is what gets the signal.
        moved = moved_on(endpoint, op, time.monotonic() + op.timeout_s, stop)
        if moved is not None:
            return moved
        if not belongs(pid, target.object_id):
            why = f"process {pid} of this machine is not of container {target.name}"
            return Outcome(ok=False, error=why)
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return Outcome(ok=False, gone=True, error=f"{target.name} does not run any more")
    finally:
        os.close(handle)
    return Outcome(ok=True, data={"pids": [pid]})


def kill_group(pid: int, object_id: str) -> bool:
    """SIGKILL to the process group that a process of a container leads, if it still does."""
    try:
        if not belongs(pid, object_id) or os.getpgid(pid) != pid:
            return False
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True
