"""The contract between an action and the engine: all that the author of an action needs to know.

An action is one class in one file, and its name is its path: ``docker.pause`` is the one class of
``actions/docker/pause.py``. The fields of the class are its parameters. A `Fault` or a `Repair` has
``plan(facts) -> Plan``, a pure function from facts to ops and checks; a `Probe` has ``sample(port)``,
which takes one sample and judges it. An action never sleeps, retries, logs or prints: the engine
owns time and output.

Ops are data: the journal holds them, `recover` executes them without the code of the action.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol

from msgspec import Struct

from breakfix.engine.ops import Identity, Kind, Op, Outcome, Plan, SpawnOp, unknown

Phase = Literal["inject", "detect", "remediate", "verify"]


class NoFacts(Struct, frozen=True, kw_only=True, tag="none"):
    """The facts of an action that has no target."""

    allow: tuple[str, ...] = ()


class ProcessFacts(Struct, frozen=True, kw_only=True, tag="process"):
    """What is known of a process target. Before it was started, its incarnation is empty."""

    identity: Identity
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    output: str
    running: bool
    cgroups: bool = False
    """This machine lets us make control groups of our own for cpu and memory."""
    allow: tuple[str, ...] = ()

    def start_op(self) -> SpawnOp:
        """What starts it."""
        return SpawnOp(
            argv=self.argv,
            env=self.env,
            cwd=self.cwd,
            mark=self.identity.object_id,
            output=self.output,
            target=self.identity,
        )


class HostFacts(Struct, frozen=True, kw_only=True, tag="ssh"):
    """What is known of a host, read by one command.

    `root` says how an op becomes root there: ``login`` (the user is root), ``sudo`` (``sudo -n`` works),
    or not at all. `tools` are those of `breakfix.engine.host_ops.TOOLS` that its PATH has.
    `clock_base_s` is its wall clock less its uptime: what moves when its clock is set, and nothing else
    moves. `time_sync` is the unit that keeps its clock right, empty where none runs. `control_units` are
    the systemd units that our connection depends on, `control_port` the port that it came in by.
    `token` is a name of the one fault that is planned with these facts: what it keeps on the host is
    kept under that name. A repair has one only where it is to be put back; else it is empty, and the
    repair keeps nothing there.
    """

    identity: Identity
    user: str
    uid: int
    root: Literal["login", "sudo", ""]
    systemd: bool
    tools: tuple[str, ...]
    kernel: str = ""
    cpus: int = 1
    memory_bytes: int = 0
    memory_available_bytes: int = 0
    clock_base_s: float = 0.0
    time_sync: str = ""
    control_units: tuple[str, ...] = ()
    control_port: int = 22
    token: str = unknown("name of the fault")
    allow: tuple[str, ...] = ()


class DockerFacts(Struct, frozen=True, kw_only=True, tag="docker"):
    """What is known of a container: the answer of inspect, and what its engine can do.

    `inspect` is the document of ``GET /containers/{id}/json``, `engine` that of ``GET /info``.
    `networks` holds for each attached network by name its document in NetworkSettings.
    `local` says that the engine's processes are on this machine and that we may signal them. `host` is
    the SSH host on which the engine is reached, where it is reached so.
    """

    identity: Identity
    inspect: dict[str, Any]
    engine: dict[str, Any]
    local: bool
    memory_usage_bytes: int | None = None
    host: HostFacts | None = None
    allow: tuple[str, ...] = ()


Facts = NoFacts | ProcessFacts | DockerFacts | HostFacts


class Source(Struct, frozen=True, kw_only=True):
    """A stream that a probe of occurrences listens to: one subscription for each, opened before the
    first effect. `kind` is ``events``, ``logs`` or ``stats`` of the container `object_id`; ``journal`` (of
    the unit `object_id`) or ``file`` (of the path `object_id`) of the host `endpoint`, a line each; or
    ``heartbeat``: datagrams that arrive at the UDP address `object_id` of this machine."""

    kind: Literal["events", "logs", "stats", "journal", "file", "heartbeat"]
    endpoint: str
    object_id: str
    sudo: bool = False


class Occurrence(Struct, frozen=True, kw_only=True):
    """One item of a stream: when it arrived (instant of the run), the engine's own time of it
    (seconds since the epoch, None where it gives none) and its content (a dict, or a line)."""

    arrived_at_s: float
    engine_time_s: float | None
    content: Any


class Observation(Struct, frozen=True, kw_only=True):
    """One sample, judged by the probe.

    `holds` is True for good (an occurrence: seen), False for bad (not seen), None for blind: the
    sample could not be taken, and proves nothing. `detail` says in a few words what was seen:
    ``status 503, wanted 200``. `result` is what later steps may use as ``steps.ID.result``.
    """

    holds: bool | None
    detail: str
    result: dict[str, Any] = {}
    occurred_at_s: float | None = None
    """Of an occurrence: when it arrived, as an instant of the run."""


class HttpReply(Struct, frozen=True, kw_only=True):
    """An answer: status, header names in lower case, at most 1 MiB of the body as text."""

    status: int
    headers: dict[str, str]
    text: str
    cut: bool
    duration_s: float


class HttpFailed(Exception):
    """No answer. `blind` is False where the system asked is at fault (refused, reset, timed out,
    a bad certificate) and True where the fault is ours (its name did not resolve)."""

    def __init__(self, message: str, *, blind: bool) -> None:
        super().__init__(message)
        self.blind = blind


class Port(Protocol):
    """What a probe may do while it samples."""

    @property
    def facts(self) -> Facts: ...

    @property
    def timeout_s(self) -> float:
        """How long one sample may take; the engine ends it (bad) after that."""
        ...

    @property
    def since_s(self) -> float:
        """t0 of this sample's step: occurrences before it do not count. An instant of the run."""
        ...

    @property
    def now_s(self) -> float:
        """This instant of the run."""
        ...

    async def read(self, op: Op) -> Outcome:
        """Execute an op with ``changes: no`` (of command.run: with ``yes``)."""
        ...

    async def http(
        self, method: str, url: str, *, headers: dict[str, str], body: str
    ) -> HttpReply:
        """One request without following redirects; raises `HttpFailed`."""
        ...

    def occurrences(self, source: Source) -> Sequence[Occurrence] | None:
        """What arrived since the subscription began; None where the stream is broken."""
        ...


