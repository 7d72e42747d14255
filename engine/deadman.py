"""The dead-man switch: what ends a fault on its own host where nobody else can any more.

It is armed on the host before the effect: a state folder (0700) with the undo as a shell script, and a
timer of systemd, or else a process of its own, that runs the script when its time has come and then removes the
folder. The file ``open`` in that folder is a fence: an op that makes the effect does nothing without it, and
the first thing that an end of the fault does is to take it away. So what a dead engine has sent, and comes
late, has no effect.

The switch runs the undo ops themselves, as arguments that the host quotes: a secret in one of them is put
in by the vehicle, and stands on the host in the state folder for as long as that is there.
"""

import hashlib
import math
import re
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Struct, structs

from breakfix.engine.action import DockerFacts, Facts, HostFacts
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_files import KEEP
from breakfix.engine.host_jobs import SHELL
from breakfix.engine.host_ops import runs_as_root, script, state_dir
from breakfix.engine.ops import DockerOp, ExecOp, Op, Outcome, Plan
from breakfix.engine.values import format_seconds

GRACE_S: Final = 10.0
"""How much later than the engine the switch ends a fault."""

APPLY_USUAL_S: Final = 30.0
"""What an op may take without the switch waiting longer for it."""

GUARDIAN_ONLY: Final = "guardian only"
NOTHING_TO_UNDO: Final = "nothing to undo"

Found = Literal["absent", "armed", "fired"]

_ARM: Final = (
    SHELL
    + KEEP
    + r"""
dir=$1 ttl_s=$2 undos=$3 others=$4
shift 4
keep "$dir" || exit 65

# A text as one word of the shell, to be followed by others.
quote() { printf '%s\n' "$1" | LC_ALL=C sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/' \\\\/"; }

# Writes $1 commands, of which each is a number and so many words; rest is how many arguments are left over.
put_commands() {
  commands=$1
  shift
  while [ "$commands" -gt 0 ]; do
    words=$1
    shift
    echo 'run \'
    while [ "$words" -gt 0 ]; do
      quote "$1"
      shift
      words=$((words - 1))
    done
    echo
    commands=$((commands - 1))
  done
  rest=$#
}

{
  printf 'dir='
  quote "$dir"
  printf '%s\n' '
rm -f "$dir/open"
true >"$dir/fired"
run() { "$@" </dev/null >>"$dir/log" 2>&1 || ok=no; }
tries=0 ok=no
while [ "$ok" = no ] && [ "$tries" -lt 5 ]; do
[ "$tries" = 0 ] || sleep 1
tries=$((tries + 1)) ok=yes'
  put_commands "$undos" "$@"
  shift $(($# - rest))
  printf '%s\n' 'done
[ "$ok" = yes ] || exit 1'
  put_commands "$others" "$@"
  shift $(($# - rest))
  printf '%s\n' 'rm -rf "$dir" && { rmdir "${dir%/*}" 2>/dev/null || true; }'
} >"$dir/expire" && sh -n "$dir/expire" && true >"$dir/open" || {
  rm -rf "$dir"
  refuse "$dir cannot be written"
}

TIMER='
dir=$1
read -r line </proc/$$/stat || exit 1
start=$(set -- ${line##*) }; echo "${20}")
echo "$$ $start" >"$dir/timer.new" && mv "$dir/timer.new" "$dir/timer" || exit 1
sleep "$2"
exec sh "$dir/expire"
'
if [ $# -gt 0 ]; then
  said=$("$@" 2>&1) && exit 0
  rm -rf "$dir"
  refuse "no timer: $said"
fi
(
  unset BREAKFIX_MARK
  trap '' HUP
  exec setsid sh -c "$TIMER" breakfix "$dir" "$ttl_s" </dev/null >/dev/null 2>&1
) &
tries=0
# One that is due at once may be over by now.
until [ -e "$dir/timer" ] || [ ! -e "$dir/open" ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ]; then
    rm -rf "$dir"
    refuse "the timer does not start"
  fi
  nap
done
"""
)

_FENCE: Final = """
[ -e "$1/open" ] || { echo "too late: the dead-man switch is not armed any more" >&2; exit 65; }
shift
exec "$@"
"""

