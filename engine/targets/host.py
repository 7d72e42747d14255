"""Hosts as targets: who one is and what is known of it, read by one command.

The command is a POSIX shell script of which nearly everything is done by the shell itself: a fork costs a
loaded host more than all that it reads.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from breakfix.engine.action import HostFacts
from breakfix.engine.endpoints import Host
from breakfix.engine.errors import BreakfixError, EngineError
from breakfix.engine.host_ops import TOOLS
from breakfix.engine.ops import ExecOp, Identity, Outcome
from breakfix.engine.targets.address import joined
from breakfix.engine.targets.host_script import (
    CONTROL_UNITS,
    PRELUDE,
    TIME_UNITS,
    states,
    time_sync,
)

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.pool import SshHosts

T = TypeVar("T")
AT_ONCE: Final = 50
"""So many hosts are asked at a time."""
ASK_S: Final = 30.0
BACK_LOOK_EVERY_S: Final = 0.5
_TOLD_MAX: Final = 50
"""Of so many hosts that cannot be used the reasons are told; of the others, the names."""

_UNIT_SUFFIXES: Final = (".service", ".socket", ".scope", ".slice")

_ASK: Final = (
    PRELUDE
    + r"""
boot= kernel= up= cpus= root= wanted=$1
shift
read -r boot </proc/sys/kernel/random/boot_id
read -r kernel </proc/sys/kernel/osrelease
read -r cpus </sys/devices/system/cpu/online
wall=$(date +%s.%N)
read -r up rest </proc/uptime
uid=$(id -u)
user=$(id -un) || user=${USER:-$uid}
if [ "$uid" = 0 ]; then root=login
elif sudo -n true </dev/null >/dev/null; then root=sudo
fi
printf '{'
field boot "$boot"; field kernel "$kernel"; field cpus "$cpus"; field wall "$wall"; field up "$up"
field uid "$uid"; field user "$user"; field root "$root"; field connection "$SSH_CONNECTION"
list tools
for tool in "$@"; do command -v "$tool" >/dev/null && item "$tool"; done
end
list memory
while IFS= read -r line; do
  case $line in MemTotal:* | MemAvailable:*) item "$line" ;; esac
done </proc/meminfo
end
list units
if [ -d /run/systemd/system ]; then
  item systemd
  shown=$(systemctl show -p Id -p ActiveState -p LoadState $wanted)
  while IFS= read -r line; do item "$line"; done <<LINES
$shown
LINES
fi
end
list cgroups
pid=$$
while [ "${pid:-0}" -gt 0 ]; do
  while IFS= read -r line; do
    case $line in 0::* | *:name=systemd:*) item "$line" ;; esac
  done </proc/$pid/cgroup
  above=
  while read -r key value rest; do
    if [ "$key" = PPid: ]; then above=$value; break; fi
  done </proc/$pid/status
  pid=$above
  if [ "$pid" = 1 ]; then break; fi
