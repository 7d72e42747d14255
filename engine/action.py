"""The contract between an action and the engine: all that the author of an action needs to know.

An action is one class in one file, and its name is its path: ``docker.pause`` is the one class of
``actions/docker/pause.py``. The fields of the class are its parameters. A `Fault` or a `Repair` has
``plan(facts) -> Plan``, a pure function from facts to ops and checks; a `Probe` has ``sample(port)``,
which takes one sample and judges it. An action never sleeps, retries, logs or prints: the engine
owns time and output.

Ops are data: the journal holds them, `recover` executes them without the code of the action.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal, Protocol

from msgspec import Struct

Phase = Literal["inject", "detect", "remediate", "verify"]
Kind = Literal["docker", "process", "none"]
"""The kind of target that an action serves; ``none`` runs from the engine's own machine."""

Changes = Literal["no", "yes", "scratch"]
Level = Literal["object", "incarnation", "name"]
Comparison = Literal["eq", "ne", "lt", "le", "gt", "ge", "matches", "absent", "present"]


UNKNOWN_PATTERN: Final = re.compile(r"<unknown: [^<>]*>")


def unknown(what: str) -> str:
    """What a preview cannot know yet, such as the pid of a process that has not been started.

    It stands in an op of a preview in the place of the value; a vehicle refuses an op that holds one.

    >>> unknown("pid of shop")
    '<unknown: pid of shop>'
    """
    return f"<unknown: {what}>"


class Identity(Struct, frozen=True, kw_only=True):
    """What a target is, so that an op never reaches another one.

    `object_id` is the container's id, or the mark of a process target. `incarnation` names one life
    of it: ``PID@STARTED`` (for Docker, the pid and StartedAt of inspect; for a process, the pid and
    its start time in clock ticks since boot, field 22 of proc(5) stat). It is empty where nothing
    runs.
    """

    kind: Kind
    name: str
    endpoint: str = ""
    object_id: str = ""
    incarnation: str = ""


class _OpFields(Struct, frozen=True, kw_only=True, omit_defaults=True):
    changes: Changes = "yes"
    timeout_s: float = 30.0
    target: Identity | None = None
    level: Level = "object"
    """How much of `target` is compared right before the op runs."""


class DockerOp(_OpFields, frozen=True, kw_only=True, tag="docker", omit_defaults=True):
    """One request to the Docker Engine API of `target.endpoint` (or of `endpoint` where no target).

    `path` has no version in front; the vehicle puts the endpoint's pinned one there.
    """

    method: Literal["GET", "POST", "DELETE", "PUT", "HEAD"]
    path: str
    query: dict[str, str] = {}
    body: Any = None
    ok_status: tuple[int, ...] = (200, 201, 204)
    endpoint: str = ""
    lines: bool = False
    """The answer is a stream of JSON lines (events, which end with ``until``): read as a list."""


class ExecOp(_OpFields, frozen=True, kw_only=True, tag="exec", omit_defaults=True):
    """One command, as an argv and never through a shell, on this machine or in the container `target`.

    Its time-out ends the whole process group. At most `output_bytes_max` of its output are kept.
    """

    via: Literal["local", "container"] = "local"
    argv: tuple[str, ...]
    stdin: str = ""
    env: dict[str, str] = {}
    cwd: str = ""
    user: str = ""
    ok_exit: tuple[int, ...] = (0,)
    output_bytes_max: int = 1 << 20
    unbounded: bool = False
    """In a container: run it even where nothing could end it at its time-out."""


class SpawnOp(_OpFields, frozen=True, kw_only=True, tag="spawn", omit_defaults=True):
    """Start a process of a process target, in a session of its own, carrying the mark of the target.

    Its output is appended to `output`, a path inside the run's folder. Where something that carries
    the mark is alive, nothing is started, and that is ``ok``. ``data`` is ``{"incarnation": "PID@START"}``.
    """

    argv: tuple[str, ...]
    env: dict[str, str] = {}
    cwd: str = ""
    mark: str
    output: str


class SignalOp(_OpFields, frozen=True, kw_only=True, tag="signal", omit_defaults=True):
    """Send a signal to every process that carries `mark` (in its environment, as BREAKFIX_MARK).

    With `only_incarnation` set, to that one process alone, and only if its start time is the same.
    ``ok`` also when there is none left. With `gone_within_s`, the op then waits until there is none.

    Where `target` is a container, `mark` is empty, and its main process gets the signal as the
    machine that we share with its engine sees it: the engine knows nothing of it beforehand.
    """

    mark: str
    signal: str
    only_incarnation: str = ""
    gone_within_s: float = 0.0
    """After so long it ends, whatever is left; SIGKILL is not ``ok`` where something is."""


