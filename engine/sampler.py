"""The sampling process: looks with every observer of a run, apart from the engine that breaks things.

``python -m breakfix.engine.sampler``. Its standard input gives a `Task` as one line of JSON, then a
`Rebound` for each target that has another identity since; it ends when that is closed. Its standard
output has ``ready``, then lines of ``observer_sampled`` events. It writes no journal.
"""

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import msgspec
from msgspec import Struct

from breakfix.engine import catalogue
from breakfix.engine.action import Facts
from breakfix.engine.events import Endpoint
from breakfix.engine.model import SecretSource
from breakfix.engine.sampling.http_session import HttpSession
from breakfix.engine.sampling.port import Senses
from breakfix.engine.sampling.threads import Threads
from breakfix.engine.sampling.watch import Watch, Watched
from breakfix.engine.secrets import Secrets
from breakfix.engine.vehicles.dispatch import Vehicles

FLUSH_EVERY_S = 0.5
THREADS = 64
LINE_BYTES_MAX = 64 << 20


class Task(Struct, frozen=True, kw_only=True):
    """What is to be observed. `mono_zero_s` is the CLOCK_MONOTONIC reading of the run's start."""

    run_dir: str
    mono_zero_s: float
    watched: tuple[Watched, ...]
    facts: dict[str, Facts]
    endpoints: dict[str, Endpoint]
    secrets: dict[str, SecretSource]


class Rebound(Struct, frozen=True, kw_only=True):
    """The facts of a target from now on."""

    key: str
    facts: Facts


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
    vehicles = Vehicles(task.endpoints, Path(task.run_dir), secrets, now_s)
    senses = Senses(vehicles=vehicles, session=session, secrets=secrets, threads=Threads(THREADS))
    actions = catalogue.load({each.uses for each in task.watched})
    if any(each.uses.startswith("http.") for each in task.watched):
        await session.open()
    facts = dict(task.facts)
    watch = Watch(task.watched, actions, facts, senses, now_s)
    _write(b"ready\n")
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(watch.run)
            group.start_soon(_flush, watch)
            while line := await orders.readline():
                rebound = msgspec.json.decode(line, type=Rebound)
                facts[rebound.key] = rebound.facts
            group.cancel_scope.cancel()
        _send(watch)
    finally:
        await session.close()
        vehicles.close()


async def _flush(watch: Watch) -> None:
    while True:
        await anyio.sleep(FLUSH_EVERY_S)
        _send(watch)


def _send(watch: Watch) -> None:
    events: list[Any] = list(watch.take())
    if events:
        _write(b"".join(msgspec.json.encode(event) + b"\n" for event in events))


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    anyio.run(main)
