"""What is told of observers and of the steady state while a run goes on."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from breakfix.engine.cli.narration import NORMAL, Told
from breakfix.engine.events import (
    Event,
    ObserverSampled,
    PlanMade,
    SampleState,
    SampleTaken,
    SteadyMet,
)
from breakfix.engine.model import Observer
from breakfix.engine.values import format_seconds

_STEADY: Final = "steady "
"""How the samples of the steady state name who took them; the probe follows."""


class Down(Struct, frozen=True, kw_only=True):
    """What an observer sees bad: since its first bad sample."""

    since_s: float
    detail: str


class _Streak(Struct, kw_only=True):
    """The samples in a row that say other than what is known."""

    count: int = 0
    since_s: float = 0.0
    detail: str = ""


class Watching:
    """A fold over the events: which observers see it bad now, and whether the steady state is awaited."""

    def __init__(self) -> None:
        self.down: dict[str, Down] = {}
        self.awaited: dict[str, str] = {}
        """The probes of the steady state that are waited for, each with what its last sample said."""
        self.awaited_since_s: float | None = None
        self._wanted: dict[str, str] = {}
        self._observers: dict[str, Observer] = {}
        self._streaks: dict[str, _Streak] = {}

    def feed(self, event: Event) -> list[Told]:
        """One event, and the lines that it is worth."""
        match event:
            case PlanMade():
                scenario = event.plan.scenario
                self._observers = {
                    probe: Observer(probe=probe, rise=quorum.rise, fall=quorum.fall)
                    for quorum in scenario.quorums
                    for probe in quorum.probes
                }
                self._observers |= {one.probe: one for one in scenario.observers}
                self._wanted = {one.probe: one.for_ for one in scenario.steady}
            case ObserverSampled():
                return list(self._observed(event))
            case SampleTaken() if event.unit.startswith(_STEADY):
                return list(self._awaiting(event))
            case SteadyMet():
                self.awaited, self.awaited_since_s = {}, None
                return [_told(f"the steady state is met: {', '.join(event.probes)}")]
        return []

    def _awaiting(self, event: SampleTaken) -> Iterator[Told]:
        """Once that it waits, and then each time that a probe changes."""
        probe = event.unit.removeprefix(_STEADY)
        if self.awaited_since_s is None:
            self.awaited_since_s = event.started_at_s
            wanted = ", ".join(
                f"{name} good for {for_}" if for_ != "0s" else f"{name} good"
                for name, for_ in self._wanted.items()
            )
            yield _told(f"waiting for the steady state: {wanted}")
        before, now = self.awaited.get(probe), str(event.state)
        self.awaited[probe] = now
        if now != (before or "good"):
            yield _told(f"steady state: {probe} is {now}{_in_brackets(event.detail)}")

    def _observed(self, event: ObserverSampled) -> Iterator[Told]:
        """It is bad after `fall` bad samples in a row, and good again after `rise` good ones."""
        observer = self._observers.get(event.probe) or Observer(probe=event.probe)
        streak = self._streaks.setdefault(event.probe, _Streak())
        for state, started_at_s, ended_at_s, detail in event.samples:
            down = self.down.get(event.probe)
            wanted: SampleState = "good" if down is not None else "bad"
            if state != wanted:
                streak.count = 0
                continue
            if not streak.count:
                streak.since_s = started_at_s if wanted == "bad" else ended_at_s
            # What a sample said is told only where it is another than before.
            streak.count, streak.detail = streak.count + 1, detail or streak.detail
            if streak.count < (observer.fall if down is None else observer.rise):
                continue
            if down is None:
                self.down[event.probe] = Down(since_s=streak.since_s, detail=streak.detail)
                yield _told(
                    f"observer {event.probe}: bad since {streak.since_s:.3f} s"
                    f"{_in_brackets(streak.detail)}"
                )
            else:
                del self.down[event.probe]
                lasted = format_seconds(max(0.0, streak.since_s - down.since_s))
                yield _told(
                    f"observer {event.probe}: good again since {streak.since_s:.3f} s, after about "
                    f"{lasted}"
                )
            streak.count = 0


def _told(text: str) -> Told:
    return Told(level=NORMAL, text=text)


def _in_brackets(detail: str) -> str:
    return f" ({detail})" if detail else ""
