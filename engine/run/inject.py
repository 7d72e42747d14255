"""Inject steps: from the intent to the end of the fault."""

import contextlib
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct

from breakfix.engine import deadman
from breakfix.engine.action import Fault
from breakfix.engine.ending import end, end_if_gone
from breakfix.engine.errors import PlanError
from breakfix.engine.events import AttemptEnded, FaultEnded, FaultIntended
from breakfix.engine.faults import Injected, inject, why_not_safe
from breakfix.engine.model import Hold, Milestone, Retry, Step
from breakfix.engine.open_faults import OpenFault
from breakfix.engine.ops import ExecOp
from breakfix.engine.plan import radius_bounds
from breakfix.engine.plan.timing import attempt_s
from breakfix.engine.run.arming import detectors_of
from breakfix.engine.run.limits import Claims
from breakfix.engine.run.probe import arm
from breakfix.engine.run.repair import backoff_s
from breakfix.engine.run_plan import Unit
from breakfix.engine.values import seconds

if TYPE_CHECKING:
    from breakfix.engine.run.executor import Executor

LOOK_EVERY_S = 0.25
"""How often an open fault is asked whether it is over already, where few are open."""

HOST_LOOK_EVERY_S = 1.0
"""The same of a fault on a host, where each look is a command, by sudo, in its logs."""


class _Holding(Struct, kw_only=True):
    """A fault that is open: `look` is set when a repair on its target may have ended it, `asked`
    when somebody wants it over, `gone` when it was seen to be over."""

    fault: OpenFault
    key: str
    look: anyio.Event
    asked: anyio.Event
    gone: bool = False
    repaired: bool = False


