"""Slots that bound how much happens at once: over the run, on one target, on one resource of it.

Slots are held only while an apply, a check or a repair runs; a claim is held from the intent of a
fault to its end. Everything here is for one event loop.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

import anyio


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


class Claims:
    """What of a target a fault has for itself, while it is open; and the share of a set under fault.

    `allows` says whether one more fault on a target keeps within the blast radius, given the targets
    that are under a fault.
    """

    def __init__(self, allows: Callable[[str, Collection[str]], bool]) -> None:
        self._allows = allows
        self._taken: dict[tuple[str, str], str] = {}
        self._under: dict[str, int] = defaultdict(int)
        self._changed = anyio.Event()

    def why_not(self, key: str, claims: Collection[str]) -> str:
        """Why a fault may not begin now; empty where it may."""
        for claim in claims:
            if (owner := self._taken.get((key, claim))) is not None:
                return f"{owner} holds {claim} of {key}"
        under = {other for other, count in self._under.items() if count}
        if key not in under and not self._allows(key, under):
            return f"the blast radius is reached with {', '.join(sorted(under))}"
        return ""

    async def take(self, key: str, claims: Collection[str], owner: str) -> None:
        """Wait until the fault may begin, and take its claims."""
        while self.why_not(key, claims):
            await self._changed.wait()
        for claim in claims:
            self._taken[key, claim] = owner
        self._under[key] += 1

    def give(self, key: str, claims: Collection[str]) -> None:
        """The fault is over."""
        for claim in claims:
            self._taken.pop((key, claim), None)
        self._under[key] -= 1
        self._changed.set()
        self._changed = anyio.Event()
