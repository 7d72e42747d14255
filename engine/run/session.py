"""One run from its first event to its last: set-up, targets, plan, graph, undo, teardown, verdict."""

import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from msgspec import Struct

from breakfix.engine import catalogue
from breakfix.engine.control import Answer, Request
from breakfix.engine.errors import BreakfixError, DriftError, leaves
from breakfix.engine.events import (
    EndpointSeen,
    GuardTripped,
    HostsSeen,
    Line,
    PlanMade,
    RunEnded,
    RunErrored,
    RunStarted,
    UndoRequested,
)
from breakfix.engine.guardian_process import GuardianProcess
from breakfix.engine.home import new_run_id, run_dir
from breakfix.engine.journal import Journal, read
from breakfix.engine.leases import Leases
from breakfix.engine.machine import enlist, refuse_if_halted
from breakfix.engine.model import Scenario
from breakfix.engine.plan import WorldTargets, action_names, drift, identities, make, slim
from breakfix.engine.run.context import RunContext, World
from breakfix.engine.run.control_server import serving
from breakfix.engine.run.executor import Executor
from breakfix.engine.run.historian import hold_against_history, remember
from breakfix.engine.run.observers import Observers
from breakfix.engine.run.prepare import run_setup, start_processes, wait_ready
from breakfix.engine.run.probe import open_streams
from breakfix.engine.run.steady import wait_steady
from breakfix.engine.run.stopper import Stopper
from breakfix.engine.run.windup import survey_targets, wind_up
from breakfix.engine.run_plan import RunPlan
from breakfix.engine.sampling.http_session import HttpSession
from breakfix.engine.sampling.threads import Threads
from breakfix.engine.secrets import Secrets
from breakfix.engine.streams import Streams
from breakfix.engine.timeline import Record, Verdict, fold
from breakfix.engine.values import seconds
from breakfix.engine.vehicles.children import become_subreaper
from breakfix.engine.vehicles.dispatch import Vehicles
from breakfix.engine.verdict import judge

LOOK_EVERY_S = 0.5


class RunRequest(Struct, frozen=True, kw_only=True):
    """What a run is asked to do. `planned` is the plan of ``--plan FILE``, which must still hold."""

    scenario: Scenario
    file: str
    file_sha256: str
    inputs: dict[str, Any]
    seed: int
    env: str
    no_faults: bool
    command: str
    versions: dict[str, str]
    planned: RunPlan | None = None
    wait: bool = False
    """Wait for targets that another run has, instead of refusing."""
    labels: dict[str, str] = {}
    """What ``--label`` says of this run."""
    series: str = ""
    """The series of trials that it is a part of; that is held against the history as a whole."""
    history: str = ""
    """Where the history is; empty: where it always is (`breakfix.engine.history.place`)."""
    against: str = ""
    """The history that it is held against, where that is another one."""


class RunDone(Struct, frozen=True, kw_only=True):
    """What came of it."""

    run_id: str
    folder: Path
    record: Record
    verdict: Verdict
    signalled: bool
    """A signal asked for the end, even one that came too late to be in the journal."""
    history_problem: str = ""
    """Why the run is not in the history; empty where it is, or where none is kept."""


def run(
    request: RunRequest, targets: WorldTargets, listeners: Iterable[Callable[[Line], None]] = ()
) -> RunDone:
    """Run a scenario to its end; when it returns, every fault has been undone or is named as residue, and
    the connections of `targets` are closed.

    Raises JournalError or EngineError where it could not begin.
    """
    return anyio.run(_Session(request, targets, tuple(listeners)).run)


