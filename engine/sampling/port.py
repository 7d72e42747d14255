"""What a probe sees of the engine while it takes one sample."""

import threading
from collections.abc import Callable, Sequence

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


class ProbePort:
    """The engine's side of `breakfix.engine.action.Port`."""

    def __init__(self, *, facts: Facts, timeout_s: float, since_s: float, senses: Senses) -> None:
        self.facts = facts
        self.timeout_s = timeout_s
        self.since_s = since_s
        self._senses = senses

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

        return await threads.call(run, threads.reads)

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
