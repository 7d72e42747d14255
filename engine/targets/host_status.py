"""How busy a host is: processors, memory, disks and load, read by one command without a program of its own."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from breakfix.engine.ops import ExecOp
from breakfix.engine.targets.host import count_of
from breakfix.engine.targets.host_script import PRELUDE

ASK_S: Final = 20.0

_ASK: Final = (
    PRELUDE
    + r"""
cpu= load= up= online=
read -r cpu </proc/stat
read -r load </proc/loadavg
read -r up rest </proc/uptime
read -r online </sys/devices/system/cpu/online
printf '{'
field cpu "$cpu"; field load "$load"; field up "$up"; field online "$online"
list memory
while IFS= read -r line; do
  case $line in MemTotal:* | MemAvailable:*) item "$line" ;; esac
done </proc/meminfo
end
list disks
shown=$(df -P -k)
while IFS= read -r line; do item "$line"; done <<LINES
$shown
LINES
end
printf '}'
"""
)

STATUS_OP: Final = ExecOp(
    via="ssh", argv=("sh", "-c", _ASK, "breakfix"), changes="no", timeout_s=ASK_S
)
"""Reads it; `reading_of` takes what it prints."""


class _Said(Struct, frozen=True, kw_only=True):
    """What the script prints: the first line of /proc/stat, lines of proc(5) files, and of ``df -P -k``."""

    cpu: str
    load: str
    up: str
    online: str
    memory: tuple[str, ...]
    disks: tuple[str, ...]


class Disk(Struct, frozen=True, kw_only=True):
    """A file system, where it is mounted. `used` is a share from 0 to 1, of what ordinary users can have."""

    mount: str
    used: float
    total_bytes: int


class Reading(Struct, frozen=True, kw_only=True):
    """One look. `busy_ticks` and `all_ticks` count since boot; what is between two looks tells how busy the
    processors were."""

    busy_ticks: int
    all_ticks: int
    cpus: int
    load: tuple[float, float, float]
    """Over one, five and fifteen minutes."""
    memory_bytes: int
    memory_available_bytes: int
    disks: tuple[Disk, ...]
    up_s: float


class HostStatus(Struct, frozen=True, kw_only=True):
    """How busy a host is; shares are from 0 to 1. `cpu_busy` is None after one look only, `disk` None where no
    disk was seen."""

    host: str
    cpu_busy: float | None
    cpus: int
    load: tuple[float, float, float]
    memory_used: float
    memory_bytes: int
    disk: Disk | None
    """The one that is fullest."""
    up_s: float

    @property
    def worst(self) -> float:
        """The largest of all shares; of the load, what each processor has to do."""
        disk = self.disk.used if self.disk is not None else 0.0
        return max(self.cpu_busy or 0.0, self.memory_used, disk, self.load[0] / self.cpus)


def reading_of(text: str) -> Reading:
    """What the script has printed. Raises ValueError where that cannot be: no Linux host, or a login shell that
    prints something of its own."""
    try:
        said = msgspec.json.decode(text, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"what it prints is no answer: {error}") from None
    ticks = [int(number) for number in said.cpu.split()[1:]]
    load = [float(number) for number in said.load.split()[:3]]
    if len(ticks) < 4 or len(load) != 3:
        raise ValueError("it has no /proc as Linux has")
    memory = {
        name: int(rest.split()[0]) * 1024
        for name, _, rest in (line.partition(":") for line in said.memory)
    }
    total = memory.get("MemTotal", 0)
    # proc_stat(5): user nice system idle iowait irq softirq steal; what guests have is in user and nice.
    every = sum(ticks[:8])
    idle = ticks[3] + (ticks[4] if len(ticks) > 4 else 0)
    return Reading(
        busy_ticks=every - idle,
        all_ticks=every,
        cpus=count_of(said.online),
        load=(load[0], load[1], load[2]),
        memory_bytes=total,
        memory_available_bytes=memory.get("MemAvailable", 0),
        disks=tuple(_disks(said.disks)),
        up_s=float(said.up or 0),
    )


def status_of(host: str, before: Reading | None, now: Reading) -> HostStatus:
    """What two looks say together; of one alone everything but how busy the processors are."""
    busy = None
    # Fewer ticks than before: the host was started anew in between.
    if before is not None and now.all_ticks > before.all_ticks:
        ticks = now.all_ticks - before.all_ticks
        busy = min(1.0, max(0.0, (now.busy_ticks - before.busy_ticks) / ticks))
    used = 1 - now.memory_available_bytes / now.memory_bytes if now.memory_bytes else 0.0
    return HostStatus(
        host=host,
        cpu_busy=busy,
        cpus=now.cpus,
        load=now.load,
        memory_used=used,
        memory_bytes=now.memory_bytes,
        disk=max(now.disks, key=lambda disk: disk.used, default=None),
        up_s=now.up_s,
    )


def _disks(lines: Sequence[str]) -> Iterator[Disk]:
    """File systems on a disk, and whatever is at the root; not those of packages, which are always full."""
    for line in lines[1:]:
        parts = line.split(None, 5)
        if len(parts) != 6 or not all(part.isdigit() for part in parts[1:4]):
            continue
        device, mount = parts[0], parts[5]
        real = device.startswith("/") and not device.startswith("/dev/loop")
        used, free = int(parts[2]), int(parts[3])
        if (real or mount == "/") and used + free:
            yield Disk(mount=mount, used=used / (used + free), total_bytes=int(parts[1]) * 1024)
