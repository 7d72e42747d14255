"""Slots that bound how much happens at once: over the run, on one target, on one resource of it.

Slots are held only while an apply, a check or a repair runs; a claim is held from the intent of a
fault to its end. Everything here is for one event loop.
"""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Collection, Hashable, Sequence
from contextlib import asynccontextmanager

import anyio
from msgspec import Struct


class Slots:
    """Bounds units at work: `concurrency` in all, `per_target` on each target. First come, first
    served, but a unit whose target is busy lets others pass."""

    def __init__(self, concurrency: int, per_target: int) -> None:
        self._free = concurrency
        self._per_target = per_target
        self._busy: dict[str, int] = defaultdict(int)
        self._waiting: list[tuple[str | None, anyio.Event]] = []

    @asynccontextmanager
    async def hold(self, key: str | None) -> AsyncIterator[None]:
        """One slot of the run, and one of the target `key`, both at once or neither."""
        if self._waiting or not self._fits(key):
            await self._wait(key)
        else:
            self._take(key)
        try:
            yield
        finally:
            self._give(key)

    async def _wait(self, key: str | None) -> None:
        granted = anyio.Event()
        entry = (key, granted)
        self._waiting.append(entry)
        self._grant()
        try:
            await granted.wait()
        except BaseException:
            if granted.is_set():
                self._give(key)
            else:
                self._waiting.remove(entry)
            raise

    def _fits(self, key: str | None) -> bool:
        return self._free > 0 and (key is None or self._busy[key] < self._per_target)

    def _take(self, key: str | None) -> None:
        self._free -= 1
        if key is not None:
            self._busy[key] += 1

    def _give(self, key: str | None) -> None:
        self._free += 1
        if key is not None:
            self._busy[key] -= 1
        self._grant()

    def _grant(self) -> None:
        kept: list[tuple[str | None, anyio.Event]] = []
        waiting, self._waiting = self._waiting, []
        for position, (key, granted) in enumerate(waiting):
            if self._free <= 0:
                kept += waiting[position:]
                break
            if self._fits(key):
                self._take(key)
                granted.set()
            else:
                kept.append((key, granted))
        self._waiting = kept + self._waiting


class _Waiting(Struct, kw_only=True):
    """A fault that may not begin yet."""

    key: str
    claims: Collection[str]
    owner: str
    granted: anyio.Event
    given_up: bool = False


class Claims:
    """What of a target a fault has for itself, while it is open; and the share of a set under fault.

    `bounds` are sets of targets, each with how many of them may be under a fault at one time. Those that wait
    stand in a queue for what they wait for, so that the end of one fault wakes one other.
    """

    def __init__(self, bounds: Sequence[tuple[Collection[str], int]]) -> None:
        self._allowed = [allowed for _, allowed in bounds]
        self._sets_of: dict[str, list[int]] = defaultdict(list)
        for index, (keys, _) in enumerate(bounds):
            for key in keys:
                self._sets_of[key].append(index)
        self._broken = [0] * len(bounds)
        self._taken: dict[tuple[str, str], str] = {}
        self._under: dict[str, int] = defaultdict(int)
        self._queues: dict[Hashable, deque[_Waiting]] = defaultdict(deque)
        self._wanted: dict[str, int] = defaultdict(int)
        """How many wait for a set to have room, by their target."""

    def allows(self, key: str, claims: Collection[str]) -> bool:
        """Whether a fault may begin now."""
        return self._blocker(key, claims) is None

    async def take(self, key: str, claims: Collection[str], owner: str) -> None:
        """Wait until the fault may begin, and take its claims."""
        blocker = self._blocker(key, claims)
        if blocker is None:
            self._begin(key, claims, owner)
            return
        waiting = _Waiting(key=key, claims=claims, owner=owner, granted=anyio.Event())
        self._queue(blocker, waiting)
        try:
            await waiting.granted.wait()
        except BaseException:
            waiting.given_up = True
            if waiting.granted.is_set():
                self.give(key, claims)
            raise

    def give(self, key: str, claims: Collection[str]) -> None:
        """The fault is over."""
        for claim in claims:
            self._taken.pop((key, claim), None)
        self._under[key] -= 1
        freed: list[Hashable] = [(key, claim) for claim in claims]
        if not self._under[key]:
            for index in self._sets_of.get(key, ()):
                self._broken[index] -= 1
                freed.append(index)
        for blocker in freed:
            self._wake(blocker)

    def _blocker(self, key: str, claims: Collection[str]) -> Hashable | None:
        """What keeps a fault from beginning: a claim that is taken, or a set of which enough is broken."""
        for claim in claims:
            if (key, claim) in self._taken:
                return (key, claim)
        if self._under.get(key):
            return None
        return next(
            (i for i in self._sets_of.get(key, ()) if self._broken[i] >= self._allowed[i]), None
        )

    def _begin(self, key: str, claims: Collection[str], owner: str) -> None:
        for claim in claims:
            self._taken[key, claim] = owner
        self._under[key] += 1
        if self._under[key] > 1:
            return
        for index in self._sets_of.get(key, ()):
            self._broken[index] += 1
            if self._wanted[key]:
                # Another fault on this target breaks no more of the set.
                for other in [one for one in self._queues[index] if one.key == key]:
                    self._queues[index].remove(other)
                    self._wanted[key] -= 1
                    self._enter(other)

    def _queue(self, blocker: Hashable, waiting: _Waiting) -> None:
        self._queues[blocker].append(waiting)
        self._wanted[waiting.key] += isinstance(blocker, int)

    def _wake(self, blocker: Hashable) -> None:
        """Let those begin that waited for this, as many as may."""
        queue = self._queues.get(blocker)
        while queue and (queue[0].given_up or self._blocker(queue[0].key, queue[0].claims) != blocker):
            first = queue.popleft()
            self._wanted[first.key] -= isinstance(blocker, int)
            self._enter(first)
        if queue is not None and not queue:
            self._queues.pop(blocker, None)

    def _enter(self, waiting: _Waiting) -> None:
        """One that waited begins, or waits for something else."""
        if waiting.given_up:
            return
        blocker = self._blocker(waiting.key, waiting.claims)
        if blocker is not None:
            self._queue(blocker, waiting)
            return
        waiting.granted.set()
        self._begin(waiting.key, waiting.claims, waiting.owner)
