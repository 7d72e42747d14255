"""The steady state: what must be good before anything is broken."""

from functools import partial

import anyio

from breakfix.engine.events import SteadyMet
from breakfix.engine.model import Steady
from breakfix.engine.run.context import RunContext
from breakfix.engine.run.poll import Goal, poll
from breakfix.engine.run.probe import named_probe, take_sample
from breakfix.engine.values import seconds


async def wait_steady(context: RunContext) -> None:
    """Wait until every probe of the steady state was good for its time; where one is not, the run is
    invalid, and nothing is injected."""
    wanted = context.plan.scenario.steady
    if not wanted:
        return
    unmet: list[str] = []

    async def one(steady: Steady) -> None:
        probing = named_probe(context, steady.probe, f"steady {steady.probe}")
        goal = Goal(
            wants=True,
            consecutive=1,
            stays_s=seconds(steady.for_),
            within_s=seconds(steady.within),
            every_s=probing.every_s,
            timeout_s=probing.timeout_s,
        )
        result = await poll(goal, partial(take_sample, context, probing), context.now_s)
        if not result.met:
            seen = result.last.observation.detail if result.last else "no sample came back"
            unmet.append(f"{steady.probe} was not good for {steady.for_}: {seen}")

    async with anyio.create_task_group() as group:
        for steady in wanted:
            group.start_soon(one, steady)
    if unmet:
        context.invalidate(f"The steady state was not met: {'; '.join(sorted(unmet))}")
        # The run is being stopped: no step begins any more.
        await anyio.sleep_forever()
    context.journal.append(SteadyMet(probes=tuple(steady.probe for steady in wanted)))
