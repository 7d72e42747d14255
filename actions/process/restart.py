"""process.restart"""

from math import ceil
from typing import Annotated, ClassVar, Final

from msgspec import Meta, structs

from breakfix.actions.process import runs, status
from breakfix.engine.action import HostFacts, ProcessFacts, Repair
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_ops import HostPath, require_root, script
from breakfix.engine.host_processes import FIND, Match, required_match
from breakfix.engine.ops import Check, Kind, Plan, SignalOp
from breakfix.engine.values import Duration, seconds

_RESTART: Final = FIND + r"""
name=$1 pidfile=$2 port=$3 grace_s=$4 cwd=$5 log=$6
shift 6
cd -- "$cwd" || exit 65
command -v "$1" >/dev/null || refuse "there is no command $1"
true >>"$log" || refuse "nothing can be written to $log"
find_all name "$name" pidfile "$pidfile" port "$port"
spare
nap() { sleep 0.05 2>/dev/null || sleep 1; }
tell() {
  for one in $found; do
    pid_of "$one"
    ! alive "$pid" || kill "$1" "$pid" 2>/dev/null || ! alive "$pid" || refuse "$pid is not ours to end"
  done
}
left() {
  for one in $found; do
    pid_of "$one"
    ! alive "$pid" || return 0
  done
  return 1
}
up_s() { read -r up rest </proc/uptime; up=${up%.*}; }
ended() {
  up_s
  until_s=$((up + $1 + 1))
  while left; do
    up_s
    [ "$up" -lt "$until_s" ] || return 1
    nap
  done
}
tell -TERM
# One that is stopped would not see the signal.
tell -CONT
ended "$grace_s" || { tell -KILL; ended 5 || refuse "it does not end"; }
command -v setsid >/dev/null && set -- setsid "$@"
# Neither the mark nor the end of this command is to end it.
unset BREAKFIX_MARK
trap '' HUP
"$@" </dev/null >>"$log" 2>&1 &
"""
_RUNS: Final = FIND + r"""
find_all name "$1" pidfile "$2" port "$3"
[ -n "$found" ] && printf '{"running": true}' || printf '{"running": false}'
"""


class Restart(Repair, frozen=True, kw_only=True):
    """End a process target, or processes of a host, whatever state they are in, and start it again.

    SIGTERM first; what is left after the grace is killed. A stopped one is continued, or it would not
    see the signal. One that does not run is started. On a host, `match` says what is ended, by pid and
    start time, and `start` what is started: detached, in a session of its own; that something matches
    again is the proof. There it cannot be undone, and the processes that our own connection comes from
    are refused.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("process", "ssh")
    examples = (
        {},
        {"grace": "1s"},
        {"match": {"name": "redis-server"}, "start": ["redis-server", "/etc/redis.conf"]},
        {
            "match": {"pidfile": "/run/app.pid"},
            "start": ["/srv/app/run"],
            "cwd": "/srv/app",
            "log": "/var/log/app.log",
            "sudo": True,
        },
    )

    grace: Annotated[Duration, Meta(description="Between SIGTERM and SIGKILL.")] = "5s"
    match: Annotated[
        Match | None,
        Meta(description="Which processes of a host: `name`, `pidfile`, `port`. Of hosts only."),
    ] = None
    start: Annotated[
        tuple[str, ...],
        Meta(description="The command that starts it, and its arguments. Of hosts only."),
    ] = ()
    cwd: Annotated[HostPath, Meta(description="The folder to start it in. Of hosts only.")] = "/"
    log: Annotated[
        HostPath, Meta(description="The file that its output is appended to. Of hosts only.")
    ] = "/dev/null"
    sudo: Annotated[
        bool, Meta(description="End and start it as root, by `sudo -n`. Of hosts only.")
    ] = False

    def plan(self, facts: ProcessFacts | HostFacts) -> Plan:
        """End all of it, then start; that another one runs is the proof."""
        if isinstance(facts, HostFacts):
            return self._on_host(facts)
        if self.match is not None or self.start:
            raise PreconditionError(
                "R511",
                f"process target {facts.identity.name} is started by its own command",
                fix="leave out `match` and `start`",
            )
        target = facts.identity
        mark = target.object_id
        return Plan(
            apply=(
                SignalOp(mark=mark, signal="SIGTERM", target=target),
                SignalOp(
                    mark=mark,
                    signal="SIGCONT",
                    target=target,
                    gone_within_s=seconds(self.grace),
                    timeout_s=seconds(self.grace) + 5.0,
                ),
                SignalOp(mark=mark, signal="SIGKILL", target=target, gone_within_s=5.0),
                facts.start_op(),
            ),
            effect=(
                runs(target),
                Check(
                    op=status(target),
                    pick="/incarnation",
                    is_="ne",
                    value=target.incarnation,
                    asked=f"{target.name} as it was is gone",
                ),
            ),
            undo=(facts.start_op(),),
            rebinds=True,
        )

    def _on_host(self, facts: HostFacts) -> Plan:
        match = required_match(self.match, facts, "process.restart")
        if not self.start:
            raise PreconditionError(
                "R512",
                f"what starts it on host {facts.identity.name} is not said",
                fix="give process.restart a `start`, a list of the command and its arguments",
            )
        if self.sudo:
            require_root(facts, "process.restart with `sudo`")
        grace_s = ceil(seconds(self.grace))
        args = (*match.args(), str(grace_s), self.cwd, self.log, *self.start)
        apply = script(facts, _RESTART, *args, root=self.sudo)
        # The script has seen that all of the old ones are gone: what matches then is a new one.
        runs_again = Check(
            op=script(facts, _RUNS, *match.args(), root=self.sudo, changes="no"),
            pick="/running",
            is_="eq",
            value=True,
            within_s=15.0,
            every_s=0.2,
            streak=3,
            asked=f"what is {match.words} on {facts.identity.name} runs again",
        )
        return Plan(
            apply=(structs.replace(apply, timeout_s=grace_s + 30.0),), effect=(runs_again,)
        )
