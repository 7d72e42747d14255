"""Ops and checks in words: the command that a person would type for the same effect."""

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from breakfix.engine.ops import (
    UNKNOWN_PATTERN,
    Check,
    DockerOp,
    ExecOp,
    FileOp,
    HttpOp,
    Op,
    Outcome,
    ProcessOp,
    SignalOp,
    SpawnOp,
)

_CONTAINER: Final = re.compile(r"/containers/([^/]+)(?:/([a-z]+))?")
_NETWORK: Final = re.compile(r"/networks/([^/]+)/(connect|disconnect)")
_VERBS: Final = ("pause", "unpause", "start", "stop", "kill", "restart", "rename", "wait", "logs")
_UPDATE_FLAGS: Final = {
    "CpuQuota": "--cpu-quota",
    "CpuPeriod": "--cpu-period",
    "CpuShares": "--cpu-shares",
    "CpusetCpus": "--cpuset-cpus",
    "Memory": "--memory",
    "MemorySwap": "--memory-swap",
    "PidsLimit": "--pids-limit",
}
_SHOWN_CHARS: Final = 500
_LINE: Final = "\n"
_OUR_NAME: Final = "breakfix"


def describe(op: Op) -> str:
    """The command line for the effect of an op, for people and a POSIX shell.

    Secrets stay references. A Docker request without a command of its own is shown as the request.
    """
    if isinstance(op, DockerOp):
        return _docker(op)
    if isinstance(op, ExecOp):
        return _exec(op)
    if isinstance(op, SpawnOp):
        mark = {} if UNKNOWN_PATTERN.search(op.mark) else {"BREAKFIX_MARK": op.mark}
        assigned = {**op.env, **mark}
        command = _in_folder(op.cwd, " ".join([*_assignments(assigned), shlex.join(op.argv)]))
        return f"{command} >> {shlex.quote(op.output)} 2>&1 &"
    if isinstance(op, SignalOp):
        return _signal(op)
    if isinstance(op, ProcessOp):
        return f"ps -o pid,stat,lstart,args {_pids_of(op.mark, op)}"
    if isinstance(op, FileOp):
        return _file(op)
    return _http(op)


def describe_briefly(op: Op) -> str:
    """As `describe`, for a person who reads and does not type: a script of ours on a host is named by its
    length, with its arguments as they are. What a scenario itself says is always shown whole."""
    if not isinstance(op, ExecOp) or op.via != "ssh" or not _is_our_script(op):
        return describe(op)
    command = f"sh -c <script of {op.argv[2].strip().count(_LINE) + 1} lines>"
    words = [*(["sudo", "-n"] if op.sudo else []), *_env(op.env)]
    line = " ".join([*map(shlex.quote, words), command, shlex.join(op.argv[4:])])
    name = shlex.quote(op.target.name) if op.target is not None else "HOST"
    return _fed(op.stdin, f"ssh {name}: {_in_folder(op.cwd, line)}")


def _is_our_script(op: ExecOp) -> bool:
    """Those take their values as arguments, behind a name for ``$0``; the text of a scenario has none."""
    shape = op.argv[:2] == ("sh", "-c") and op.argv[3:4] == (_OUR_NAME,)
    return shape and len(op.argv) > len(("sh", "-c", "", _OUR_NAME)) and _LINE in op.argv[2].strip()


def describe_all(ops: Iterable[Op]) -> str:
    """Commands one after the other; empty where there are none."""
    return "; ".join(describe(op) for op in ops)


def failure(op: Op, outcome: Outcome) -> str:
    """Why an op came out as it should not: in its own words, or in the last that it said."""
    if outcome.error:
        return outcome.error
    said = outcome.stderr.strip().splitlines()
    if isinstance(op, ExecOp) and said:
        return f"{said[-1][:_SHOWN_CHARS]} (exit code {outcome.code})"
    return f"{describe_briefly(op)} ended with {outcome.code}"


def describe_check(check: Check) -> str:
    """What a check shows: its own words, else what it reads and how that is judged."""
    if check.asked:
        return check.asked
    value = "" if check.is_ in ("absent", "present") else f" {_json(check.value)}"
    return f"{describe(check.op)}: {check.pick or 'the answer'} {check.is_}{value}"


def _docker(op: DockerOp) -> str:
    if (match := _NETWORK.fullmatch(op.path)) and op.method == "POST":
        return _network(op, match[1], match[2])
    if match := _CONTAINER.fullmatch(op.path):
        name = shlex.quote(op.target.name if op.target is not None else match[1])
        verb = match[2] or ""
        if op.method == "POST" and verb == "update" and (flags := _update_flags(op.body)):
            return f"docker update {' '.join(flags)} {name}"
        if op.method == "POST" and verb in _VERBS:
            return " ".join(
                ["docker", verb, *_verb_flags(verb, op.query), name, *_renamed(op.query)]
            )
        if op.method == "GET" and verb == "json":
            return f"docker inspect {name}"
        if op.method == "DELETE" and not verb:
            force = ["--force"] if op.query.get("force") in ("1", "true") else []
            return " ".join(["docker", "rm", *force, name])
    return _request(op)