class Injector:
    """The faults of one run. A fault claims its resources from the intent to the end."""

    def __init__(self, executor: "Executor") -> None:
        self._executor = executor
        self._context = executor.context
        plan = executor.context.plan
        self._claims = Claims(radius_bounds(plan))
        self._detectors = detectors_of(plan)
        self._armed: dict[str, anyio.Event] = {}
        self._arming: set[str] = set()
        self._holding: dict[str, list[_Holding]] = defaultdict(list)
        self._open = 0
        self._mending: dict[str, int] = defaultdict(int)

    def end_now(self, step: str) -> bool:
        """Somebody asks for the end of the faults of a step, or of one unit. False: none is open."""
        found = [
            holding
            for holdings in self._holding.values()
            for holding in holdings
            if step in (holding.fault.intent.unit, holding.fault.intent.unit.partition("@")[0])
        ]
        for holding in found:
            holding.asked.set()
        return bool(found)

    @contextlib.contextmanager
    def mending(self, key: str | None) -> Iterator[None]:
        """While a repair works on a target nobody looks whether its faults are over: what is seen
        half-way would be said to have ended by itself."""
        self._mending[key or ""] += 1
        try:
            yield
        finally:
            self._mending[key or ""] -= 1

    def repaired(self, key: str) -> None:
        """A repair on this target succeeded: look whether its faults are over."""
        for holding in self._holding[key]:
            holding.repaired = True
            holding.look.set()

    async def run(self, step: Step, unit: Unit, due_at_s: float) -> None:
        """One inject unit, until its fault has ended."""
        action = self._context.parameters(step, unit)
        assert isinstance(action, Fault)
        key = unit.binding or ""
        if not await self._arm(step, unit):
            return
        await self._take_claims(key, action, step.id)
        try:
            injected = await self._attempts(step, unit, action, due_at_s)
            if injected.fault is None or not injected.active:
                self._over(
                    unit, active=False, undone=False, reason=injected.error, errored=injected.ours
                )
                return
            self._executor.settle(unit, {"active": True})
            undone = await self._hold(step, unit, injected.fault, lasting=action.lasting)
            self._over(unit, active=True, undone=undone, reason="" if undone else "residue")
        finally:
            self._claims.give(key, action.claims)

    def _over(
        self, unit: Unit, *, active: bool, undone: bool, reason: str, errored: bool = False
    ) -> None:
        good = active and undone
        self._context.set_state(
            unit, "succeeded" if good else "errored" if errored else "failed", reason
        )
        milestones: dict[Milestone, bool] = {
            "active": active,
            "undone": undone,
            "succeeded": good,
            "failed": not good,
            "finished": True,
        }
        self._executor.settle(unit, milestones)

    async def _arm(self, step: Step, unit: Unit) -> bool:
        """Before the first of its faults, take a sample for each detect unit that waits for one: all of them,
        since the fault of one unit may be what another's probe sees."""
        detectors = self._detectors.get(step.id, ())
        if not detectors:
            return True
        if step.id not in self._armed:
            armed = self._armed[step.id] = anyio.Event()
            try:
                reason = await self._arm_all(detectors)
            except Exception:
                armed.set()
                raise
            if reason:
                self._context.set_state(unit, "cancelled", reason)
                self._context.invalidate(reason)
                return False
            armed.set()
        # Where it was refused, the run is being stopped, and with it who waits here.
        await self._armed[step.id].wait()
        return True

    async def _arm_all(self, detectors: Sequence[str]) -> str:
        """Gives what makes the run invalid, the first that is found."""
        reasons: list[str] = []

        async def one(detector: str, waiting: Unit) -> None:
            if reason := await arm(self._context, self._context.steps[detector], waiting):
                reasons.append(reason)

        async with anyio.create_task_group() as group:
            for detector in detectors:
                for waiting in self._context.units_of[detector]:
                    if waiting.id not in self._arming:
                        self._arming.add(waiting.id)
                        group.start_soon(one, detector, waiting)
        return next(iter(reasons), "")

    async def _take_claims(self, key: str, action: Fault, owner: str) -> None:
        if self._claims.allows(key, action.claims):
            await self._claims.take(key, action.claims, owner)
            return
        self._executor.rest()
        try:
            await self._claims.take(key, action.claims, owner)
        finally:
            self._executor.work()

    async def _attempts(self, step: Step, unit: Unit, action: Fault, due_at_s: float) -> Injected:
        retry = step.retry or Retry(attempts=1)
        injected = Injected()
        for attempt in range(1, retry.attempts + 1):
            async with self._executor.slots.hold(unit.binding):
                if attempt == 1:
                    self._context.set_state(unit, "running", due_at_s=due_at_s)
                started_at_s = self._context.now_s()
                injected = await self._once(step, unit, action, attempt, due_at_s)
            again = injected.again and attempt < retry.attempts
            pause_s = backoff_s(retry, attempt, self._context.random)
            self._context.journal.append(
                AttemptEnded(
                    unit=unit.id,
                    attempt=attempt,
                    started_at_s=started_at_s,
                    ended_at_s=self._context.now_s(),
                    outcome="succeeded"
                    if injected.active
                    else "errored"
                    if injected.ours
                    else "failed",
                    error=injected.error,
                    retry_in_s=pause_s if again else None,
                )
            )
            if not again:
                break
            await anyio.sleep(pause_s)
        return injected

    async def _once(
        self, step: Step, unit: Unit, action: Fault, attempt: int, due_at_s: float
    ) -> Injected:
        context = self._context

        def attempt_it(stop: threading.Event) -> Injected:
            fault, hold_s = f"{unit.id}#{attempt}", self._hold_s(step)
            run_id = context.journal.path.parent.name
            facts = deadman.named(context.facts(unit.binding, step.allow), run_id, fault)
            plan = action.plan(facts)
            if why := why_not_safe(plan, step.allow):
                raise PlanError(f"{step.uses} is refused: {why}.")
            after_s = deadman.ttl_s(hold_s, self._rest_s(), plan)
            intent = FaultIntended(
                fault=fault,
                unit=unit.id,
                action=step.uses,
                target=unit.binding or "",
                plan=deadman.armed(plan, facts, after_s),
                lasting=action.lasting,
                hold_s=hold_s,
                due_at_s=due_at_s,
            )
            result = inject(intent, context.journal, context.vehicles, stop)
            if result.fault is not None and result.fault.started_at_s is not None:
                context.fault_starts.setdefault(step.id, result.fault.started_at_s)
            if result.active and plan.rebinds and unit.binding is not None:
                context.rebind(unit.binding, step.id, stop)
            return result

        timeout_s = attempt_s(step, unit.preview)
        return await context.threads.call(attempt_it, context.threads.effects, timeout_s)

    def _hold_s(self, step: Step) -> float:
        if isinstance(step.hold, Hold):
            return seconds(step.hold.at_most)
        if step.hold is not None:
            return seconds(step.hold)
        return self._rest_s()

    def _rest_s(self) -> float:
        """Until the deadline."""
        deadline_s = seconds(self._context.plan.scenario.limits.deadline)
        return max(0.0, deadline_s - self._context.now_s())

    # --- holding ---

    async def _hold(self, step: Step, unit: Unit, fault: OpenFault, *, lasting: bool) -> bool:
        """Until the fault is over by itself, or its time has come. True: it was seen gone."""
        holding = _Holding(
            fault=fault, key=unit.binding or "", look=anyio.Event(), asked=anyio.Event()
        )
        self._holding[holding.key].append(holding)
        self._open += 1
        # Before we rest: it may be that nothing else is at work.
        idle = self._executor.idle
        self._executor.rest()
        try:
            why = await self._wait_for_end(step, holding, idle)
        finally:
            self._holding[holding.key].remove(holding)
            self._open -= 1
            self._executor.work()
        if holding.gone:
            return True
        return await self._end(holding.fault, why)

    async def _wait_for_end(self, step: Step, holding: _Holding, idle: anyio.Event) -> str:
        reasons: list[str] = []
        async with anyio.create_task_group() as group:

            async def timer(wait_s: float, why: str) -> None:
                await anyio.sleep(wait_s)
                reasons.append(why)
                group.cancel_scope.cancel()

            async def event(happened: anyio.Event, why: str) -> None:
                await happened.wait()
                reasons.append(why)
                group.cancel_scope.cancel()

            async def watcher() -> None:
                await self._watch(holding)
                reasons.append("gone")
                group.cancel_scope.cancel()

            if step.hold is not None:
                group.start_soon(timer, self._hold_s(step), "its time is over")
            else:
                group.start_soon(event, idle, "all other steps are over")
            if isinstance(step.hold, Hold):
                finished = self._executor.step_finished[step.hold.until]
                group.start_soon(event, finished, f"{step.hold.until} has finished")
            group.start_soon(event, holding.asked, "somebody asked for it")
            group.start_soon(watcher)
        return reasons[0]

    async def _watch(self, holding: _Holding) -> None:
        """Return when the fault is seen gone though nobody ended it on our side."""
        context = self._context

        def look(stop: threading.Event) -> None:
            still = end_if_gone(
                holding.fault, context.journal, context.vehicles, repaired=holding.repaired
            )
            holding.gone = still is None
            holding.fault = still or holding.fault

        checks = holding.fault.intent.plan.gone
        far = any(isinstance(check.op, ExecOp) and check.op.via == "ssh" for check in checks)
        every_s = HOST_LOOK_EVERY_S if far else LOOK_EVERY_S
        while True:
            with anyio.move_on_after(max(every_s, self._open * 0.02)):
                await holding.look.wait()
            holding.look = anyio.Event()
            if self._mending[holding.key]:
                continue
            limiter = context.threads.reads_of(*(check.op for check in checks))
            await context.threads.call(look, limiter)
            if holding.gone:
                return

    async def _end(self, fault: OpenFault, why: str) -> bool:
        context = self._context

        def end_it(stop: threading.Event) -> bool:
            # The stop event is left alone: nothing cuts an undo short.
            came = end(fault, context.journal, context.vehicles, why=why, by="engine")
            return isinstance(came, FaultEnded)

        limiter = context.threads.undo_of(*fault.intent.plan.undo)
        return await context.threads.call(end_it, limiter)
