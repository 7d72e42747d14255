"""Processes of hosts that somebody else has started: how they are named, and found.

A process is its pid and its start time (field 22 of proc(5) stat): a pid alone is another process's soon.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from breakfix.engine.action import HostFacts
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_ops import HostPath

COMM_BYTES: Final = 15
"""How much of the name of a program the kernel keeps."""

FIND: Final = r"""
LC_ALL=C
export LC_ALL
refuse() { printf '%s\n' "$1" >&2; exit 65; }

# Sets what proc(5) stat says of a process, and its name; fails where there is none.
look_at() {
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- "$1" ${line##*) }
  state=$2 parent=$3 start=${21}
  { IFS= read -r comm <"/proc/$1/comm"; } 2>/dev/null
}

# Our own processes, up to the server of our connection, and that server with all that it came from.
ours=" $$ " control=' 1 '
walk() {
  at=$$ place=ours
  while look_at "$at" && at=$parent && [ "$at" -gt 1 ]; do
    look_at "$at" || break
    case $comm in sshd*|dropbear*) place=control;; esac
    if [ "$place" = ours ]; then ours="$ours$at "; else control="$control$at "; fi
  done
}

of_name() {
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    look_at "$pid" && [ "$comm" = "$1" ] && keep_one
  done
}

of_pidfile() {
  [ -e "$1" ] || return 0
  [ -r "$1" ] || refuse "$1 cannot be read by us"
  pid=
  read -r pid rest <"$1"
  case $pid in ''|*[!0-9]*) refuse "$1 holds no pid";; esac
  look_at "$pid" && keep_one
}

of_port() {
  hex=$(printf %04X "$1") inodes=
  for table in /proc/net/tcp /proc/net/tcp6; do
    [ -r "$table" ] || continue
    while read -r number near far status queues timers retries uid waits inode rest; do
      [ "$status" = 0A ] || continue
      case $near in *:"$hex") inodes="$inodes $inode ";; esac
    done <"$table"
  done
  [ -n "$inodes" ] || return 0
  # Each folder of descriptors is listed under its name.
  pids=$(ls -l /proc/[0-9]*/fd 2>/dev/null | while IFS= read -r line; do
    case $line in
      /proc/*/fd:) pid=${line#/proc/} pid=${pid%/fd:};;
      *'-> socket:['*) inode=${line##*'['} inode=${inode%']'}
        case $inodes in *" $inode "*) echo "$pid";; esac;;
    esac
  done | sort -u)
  [ -n "$pids" ] || refuse "who listens at port $1 cannot be seen without root"
  for pid in $pids; do look_at "$pid" && keep_one; done
}

keep_one() {
  case $state in [ZX]) return;; esac
  case $ours in *" $pid "*) return;; esac
  again="$again $pid:$start:$state "
}

# Sets found to what matches all that is asked for, each as PID:START:STATE.
find_all() {
  walk
  found= first=yes
  while [ $# -gt 0 ]; do
    again=
    [ -z "$2" ] || "of_$1" "$2"
    if [ -n "$2" ]; then
      if [ "$first" = yes ]; then
        found=$again first=no
      else
        both=
        for one in $found; do case $again in *" $one "*) both="$both $one ";; esac; done
        found=$both
      fi
    fi
    shift 2
  done
}

pid_of() { pid=${1%%:*} rest=${1#*:} start=${rest%%:*}; }

alive() {
  was=$start
  look_at "$1" && [ "$start" = "$was" ] && case $state in [ZX]) false;; esac
}

# Refuses where one of those found is what our connection hangs on.
spare() {
  for one in $found; do
    pid_of "$one"
    case $control in *" $pid "*) refuse "process $pid carries our own connection: it is left alone";; esac
  done
}
"""
"""The beginning of a script. ``find_all name NAME pidfile PATH port PORT`` (each value may be empty) sets
``found``; ``spare`` refuses what our connection hangs on; ``pid_of ONE`` sets ``pid`` and ``start`` of one of
``found``, and ``alive PID`` says whether that one, of that ``start``, lives."""


class Match(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which processes of a host; all that is given must be so."""

    name: (
        Annotated[str, Meta(description="The name of the program, as `ps -o comm` shows it, whole.")]
        | None
    ) = None
    pidfile: Annotated[HostPath, Meta(description="A file that holds the pid.")] | None = None
    port: (
        Annotated[int, Meta(ge=1, le=65535, description="It listens at this TCP port.")] | None
    ) = None

    def __post_init__(self) -> None:
        if self.name is None and self.pidfile is None and self.port is None:
            raise ValueError("say at least one of `name`, `pidfile` and `port`")
        if self.name is not None and (not self.name or set(self.name) & {"\n", "\0"}):
            raise ValueError("`name` must be the name of a program")

    @property
    def words(self) -> str:
        """For people."""
        said = [
            f"named {self.name}" if self.name is not None else "",
            f"of {self.pidfile}" if self.pidfile is not None else "",
            f"at port {self.port}" if self.port is not None else "",
        ]
        return " ".join(word for word in said if word)

    def args(self) -> tuple[str, str, str]:
        """Name, pidfile and port as the arguments of a script, empty where they are not given."""
        comm = (self.name or "").encode()[:COMM_BYTES].decode(errors="ignore")
        return comm, self.pidfile or "", str(self.port) if self.port else ""


def required_match(match: Match | None, facts: HostFacts, action: str) -> Match:
    """Raises PreconditionError where an action on a host does not say which processes."""
    if match is None:
        raise PreconditionError(
            "R510",
            f"which processes of host {facts.identity.name} are meant is not said",
            fix=f"give {action} a `match` with `name`, `pidfile` or `port`",
        )
    return match