def _verb_flags(verb: str, query: dict[str, str]) -> Iterator[str]:
    if verb == "kill" and query.get("signal"):
        yield f"--signal {shlex.quote(query['signal'])}"
    if verb in ("stop", "restart") and query.get("t"):
        yield f"--time {shlex.quote(query['t'])}"


def _renamed(query: dict[str, str]) -> Iterator[str]:
    if query.get("name"):
        yield shlex.quote(query["name"])


def _update_flags(body: Any) -> list[str]:
    """The flags of ``docker update``; empty where the request has something that it has no flag
    for."""
    flags = []
    for key, value in (body or {}).items():
        if key == "NanoCpus" and isinstance(value, int):
            flags.append(f"--cpus {value / 1e9:.9g}")
        elif key in _UPDATE_FLAGS:
            flags.append(f"{_UPDATE_FLAGS[key]} {shlex.quote(str(value))}")
        else:
            return []
    return flags


def _network(op: DockerOp, network: str, verb: str) -> str:
    body = op.body if isinstance(op.body, dict) else {}
    container = op.target.name if op.target is not None else str(body.get("Container", ""))
    flags = ["--force"] if body.get("Force") else []
    endpoint = body.get("EndpointConfig") or {}
    static = endpoint.get("IPAMConfig") or {}
    for key, flag in (("IPv4Address", "--ip"), ("IPv6Address", "--ip6")):
        flags += [f"{flag} {static[key]}"] if static.get(key) else []
    flags += [f"--alias {shlex.quote(alias)}" for alias in endpoint.get("Aliases") or ()]
    flags += [f"--link {shlex.quote(link)}" for link in endpoint.get("Links") or ()]
    names = [shlex.quote(network), shlex.quote(container)]
    return " ".join(["docker", "network", verb, *flags, *names])


def _request(op: DockerOp) -> str:
    query = "&".join(f"{key}={value}" for key, value in sorted(op.query.items()))
    body = f" {_json(op.body)}" if op.body is not None else ""
    return f"{op.method} {op.path}{'?' if query else ''}{query}{body}"


def _exec(op: ExecOp) -> str:
    if op.via == "local":
        command = " ".join([*_assignments(op.env), shlex.join(op.argv)])
        return _in_folder(op.cwd, _fed(op.stdin, command))
    if op.via == "ssh":
        return _over_ssh(op)
    flags = ["-i"] if op.stdin else []
    flags += [f"--user {shlex.quote(op.user)}"] if op.user else []
    flags += [f"--workdir {shlex.quote(op.cwd)}"] if op.cwd else []
    flags += [f"--env {assignment}" for assignment in _assignments(op.env)]
    name = shlex.quote(op.target.name) if op.target is not None else "CONTAINER"
    return _fed(op.stdin, " ".join(["docker", "exec", *flags, name, shlex.join(op.argv)]))


def _over_ssh(op: ExecOp) -> str:
    argv = [*(["sudo", "-n"] if op.sudo else []), *_env(op.env), *op.argv]
    command = _in_folder(op.cwd, shlex.join(argv))
    name = shlex.quote(op.target.name) if op.target is not None else "HOST"
    return _fed(op.stdin, f"ssh {name} {shlex.quote(command)}")


def _env(env: dict[str, str]) -> list[str]:
    return ["env", *(f"{key}={value}" for key, value in env.items())] if env else []


def _signal(op: SignalOp) -> str:
    name = op.signal.removeprefix("SIG")
    one = op.only_incarnation
    if not op.mark and op.target is not None:
        # The main process of a container, by its pid on the engine's machine.
        one = op.target.incarnation
    if one:
        return f"kill -{name} {one.partition('@')[0]}"
    return f"kill -{name} {_pids_of(op.mark, op)}"


def _pids_of(mark: str, op: SignalOp | ProcessOp) -> str:
    """The pids of all processes whose environment (proc(5)) holds the mark."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", mark):
        return f"<all processes of {op.target.name if op.target is not None else mark}>"
    return f"$(grep -lsF BREAKFIX_MARK={mark} /proc/[0-9]*/environ | cut -d/ -f3)"


def _file(op: FileOp) -> str:
    path = shlex.quote(op.path)
    if op.delete:
        return f"rm {path}"
    if op.content is None:
        return f"cat {path}"
    return f"printf %s {shlex.quote(_cut(op.content))} > {path}"


def _http(op: HttpOp) -> str:
    headers = [f"--header {shlex.quote(f'{key}: {value}')}" for key, value in op.headers.items()]
    body = [f"--data {shlex.quote(_cut(op.body))}"] if op.body else []
    return " ".join(["curl", "--request", op.method, *headers, *body, shlex.quote(op.url)])


def _assignments(env: dict[str, str]) -> list[str]:
    return [f"{key}={shlex.quote(value)}" for key, value in env.items()]


def _in_folder(folder: str, command: str) -> str:
    return f"cd {shlex.quote(folder)} && {command}" if folder else command


def _fed(stdin: str, command: str) -> str:
    return f"printf %s {shlex.quote(_cut(stdin))} | {command}" if stdin else command


def _json(value: Any) -> str:
    return _cut(msgspec.json.encode(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
