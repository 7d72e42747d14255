"""The nouns of a scenario, as its file says it.

All are frozen. Fields named in a document have the document's name, but for Python's keywords
(``with_``, ``is_``). Values with a unit stay the text that was written (see `breakfix.engine.values`).
The JSON Schema of scenarios is derived from these types by engine/validate/schema.py.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from breakfix.engine.action import Phase
from breakfix.engine.selectors import (
    DockerEngine,
    DockerSelector,
    Id,
    ProcessTarget,
    SshSelector,
)
from breakfix.engine.values import Duration, Share

CatalogueName = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", examples=["docker.kill"]),
]
"""The name of an action of the catalogue."""
ActionName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")]

Allow = Literal[
    "irreversible", "host_wide", "all_replicas", "oom", "unbounded", "docker_socket"
]
Milestone = Literal["succeeded", "failed", "finished", "active", "undone"]
Count = Annotated[int, Meta(ge=1)]
_SHARE_TEXT = r"(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%"
Pick = Count | Annotated[str, Meta(pattern=rf"^(all|{_SHARE_TEXT})$", examples=["all", "50%"])]
"""How many of a set: all, a number, or a share (rounded down, at least 1)."""
Require = Count | Annotated[str, Meta(pattern=rf"^(all|any|{_SHARE_TEXT})$", examples=["any"])]
"""How many units must succeed for their step to succeed."""


class Problem(Struct, frozen=True, kw_only=True, order=True):
    """One thing that is wrong with a file. Lines and columns begin at 1."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    path: str = ""
    """JSON pointer to the place in the document."""
    end_line: int = 0
    end_column: int = 0
    """Right behind what is meant; 0 where only its beginning is known."""

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column}: {self.message}"
        if self.severity == "warning":
            text = f"{self.file}:{self.line}:{self.column}: warning: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a document; unknown keys are errors, keys that begin with ``x-`` apart."""


class Input(_Part, frozen=True, kw_only=True):
    """A typed input, set by ``--input name=value``."""

    type: Literal["text", "duration", "size", "rate", "share", "integer", "number", "boolean"]
    default: str | int | float | bool | None = None
    min: str | int | float | None = None
    max: str | int | float | None = None
    description: str = ""


class SecretSource(_Part, frozen=True, kw_only=True):
    """Where a secret comes from: a variable of the environment, or a file. Never a literal."""

    env: str | None = None
    file: str | None = None


class Target(_Part, frozen=True, kw_only=True, rename={"except_": "except"}):
    """A named set of targets: docker, ssh, process, or what another set left over."""

    docker: DockerSelector | None = None
    ssh: SshSelector | None = None
    process: ProcessTarget | None = None
    of: Id | None = None
    except_: Literal["picked"] | None = None
    pick: Pick | None = None
    on_empty: Literal["fail", "skip"] = "fail"


class ProbeUse(_Part, frozen=True, kw_only=True, rename={"with_": "with"}):
    """A probe said once. In the file, the action is a key: ``http.get: {...}``."""

    uses: CatalogueName
    with_: dict[str, Any] = {}
    every: Duration = "1s"
    timeout: Duration = "5s"
    target: Id | None = None


class Limits(_Part, frozen=True, kw_only=True):
    """Bounds of the whole run."""

    concurrency: Count = 10
    per_target: Count = 1
    blast_radius: Share = "100%"
    deadline: Duration = "10m"


class LocalCommand(_Part, frozen=True, kw_only=True):
    """A command of setup or teardown, run on this machine."""

    run: Annotated[tuple[str, ...], Meta(min_length=1)]
    timeout: Duration = "1m"
    env: dict[str, str] = {}
    cwd: str = ""


class Dependency(_Part, frozen=True, kw_only=True, rename={"is_": "is"}):
    """An edge: `step` has reached the milestone `is_`, `after` that long ago; or one of `any`."""

    step: Id | None = None
    is_: Milestone | None = None
    after: Duration | None = None
    each: Literal["target"] | None = None
    any: Annotated[tuple["Id | Dependency", ...], Meta(min_length=1)] | None = None


class Retry(_Part, frozen=True, kw_only=True):
    """How often, and how long between: backoff * factor^n, give or take the jitter."""

    attempts: Annotated[int, Meta(ge=1, le=100)] = 3
    backoff: Duration = "500ms"
    factor: Annotated[float, Meta(ge=1)] = 2.0
    jitter: Share = "20%"


class Hold(_Part, frozen=True, kw_only=True):
    """A lasting fault is held until a step has finished, but no longer than `at_most`."""

    until: Id
    at_most: Duration


class NextWhen(_Part, frozen=True, kw_only=True):
    """What must be good before the next wave begins."""

    probe: Id
    consecutive: Count = 1
    within: Duration = "60s"


