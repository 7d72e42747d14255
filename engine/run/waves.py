"""Waves of a step that fans out: the next one begins when the one before is over, and good."""

from itertools import pairwise
from typing import TYPE_CHECKING

import anyio

from breakfix.engine.events import WavesStopped
from breakfix.engine.model import Milestone, Step
from breakfix.engine.run.probe import poll_probe
from breakfix.engine.run_plan import Unit

if TYPE_CHECKING:
    from breakfix.engine.run.executor import Executor


class _Gate:
    """The waves of one step."""

    def __init__(self, step: Step, units: list[Unit]) -> None:
        self.step = step
        self.left: dict[int, int] = {}
        for unit in units:
            self.left[unit.wave] = self.left.get(unit.wave, 0) + 1
        self.opened = {wave: anyio.Event() for wave in self.left}
        first, *_ = waves = sorted(self.left)
        self._following = dict(pairwise(waves))
        self.opened[first].set()
        self.failures = 0
        self.stopped = ""

    def next_after(self, wave: int) -> int | None:
        """The number of the next wave, if there is one."""
        return self._following.get(wave)

    def stop(self, why: str) -> None:
        """No further wave begins; those that wait learn why."""
        self.stopped = self.stopped or why
        for event in self.opened.values():
            event.set()


class Waves:
    """The gates of all steps with `fan_out`."""

    def __init__(self, executor: "Executor") -> None:
        self._executor = executor
        by_step: dict[str, list[Unit]] = {}
        for unit in executor.context.plan.units:
            if executor.context.steps[unit.step].fan_out is not None:
                by_step.setdefault(unit.step, []).append(unit)
        self._gates = {
            step: _Gate(executor.context.steps[step], units) for step, units in by_step.items()
        }

    async def enter(self, unit: Unit) -> bool:
        """Wait for the unit's wave. False: it will not come; `why` says why."""
        gate = self._gates.get(unit.step)
        if gate is None:
            return True
        opened = gate.opened[unit.wave]
        if not opened.is_set():
            self._executor.rest()
            try:
                await opened.wait()
            finally:
                self._executor.work()
        return not gate.stopped

    def why(self, unit: Unit) -> str:
        """Why the unit's wave does not come."""
        return self._gates[unit.step].stopped

    def note(self, unit: Unit, milestones: dict[Milestone, bool]) -> None:
        """Count what a unit reached; open the next wave when this one is over."""
        gate = self._gates.get(unit.step)
        if gate is None:
            return
        fan_out = gate.step.fan_out
        assert fan_out is not None
        if milestones.get("failed"):
            gate.failures += 1
            limit = fan_out.stop_after_failures
            if limit is not None and gate.failures >= limit:
                gate.stop(f"stopped after {gate.failures} failed")
        # With a gate between, a fault need only be active; without, it must be over.
        if gate.step.phase == "inject" and fan_out.next_when is not None:
            over = "active" in milestones or (
                "finished" in milestones and not milestones.get("undone")
            )
        else:
            over = "finished" in milestones
        if not over:
            return
        gate.left[unit.wave] -= 1
        if gate.left[unit.wave] or gate.stopped:
            return
        if (following := gate.next_after(unit.wave)) is not None:
            self._executor.background(self._open, gate, following)

    async def _open(self, gate: _Gate, wave: int) -> None:
        fan_out = gate.step.fan_out
        assert fan_out is not None
        if (next_when := fan_out.next_when) is not None:
            result = await poll_probe(self._executor.context, gate.step, next_when)
            if not result.met:
                seen = result.last.observation.detail if result.last else "no sample"
                why = f"{next_when.probe} was not good within {next_when.within}: {seen}"
                self._executor.context.journal.append(
                    WavesStopped(step=gate.step.id, why=why, blind=result.blind)
                )
                gate.stop(why)
        gate.opened[wave].set()
