"""Detect and verify steps: samples of a probe, and the condition that a step waits for."""

import contextlib
from functools import partial

import anyio
import anyio.to_thread
import msgspec
from msgspec import Struct

from breakfix.engine.action import Probe, Source
from breakfix.engine.errors import ExpressionError
from breakfix.engine.events import AttemptEnded, SampleTaken
from breakfix.engine.model import NextWhen, Step
from breakfix.engine.run.context import RunContext
from breakfix.engine.run.poll import Goal, PollResult, Taken, poll
from breakfix.engine.run.result import UnitResult
from breakfix.engine.run_plan import Unit
from breakfix.engine.sampling.observing import Sight, observe, state_of
from breakfix.engine.values import seconds

ARM_SAMPLES_MAX = 3


class Probing(Struct, frozen=True, kw_only=True):
    """A probe bound to where it looks: `keys` are the targets that it is taken on (none: from here)."""

    name: str
    probe: Probe
    keys: tuple[str | None, ...]
    every_s: float
    timeout_s: float
    asker: str
    """The unit (of a gate between waves: the step) that takes the samples."""
    since_s: float


def probing_of(context: RunContext, step: Step, unit: Unit | None) -> Probing:
    """The probe that a step polls, with its late expressions put in. Raises BreakfixError."""
    asker = unit.id if unit is not None else step.id
    if step.uses in context.plan.scenario.probes:
        probing = named_probe(context, step.uses, asker)
        if unit is not None and unit.binding is not None:
            probing = msgspec.structs.replace(probing, keys=(unit.binding,))
    else:
        assert unit is not None
        action = context.parameters(step, unit)
        assert isinstance(action, Probe)
        probing = Probing(
            name=step.uses,
            probe=action,
            keys=(unit.binding,),
            every_s=1.0,
            timeout_s=5.0,
            asker=asker,
            since_s=context.now_s(),
        )
    return msgspec.structs.replace(
        probing,
        every_s=seconds(step.every) if step.every else probing.every_s,
        timeout_s=seconds(step.timeout) if step.timeout else probing.timeout_s,
        since_s=context.fault_start_before(step.id) if step.phase == "detect" else probing.since_s,
    )


def named_probe(context: RunContext, name: str, asker: str) -> Probing:
    """A probe of the file, on its own target where it has one."""
    use = context.plan.scenario.probes[name]
    action = msgspec.convert(use.with_, context.actions[use.uses])
    assert isinstance(action, Probe)
    keys: tuple[str | None, ...] = (None,)
    if use.target is not None:
        keys = context.plan.sets[use.target].picked
    return Probing(
        name=name,
        probe=action,
        keys=keys,
        every_s=seconds(use.every),
        timeout_s=seconds(use.timeout),
        asker=asker,
        since_s=context.now_s(),
    )


def goal_of(step: Step, probing: Probing) -> Goal:
    """What a detect or verify step waits for, by its phase and the sort of its probe."""
    occurrence = probing.probe.observes == "occurrence"
    is_ = step.is_
    if is_ is None and step.phase == "detect":
        is_ = "seen" if occurrence else "bad"
    stays_s = seconds(step.stays) if step.stays else 0.0
    wants = is_ in ("seen", "good") if is_ is not None else not occurrence
    return Goal(
        wants=wants,
        consecutive=step.consecutive or 1,
        stays_s=stays_s,
        within_s=seconds(step.within) if step.within else stays_s,
        every_s=probing.every_s,
        timeout_s=probing.timeout_s,
        fails_at_once=occurrence and not wants,
    )


def open_streams(context: RunContext) -> None:
    """Subscribe to every stream that a probe of this run listens to; blocking."""
    sources: list[Source] = []
    for unit in context.plan.units:
        step = context.steps[unit.step]
        if step.phase not in ("detect", "verify"):
            continue
        # A step whose parameters are known only later subscribes when it begins.
        with contextlib.suppress(ExpressionError):
            sources += _sources(context, probing_of(context, step, unit))
    context.streams.open_all(sources)


def subscribe(context: RunContext, probing: Probing) -> None:
    """Open the streams of one probe; those that are open already stay as they are; blocking."""
    context.streams.open_all(_sources(context, probing))


def _sources(context: RunContext, probing: Probing) -> list[Source]:
    return [
        source
        for key in probing.keys
        for source in probing.probe.sources(context.known_facts(key))
    ]


