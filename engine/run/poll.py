"""Polls: samples on a fixed grid until a condition held for long enough.

The grid is fixed on the monotonic clock: a slow sample never shifts the next one, and samples
overlap where a time-out is longer than the interval. Samples are judged in the order of their start.
"""

import math
from collections.abc import Awaitable, Callable

import anyio
import anyio.abc
from msgspec import Struct

from breakfix.engine.action import Observation

OVERLAP_MAX = 64
"""How many samples of one poll may be under way at once."""


class Goal(Struct, frozen=True, kw_only=True):
    """What a poll waits for. `wants` is the observation that counts; `consecutive` of them in a row
    that span at least `stays_s`. With `fails_at_once` the first other one ends it."""

    wants: bool
    consecutive: int
    stays_s: float
    within_s: float
    every_s: float
    timeout_s: float
    fails_at_once: bool = False


class Taken(Struct, frozen=True, kw_only=True):
    """One sample with its instants of the run."""

    observation: Observation
    started_at_s: float
    ended_at_s: float


class PollResult(Struct, frozen=True, kw_only=True):
    """`met` says whether the goal was reached; `last` is the sample that decided it, or the last one
    judged (None: none came back in time); `blind` that every sample was blind."""

    met: bool
    samples: int
    last: Taken | None
    blind: bool


class Streak:
    """Counts how long a condition holds: a pure fold over samples in the order of their start."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._count = 0
        self._since_s = 0.0
        self.seen = 0
        self.blind = 0

    def feed(self, sample: Taken) -> bool | None:
        """True: the goal is reached. False: it never can be. None: go on."""
        self.seen += 1
        holds = sample.observation.holds
        if holds is None:
            self.blind += 1
        if holds is not self._goal.wants:
            self._count = 0
            return False if holds is not None and self._goal.fails_at_once else None
        if self._count == 0:
            self._since_s = sample.started_at_s
        self._count += 1
        long_enough = sample.ended_at_s - self._since_s >= self._goal.stays_s
        return True if self._count >= self._goal.consecutive and long_enough else None


async def poll(
    goal: Goal,
    take: Callable[[float], Awaitable[Taken]],
    now_s: Callable[[], float],
) -> PollResult:
    """Take samples until the goal is reached, cannot be any more, or `within_s` is over.

    `take(due_at_s)` takes one sample that was due at that instant; it never raises and never takes
    much longer than the time-out. A sample that began within the time counts.
    """
    return await _Poll(goal, take, now_s).run()


class _Poll:
    def __init__(
        self,
        goal: Goal,
        take: Callable[[float], Awaitable[Taken]],
        now_s: Callable[[], float],
    ) -> None:
        self._goal = goal
        self._take = take
        self._now_s = now_s
        self._streak = Streak(goal)
        self._done: dict[int, Taken] = {}
        self._judged = 0
        self._last: Taken | None = None
        self._verdict: bool | None = None
        self._decided = anyio.Event()
        self._progress = anyio.Event()
        self._room = anyio.Semaphore(
            min(OVERLAP_MAX, max(1, math.ceil(goal.timeout_s / goal.every_s)))
        )

    async def run(self) -> PollResult:
        """Start samples on the grid until there is a verdict or no time is left."""
        async with anyio.create_task_group() as group:
            started = await self._start_samples(group)
            await self._drain(started)
            group.cancel_scope.cancel()
        streak = self._streak
        return PollResult(
            met=self._verdict is True,
            samples=streak.seen,
            last=self._last,
            blind=streak.seen > 0 and streak.blind == streak.seen,
        )

    async def _start_samples(self, group: anyio.abc.TaskGroup) -> int:
        """Gives how many were started."""
        start_s = self._now_s()
        index = 0
        while not self._decided.is_set():
            due_s = start_s + index * self._goal.every_s
            if index and due_s - start_s > self._goal.within_s:
                break
            with anyio.move_on_after(max(0.0, due_s - self._now_s())):
                await self._decided.wait()
            if not self._decided.is_set():
                await self._room.acquire()
            if not self._decided.is_set():
                group.start_soon(self._sample, index, due_s)
                index += 1
        return index

    async def _drain(self, started: int) -> None:
        """Wait for what is under way, or for a verdict."""
        while not self._decided.is_set() and self._judged < started:
            await self._progress.wait()

    async def _sample(self, index: int, due_s: float) -> None:
        taken = await self._take(due_s)
        self._room.release()
        self._done[index] = taken
        while self._verdict is None and self._judged in self._done:
            self._last = self._done.pop(self._judged)
            self._judged += 1
            self._verdict = self._streak.feed(self._last)
        if self._verdict is not None:
            self._decided.set()
        self._progress.set()
        self._progress = anyio.Event()