_DISARM: Final = (
    SHELL
    + r"""
dir=$1 unit=$2
shift 2
found=absent
if [ -e "$dir/fired" ]; then found=fired; elif [ -d "$dir" ]; then found=armed; fi
rm -f "$dir/open"
if [ -n "$unit" ]; then
  said=$("$@" 2>&1)
  ! systemctl is-active --quiet "$unit.timer" "$unit.service" || refuse "$unit does not end: $said"
elif [ -e "$dir/timer" ]; then
  read -r pid was <"$dir/timer"
  end_session "$pid" "$was" || refuse "the timer, process $pid, does not end"
fi
rm -rf "$dir" && [ ! -e "$dir" ] || refuse "$dir cannot be removed"
rmdir "${dir%/*}" 2>/dev/null
read -r boot </proc/sys/kernel/random/boot_id
printf '{"dead_man": "%s", "boot_id": "%s"}\n' "$found" "$boot"
"""
)

_HTTP: Final = r"""
wire=$1/wire.$$
mkfifo "$wire" || exit 1
# Open for writing as long as we live: an engine takes the end of our words for the end of our interest.
exec 3<>"$wire"
printf %s "$2" >&3
docker system dial-stdio <"$wire" 3>&- | {
  read -r version status rest
  cat >/dev/null
  case " $3 " in *" ${status:-none} "*) exit 0 ;; esac
  echo "$version $status $rest" >&2
  exit 1
}
code=$?
rm -f "$wire"
exit "$code"
"""

_FED: Final = 'text=$1\nshift\nprintf %s "$text" | "$@"\n'
_IN_FOLDER: Final = 'cd -- "$1" || exit\nshift\nexec "$@"\n'


class Disarmed(Struct, frozen=True, kw_only=True):
    """What was found where a switch was to be taken away: ``absent``: no switch any more, ``armed``, or ``fired``:
    it was at work, or could not finish it; and the boot id of the host."""

    found: Found
    boot_id: str


def host_of(facts: Facts) -> HostFacts | None:
    """The host on which a fault has its dead-man switch; None where it has none."""
    if isinstance(facts, HostFacts):
        return facts
    if isinstance(facts, DockerFacts) and facts.host is not None and "docker" in facts.host.tools:
        return facts.host
    return None


def named(facts: Facts, run_id: str, fault: str) -> Facts:
    """The facts with a name for the one fault that is planned with them, the same for nobody else."""
    step = re.sub(r"[^a-z0-9_]", "_", fault.partition("@")[0].partition("#")[0])
    token = f"{run_id}.{step}.{hashlib.sha256(fault.encode()).hexdigest()[:8]}"
    if isinstance(facts, HostFacts):
        return structs.replace(facts, token=token)
    if isinstance(facts, DockerFacts) and facts.host is not None:
        return structs.replace(facts, host=structs.replace(facts.host, token=token))
    return facts


def ttl_s(hold_s: float, rest_s: float, plan: Plan | None) -> float:
    """After how long the switch ends a fault: what it is held for, the rest of the deadline at most, a grace, and
    what its ops are allowed beyond the usual."""
    slow_s = sum(max(0.0, op.timeout_s - APPLY_USUAL_S) for op in (plan.apply if plan else ()))
    return max(0.0, min(hold_s, rest_s)) + GRACE_S + slow_s


def words(facts: Facts, plan: Plan | None, hold_s: float, rest_s: float) -> str:
    """What ends a fault where the engine cannot any more, and when: ``systemd timer, 40 s``."""
    host = host_of(facts)
    if host is None:
        return GUARDIAN_ONLY
    if plan is not None and not plan.undo:
        return NOTHING_TO_UNDO
    return f"{_mechanism(host)}, {format_seconds(ttl_s(hold_s, rest_s, plan))}"


def armed(plan: Plan, facts: Facts, after_s: float) -> Plan:
    """The plan with a dead-man switch that fires after so many seconds, and with the fence around what it applies.
    Without a host, or without an undo, it is as it was.

    Raises PreconditionError where the host has nothing that a switch could be made of.
    """
    host = host_of(facts)
    if host is None or not plan.undo:
        return plan
    if _mechanism(host) == "shell timer" and "setsid" not in host.tools:
        raise PreconditionError(
            "H211",
            f"host {host.identity.name} has neither systemd-run, as root, nor setsid: no dead-man switch "
            "can be armed there",
            fix="install util-linux (setsid) on it, or let us become root there",
        )
    root = _of_root(plan, host)
    folder = state_dir(host, root=root)
    after = str(math.ceil(after_s))
    argvs = [_on_host(op, host, root=root) for op in (*plan.undo, *plan.disarm)]
    counted = [word for argv in argvs for word in (str(len(argv)), *argv)]
    counts = (str(len(plan.undo)), str(len(plan.disarm)))
    start, stop = _timer(host, folder, after, root=root)
    unit = _unit(host) if stop else ""
    return structs.replace(
        plan,
        arm=(script(host, _ARM, folder, after, *counts, *counted, *start, root=root),),
        apply=tuple(_fenced(op, folder) for op in plan.apply),
        undo=(_closed(host, folder, root=root), *plan.undo),
        disarm=(*plan.disarm, script(host, _DISARM, folder, unit, *stop, root=root)),
    )


