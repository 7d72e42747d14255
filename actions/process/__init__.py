"""Processes that the engine itself starts: what their faults and repairs have in common."""

import sys
from typing import Final

from breakfix.engine.action import HostFacts, ProcessFacts
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_processes import Match
from breakfix.engine.ops import (
    Check,
    ExecOp,
    Identity,
    Plan,
    ProcessOp,
)

CHOOSE: Final = r"""
# Our own switches and jobs on this host, and what they have started, are never meant.
not_ours() {
  leaders=" "
  for each in /run/breakfix/*/timer /run/breakfix/*/*.job /tmp/breakfix-*/*/timer /tmp/breakfix-*/*/*.job; do
    [ -r "$each" ] && read -r pid rest <"$each" && leaders="$leaders$pid "
  done
  kept=
  for one in $found; do
    pid_of "$one"
    { read -r line <"/proc/$pid/stat"; } 2>/dev/null || continue
    session=$(set -- ${line##*) }; echo "$4")
    case $leaders in *" $session "*) ;; *) kept="$kept $one" ;; esac
  done
  found=$kept
}

# Sets found to the processes that match NAME PIDFILE PORT, and writes them down: a signal goes to no others.
choose() {
  find_all name "$1" pidfile "$2" port "$3"
  spare
  not_ours
  [ -n "$found" ] || refuse "no process matches: name ${1:-any}, pidfile ${2:-any}, port ${3:-any}"
  for one in $found; do
    pid_of "$one"
    kill -0 "$pid" 2>/dev/null || ! alive "$pid" || refuse "process $pid is not ours to send a signal to"
    echo "$pid $start"
  done >"$dir/chosen.new" && mv "$dir/chosen.new" "$dir/chosen" || exit 1
}
"""
"""Goes behind `host_processes.FIND`, in a script that has set ``dir`` to the state folder of a fault."""

_CONTROL: Final = ("sshd", "sshd-session", "sshd-auth", "dropbear", "systemd", "init")

_GROUPS: Final = "breakfix.engine.vehicles.cgroup"
"""The module that makes control groups, run as a program of its own."""


def require_running(facts: ProcessFacts) -> None:
    """Raises PreconditionError where nothing of the target runs."""
    if not facts.running:
        name = facts.identity.name
        raise PreconditionError(
            "R501", f"process {name} is not running", fix="start it first, with process.start"
        )


def of_targets_only(facts: ProcessFacts, *, given: bool) -> None:
    """Raises PreconditionError where something is said of a process target that counts for hosts only."""
    if given:
        raise PreconditionError(
            "R511",
            f"process target {facts.identity.name} is all that it has started, and has a command of its own",
            fix="leave out `match` and `start`",
        )


def require_spared(match: Match, facts: HostFacts, action: str) -> None:
    """Raises PreconditionError where the processes that are meant carry our own connection, as far as that
    can be told by how they are named."""
    if match.port != facts.control_port and match.name not in _CONTROL:
        return
    raise PreconditionError(
        "R513",
        f"{action} is refused: what is {match.words} on {facts.identity.name} carries the connection that it "
        "would be undone by",
        fix="name other processes",
    )


def status(target: Identity) -> ProcessOp:
    """What reads the state of a target."""
    return ProcessOp(mark=target.object_id, target=target)


def runs(target: Identity) -> Check:
    """It is running."""
    return Check(
        op=status(target),
        pick="/running",
        is_="eq",
        value=True,
        within_s=10.0,
        asked=f"{target.name} is running",
    )


def limited(
    facts: ProcessFacts, controller: str, limit: float, limit_text: str, asked: str
) -> Plan:
    """A control group with a limit around a target, read back.

    Raises PreconditionError where nothing of it runs, or this machine does not let us.
    """
    require_running(facts)
    target = facts.identity
    if not facts.cgroups:
        raise PreconditionError(
            "R503",
            f"the limits of process {target.name} cannot be set: this machine does not let us make "
            "control groups for cpu and memory",
            fix="run as root, outside of a container that mounts /sys/fs/cgroup read-only",
        )
    read = _groups_op("read", controller, target, target.incarnation)
    all_of_it = f"all of {target.name} is limited"
    not_limited = f"{target.name} is not limited"
    return Plan(
        apply=(_groups_op("set", controller, target, target.incarnation, limit_text),),
        effect=(
            # Not "equal": the kernel rounds a limit down to whole pages.
            Check(op=read, pick="/limit", is_="le", value=limit, asked=asked),
            Check(op=read, pick="/outside", is_="eq", value=0, asked=all_of_it),
        ),
        undo=(_groups_op("clear", controller, target),),
        gone=(Check(op=read, pick="/exists", is_="eq", value=False, asked=not_limited),),
        mechanism="control group",
    )


def _groups_op(verb: str, controller: str, target: Identity, *rest: str) -> ExecOp:
    return ExecOp(
        argv=(sys.executable, "-P", "-m", _GROUPS, verb, controller, target.object_id, *rest),
        changes="no" if verb == "read" else "yes",
        target=target,
        timeout_s=15.0,
    )