async def run_poll(context: RunContext, step: Step, unit: Unit, due_at_s: float) -> UnitResult:
    """A detect or verify unit. In a rehearsal a detect step looks once, and wants quiet."""
    context.set_state(unit, "running", due_at_s=due_at_s)
    started_at_s = context.now_s()
    probing = probing_of(context, step, unit)
    if probing.probe.observes == "occurrence":
        await anyio.to_thread.run_sync(subscribe, context, probing)
    goal = goal_of(step, probing)
    if context.no_faults and step.phase == "detect":
        goal = msgspec.structs.replace(
            goal,
            wants=not goal.wants,
            consecutive=1,
            stays_s=0.0,
            within_s=0.0,
            fails_at_once=False,
        )
    result = await poll(goal, partial(take_sample, context, probing), context.now_s)
    last = result.last.observation if result.last is not None else None
    reason = "" if result.met else _why_not_met(step, probing, result)
    context.journal.append(
        AttemptEnded(
            unit=unit.id,
            attempt=1,
            started_at_s=started_at_s,
            ended_at_s=context.now_s(),
            outcome="succeeded" if result.met else "failed",
            error=reason,
        )
    )
    return UnitResult(
        state="succeeded" if result.met else "failed",
        reason=reason,
        values=last.result if last is not None else {},
    )


async def poll_probe(context: RunContext, step: Step, gate: NextWhen) -> PollResult:
    """Wait until a probe is good, between two waves of a step."""
    probing = named_probe(context, gate.probe, step.id)
    goal = Goal(
        wants=True,
        consecutive=gate.consecutive,
        stays_s=0.0,
        within_s=seconds(gate.within),
        every_s=probing.every_s,
        timeout_s=probing.timeout_s,
    )
    return await poll(goal, partial(take_sample, context, probing), context.now_s)


async def arm(context: RunContext, step: Step, unit: Unit) -> str:
    """Look once before the fault that a detect unit waits for. Says what makes the run invalid:
    the condition holds already, or nobody can tell; else the empty string."""
    probing = probing_of(context, step, unit)
    if probing.probe.observes == "occurrence":
        return ""
    goal = goal_of(step, probing)
    taken: Taken | None = None
    for _ in range(ARM_SAMPLES_MAX):
        taken = await take_sample(context, probing, context.now_s(), armed=True)
        if taken.observation.holds is not None:
            break
        await anyio.sleep(min(probing.every_s, 1.0))
    assert taken is not None
    if taken.observation.holds is None:
        return f"{probing.name} could not be tried before the fault: {taken.observation.detail}"
    if taken.observation.holds is goal.wants:
        return f"what {step.id} waits for held before the fault: {taken.observation.detail}"
    return ""


async def take_sample(
    context: RunContext, probing: Probing, due_at_s: float, *, armed: bool = False
) -> Taken:
    """One sample, journaled. It never raises, and is bad (an occurrence: blind) after its time-out."""
    taken = await look(context, probing)
    late_s = taken.started_at_s - due_at_s
    context.journal.append(
        SampleTaken(
            probe=probing.name,
            unit=probing.asker,
            state=state_of(probing.probe, taken.observation.holds),
            started_at_s=taken.started_at_s,
            ended_at_s=taken.ended_at_s,
            detail=context.secrets.mask(taken.observation.detail),
            armed=armed,
            late_s=late_s if late_s > probing.every_s / 10 else 0.0,
            occurred_at_s=taken.observation.occurred_at_s,
        )
    )
    return taken


async def look(context: RunContext, probing: Probing) -> Taken:
    """One sample that is nobody's evidence: not journaled."""
    started_at_s = context.now_s()
    facts = [context.known_facts(key) for key in probing.keys]
    sight = Sight(probe=probing.probe, timeout_s=probing.timeout_s, since_s=probing.since_s)
    observation = await observe(context.senses, sight, facts)
    return Taken(observation=observation, started_at_s=started_at_s, ended_at_s=context.now_s())


def _why_not_met(step: Step, probing: Probing, result: PollResult) -> str:
    goal = goal_of(step, probing)
    word = state_of(probing.probe, goal.wants)
    seen = result.last.observation.detail if result.last is not None else "no sample came back"
    if result.blind:
        return f"every sample of {probing.name} was blind: {seen}"
    if goal.fails_at_once:
        return f"{probing.name} was seen: {seen}"
    return f"{probing.name} was not {word} within {goal.within_s:g} s: {seen}"