class ProcessOp(_OpFields, frozen=True, kw_only=True, tag="process", omit_defaults=True):
    """Read the state of what carries `mark`: ``{"running": bool, "pids": [...], "state": "S",
    "incarnation": "PID@START", "exit_code": int | None}``. ``state`` is ``T`` when stopped (proc(5)).
    """

    mark: str
    changes: Changes = "no"


class FileOp(_OpFields, frozen=True, kw_only=True, tag="file", omit_defaults=True):
    """Write, delete or read one file of this machine. `content` None reads, `delete` deletes."""

    path: str
    content: str | None = None
    delete: bool = False


class HttpOp(_OpFields, frozen=True, kw_only=True, tag="http", omit_defaults=True):
    """One HTTP request from this machine. The TLS certificate is verified."""

    method: str
    url: str
    headers: dict[str, str] = {}
    body: str = ""
    ok_status: tuple[int, ...] = (200, 201, 202, 204)


Op = DockerOp | ExecOp | SpawnOp | SignalOp | ProcessOp | FileOp | HttpOp
"""One call on a target as data. A new kind is a versioned change of the journal's schema."""


class Check(Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"is_": "is"}):
    """An op that reads, and the judgement as data; only engine/checks.py judges.

    `pick` says what to look at in the outcome: a JSON pointer (RFC 6901, begins with ``/``; the empty
    string is the whole document), ``code`` (HTTP status or exit code), ``text``, or ``re:PATTERN``
    (its first group in the text). The check holds when the picked value stands in the relation `is_`
    to `value`, `streak` times in a row, read every `every_s`, within `within_s`.
    """

    op: Op
    pick: str
    is_: Comparison
    value: Any = None
    within_s: float = 5.0
    every_s: float = 0.05
    streak: int = 1
    asked: str = ""
    """What this check shows, in words for the report: ``memory limit 64 MiB``."""


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an action is going to do: all of it is in the journal before the first op runs.

    `effect` proves that it took effect, `undo` reverses it, `gone` proves that it is over. `note` is
    shown with the plan. `rebinds` says that it changes the incarnation of its target (kill, start).
    `mechanism` names the way that was chosen where there is more than one.
    """

    apply: tuple[Op, ...] = ()
    effect: tuple[Check, ...] = ()
    undo: tuple[Op, ...] = ()
    gone: tuple[Check, ...] = ()
    mechanism: str = ""
    note: str = ""
    rebinds: bool = False


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one op.

    `ok` says that the answer was one of those that the op calls good; `code` is the HTTP status or
    the exit code (negative: the signal that ended it); `data` the decoded JSON where there was some;
    `text` the output (of a command: stdout), at most as long as the op allows, `cut` where it was
    longer. `unknown` says that nobody can tell whether the op took effect. `gone` says that the
    target of the op is not (or no longer in this incarnation) there, and that nothing was sent.
    """

    ok: bool
    code: int | None = None
    data: Any = None
    text: str = ""
    stderr: str = ""
    cut: bool = False
    unknown: bool = False
    gone: bool = False
    error: str = ""
    started_at_s: float = 0.0
    ended_at_s: float = 0.0
    """Instants since the run's start, on its monotonic clock."""


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


class DockerFacts(Struct, frozen=True, kw_only=True, tag="docker"):
    """What is known of a container: the answer of inspect, and what its engine can do.

    `inspect` is the document of ``GET /containers/{id}/json``, `engine` that of ``GET /info``.
    `networks` holds for each attached network by name its document in NetworkSettings.
    `local` says that the engine's processes are on this machine and that we may signal them.
    """

    identity: Identity
    inspect: dict[str, Any]
    engine: dict[str, Any]
    local: bool
    memory_usage_bytes: int | None = None
    allow: tuple[str, ...] = ()


Facts = NoFacts | ProcessFacts | DockerFacts


class Source(Struct, frozen=True, kw_only=True):
    """A stream that a probe of occurrences listens to: one subscription for each, opened before the
    first effect. `kind` is ``events``, ``logs`` or ``stats``."""

    kind: Literal["events", "logs", "stats"]
    endpoint: str
    object_id: str


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
