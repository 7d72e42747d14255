"""Blocking calls of a run: each in a worker thread that is never abandoned.

A cancelled task waits until its call has come back, and tells it to hurry through its stop event:
an effect that is in flight must not land after its undo.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")


class Threads:
    """Separate limiters, so that slow reads never hold up an effect, nor an effect an undo."""

    def __init__(self, concurrency: int) -> None:
        self.effects = anyio.CapacityLimiter(max(4, concurrency))
        self.reads = anyio.CapacityLimiter(64)
        self.undo = anyio.CapacityLimiter(64)

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
