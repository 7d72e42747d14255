"""A run in a world that is only told of: hundreds of targets, each a file of a fake vehicle."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import anyio
import msgspec
import pytest

from breakfix.engine.action import (
    Action,
    DockerFacts,
    Facts,
    Fault,
    Observation,
    Port,
    Probe,
    Repair,
)
from breakfix.engine.events import Line
from breakfix.engine.journal import Journal, read
from breakfix.engine.model import Scenario
from breakfix.engine.ops import Check, FileOp, Identity, Kind, Op, Plan
from breakfix.engine.plan import make
from breakfix.engine.run.context import RunContext, World
from breakfix.engine.run.executor import Executor
from breakfix.engine.sampling.http_session import HttpSession
from breakfix.engine.sampling.threads import Threads
from breakfix.engine.secrets import Secrets
from breakfix.engine.selectors import DockerSelector
from breakfix.engine.streams import Streams
from breakfix.engine.vehicles.fake import FakeVehicles


def _file(facts: DockerFacts, *, delete: bool = False, content: str | None = None) -> FileOp:
    reads = not delete and content is None
    return FileOp(
        path=facts.identity.name,
        delete=delete,
        content=content,
        changes="no" if reads else "yes",
        target=facts.identity,
    )


def _there(facts: DockerFacts, *, value: bool) -> Check:
    return Check(op=_file(facts), pick="/there", is_="eq", value=value, within_s=0.0)


class Break(Fault, frozen=True, kw_only=True):
    """A file that must not be there."""

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    lasting: ClassVar[bool] = True
    note: str = ""

    def plan(self, facts: DockerFacts) -> Plan:
        """Written, seen, and taken away."""
        return Plan(
            apply=(_file(facts, content="{}"),),
            effect=(_there(facts, value=True),),
            undo=(_file(facts, delete=True),),
            gone=(_there(facts, value=False),),
        )


class Mend(Repair, frozen=True, kw_only=True):
    """Takes the file away."""

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)

    def plan(self, facts: DockerFacts) -> Plan:
        """It is gone."""
        return Plan(apply=(_file(facts, delete=True),), effect=(_there(facts, value=False),))


class Whole(Probe, frozen=True, kw_only=True):
    """Good where there is no file."""

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)

    async def sample(self, port: Port) -> Observation:
        """One look."""
        assert isinstance(port.facts, DockerFacts)
        outcome = await port.read(_file(port.facts))
        return Observation(holds=not outcome.data["there"], detail=str(outcome.data["there"]))


ACTIONS: dict[str, type[Action]] = {"x.break": Break, "x.mend": Mend, "x.whole": Whole}


class _Targets:
    """Containers that are named only."""

    def __init__(self, count: int) -> None:
        self.found = tuple(
            Identity(kind="docker", name=f"host-{number:05}", object_id=f"id-{number:05}")
            for number in range(1, count + 1)
        )

    def containers(self, selector: DockerSelector) -> tuple[Identity, ...]:
        """All of them."""
        return self.found

    def facts(self, containers: Sequence[Identity]) -> list[Facts]:
        """Nothing but who they are."""
        return [
            DockerFacts(identity=identity, inspect={}, engine={}, local=True)
            for identity in containers
        ]

    def process(self, name: str) -> Any:
        """There is none."""
        raise AssertionError(name)


class _Context(RunContext):
    """Facts are those of the plan."""

    def facts(self, key: str | None, allow: tuple[str, ...] = ()) -> Facts:
        return self.known_facts(key)


class WideRun:
    """Runs scenarios on `count` targets. `most` is how many ops that change something were at work at once,
    `took_s` how long the graph took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vehicles = FakeVehicles()
        self.vehicles.on_run = self._on_run
        self.op_s = 0.0
        self.read_s = 0.0
        self.most = 0
        self.took_s = 0.0
        self.stopped: list[str] = []
        self._now = 0
        self._lock = threading.Lock()

    def _on_run(self, op: Op) -> None:
        if op.changes == "no":
            time.sleep(self.read_s)
            return
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(self.op_s)
        with self._lock:
            self._now -= 1

    def __call__(self, count: int, steps: Sequence[dict[str, Any]], **parts: Any) -> list[Line]:
        """Make the plan, run its graph, and give the journal."""
        target = {"fleet": {"docker": {"labels": {"app": "x"}}, "pick": "all"}}
        document = {"version": 1, "name": "wide", "targets": target, "steps": steps, **parts}
        scenario = msgspec.convert(document, Scenario)
        targets: Any = _Targets(count)
        plan = make(scenario, targets, ACTIONS, seed=1, inputs={}, running=True)
        journal = Journal.create(self.folder / "run", "engine")
        vehicles: Any = self.vehicles

        async def main() -> None:
            world = World(
                journal=journal,
                vehicles=vehicles,
                streams=Streams({}, journal.now_s),
                session=HttpSession(),
                secrets=Secrets({}),
                threads=Threads(scenario.limits.concurrency),
            )
            context = _Context(plan, world, ACTIONS, self.stopped.append, no_faults=False)
            began_s = time.monotonic()
            await Executor(context).run()
            self.took_s = time.monotonic() - began_s
            await world.session.close()

        try:
            anyio.run(main)
        finally:
            journal.close()
        return read(journal.path)


@pytest.fixture
def wide_graph(tmp_path: Path) -> Callable[..., list[Line]]:
    """A runner of graphs on many targets."""
    return WideRun(tmp_path)