class _Session:
    def __init__(
        self,
        request: RunRequest,
        targets: WorldTargets,
        listeners: tuple[Callable[[Line], None], ...],
    ) -> None:
        self._request = request
        self._targets = targets
        self._scenario = request.scenario
        self._run_id = new_run_id(request.scenario.name)
        self._folder = run_dir(self._run_id)
        self._journal = Journal.create(self._folder, "engine")
        self._journal.listeners.extend(listeners)
        self._stopper = Stopper(self._journal)
        self._leases = Leases(self._run_id)
        self._actions = catalogue.load(action_names(request.scenario))
        self._context: RunContext | None = None
        self._executor: Executor | None = None

    async def run(self) -> RunDone:
        self._journal.append(self._started(), sync=True)
        enlist()
        guardian = await anyio.to_thread.run_sync(
            partial(GuardianProcess.start, self._folder, ssh=self._targets.uses_ssh)
        )
        become_subreaper()
        world = self._world()
        with self._stopper.on_signals():
            try:
                await self._until_stopped(world, guardian)
                with anyio.CancelScope(shield=True):
                    await wind_up(world, self._scenario, self._context)
            finally:
                self._leases.close()
                world.streams.close()
                await world.session.close()
                world.vehicles.close()
                self._targets.close()
            return await anyio.to_thread.run_sync(self._end, guardian)

    def _started(self) -> RunStarted:
        request = self._request
        return RunStarted(
            run_id=self._run_id,
            scenario=request.scenario.name,
            file=request.file,
            file_sha256=request.file_sha256,
            versions=request.versions,
            seed=request.seed,
            env=request.env,
            inputs=request.inputs,
            no_faults=request.no_faults,
            command=request.command,
            secrets=request.scenario.secrets,
            labels=request.labels,
            series=request.series,
        )

    def _world(self) -> World:
        secrets = Secrets(self._scenario.secrets)
        endpoints, ssh = self._targets.endpoints, self._targets.ssh
        if ssh is not None:
            # What ends the commands of a dead engine knows them by that.
            ssh.prefix = f"{self._run_id}."
        clock = self._journal.now_s
        return World(
            journal=self._journal,
            vehicles=Vehicles(endpoints, self._folder, secrets, clock, ssh=ssh),
            streams=Streams(endpoints, clock, ssh),
            session=HttpSession(),
            secrets=secrets,
            threads=Threads(self._scenario.limits.concurrency),
        )

    async def _until_stopped(self, world: World, guardian: GuardianProcess) -> None:
        """The part of a run that can be stopped. Errors are journaled, never raised."""
        try:
            async with anyio.create_task_group() as group:
                self._stopper.begin(group.cancel_scope)
                group.start_soon(self._watch, guardian)
                group.start_soon(self._deadline)
                async with serving(self._folder, self._handle):
                    await self._stages(world, guardian)
                group.cancel_scope.cancel()
        except (Exception, BaseExceptionGroup) as errors:
            for error in leaves(errors):
                self._note(error)

    def _note(self, error: BaseException) -> None:
        expected = isinstance(error, BreakfixError)
        kind = type(error).__name__ if expected else "unexpected"
        text = str(error) if expected else f"unexpected {type(error).__name__}: {error}"
        self._journal.note(RunErrored(message=text, kind=kind))

    def _handle(self, request: Request) -> Answer:
        """A request of another process: journaled, then done."""
        if request.op == "halt":
            self._stopper.stop("breakfix halt", "halt")
            return Answer(ok=True, message="is stopping; its faults are being undone")
        self._journal.append(UndoRequested(step=request.step))
        if self._executor is None or not self._executor.injector.end_now(request.step):
            return Answer(ok=False, message=f"no fault of {request.step!r} is open in this run.")
        return Answer(ok=True, message=f"{request.step}: is being undone")

    async def _watch(self, guardian: GuardianProcess) -> None:
        """Without a guardian nobody would undo what we break: its death ends the run."""
        while True:
            if not guardian.alive():
                self._stopper.stop("the guardian is gone", "guardian")
            context = self._context
            if context is not None and context.observers is not None and context.observers.lost():
                context.invalidate("the sampling process died")
                return
            await anyio.sleep(LOOK_EVERY_S)

    async def _deadline(self) -> None:
        deadline = self._scenario.limits.deadline
        await anyio.sleep(max(0.0, seconds(deadline) - self._journal.now_s()))
        self._stopper.stop(f"the deadline of {deadline} is over", "deadline")

    async def _stages(self, world: World, guardian: GuardianProcess) -> None:
        # Again, now that this run can be seen: whoever halts either sees it, or is seen.
        refuse_if_halted()
        if any(name.startswith("http.") for name in self._actions):
            # Its imports take a while, which must not fall into the first sample.
            await world.session.open()
        await run_setup(world, self._scenario)
        await start_processes(world, self._targets)
        await self._take_leases(world)
        plan = await anyio.to_thread.run_sync(self._plan)
        for endpoint in self._targets.endpoints.values():
            self._journal.append(EndpointSeen(endpoint=endpoint))
        if hosts := await anyio.to_thread.run_sync(self._targets.pinned, plan):
            self._journal.append(HostsSeen(hosts=hosts))
        self._journal.append(PlanMade(plan=slim(plan)), sync=True)
        context = RunContext(
            plan,
            world,
            self._actions,
            lambda reason: self._stopper.stop(reason, "invalid"),
            no_faults=self._request.no_faults,
        )
        self._context = context
        await wait_ready(context)
        await anyio.to_thread.run_sync(survey_targets, context, "before")
        await anyio.to_thread.run_sync(open_streams, context)
        if self._scenario.observe or self._scenario.guards:
            context.observers = await Observers.start(context, guardian.incarnation, self._tripped)
        await self._run_graph(context)

    def _tripped(self, event: GuardTripped) -> None:
        """A guard ends the run, on the road of a signal."""
        if event.kind == "blind":
            self._stopper.stop(f"guard {event.guard} is blind: {event.why}", "guard_blind")
        else:
            self._stopper.stop(f"guard {event.guard} tripped: {event.why}", "guard")

    async def _run_graph(self, context: RunContext) -> None:
        await anyio.sleep(seconds(self._scenario.warmup))
        await wait_steady(context)
        self._executor = Executor(context)
        await self._executor.run()
        await anyio.sleep(seconds(self._scenario.cooldown))

    async def _take_leases(self, world: World) -> None:
        """Before anybody asks what state the containers are in they are ours alone: another run may
        be breaking them now."""
        request = self._request

        def take(stop: threading.Event) -> None:
            targets = identities(request.scenario, self._targets, seed=request.seed)
            self._leases.take(targets, wait=request.wait, stop=stop)

        await world.threads.call(take, world.threads.reads)

    def _plan(self) -> RunPlan:
        request = self._request
        plan = make(
            request.scenario,
            self._targets,
            self._actions,
            seed=request.seed,
            inputs=request.inputs,
            running=True,
        )
        if request.planned is not None and (changes := drift(plan, request.planned)):
            raise DriftError("; ".join(changes), hint="Make a new plan and look at it.")
        return plan

    def _end(self, guardian: GuardianProcess) -> RunDone:
        record = fold(read(self._journal.path))
        judged = judge(record)
        if hold_against_history(self._request, record, judged, self._journal):
            judged = judge(fold(read(self._journal.path)))
        self._journal.note(
            RunEnded(
                by="engine",
                exit_code=judged.exit_code,
                verdict=judged.verdict,
                reason=judged.reason,
                residue=judged.exit_code == 6,
            ),
            sync=True,
        )
        self._journal.close()
        guardian.dismiss()
        record = fold(read(self._journal.path))
        verdict = judge(record)
        return RunDone(
            run_id=self._run_id,
            folder=self._folder,
            record=record,
            verdict=verdict,
            signalled=self._stopper.signalled,
            history_problem=remember(self._request, record, verdict, self._journal.path),
        )