class FanOut(_Part, frozen=True, kw_only=True):
    """Over a set of targets: how many at once, and what must hold in between."""

    wave: Pick = "all"
    next_when: NextWhen | None = None
    stop_after_failures: Count | None = None


class UnitsOf(_Part, frozen=True, kw_only=True):
    """Only where the units of another step ended that way."""

    of: Id
    that: Literal["succeeded", "failed"]


class Step(_Part, frozen=True, kw_only=True, rename={"with_": "with", "is_": "is"}):
    """One node of the graph: exactly one of inject, detect, remediate, verify, wait."""

    id: Id
    description: str = ""
    inject: CatalogueName | None = None
    detect: ActionName | None = None
    remediate: CatalogueName | None = None
    verify: ActionName | None = None
    wait: Duration | None = None
    target: Id | None = None
    with_: dict[str, Any] = {}
    depends_on: tuple[Id | Dependency, ...] = ()
    when: str | bool | None = None
    timeout: Duration | None = None
    retry: Retry | None = None
    every: Duration | None = None
    within: Duration | None = None
    consecutive: Count | None = None
    stays: Duration | None = None
    is_: Literal["good", "bad", "seen", "unseen"] | None = None
    hold: Duration | Hold | None = None
    on_failure: Literal["fail", "continue"] = "fail"
    require: Require = "all"
    fan_out: FanOut | None = None
    units: UnitsOf | None = None
    after_run: Literal["keep", "put_back"] = "keep"
    allow: tuple[Allow, ...] = ()

    @property
    def phase(self) -> Phase | Literal["wait"]:
        """Which of the five it is."""
        for phase in ("inject", "detect", "remediate", "verify"):
            if getattr(self, phase) is not None:
                return phase
        return "wait"

    @property
    def uses(self) -> str:
        """The action's or the probe's name; of a wait, the empty string."""
        return self.inject or self.detect or self.remediate or self.verify or ""


class Latency(_Part, frozen=True, kw_only=True):
    """How long so large a part of the good samples may take at most: at least one of the three."""

    p50: Duration | None = None
    p90: Duration | None = None
    p99: Duration | None = None


class NotWorseThan(_Part, frozen=True, kw_only=True):
    """Earlier comparable runs: the newest `runs` of those that carry all labels of `where`. The times may be
    `margin` times as long as theirs."""

    where: dict[str, str] = {}
    runs: Annotated[int, Meta(ge=1, le=200)] = 20
    margin: Annotated[float, Meta(gt=1, le=10)] = 1.25


class Expectation(_Part, frozen=True, kw_only=True):
    """One row. About earlier runs: `metric` with `not_worse_than`, and what it comes to where the runs are too
    few to tell, `inconclusive`, which is inconclusive unless said. About a fault, or the run (its worst
    episode): detected_within, mitigated_within, restored_within, healed_by. About an observed probe, or for the first two the run (its worst
    observer): max_outage, availability (at least), error_share (at most), latency (at most); `during`
    the run, the faults, the repairs (from the begin of the first to the end of the last), or after the
    faults."""

    fault: Id | None = None
    probe: Id | None = None
    detected_within: Duration | None = None
    mitigated_within: Duration | None = None
    restored_within: Duration | None = None
    healed_by: Literal["repair", "restart", "self", "expiry", "engine", "other"] | None = None
    max_outage: Duration | None = None
    availability: Share | None = None
    error_share: Share | None = None
    latency: Latency | None = None
    during: Literal["run", "faults", "repair", "after"] = "run"
    units: Share | None = None
    """Of a fault: for so large a share of its units, each on its own; else for all of them together."""
    metric: Literal["time_to_detect", "time_to_mitigate", "time_to_restore"] | None = None
    not_worse_than: NotWorseThan | None = None
    inconclusive: Literal["pass", "fail"] | None = None


class Observed(_Part, frozen=True, kw_only=True):
    """A probe that looks at its rate for the whole run, beside the steps; or, with `id`, `quorum` and
    `probes`, several that are merged: it is down while so many of them are. `fall` bad samples of a probe
    in a row are an outage, `rise` good ones end it; fewer are not counted, but the outage begins and ends
    with the first of them. Without a single good or bad sample the run is invalid, or has failed."""

    probe: Id | None = None
    id: Id | None = None
    quorum: Count | None = None
    probes: tuple[Id, ...] = ()
    rise: Count = 1
    fall: Count = 1
    on_no_data: Literal["invalid", "fail"] = "invalid"


class Observer(Struct, frozen=True, kw_only=True):
    """An item of `observe` that is about one probe."""

    probe: str
    rise: int = 1
    fall: int = 1
    on_no_data: Literal["invalid", "fail"] = "invalid"


