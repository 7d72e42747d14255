"""Remediate steps: bind, carry out, prove, and take back what was cut off half-way."""

import random
import threading
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct, structs

from breakfix.engine import deadman
from breakfix.engine.action import Facts, HostFacts, Repair
from breakfix.engine.checks import wait_for
from breakfix.engine.errors import PreconditionError
from breakfix.engine.events import AttemptEnded, RepairEnded, RepairIntended
from breakfix.engine.model import Retry, Step
from breakfix.engine.ops import Outcome, Plan
from breakfix.engine.plan.timing import attempt_s
from breakfix.engine.run.context import RunContext
from breakfix.engine.run.result import UnitResult
from breakfix.engine.run_plan import Unit
from breakfix.engine.values import fraction, seconds

if TYPE_CHECKING:
    from breakfix.engine.run.executor import Executor


class Performed(Struct, frozen=True, kw_only=True):
    """What came of one attempt: `ours` says that our side failed, not the repair."""

    ok: bool
    error: str = ""
    ours: bool = False
    started_at_s: float = 0.0
    ended_at_s: float = 0.0
    plan: Plan | None = None
    text: str = ""


async def run_repair(executor: "Executor", step: Step, unit: Unit, due_at_s: float) -> UnitResult:
    """A remediate unit, with its retries."""
    context = executor.context
    retry = step.retry or Retry(attempts=1)
    done = Performed(ok=False)
    for attempt in range(1, retry.attempts + 1):
        async with executor.slots.hold(unit.binding):
            if attempt == 1:
                context.set_state(unit, "running", due_at_s=due_at_s)
            with executor.injector.mending(unit.binding):
                done = await _attempt(context, step, unit, attempt)
        pause_s = backoff_s(retry, attempt, context.random)
        again = not done.ok and not done.ours and attempt < retry.attempts
        context.journal.append(
            AttemptEnded(
                unit=unit.id,
                attempt=attempt,
                started_at_s=done.started_at_s,
                ended_at_s=done.ended_at_s,
                outcome="succeeded" if done.ok else "errored" if done.ours else "failed",
                error=context.secrets.mask(done.error),
                retry_in_s=pause_s if again else None,
            )
        )
        if not again:
            break
        await anyio.sleep(pause_s)
    if done.ok and unit.binding is not None:
        executor.injector.repaired(unit.binding)
    if done.ok and step.after_run == "put_back" and done.plan is not None:
        context.put_back.append((unit.id, done.plan))
    return UnitResult(
        state="succeeded" if done.ok else "errored" if done.ours else "failed",
        reason=context.secrets.mask(done.error),
        values={"ok": done.ok, "text": done.text},
    )


def backoff_s(retry: Retry, attempt: int, rng: random.Random) -> float:
    """The pause after an attempt (the first is 1): backoff * factor^(attempt - 1), +- jitter."""
    spread = fraction(retry.jitter)
    pause_s: float = seconds(retry.backoff) * retry.factor ** (attempt - 1)
    return pause_s * (1 + spread * rng.uniform(-1, 1))


async def _attempt(context: RunContext, step: Step, unit: Unit, attempt: int) -> Performed:
    action = context.parameters(step, unit)
    assert isinstance(action, Repair)
    timeout_s = attempt_s(step, unit.preview)

    def perform(stop: threading.Event) -> Performed:
        started_at_s = context.now_s()
        try:
            plan = action.plan(_facts(context, step, unit, attempt))
        except PreconditionError as error:
            # The system is not in the state that this repair needs: it did not repair.
            return Performed(
                ok=False, error=str(error), started_at_s=started_at_s, ended_at_s=context.now_s()
            )
        context.journal.append(
            RepairIntended(
                unit=unit.id,
                attempt=attempt,
                action=step.uses,
                target=unit.binding or "",
                plan=plan,
            ),
            sync=True,
        )
        done = carry_out(context, plan, stop)
        context.journal.append(
            RepairEnded(
                unit=unit.id,
                attempt=attempt,
                started_at_s=done.started_at_s,
                ended_at_s=done.ended_at_s,
                ok=done.ok,
                error=context.secrets.mask(done.error),
            )
        )
        if done.ok and plan.rebinds and unit.binding is not None:
            context.rebind(unit.binding, step.id, stop)
        return done

    return await context.threads.call(perform, context.threads.effects, timeout_s)


def _facts(context: RunContext, step: Step, unit: Unit, attempt: int) -> Facts:
    """Fresh facts; of a host with the name under which the repair keeps what it is to put back, and
    without one where it stays."""
    facts = context.facts(unit.binding, step.allow)
    if not isinstance(facts, HostFacts):
        return facts
    if step.after_run != "put_back":
        return structs.replace(facts, token="")
    return deadman.named(facts, context.journal.path.parent.name, f"{unit.id}#{attempt}")


def carry_out(context: RunContext, plan: Plan, stop: threading.Event) -> Performed:
    """Run the ops of a repair and wait for its effect; what was cut off half-way is taken back."""
    started_at_s = context.now_s()
    error, ours, text, done = "", False, "", 0
    for op in plan.apply:
        outcome = context.vehicles.run(op, stop=stop)
        text = outcome.text or text
        if not outcome.ok:
            error, ours = _what_failed(outcome), outcome.unknown or outcome.code is None
            ours = ours and not outcome.gone
            break
        done += 1
    if not error:
        for check in plan.effect:
            result = wait_for(check, context.vehicles, context.now_s, stop)
            if not result.holds:
                error = result.error or f"{check.asked}: seen {result.value!r}"
                break
    if error and stop.is_set():
        error = f"stopped before it was over: {error}"
    if error and (stop.is_set() or 0 < done < len(plan.apply)):
        for op in plan.undo:
            context.vehicles.run(op)
    return Performed(
        ok=not error,
        error=error,
        ours=ours,
        started_at_s=started_at_s,
        ended_at_s=context.now_s(),
        plan=plan,
        text=text[:4096],
    )


def _what_failed(outcome: Outcome) -> str:
    if outcome.error:
        return outcome.error
    said = (outcome.stderr or outcome.text).strip().splitlines()
    return f"ended with {outcome.code}" + (f": {said[-1][:300]}" if said else "")
