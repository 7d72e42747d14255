"""Ops, checks and plans: whatever is done to a target, and how that is judged, as data.

The journal holds them; the vehicles execute them, and only engine/checks.py judges.
"""

import re
from typing import Any, Final, Literal

from msgspec import Struct

Kind = Literal["docker", "process", "ssh", "none"]
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

    `object_id` is the container's id, the mark of a process target, or of a host the fingerprint of its
    host key and where it was reached (``SHA256:...@address:port``). `incarnation` names one life of it:
    ``PID@STARTED`` (for Docker, the pid and StartedAt of inspect; for a process, the pid and its start
    time in clock ticks since boot, field 22 of proc(5) stat), and the boot id of a host. It is empty
    where nothing runs.
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
    """One command, as an argv and never through a shell, on this machine, in the container `target`, or
    on the host `target`, whose login shell sees each argument quoted.

    Its time-out ends all of it. At most `output_bytes_max` of its output are kept.
    """

    via: Literal["local", "container", "ssh"] = "local"
    argv: tuple[str, ...]
    stdin: str = ""
    env: dict[str, str] = {}
    cwd: str = ""
    user: str = ""
    ok_exit: tuple[int, ...] = (0,)
    output_bytes_max: int = 1 << 20
    unbounded: bool = False
    """In a container: run it even where nothing could end it at its time-out."""
    sudo: bool = False
    """On a host: as root, by ``sudo -n``."""


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

    `effect` proves that it took effect, `undo` reverses it, `gone` proves that it is over. `arm` comes
    before `apply` and makes what ends the fault where nobody else can any more (a dead-man switch);
    `disarm` takes that away, after the fault was seen gone, and says ``absent`` where there was nothing
    to take away any more. The engine adds both; an action may have in `disarm` what takes its own aids away,
    such as a backup, whoever ended the fault. `note` is shown with the plan. `rebinds` says that it changes the incarnation of its target (kill, start).
    `mechanism` names the way that was chosen where there is more than one.
    """

    apply: tuple[Op, ...] = ()
    effect: tuple[Check, ...] = ()
    undo: tuple[Op, ...] = ()
    gone: tuple[Check, ...] = ()
    undo_unseen: bool = False
    """Where its effect was never seen it is undone all the same, whatever `gone` says: a command that
    somebody wrote may have done half of what its check asks for."""
    arm: tuple[Op, ...] = ()
    disarm: tuple[Op, ...] = ()
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
    `unreachable` says that the host of the op refused us its port, did not answer, or went away while
    the op ran: the fault is the host's, or the network's, not that of our own try.
    """

    ok: bool
    code: int | None = None
    data: Any = None
    text: str = ""
    stderr: str = ""
    cut: bool = False
    unknown: bool = False
    gone: bool = False
    unreachable: bool = False
    error: str = ""
    started_at_s: float = 0.0
    ended_at_s: float = 0.0
    """Instants since the run's start, on its monotonic clock."""