class Quorum(Struct, frozen=True, kw_only=True):
    """An item of `observe` that is down while at least `quorum` of its probes are. `rise` and `fall` are
    those of each probe."""

    id: str
    quorum: int
    probes: tuple[str, ...]
    rise: int = 1
    fall: int = 1
    on_no_data: Literal["invalid", "fail"] = "invalid"


class Blind(_Part, frozen=True, kw_only=True):
    """What comes of a guard that sees nothing: without a good or a bad sample for `after` (three
    intervals of its probe, but not less than a second), the run is stopped, or nothing happens."""

    after: Duration | None = None
    then: Literal["abort", "ignore"] = "abort"


class Guard(_Part, frozen=True, kw_only=True):
    """Stops the run and undoes everything when its probe is bad for too long. Its tolerance is one of
    `max_outage`, `consecutive`, and `min_good` with `over`."""

    id: Id
    probe: Id
    max_outage: Duration | None = None
    """No outage may surely have lasted longer: from the end of the first bad sample to the start of the
    latest one."""
    consecutive: Count | None = None
    """So many bad samples in a row are too many."""
    min_good: Share | None = None
    """So many of the samples of the last `over` must be good; it trips when the whole interval of the
    share (Wilson, 95%) is below."""
    over: Duration | None = None
    require: Require = "all"
    """How many of the probe's targets must be good."""
    blind: Blind = Blind()

    @property
    def tolerance(self) -> str:
        """In words, as it is written."""
        if self.max_outage is not None:
            return f"max_outage {self.max_outage}"
        if self.consecutive is not None:
            return f"consecutive {self.consecutive}"
        return f"min_good {self.min_good} over {self.over}"


class Steady(_Part, frozen=True, kw_only=True, rename={"for_": "for"}):
    """What must be good, for so long without a break, before anything is injected."""

    probe: Id
    for_: Duration = "0s"
    within: Duration = "30s"


class Repeat(_Part, frozen=True, kw_only=True):
    """How many trials to make, each a run of its own. A trial without evidence (invalid, or nothing was
    measured) is made up for by another, until there have been `up_to` in all (`times`, where that is not
    said); an unfavourable verdict never is. An error, an abort or something left behind always ends it."""

    times: Count
    up_to: Count | None = None
    pause: Duration = "0s"
    """Between the end of a trial and the next."""
    stop_on: Literal["failed", "never"] = "never"

    @property
    def at_most(self) -> int:
        """The largest number of trials."""
        return self.times if self.up_to is None else self.up_to


class Scenario(_Part, frozen=True, kw_only=True):
    """A file, after inputs were put in. Nothing after engine/validate sees a raw document."""

    version: Literal[1]
    name: Id
    description: str = ""
    labels: dict[str, str] = {}
    allowed_on: tuple[str, ...] = ()
    inputs: dict[Id, Input] = {}
    secrets: dict[Id, SecretSource] = {}
    engines: dict[Id, DockerEngine] = {}
    targets: dict[Id, Target] = {}
    probes: dict[Id, ProbeUse] = {}
    steady: tuple[Steady, ...] = ()
    observe: tuple[Id | Observed, ...] = ()
    warmup: Duration = "0s"
    """So long the observers look before the first step."""
    cooldown: Duration = "0s"
    """So long they go on after the last fault has ended."""
    guards: tuple[Guard, ...] = ()
    repeat: Repeat | None = None
    limits: Limits = Limits()
    setup: tuple[LocalCommand, ...] = ()
    teardown: tuple[LocalCommand, ...] = ()
    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]
    expect: tuple[Expectation, ...] = ()

    @property
    def observers(self) -> tuple[Observer, ...]:
        """The single probes that `observe` lists, a bare name with the defaults."""
        items = (Observed(probe=item) if isinstance(item, str) else item for item in self.observe)
        return tuple(
            Observer(probe=o.probe, rise=o.rise, fall=o.fall, on_no_data=o.on_no_data)
            for o in items
            if o.probe is not None
        )

    @property
    def quorums(self) -> tuple[Quorum, ...]:
        """The merged observers that `observe` lists."""
        return tuple(
            Quorum(
                id=o.id,
                quorum=o.quorum,
                probes=o.probes,
                rise=o.rise,
                fall=o.fall,
                on_no_data=o.on_no_data,
            )
            for o in self.observe
            if not isinstance(o, str) and o.id is not None and o.quorum is not None
        )

    @property
    def observed(self) -> tuple[str, ...]:
        """The probes that observers look with, each once."""
        alone = [observer.probe for observer in self.observers]
        return tuple(dict.fromkeys([*alone, *(p for q in self.quorums for p in q.probes)]))
