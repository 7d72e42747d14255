"""Before the graph: set-up commands, process targets, and the complete plan."""

import threading
from typing import Any

from breakfix.engine.action import ProcessFacts
from breakfix.engine.errors import EngineError
from breakfix.engine.events import (
    CommandEnded,
    CommandIntended,
    MarkIntended,
    TargetStarted,
)
from breakfix.engine.model import LocalCommand, Scenario
from breakfix.engine.ops import Outcome
from breakfix.engine.plan import WorldTargets
from breakfix.engine.recover import command_op
from breakfix.engine.run.context import RunContext, World
from breakfix.engine.run.poll import Goal, poll
from breakfix.engine.run.probe import look, named_probe
from breakfix.engine.targets import process
from breakfix.engine.values import seconds

READY_EVERY_S = 0.1


class SetupFailed(EngineError):
    """A command of setup failed, or a process target did not become ready."""


async def run_setup(world: World, scenario: Scenario) -> None:
    """The commands of setup, in order; teardown's are owed from before the first of them.

    Raises SetupFailed.
    """
    for index, command in enumerate(scenario.teardown):
        world.journal.append(
            CommandIntended(stage="teardown", index=index, command=command), sync=True
        )
    for index, command in enumerate(scenario.setup):
        world.journal.append(
            CommandIntended(stage="setup", index=index, command=command), sync=True
        )
        outcome = await _run(world, command)
        error = world.secrets.mask(outcome.error or outcome.stderr.strip()[-2000:])
        world.journal.append(
            CommandEnded(
                stage="setup",
                index=index,
                ok=outcome.ok,
                code=outcome.code,
                error="" if outcome.ok else error,
                output=world.secrets.mask(outcome.text[-2000:]),
            )
        )
        if not outcome.ok:
            raise SetupFailed(
                f"setup command {' '.join(command.run)} ended with {outcome.code}: {error}",
                hint="Run it by hand to see more.",
            )


async def _run(world: World, command: LocalCommand) -> Outcome:
    def execute(stop: threading.Event) -> Outcome:
        return world.vehicles.run(command_op(command), stop=stop)

    return await world.threads.call(execute, world.threads.effects)


async def start_processes(world: World, targets: WorldTargets) -> None:
    """Start every process target that the plan uses: the mark is on the disk before the process is.

    Raises SetupFailed.
    """
    for name, facts in targets.processes.items():
        world.journal.append(MarkIntended(mark=facts.identity.object_id, target=name), sync=True)

        def start(
            stop: threading.Event, name: str = name, facts: ProcessFacts = facts
        ) -> ProcessFacts:
            outcome = world.vehicles.run(process.start_op(facts), stop=stop)
            if not outcome.ok:
                raise SetupFailed(f"target {name} could not be started: {outcome.error}")
            return process.facts(facts, world.vehicles)

        fresh = await world.threads.call(start, world.threads.effects)
        targets.started(name, fresh)
        world.journal.append(TargetStarted(target=name, identity=fresh.identity))


async def wait_ready(context: RunContext) -> None:
    """Wait until each process target's `ready` probe is good. Raises SetupFailed."""
    for name, target in context.plan.scenario.targets.items():
        if target.process is None or target.process.ready is None or name not in context.plan.sets:
            continue
        ready = target.process.ready
        probing = named_probe(context, ready, f"ready {name}")
        goal = Goal(
            wants=True,
            consecutive=1,
            stays_s=0.0,
            within_s=seconds(target.process.ready_within),
            every_s=READY_EVERY_S,
            timeout_s=probing.timeout_s,
        )

        async def take(due_at_s: float, probing: Any = probing) -> Any:
            return await look(context, probing)

        result = await poll(goal, take, context.now_s)
        if not result.met:
            seen = result.last.observation.detail if result.last else "no sample came back"
            raise SetupFailed(
                f"target {name} was not ready within {target.process.ready_within}: {seen}",
                hint=f"Its output is in {context.journal.path.parent / name}.log.",
            )
        facts = context.known_facts(name)
        assert isinstance(facts, ProcessFacts)
        context.journal.append(TargetStarted(target=name, identity=facts.identity, ready=True))
