"""Observers: each on a grid of its own, fixed on the monotonic clock, whatever its samples do.

A slow or a late sample never shifts the next one; where a time-out is longer than the interval they
overlap. The grids are spread over an interval, so that many observers do not look all at once.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import anyio
import anyio.abc
import msgspec
from msgspec import Struct

from breakfix.engine.action import Action, Facts, NoFacts, Probe
from breakfix.engine.events import ObserverSampled, SampleState
from breakfix.engine.sampling.observing import Sight, observe, state_of
from breakfix.engine.sampling.port import Senses

Sample = tuple[SampleState, float, float, str]


class Watched(Struct, frozen=True, kw_only=True):
    """A probe that is observed: the action with its parameters, and the targets that it looks at (None:
    it looks from here)."""

    name: str
    uses: str
    with_: dict[str, object]
    keys: tuple[str | None, ...]
    every_s: float
    timeout_s: float


class Watch:
    """All observers of a run. `facts` may change meanwhile: a target that was made again."""

    def __init__(
        self,
        watched: Sequence[Watched],
        actions: Mapping[str, type[Action]],
        facts: dict[str, Facts],
        senses: Senses,
        now_s: Callable[[], float],
    ) -> None:
        self._watched = watched
        self._actions = actions
        self._facts = facts
        self._senses = senses
        self._now_s = now_s
        self._taken: dict[str, list[Sample]] = {each.name: [] for each in watched}
        self._said: dict[str, str] = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        begin_s = self._now_s()
        async with anyio.create_task_group() as group:
            for index, each in enumerate(self._watched):
                first_s = begin_s + each.every_s * index / len(self._watched)
                group.start_soon(self._grid, group, each, first_s)

    def take(self) -> list[ObserverSampled]:
        """The samples since the last time, of each observer that has some."""
        found = []
        for name, samples in self._taken.items():
            if samples:
                found.append(ObserverSampled(probe=name, samples=tuple(sorted(samples, key=_at_s))))
                samples.clear()
        return found

    async def _grid(self, group: anyio.abc.TaskGroup, each: Watched, first_s: float) -> None:
        probe = msgspec.convert(each.with_, self._actions[each.uses])
        assert isinstance(probe, Probe)
        sight = Sight(probe=probe, timeout_s=each.timeout_s)
        room = anyio.CapacityLimiter(math.ceil(each.timeout_s / each.every_s) + 1)
        index = 0
        while True:
            await anyio.sleep(max(0.0, first_s + index * each.every_s - self._now_s()))
            if room.available_tokens:
                group.start_soon(self._sample, each, sight, room)
            else:
                # A sample that outlasts its time-out: this instant was not looked at.
                now_s = self._now_s()
                self._note(each.name, "blind", (now_s, now_s), "the samples before are not over")
            index += 1

    async def _sample(self, each: Watched, sight: Sight, room: anyio.CapacityLimiter) -> None:
        async with room:
            facts = [NoFacts() if key is None else self._facts[key] for key in each.keys]
            started_at_s = self._now_s()
            seen = await observe(self._senses, sight, facts)
            at_s = (started_at_s, self._now_s())
        state = state_of(sight.probe, seen.holds)
        detail = "" if state == "good" else self._senses.secrets.mask(seen.detail)
        self._note(each.name, state, at_s, detail)

    def _note(self, name: str, state: SampleState, at_s: tuple[float, float], detail: str) -> None:
        new = "" if detail == self._said.get(name) else detail
        self._said[name] = detail
        self._taken[name].append((state, round(at_s[0], 6), round(at_s[1], 6), new))


def _at_s(sample: Sample) -> float:
    return sample[1]
