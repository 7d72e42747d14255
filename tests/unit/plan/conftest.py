"""A world of containers, hosts and processes that are only told of, and plans made in it."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar

import msgspec
import pytest

from breakfix.engine.action import (
    Action,
    DockerFacts,
    Facts,
    Fault,
    HostFacts,
    Probe,
    ProcessFacts,
    Repair,
)
from breakfix.engine.endpoints import Host
from breakfix.engine.errors import EngineError, PreconditionError
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.model import Scenario
from breakfix.engine.ops import (
    Check,
    DockerOp,
    ExecOp,
    Identity,
    Kind,
    Op,
    Plan,
    ProcessOp,
    SignalOp,
)
from breakfix.engine.plan import make
from breakfix.engine.run_plan import RunPlan
from breakfix.engine.selectors import DockerSelector, SshSelector


class FakeWorld:
    """Containers by name, each with labels and a state; process targets by name; every host that is asked
    for, but those that are `silent`."""

    def __init__(self) -> None:
        self.labels: dict[str, dict[str, str]] = {}
        self.states: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.lives: dict[str, int] = {}
        self.processes: dict[str, ProcessFacts] = {}
        self.asked: list[DockerSelector] = []
        self.reverse = False
        self.silent: set[str] = set()
        self.boots: dict[str, int] = {}
        self.keys: dict[str, str] = {}
        self.hosts_asked: list[str] = []
        self.unlisted = False

    def add(self, *names: str, state: str = "running", **labels: str) -> "FakeWorld":
        """More containers."""
        for name in names:
            self.labels[name], self.states[name] = labels, state
            self.ids[name], self.lives[name] = f"id-of-{name}", 1
        return self

    def containers(self, selector: DockerSelector) -> tuple[Identity, ...]:
        """Those that match; in an order that nobody should count on."""
        self.asked.append(selector)
        names = [
            name
            for name, labels in self.labels.items()
            if name == selector.name
            or (selector.labels and selector.labels.items() <= labels.items())
        ]
        found = [self._identity(name) for name in names]
        return tuple(reversed(found) if self.reverse else found)

    def facts(self, containers: Sequence[Identity]) -> list[Facts]:
        """Inspect, as far as the actions below read it."""
        return [self._facts(identity) for identity in containers]

    def process(self, name: str) -> ProcessFacts:
        """A process target that was not started."""
        identity = Identity(kind="process", name=name, object_id="0123abcd")
        not_started = ProcessFacts(
            identity=identity, argv=("serve",), env={}, cwd="", output="out.log", running=False
        )
        return self.processes.get(name, not_started)

    def hosts(self, selector: SshSelector) -> tuple[Host, ...]:
        """Those that are written, as who is written."""
        if selector.hosts_from is not None:
            if self.unlisted:
                raise EngineError("the list does not answer.")
            return (self._host("listed", selector),)
        return tuple(self._host(name, selector) for name in selector.hosts or ())

    def host_identities(self, hosts: Sequence[Host]) -> list[Identity]:
        """By the keys that they show."""
        return [self._host_identity(host, "") for host in hosts]

    def host_facts(self, hosts: Sequence[Host]) -> list[HostFacts]:
        """What changes with every start of a host is different each time that one is asked."""
        self.hosts_asked += [host.name for host in hosts]
        if silent := sorted({host.name for host in hosts} & self.silent):
            raise EngineError(f"{', '.join(silent)} cannot be reached.")
        return [
            HostFacts(
                identity=self._host_identity(host, f"boot {self.boots.get(host.name, 1)}"),
                user=host.user,
                uid=1000,
                root="sudo",
                systemd=True,
                tools=("systemctl", "systemd-run", "setsid"),
                memory_bytes=(4 << 30) + self.boots.get(host.name, 1) * 4096,
                memory_available_bytes=(2 << 30) + self.boots.get(host.name, 1) * 1000_003,
                clock_base_s=1e9 + self.boots.get(host.name, 1),
            )
            for host in hosts
        ]

    def _host(self, name: str, selector: SshSelector) -> Host:
        return Host(name=name, address=f"{name}.example", user=selector.user or "me")

    def _host_identity(self, host: Host, boot: str) -> Identity:
        key = self.keys.get(host.name, host.name)
        return Identity(
            kind="ssh",
            name=host.name,
            endpoint=host.name,
            object_id=f"SHA256:{key}@{key}.example:22",
            incarnation=boot,
        )

    def _identity(self, name: str) -> Identity:
        return Identity(
            kind="docker",
            name=name,
            endpoint="here",
            object_id=self.ids[name],
            incarnation=f"{self.lives[name]}@then",
        )

    def _facts(self, identity: Identity) -> DockerFacts:
        state = self.states[identity.name]
        inspect = {
            "State": {
                "Status": state,
                "Pid": 100 + self.lives[identity.name],
                "FinishedAt": f"finish {self.lives[identity.name]}",
            },
            "Config": {"Env": ["PASSWORD=hunter2"]},
        }
        return DockerFacts(identity=identity, inspect=inspect, engine={}, local=True)


def _op(facts: DockerFacts, verb: str) -> DockerOp:
    target = facts.identity
    return DockerOp(method="POST", path=f"/containers/{target.object_id}/{verb}", target=target)


def _status(facts: DockerFacts) -> str:
    return str(facts.inspect["State"]["Status"])


def _finished(facts: DockerFacts) -> Check:
    before = facts.inspect["State"]["FinishedAt"]
    op: Op = DockerOp(method="GET", path=f"/containers/{facts.identity.object_id}/json")
    return Check(op=op, pick="/State/FinishedAt", is_="ne", value=before)


def _paused(facts: DockerFacts, *, value: bool) -> Check:
    op: Op = DockerOp(method="GET", path=f"/containers/{facts.identity.object_id}/json")
    return Check(op=op, pick="/State/Paused", is_="eq", value=value, within_s=0.0)


class Pause(Fault, frozen=True, kw_only=True):
    """A lasting fault of the state."""

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    lasting: ClassVar[bool] = True

    def plan(self, facts: DockerFacts) -> Plan:
        """Needs it running."""
        if _status(facts) != "running":
            name = facts.identity.name
            raise PreconditionError("X1", f"{name} is {_status(facts)}", fix="start it")
        return Plan(
            apply=(_op(facts, "pause"),),
            effect=(_paused(facts, value=True),),
            undo=(_op(facts, "unpause"),),
            gone=(_paused(facts, value=False),),
        )


class Kill(Pause, frozen=True, kw_only=True):
    """An instant fault, proved by history."""

    lasting: ClassVar[bool] = False
    signal: Annotated[str, msgspec.Meta(min_length=1)] = "SIGKILL"
    count: int = 1

    def plan(self, facts: DockerFacts) -> Plan:
        """As pause."""
        super().plan(facts)
        return Plan(
            apply=(msgspec.structs.replace(_op(facts, "kill"), query={"signal": self.signal}),),
            effect=(_finished(facts),),
            undo=(_op(facts, "start"),),
            gone=(_paused(facts, value=False),),
        )


class Limit(Pause, frozen=True, kw_only=True):
    """A lasting fault of something else than the state."""

    claims: ClassVar[tuple[str, ...]] = ("cpu",)


class Start(Repair, frozen=True, kw_only=True):
    """A repair of what has ended."""

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)

    def plan(self, facts: DockerFacts) -> Plan:
        """Needs it stopped."""
        if _status(facts) != "exited":
            raise PreconditionError("X2", f"{facts.identity.name} runs already", fix="leave it")
        return Plan(apply=(_op(facts, "start"),))


class Stop(Fault, frozen=True, kw_only=True):
    """A fault of a process target."""

    serves: ClassVar[tuple[Kind, ...]] = ("process",)
    lasting: ClassVar[bool] = True

    def plan(self, facts: ProcessFacts) -> Plan:
        """Needs it running."""
        if not facts.running:
            raise PreconditionError("X3", f"{facts.identity.name} does not run", fix="start it")
        one = facts.identity.incarnation
        op = SignalOp(
            mark=facts.identity.object_id,
            signal="SIGSTOP",
            only_incarnation=one,
            target=facts.identity,
        )
        state = ProcessOp(mark=facts.identity.object_id, target=facts.identity)
        return Plan(
            apply=(op,),
            effect=(Check(op=state, pick="/state", is_="eq", value="T", within_s=0.0),),
            undo=(msgspec.structs.replace(op, signal="SIGCONT"),),
            gone=(Check(op=state, pick="/state", is_="ne", value="T", within_s=0.0),),
        )


class Hurt(Fault, frozen=True, kw_only=True):
    """A fault of a host that says all that it knows of it."""

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    lasting: ClassVar[bool] = True

    def plan(self, facts: HostFacts) -> Plan:
        """Always possible."""
        said = (str(facts.memory_bytes), str(facts.memory_available_bytes), str(facts.clock_base_s))
        look = script(facts, "look", changes="no")
        return Plan(
            apply=(script(facts, "hurt", *said, state_dir(facts, root=True), root=True),),
            effect=(Check(op=look, pick="code", is_="ne", value=0),),
            undo=(script(facts, "mend", root=True, level="incarnation"),),
            gone=(Check(op=look, pick="code", is_="eq", value=0),),
        )


class Run(Fault, frozen=True, kw_only=True):
    """A command, and one that takes it back."""

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    lasting: ClassVar[bool] = True
    undo: tuple[str, ...]

    def plan(self, facts: Facts) -> Plan:
        """Always possible."""
        look = ExecOp(argv=("look",), changes="no")
        return Plan(
            apply=(ExecOp(argv=("break",)),),
            effect=(Check(op=look, pick="code", is_="ne", value=0),),
            undo=(ExecOp(argv=self.undo),),
            gone=(Check(op=look, pick="code", is_="eq", value=0),),
        )


class Look(Probe, frozen=True, kw_only=True):
    """A probe."""

    serves: ClassVar[tuple[Kind, ...]] = ("docker", "process", "none")


ACTIONS: dict[str, type[Action]] = {
    "x.pause": Pause,
    "x.kill": Kill,
    "x.limit": Limit,
    "x.start": Start,
    "x.stop": Stop,
    "x.look": Look,
    "x.run": Run,
    "x.hurt": Hurt,
}


@pytest.fixture
def world() -> FakeWorld:
    """An empty world."""
    return FakeWorld()


@pytest.fixture
def scenario() -> Callable[..., Scenario]:
    """Makes a scenario of steps and what else stands in its file."""

    def build(steps: Sequence[dict[str, Any]], **parts: Any) -> Scenario:
        return msgspec.convert({"version": 1, "name": "s", "steps": steps, **parts}, Scenario)

    return build


@pytest.fixture
def plan(world: FakeWorld, scenario: Callable[..., Scenario]) -> Callable[..., RunPlan]:
    """Makes a plan of steps in the world."""

    def build(
        steps: Sequence[dict[str, Any]], *, seed: int = 1, running: bool = False, **parts: Any
    ) -> RunPlan:
        built = scenario(steps, **parts)
        return make(built, world, ACTIONS, seed=seed, inputs={}, running=running)

    return build
