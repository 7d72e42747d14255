"""After the graph, however it ended: undo every fault, put back, end processes, tear down."""

import threading
from typing import Literal

from breakfix.engine import survey
from breakfix.engine.ending import end_all, end_marks
from breakfix.engine.events import CommandEnded, RepairEnded, Surveyed
from breakfix.engine.journal import read
from breakfix.engine.model import Scenario
from breakfix.engine.open_faults import open_faults, open_marks
from breakfix.engine.recover import command_op
from breakfix.engine.run.context import RunContext, World


async def wind_up(world: World, scenario: Scenario, context: RunContext | None) -> None:
    """Nothing in here is cut short; each part is tried whatever came of the others."""

    def undo(stop: threading.Event) -> None:
        lines = read(world.journal.path)
        end_all(
            open_faults(lines),
            world.journal,
            world.vehicles,
            why="the run is over",
            by="engine",
        )
        if context is not None:
            put_back(context)
            if context.observers is not None:
                context.observers.stop()
            survey_targets(context, "after")
        end_marks(open_marks(read(world.journal.path)), world.journal, world.vehicles, by="engine")
        tear_down(world, scenario)

    await world.threads.call(undo, world.threads.undo)


def survey_targets(context: RunContext, when: Literal["before", "after"]) -> None:
    """Write down what each container and host of the plan is like now; blocking."""
    targets = {key: binding.identity for key, binding in context.plan.bindings.items()}
    found = survey.take(targets, context.vehicles, context.journal.path.parent.name)
    if found:
        context.journal.note(Surveyed(when=when, targets=found))


def put_back(context: RunContext) -> None:
    """Reverse the repairs that said ``after_run: put_back``, the last one first."""
    for unit, plan in reversed(context.put_back):
        started_at_s = context.now_s()
        failed = [outcome for outcome in map(context.vehicles.run, plan.undo) if not outcome.ok]
        context.journal.note(
            RepairEnded(
                unit=unit,
                attempt=0,
                started_at_s=started_at_s,
                ended_at_s=context.now_s(),
                ok=not failed,
                error=context.secrets.mask(failed[0].error) if failed else "",
                put_back=True,
            )
        )


def tear_down(world: World, scenario: Scenario) -> None:
    """Every command of teardown, in order; one failure does not stop the next."""
    for index, command in enumerate(scenario.teardown):
        outcome = world.vehicles.run(command_op(command))
        world.journal.note(
            CommandEnded(
                stage="teardown",
                index=index,
                ok=outcome.ok,
                code=outcome.code,
                error=world.secrets.mask(outcome.error or outcome.stderr.strip()[-2000:])
                if not outcome.ok
                else "",
                output=world.secrets.mask(outcome.text[-2000:]),
            )
        )