done
end
printf '}'
"""
)


class _Said(Struct, frozen=True, kw_only=True):
    """What the script prints. `up` and `wall` in seconds; `units` begins with ``systemd`` where that is
    PID 1, as sd_booted(3) tells; `cgroups` are lines of cgroup(7) files of the shell and its ancestors."""

    boot: str
    kernel: str
    cpus: str
    wall: str
    up: str
    uid: str
    user: str
    root: Literal["login", "sudo", ""]
    connection: str
    tools: tuple[str, ...]
    memory: tuple[str, ...]
    units: tuple[str, ...]
    cgroups: tuple[str, ...]


def identity(host: Host, boot_id: str = "") -> Identity:
    """Who a host is whose key is pinned; before that, `object_id` is empty."""
    where = joined(host.address, host.port)
    return Identity(
        kind="ssh",
        name=host.name,
        endpoint=host.name,
        object_id=f"{host.host_key}@{where}" if host.host_key else "",
        incarnation=boot_id,
    )


def identities(ssh: "SshHosts", names: Sequence[str]) -> list[Identity]:
    """Who these hosts are, by the keys that they show; their boot ids are not asked. Raises EngineError
    that names every host that cannot be reached."""
    return _each(names, lambda name: identity(ssh.identify(name)))


def facts(ssh: "SshHosts", name: str, allow: tuple[str, ...] = ()) -> HostFacts:
    """The facts of a host now; blocking. Raises EngineError, and what else `identify` raises."""
    pinned = identity(ssh.identify(name))
    return _facts(pinned, ssh.run(name, facts_op(pinned), None), allow)


def facts_of_all(ssh: "SshHosts", names: Sequence[str]) -> list[HostFacts]:
    """The facts of many hosts, in their order, `AT_ONCE` at a time. Raises EngineError that names every host
    that cannot be used."""
    return _each(names, lambda name: facts(ssh, name))


def facts_when_back(ssh: "SshHosts", name: str, stop: threading.Event) -> HostFacts:
    """The facts of a host that is being started again: blocks until it answers. Raises EngineError where it
    does not before `stop` is set."""
    while True:
        try:
            return facts(ssh, name)
        except EngineError as error:
            if stop.wait(BACK_LOOK_EVERY_S):
                raise EngineError(f"Host {name} did not come back: {error}") from None


def facts_op(target: Identity) -> ExecOp:
    """What reads the facts of a host."""
    wanted = " ".join((*CONTROL_UNITS, *TIME_UNITS))
    return ExecOp(
        via="ssh",
        argv=("sh", "-c", _ASK, "breakfix", wanted, *TOOLS),
        changes="no",
        target=target,
        timeout_s=ASK_S,
    )


def _each(names: Sequence[str], ask: Callable[[str], T]) -> list[T]:
    """What each host answers, in their order; several are asked at a time, and none waits for a slow one."""

    def attempt(name: str) -> T | BreakfixError:
        try:
            return ask(name)
        except BreakfixError as error:
            return error

    if not names:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(names)), thread_name_prefix="hosts") as pool:
        answers = list(pool.map(attempt, names))
    failed = {
        name: answer
        for name, answer in zip(names, answers, strict=True)
        if isinstance(answer, BreakfixError)
    }
    if len(failed) == 1:
        raise next(iter(failed.values()))
    if failed:
        raise _all_failed(failed, len(names))
    return [answer for answer in answers if not isinstance(answer, BreakfixError)]


def _all_failed(failed: Mapping[str, BreakfixError], of_count: int) -> EngineError:
    told = [f"  {name}: {error}" for name, error in list(failed.items())[:_TOLD_MAX]]
    if others := list(failed)[_TOLD_MAX:]:
        told.append(f"  and {', '.join(others)}")
    return EngineError(f"{len(failed)} of {of_count} hosts cannot be used:\n" + "\n".join(told))


def _facts(pinned: Identity, outcome: Outcome, allow: tuple[str, ...]) -> HostFacts:
    """Raises EngineError where the answer is none."""
    if not outcome.ok:
        why = outcome.error or outcome.stderr.strip() or f"the command ended with {outcome.code}"
        raise EngineError(f"What host {pinned.name} is like cannot be read: {why}.")
    try:
        said = msgspec.convert(outcome.data, _Said)
    except msgspec.ValidationError as error:
        raise EngineError(
            f"What host {pinned.name} is like cannot be read: {error}.",
            hint=f"Its login shell printed {outcome.text[:200]!r}.",
        ) from None
    if not said.boot:
        raise EngineError(f"Host {pinned.name} does not tell its boot id: it is no Linux host.")
    try:
        return _read(pinned, said, allow)
    except ValueError as error:
        raise EngineError(f"What host {pinned.name} is like cannot be read: {error}.") from None


def _read(pinned: Identity, said: _Said, allow: tuple[str, ...]) -> HostFacts:
    """Raises ValueError where something is no number that has to be one."""
    _, loaded = states(said.units)
    return HostFacts(
        identity=msgspec.structs.replace(pinned, incarnation=said.boot),
        user=said.user,
        uid=int(said.uid),
        root=said.root,
        systemd=said.units[:1] == ("systemd",),
        tools=said.tools,
        kernel=said.kernel,
        cpus=count_of(said.cpus),
        memory_bytes=_kib(said.memory, "MemTotal:") * 1024,
        memory_available_bytes=_kib(said.memory, "MemAvailable:") * 1024,
        clock_base_s=clock_base_s(said.wall, said.up),
        time_sync=time_sync(said.units),
        control_units=tuple(
            sorted({*(unit for unit in CONTROL_UNITS if unit in loaded), *_around(said.cgroups)})
        ),
        control_port=int((said.connection.split() or ["22"])[-1]),
        allow=allow,
    )


def _around(cgroups: Iterable[str]) -> Iterator[str]:
    """The units that these processes are in: whoever stops one of them ends our session."""
    for line in cgroups:
        for part in line.split(":", 2)[-1].split("/"):
            if part.endswith(_UNIT_SUFFIXES):
                yield part


def _kib(lines: Iterable[str], name: str) -> int:
    """A number of /proc/meminfo; 0 where it is not there."""
    found = [line.split()[1] for line in lines if line.startswith(name)]
    return int(found[0]) if found else 0


def count_of(online: str) -> int:
    """How many CPUs a list of the kernel names.

    >>> count_of("0-3,6")
    5
    """
    parts = [part.split("-") for part in online.split(",") if part]
    return max(1, sum(int(part[-1]) - int(part[0]) + 1 for part in parts))


def clock_base_s(wall: str, up: str) -> float:
    """When the host was started by its own clock: what changes when that is set. Where its ``date`` knows no
    parts of a second, it prints them as ``%N`` or not at all.

    >>> clock_base_s("100.25", "40.05"), clock_base_s("100.%N", "40")
    (60.2, 60.0)
    """
    whole, _, parts = wall.partition(".")
    return float(f"{whole}.{parts}" if parts.isdigit() else whole) - float(up)
