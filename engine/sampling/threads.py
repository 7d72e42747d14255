"""Blocking calls of a run: each in a worker thread that is never abandoned.

A cancelled task waits until its call has come back, and tells it to hurry through its stop event:
an effect that is in flight must not land after its undo.
"""

import math
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from breakfix.engine.ops import ExecOp, Op

T = TypeVar("T")
HOSTS_AT_ONCE: Final = 512
"""So many hosts may be waited for at once: a dead one keeps its thread for as long as its time-out, and
must not keep others from being asked meanwhile."""


class Threads:
    """Separate limiters, so that slow reads never hold up an effect, nor an effect an undo."""

    def __init__(self, concurrency: int) -> None:
        self.effects = anyio.CapacityLimiter(max(4, concurrency))
        self.reads = anyio.CapacityLimiter(64)
        self.undo = anyio.CapacityLimiter(64)
        self._host_reads = anyio.CapacityLimiter(HOSTS_AT_ONCE)
        self._host_undo = anyio.CapacityLimiter(HOSTS_AT_ONCE)
        self._unbounded = anyio.CapacityLimiter(math.inf)

    def reads_of(self, *ops: Op) -> anyio.CapacityLimiter:
        """What bounds calls that read by such ops."""
        return self._host_reads if _on_hosts(ops) else self.reads

    def undo_of(self, *ops: Op) -> anyio.CapacityLimiter:
        """What bounds calls that undo by such ops."""
        return self._host_undo if _on_hosts(ops) else self.undo

    @asynccontextmanager
    async def turn(self, limiter: anyio.CapacityLimiter) -> AsyncIterator[anyio.CapacityLimiter]:
        """Wait for a place, and keep it; gives the limiter for the calls in between, which bounds nothing."""
        borrower = object()
        await limiter.acquire_on_behalf_of(borrower)
        try:
            yield self._unbounded
        finally:
            limiter.release_on_behalf_of(borrower)

    async def call(
        self,
        function: Callable[[threading.Event], T],
        limiter: anyio.CapacityLimiter,
        timeout_s: float | None = None,
    ) -> T:
        """`function(stop)` in a worker thread. `stop` is set when the task is cancelled, or after
        `timeout_s`; the call then comes back by itself, and its result counts."""
        stop = threading.Event()

        async def hurry() -> None:
            try:
                await anyio.sleep(timeout_s if timeout_s is not None else float("inf"))
            finally:
                stop.set()

        async with anyio.create_task_group() as group:
            group.start_soon(hurry)
            with anyio.CancelScope(shield=True):
                result = await anyio.to_thread.run_sync(function, stop, limiter=limiter)
            group.cancel_scope.cancel()
        return result


def _on_hosts(ops: tuple[Op, ...]) -> bool:
    return any(isinstance(op, ExecOp) and op.via == "ssh" for op in ops)
