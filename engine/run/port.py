"""What a probe sees of the engine while it takes one sample."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import structs

from breakfix.engine.action import Facts, HttpReply, Occurrence, Op, Outcome, Source

if TYPE_CHECKING:
    from breakfix.engine.run.context import RunContext


class ProbePort:
    """The engine's side of `breakfix.engine.action.Port`."""

    def __init__(
        self, *, facts: Facts, timeout_s: float, since_s: float, context: "RunContext"
    ) -> None:
        self.facts = facts
        self.timeout_s = timeout_s
        self.since_s = since_s
        self._context = context

    async def read(self, op: Op) -> Outcome:
        """Execute an op that reads, within the time-out of the sample."""
        bounded = structs.replace(op, timeout_s=min(op.timeout_s, self.timeout_s))
        vehicles, threads = self._context.vehicles, self._context.threads

        def run(stop: threading.Event) -> Outcome:
            return vehicles.run(bounded, stop=stop)

        return await threads.call(run, threads.reads)

    async def http(self, method: str, url: str, *, headers: dict[str, str], body: str) -> HttpReply:
        """One HTTP request; raises HttpFailed."""
        reveal = self._context.secrets.reveal
        return await self._context.session.request(
            method,
            reveal(url),
            {name: reveal(value) for name, value in headers.items()},
            reveal(body),
            self.timeout_s,
        )

    def occurrences(self, source: Source) -> Sequence[Occurrence] | None:
        """What arrived on a stream since it was opened."""
        return self._context.streams.occurrences(source)