class Action(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What faults, repairs and probes have in common: the declaration.

    The docstring of a class is its documentation: the first line says what it does, the rest how, with
    what undo, and where the facts come from. Each field is documented with `msgspec.Meta(description=)`.
    """

    serves: ClassVar[tuple[Kind, ...]]
    """The kinds of target; ``none`` where it needs no target."""

    phases: ClassVar[tuple[Phase, ...]]
    needs: ClassVar[tuple[str, ...]] = ()
    """What must be there, in words: ``a Docker engine``, ``root on the engine's machine``."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    """Parameters that are valid: documentation and test at once."""


class Fault(Action, frozen=True, kw_only=True):
    """What breaks a target. A *lasting* one holds until it is ended; an *instant* one is proved by
    what it left in history."""

    phases: ClassVar[tuple[Phase, ...]] = ("inject",)
    lasting: ClassVar[bool]
    reversible: ClassVar[bool] = True
    """False: there is no undo, and a step must say ``allow: [irreversible]``."""

    claims: ClassVar[tuple[str, ...]] = ("state",)
    """What of its target it takes for itself while it is open: ``state``, ``cpu``, ``memory``,
    ``pids``, ``net`` ..."""

    def plan(self, facts: Any) -> Plan:
        """From the facts to ops and checks, pure. Raises PreconditionError."""
        raise NotImplementedError


class Repair(Action, frozen=True, kw_only=True):
    """What mends a target. Repairs stay, unless the step says ``after_run: put_back``."""

    phases: ClassVar[tuple[Phase, ...]] = ("remediate",)

    def plan(self, facts: Any) -> Plan:
        """From the facts to ops and checks, pure. Raises PreconditionError."""
        raise NotImplementedError


class Probe(Action, frozen=True, kw_only=True):
    """What looks at a target. A *state* is good or bad; an *occurrence* was seen or not."""

    phases: ClassVar[tuple[Phase, ...]] = ("detect", "verify")
    observes: ClassVar[Literal["state", "occurrence"]] = "state"
    result: ClassVar[dict[str, str]] = {}
    """The fields of `Observation.result`, each with its type in words: ``{"status": "integer"}``."""

    def sources(self, facts: Any) -> tuple[Source, ...]:
        """The streams that it listens to."""
        return ()

    async def sample(self, port: Port) -> Observation:
        """One sample. An exception here is a blind sample."""
        raise NotImplementedError

    def judge_all(self, seen: Sequence[Observation]) -> Sequence[Observation]:
        """The observations of all targets that were looked at together, each judged again in the light
        of the others; as many as before. By default, each stays what it is."""
        return seen
