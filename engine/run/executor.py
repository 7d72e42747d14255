"""Runs the graph of a plan: starts each unit the moment that its last dependency allows it."""

from collections import deque
from collections.abc import Awaitable, Callable

import anyio
import anyio.abc

from breakfix.engine.errors import BreakfixError, JournalError, leaves
from breakfix.engine.events import MilestoneReached, RunErrored, StepState
from breakfix.engine.model import Milestone, Step
from breakfix.engine.run.context import RunContext
from breakfix.engine.run.inject import Injector
from breakfix.engine.run.limits import Slots
from breakfix.engine.run.probe import run_poll
from breakfix.engine.run.repair import run_repair
from breakfix.engine.run.result import UnitResult
from breakfix.engine.run.waves import Waves
from breakfix.engine.run_plan import Unit
from breakfix.engine.schedule import Changes, Doomed, Ready, Schedule, milestones_of
from breakfix.engine.values import seconds


class Executor:
    """One pass over the graph. `run` returns when nothing is left to do; cancel its task to stop."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        limits = context.plan.scenario.limits
        self.slots = Slots(limits.concurrency, limits.per_target)
        self.schedule = Schedule(context.plan)
        self.injector = Injector(self)
        self.waves = Waves(self)
        self.step_finished = {step.id: anyio.Event() for step in context.plan.scenario.steps}
        self.idle = anyio.Event()
        self._busy = 0
        self._group: anyio.abc.TaskGroup | None = None

    async def run(self) -> None:
        """Until every unit is settled and every fault of the graph has ended."""
        async with anyio.create_task_group() as group:
            self._group = group
            self.apply(self.schedule.begin(self.context.now_s()))
            self._look_idle()

    # --- the schedule ---

    def settle(self, unit: Unit, milestones: dict[Milestone, bool]) -> None:
        """Tell the schedule what a unit reached, and start what follows."""
        self.apply(self.schedule.reach(unit.id, milestones, self.context.now_s()))
        self.waves.note(unit, milestones)

    def apply(self, changes: Changes) -> None:
        """Start what is ready; mark what never can start, and whatever that makes impossible."""
        todo = deque([changes])
        while todo:
            now = todo.popleft()
            for joined in now.joined:
                self._note_join(joined.step, joined.milestone, joined.holds)
            for ready in now.ready:
                self.start_soon(ready)
            for doomed in now.doomed:
                unit = self.context.units[doomed.unit]
                state, reason = self._why_doomed(doomed)
                self.context.set_state(unit, state, reason)
                todo.append(
                    self.schedule.reach(unit.id, milestones_of(state), self.context.now_s())
                )

    def _why_doomed(self, doomed: Doomed) -> tuple[StepState, str]:
        unit = self.context.units[doomed.unit]
        step = self.context.steps[unit.step]
        source = doomed.source
        if step.units is not None and source.partition("@")[0] == step.units.of:
            return "skipped", f"{source} has not {doomed.milestone}"
        state = self.context.states.get(source, "")
        return "blocked", f"needs {source} {doomed.milestone}" + (
            f", it is {state}" if state else ""
        )

    def _note_join(self, step_id: str, milestone: Milestone, holds: bool) -> None:
        if milestone == "finished" and holds:
            self.step_finished[step_id].set()
        if len(self.context.units_of[step_id]) > 1 and holds:
            self.context.journal.append(
                MilestoneReached(node=step_id, milestone=milestone, holds=holds)
            )

    def background(self, function: Callable[..., Awaitable[None]], *args: object) -> None:
        """Run something beside the units; it keeps the run from being idle."""
        assert self._group is not None
        self._busy += 1

        async def run() -> None:
            try:
                await function(*args)
            finally:
                self.rest()

        self._group.start_soon(run)

    # --- busy and idle ---

    def start_soon(self, ready: Ready) -> None:
        """Start a unit as a task of its own."""
        assert self._group is not None
        self._busy += 1
        self._group.start_soon(self._unit, self.context.units[ready.unit], ready.due_at_s)

    def rest(self) -> None:
        """A task waits for something that only the end of a fault, or nobody, will bring."""
        self._busy -= 1
        self._look_idle()

    def work(self) -> None:
        """It goes on."""
        self._busy += 1

    def _look_idle(self) -> None:
        """Where nothing else is going on, faults without a time of their own come to their end."""
        if self._busy == 0:
            self.idle.set()
            self.idle = anyio.Event()

    # --- one unit ---

    async def _unit(self, unit: Unit, due_at_s: float) -> None:
        try:
            await self._guarded(unit, due_at_s)
        except anyio.get_cancelled_exc_class():
            if self.context.states.get(unit.id) not in self.context.FINAL:
                self.context.set_state(unit, "cancelled", "the run was stopped")
            raise
        finally:
            self.rest()

    async def _guarded(self, unit: Unit, due_at_s: float) -> None:
        step = self.context.steps[unit.step]
        try:
            if (wait_s := due_at_s - self.context.now_s()) > 0:
                await anyio.sleep(wait_s)
            if not await self.waves.enter(unit):
                self.finish(unit, UnitResult(state="blocked", reason=self.waves.why(unit)))
            elif (reason := self._skip_reason(step, unit)) is not None:
                self._skip(step, unit, reason)
            else:
                await self._phase(step, unit, due_at_s)
        except Exception as error:
            found = list(leaves(error))
            for leaf in found:
                if isinstance(leaf, JournalError):
                    raise leaf from None
            self._errored(unit, found[0])

    def _errored(self, unit: Unit, error: BaseException) -> None:
        kind, text = type(error).__name__, str(error)
        if not isinstance(error, BreakfixError):
            kind, text = "unexpected", f"unexpected {kind}: {text}"
        text = self.context.secrets.mask(text)
        self.context.journal.append(RunErrored(message=f"{unit.id}: {text}", kind=kind))
        self.finish(unit, UnitResult(state="errored", reason=text))

    def _skip_reason(self, step: Step, unit: Unit) -> str | None:
        if step.when is None:
            return None
        if isinstance(step.when, bool):
            return None if step.when else "when is false"
        from breakfix.engine.expressions import evaluate

        return None if evaluate(step.when, self.context.names(unit)) else f"when: {step.when}"

    def _skip(self, step: Step, unit: Unit, reason: str) -> None:
        self.finish(unit, UnitResult(state="skipped", reason=reason))

    async def _phase(self, step: Step, unit: Unit, due_at_s: float) -> None:
        phase = step.phase
        if self.context.no_faults and phase in ("inject", "remediate"):
            self._rehearse(unit)
            return
        if phase == "inject":
            await self.injector.run(step, unit, due_at_s)
            return
        if phase == "wait":
            result = await self._wait(step, unit, due_at_s)
        elif phase == "remediate":
            result = await run_repair(self, step, unit, due_at_s)
        else:
            result = await run_poll(self.context, step, unit, due_at_s)
        self.finish(unit, result)

    async def _wait(self, step: Step, unit: Unit, due_at_s: float) -> UnitResult:
        async with self.slots.hold(unit.binding):
            self.context.set_state(unit, "running", due_at_s=due_at_s)
            if (wait_s := seconds(step.wait or "0s")) > 0:
                await anyio.sleep(wait_s)
        return UnitResult(state="succeeded")

    def _rehearse(self, unit: Unit) -> None:
        """Skipped, but what depends on it goes on."""
        self.context.set_state(unit, "skipped", "--no-faults")
        self.settle(
            unit,
            {"active": True, "undone": True, "succeeded": True, "failed": False, "finished": True},
        )

    def finish(self, unit: Unit, result: UnitResult) -> None:
        """A unit that is no fault is over."""
        self.context.set_state(unit, result.state, result.reason, result=result.values)
        self.settle(unit, milestones_of(result.state))
