"""What a probe sees of the engine while it takes one sample."""

import math
import threading
from collections.abc import Callable, Sequence

import anyio
from msgspec import Struct, structs

from breakfix.engine.action import Facts, HttpReply, Occurrence, Source
from breakfix.engine.ops import Op, Outcome
from breakfix.engine.sampling.http_session import HttpSession
from breakfix.engine.sampling.threads import Threads
from breakfix.engine.secrets import Secrets
from breakfix.engine.streams import Streams
from breakfix.engine.vehicles.dispatch import Vehicles


class Senses(Struct, kw_only=True):
    """All that a look at the world needs. Without `streams`, no occurrence is ever heard of."""

    vehicles: Vehicles
    session: HttpSession
    secrets: Secrets
    threads: Threads
    clock: Callable[[], float]
    """The instant of the run."""
    streams: Streams | None = None


class Budget:
    """The time that a sample may take. What is spent waiting for our own turn is not counted: it says
    nothing about what is looked at."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self._waiting = 0
        self._left_s = 0.0

    def pause(self) -> None:
        """We wait for our turn."""
        if not self._waiting:
            self._left_s = self._scope.deadline - anyio.current_time()
            self._scope.deadline = math.inf
        self._waiting += 1

    def go_on(self) -> None:
        """It is our turn."""
        self._waiting -= 1
        if not self._waiting:
            self._scope.deadline = anyio.current_time() + self._left_s


class ProbePort:
    """The engine's side of `breakfix.engine.action.Port`."""

    def __init__(
        self,
        *,
        facts: Facts,
        timeout_s: float,
        since_s: float,
        senses: Senses,
        budget: Budget,
    ) -> None:
        self.facts = facts
        self.timeout_s = timeout_s
        self.since_s = since_s
        self._senses = senses
        self._budget = budget

    @property
    def now_s(self) -> float:
        """This instant of the run."""
        return self._senses.clock()

    async def read(self, op: Op) -> Outcome:
        """Execute an op that reads, within the time-out of the sample."""
        bounded = structs.replace(op, timeout_s=min(op.timeout_s, self.timeout_s))
        vehicles, threads = self._senses.vehicles, self._senses.threads

        def run(stop: threading.Event) -> Outcome:
            return vehicles.run(bounded, stop=stop)

        self._budget.pause()
        async with threads.turn(threads.reads_of(op)) as unbounded:
            self._budget.go_on()
            return await threads.call(run, unbounded)

    async def http(self, method: str, url: str, *, headers: dict[str, str], body: str) -> HttpReply:
        """One HTTP request; raises HttpFailed."""
        reveal = self._senses.secrets.reveal
        return await self._senses.session.request(
            method,
            reveal(url),
            {name: reveal(value) for name, value in headers.items()},
            reveal(body),
            self.timeout_s,
        )

    def occurrences(self, source: Source) -> Sequence[Occurrence] | None:
        """What arrived on a stream since it was opened."""
        streams = self._senses.streams
        return None if streams is None else streams.occurrences(source)
