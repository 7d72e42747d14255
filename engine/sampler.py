"""The sampling process: looks with every observer and guard of a run, apart from the engine that breaks things.

``python -m breakfix.engine.sampler``. Its standard input gives a `Task` as one line of JSON, then a
`Rebound` for each target that has another identity since, and an `Acknowledged` for each trip of a guard that
the engine stops for; it ends when that is closed. Its standard output has ``ready``, then lines of
``observer_sampled`` and ``guard_tripped`` events. It writes no journal.
"""

import asyncio
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
from msgspec import Struct

from breakfix.engine import catalogue
from breakfix.engine.action import Facts
from breakfix.engine.endpoints import Endpoint, Host
from breakfix.engine.events import GuardTripped
from breakfix.engine.model import SecretSource
from breakfix.engine.sampling.alarm import Alarm
from breakfix.engine.sampling.http_session import HttpSession
from breakfix.engine.sampling.outlet import Outlet
from breakfix.engine.sampling.port import Senses
from breakfix.engine.sampling.threads import Threads
from breakfix.engine.sampling.watch import Watch, Watched
from breakfix.engine.secrets import Secrets
from breakfix.engine.vehicles.dispatch import Vehicles

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.pool import SshHosts

FLUSH_EVERY_S = 0.5
THREADS = 64
LINE_BYTES_MAX = 64 << 20


class Task(Struct, frozen=True, kw_only=True):
    """What is to be looked at. `mono_zero_s` is the CLOCK_MONOTONIC reading of the run's start; `engine` and
    `guardian` are incarnations (``PID@START``)."""

    engine: str
    guardian: str
    run_dir: str
    mono_zero_s: float
    watched: tuple[Watched, ...]
    facts: dict[str, Facts]
    endpoints: dict[str, Endpoint]
    hosts: dict[str, Host]
    secrets: dict[str, SecretSource]


class Rebound(Struct, frozen=True, kw_only=True, tag="rebound"):
    """The facts of a target from now on."""

    key: str
    facts: Facts


class Acknowledged(Struct, frozen=True, kw_only=True, tag="acknowledged"):
    """The engine stops the run, as this guard wants."""

    guard: str


async def main() -> None:
    """Until standard input is closed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    orders = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    task = msgspec.json.decode(await orders.readline(), type=Task)

    def now_s() -> float:
        return time.monotonic() - task.mono_zero_s

    secrets = Secrets(task.secrets)
    session = HttpSession()
    run_dir = Path(task.run_dir)
    ssh = _connections(task.hosts, secrets, run_dir.name)
    vehicles = Vehicles(task.endpoints, run_dir, secrets, now_s, ssh=ssh)
    senses = Senses(
        vehicles=vehicles,
        session=session,
        secrets=secrets,
        threads=Threads(THREADS),
        clock=now_s,
    )
    actions = catalogue.load({each.uses for each in task.watched})
    if any(each.uses.startswith("http.") for each in task.watched):
        await session.open()
    facts = dict(task.facts)
    watch = Watch(task.watched, actions, facts, senses, now_s)
    outlet = Outlet(sys.stdout.fileno())
    alarm = Alarm(run_dir, task.engine, task.guardian, partial(_tell, watch, outlet))
    outlet.write(b"ready\n")
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(watch.run, partial(alarm.trip, group))
            group.start_soon(_flush, watch, outlet)
            while line := await orders.readline():
                order = msgspec.json.decode(line, type=Rebound | Acknowledged)
                if isinstance(order, Acknowledged):
                    alarm.answer(order.guard)
                else:
                    facts[order.key] = order.facts
            group.cancel_scope.cancel()
        await watch.look_again()
        _send(watch.take(), outlet)
    finally:
        outlet.close()
        await session.close()
        vehicles.close()
        if ssh is not None:
            ssh.close()


def _connections(hosts: dict[str, Host], secrets: Secrets, run_id: str) -> "SshHosts | None":
    if not hosts:
        return None
    from breakfix.engine.vehicles.ssh.pool import SshHosts

    return SshHosts(hosts, secrets.reveal, prefix=f"{run_id}.")


async def _flush(watch: Watch, outlet: Outlet) -> None:
    while True:
        await anyio.sleep(FLUSH_EVERY_S)
        _send(watch.take(), outlet)


def _tell(watch: Watch, outlet: Outlet, event: GuardTripped) -> None:
    """At once, after the samples that led to it."""
    _send([*watch.take(), event], outlet)


def _send(events: list[Any], outlet: Outlet) -> None:
    if events:
        outlet.write(b"".join(msgspec.json.encode(event) + b"\n" for event in events))


if __name__ == "__main__":
    anyio.run(main)
