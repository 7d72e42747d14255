"""Observers and guards: each probe on a grid of its own, fixed on the monotonic clock, whatever its samples do.

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
from breakfix.engine.events import GuardTripped, ObserverSampled, SampleState
from breakfix.engine.model import Guard
from breakfix.engine.sampling.guarding import Guarding
from breakfix.engine.sampling.observing import Sight, merge, observe_each, state_of
from breakfix.engine.sampling.port import Senses

LOOK_EVERY_S = 0.1
"""How often the guards are asked whether they have been blind for too long."""
LAST_LOOK_S = 10.0
"""No last look takes longer."""
Sample = tuple[SampleState, float, float, str]


class Watched(Struct, frozen=True, kw_only=True):
    """A probe that is looked at: the action with its parameters, and the targets that it looks at (None:
    it looks from here). Where it is not `observed`, only its guards hear of its samples."""

    name: str
    uses: str
    with_: dict[str, object]
    keys: tuple[str | None, ...]
    every_s: float
    timeout_s: float
    observed: bool = True
    guards: tuple[Guard, ...] = ()


class Watch:
    """All observers and guards of a run. `facts` may change meanwhile: a target that was made again."""

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
        self._taken: dict[str, list[Sample]] = {
            each.name: [] for each in watched if each.observed
        }
        self._said: dict[str, str] = {}
        self._last: dict[str, SampleState] = {}
        self._guarding: dict[str, Guarding] = {}
        self._on_trip: Callable[[GuardTripped], None] = _nobody

    async def run(self, on_trip: Callable[[GuardTripped], None]) -> None:
        """Until it is cancelled; of each guard that trips, `on_trip` hears once."""
        self._on_trip = on_trip
        begin_s = self._now_s()
        self._guarding = {
            each.name: Guarding(
                each.guards, every_s=each.every_s, timeout_s=each.timeout_s, begin_s=begin_s
            )
            for each in self._watched
            if each.guards
        }
        async with anyio.create_task_group() as group:
            for index, each in enumerate(self._watched):
                first_s = begin_s + each.every_s * index / len(self._watched)
                group.start_soon(self._grid, group, each, first_s)
            while self._guarding:
                await anyio.sleep(LOOK_EVERY_S)
                for guarding in self._guarding.values():
                    self._ask(guarding)

    async def look_again(self) -> None:
        """Once more with each observer whose last sample was bad: what was mended a moment before the end
        has to be seen. After `run`; no guard hears of it."""
        self._guarding = {}
        with anyio.move_on_after(LAST_LOOK_S):
            async with anyio.create_task_group() as group:
                for each in self._watched:
                    if self._last.get(each.name) == "bad":
                        sight, room = self._sight(each), anyio.CapacityLimiter(1)
                        group.start_soon(self._sample, each, sight, room)

    def take(self) -> list[ObserverSampled]:
        """The samples since the last time, of each observer that has some."""
        found = []
        for name, samples in self._taken.items():
            if samples:
                found.append(ObserverSampled(probe=name, samples=tuple(sorted(samples, key=_at_s))))
                samples.clear()
        return found

    async def _grid(self, group: anyio.abc.TaskGroup, each: Watched, first_s: float) -> None:
        sight = self._sight(each)
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

    def _sight(self, each: Watched) -> Sight:
        probe = msgspec.convert(each.with_, self._actions[each.uses])
        assert isinstance(probe, Probe)
        return Sight(probe=probe, timeout_s=each.timeout_s)

    async def _sample(self, each: Watched, sight: Sight, room: anyio.CapacityLimiter) -> None:
        async with room:
            facts = [NoFacts() if key is None else self._facts[key] for key in each.keys]
            guarding = self._guarding.get(each.name)
            started_at_s = self._now_s()
            ticket = guarding.begin(started_at_s) if guarding is not None else 0
            found = await observe_each(self._senses, sight, facts)
            at_s = (started_at_s, self._now_s())
        if guarding is not None:
            guarding.end(ticket, [state_of(sight.probe, item.holds) for item in found], at_s[1])
            self._ask(guarding)
        seen = merge(found, occurrence=sight.probe.observes == "occurrence")
        state = state_of(sight.probe, seen.holds)
        detail = "" if state == "good" else self._senses.secrets.mask(seen.detail)
        self._note(each.name, state, at_s, detail)

    def _ask(self, guarding: Guarding) -> None:
        for trip in guarding.look(self._now_s()):
            self._on_trip(trip)

    def _note(self, name: str, state: SampleState, at_s: tuple[float, float], detail: str) -> None:
        if name not in self._taken:
            return
        new = "" if detail == self._said.get(name) else detail
        self._said[name] = detail
        self._last[name] = state
        self._taken[name].append((state, round(at_s[0], 6), round(at_s[1], 6), new))


def _nobody(trip: GuardTripped) -> None:
    """Before `run`, nothing can trip."""


def _at_s(sample: Sample) -> float:
    return sample[1]