def disarmed(outcome: Outcome) -> Disarmed | None:
    """What the last op of a disarm has found; None where it did not say."""
    try:
        return msgspec.convert(
            {"found": outcome.data["dead_man"], "boot_id": outcome.data["boot_id"]}, Disarmed
        )
    except (TypeError, KeyError, msgspec.ValidationError):
        return None


def _mechanism(host: HostFacts) -> Literal["systemd timer", "shell timer"]:
    by_systemd = host.systemd and host.root and {"systemd-run", "systemctl"} <= set(host.tools)
    return "systemd timer" if by_systemd else "shell timer"


def _of_root(plan: Plan, host: HostFacts) -> bool:
    """Whether the undo, and with it the switch, is root's."""
    sudo = any(isinstance(op, ExecOp) and op.sudo for op in (*plan.apply, *plan.undo))
    return runs_as_root(host, root=sudo)


def _unit(host: HostFacts) -> str:
    return f"breakfix-{host.token}"


def _timer(
    host: HostFacts, folder: str, after: str, *, root: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The commands that start and stop a timer of systemd; empty where a process is the timer.

    A timer of the system outlives the session of a user whose processes end with it. By default it may be
    late by a minute, and takes what its service has started with it (systemd.timer(5), systemd.kill(5)).
    """
    if _mechanism(host) == "shell timer":
        return (), ()
    # As root already, or by sudo where the undo itself is the login user's.
    sudo = ("sudo", "-n") if host.root == "sudo" and not root else ()
    user = () if root else (f"--uid={host.uid}",)
    start = (
        *sudo, "systemd-run", "--quiet", "--collect", f"--unit={_unit(host)}", *user,
        f"--on-active={after}s", "--timer-property=AccuracySec=100ms", "--property=KillMode=process",
        "sh", f"{folder}/expire",
    )  # fmt: skip
    return start, (*sudo, "systemctl", "stop", f"{_unit(host)}.timer", f"{_unit(host)}.service")


def _closed(host: HostFacts, folder: str, *, root: bool) -> ExecOp:
    """What takes the fence's gate away: whatever comes later is too late."""
    return structs.replace(script(host, "", root=root), argv=("rm", "-f", f"{folder}/open"))


def _fenced(op: Op, folder: str) -> Op:
    if not isinstance(op, ExecOp) or op.via != "ssh":
        return op
    return structs.replace(op, argv=("sh", "-c", _FENCE, "breakfix", folder, *op.argv))


def _on_host(op: Op, host: HostFacts, *, root: bool) -> tuple[str, ...]:
    """What does the same as an undo op, on the host itself."""
    if isinstance(op, DockerOp):
        ok_status = " ".join(str(status) for status in op.ok_status)
        folder = state_dir(host, root=root)
        return ("sh", "-c", _HTTP, "breakfix", folder, _request(op), ok_status)
    assert isinstance(op, ExecOp), f"an undo that a host cannot run: {type(op).__name__}"
    argv = op.argv
    if op.via == "container":
        assert op.target is not None
        flags = [*(("-i",) if op.stdin else ()), *(("--user", op.user) if op.user else ())]
        flags += ["--workdir", op.cwd] if op.cwd else []
        flags += [word for key, value in op.env.items() for word in ("--env", f"{key}={value}")]
        argv = ("docker", "exec", *flags, op.target.object_id, *argv)
    else:
        if op.env:
            argv = ("env", *(f"{key}={value}" for key, value in op.env.items()), *argv)
        if op.cwd:
            argv = ("sh", "-c", _IN_FOLDER, "breakfix", op.cwd, *argv)
        if root and not runs_as_root(host, root=op.sudo):
            argv = ("sudo", "-n", "-u", host.user, "--", *argv)
    return ("sh", "-c", _FED, "breakfix", op.stdin, *argv) if op.stdin else argv


def _request(op: DockerOp) -> str:
    """An HTTP/1.0 request: the engine closes the connection after its answer. Without a version in front of
    its path it is the engine's own one that counts."""
    query = f"?{urlencode(op.query)}" if op.query else ""
    body = msgspec.json.encode(op.body).decode() if op.body is not None else ""
    head = [
        f"{op.method} {op.path}{query} HTTP/1.0",
        "Host: docker",
        f"Content-Length: {len(body.encode())}",
    ]
    head += ["Content-Type: application/json"] if body else []
    return "\r\n".join([*head, "", body])
