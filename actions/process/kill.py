"""process.kill"""

from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from breakfix.actions.process import (
    CHOOSE,
    of_targets_only,
    require_running,
    require_spared,
    runs,
    status,
)
from breakfix.engine.action import Fault, HostFacts, ProcessFacts
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.host_processes import FIND, Match, required_match
from breakfix.engine.ops import Check, Kind, Plan, SignalOp

_KILL: Final = FIND + CHOOSE + r"""
dir=$1 signal=$2
shift 2
if [ $# -gt 3 ]; then command -v "$4" >/dev/null || refuse "there is no command $4 to start it again"; fi
choose "$1" "$2" "$3"
for one in $found; do
  pid_of "$one"
  ! alive "$pid" || kill -s "$signal" "$pid" || exit 1
done
"""
_SEE: Final = FIND + r"""
ended=0 alive=0
if [ -r "$1/chosen" ]; then
  while read -r pid start rest; do
    if alive "$pid"; then alive=$((alive + 1)); else ended=$((ended + 1)); fi
  done <"$1/chosen"
fi
printf '{"ended": %s, "alive": %s}' "$ended" "$alive"
"""
_OVER: Final = FIND + r"""
dir=$1
find_all name "$2" pidfile "$3" port "$4"
set -- $found
over=true
[ $# -gt 0 ] || [ ! -e "$dir/chosen" ] || over=false
printf '{"over": %s, "matching": %s}' "$over" "$#"
"""
_START: Final = FIND + r"""
# Where nothing was killed, nothing is to be started.
[ -e "$1/chosen" ] || exit 0
find_all name "$2" pidfile "$3" port "$4"
# Whoever has started it meanwhile is not to be disturbed.
[ -z "$found" ] || exit 0
shift 4
(
  unset BREAKFIX_MARK
  trap '' HUP
  exec setsid "$@" </dev/null >/dev/null 2>&1
) &
"""


class Kill(Fault, frozen=True, kw_only=True):
    """Kill a process target, or processes of a host: everything that it consists of, or that matches, gets
    the signal.

    The effect is seen when nothing of it is left. Nothing starts it again by itself: a repair does
    (`process.start`, `process.restart`), or the undo, where the step is held. At the end of the run a
    process target is ended instead.

    On a host, `match` says which: by pid and start time, so that never a successor is hit. The processes
    that our own connection comes from are refused. The signal is sent as root where we can become root. The undo is
    `start`, which runs detached, as root there, unless something matches again by then; without it the step must
    say `allow: [irreversible]`.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("process", "ssh")
    lasting: ClassVar[bool] = False
    examples = (
        {},
        {"signal": "SIGTERM"},
        {"match": {"name": "nginx"}, "start": ["systemctl", "start", "nginx"]},
        {"match": {"pidfile": "/run/app.pid"}, "start": ["/srv/app/run"], "signal": "SIGTERM"},
    )

    signal: Annotated[
        Literal["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT", "SIGSEGV", "SIGHUP"],
        Meta(description="The signal. All but SIGKILL can be caught, or ignored."),
    ] = "SIGKILL"
    match: Annotated[
        Match | None,
        Meta(description="Which processes of a host: `name`, `pidfile`, `port`. Of hosts only."),
    ] = None
    start: Annotated[
        tuple[str, ...],
        Meta(description="The command that starts it again, and its arguments. Of hosts only."),
    ] = ()

    def plan(self, facts: ProcessFacts | HostFacts) -> Plan:
        """Signal everything that is meant, until none of it is left."""
        if isinstance(facts, HostFacts):
            return self._on_host(facts)
        of_targets_only(facts, given=self.match is not None or bool(self.start))
        require_running(facts)
        target = facts.identity
        return Plan(
            apply=(
                SignalOp(
                    mark=target.object_id, signal=self.signal, target=target, level="incarnation"
                ),
            ),
            effect=(
                Check(
                    op=status(target),
                    pick="/running",
                    is_="eq",
                    value=False,
                    within_s=10.0,
                    asked=f"nothing of {target.name} runs",
                ),
            ),
            undo=(facts.start_op(),),
            gone=(runs(target),),
            rebinds=True,
        )

    def _on_host(self, facts: HostFacts) -> Plan:
        match = required_match(self.match, facts, "process.kill")
        require_spared(match, facts, "process.kill")
        host, folder = facts.identity.name, state_dir(facts, root=True)
        words = f"{match.words} on {host}"
        number = self.signal.removeprefix("SIG")
        see = script(facts, _SEE, folder, root=True, changes="no")
        args = match.args()
        over = script(facts, _OVER, folder, *args, root=True, changes="no")
        effect = (
            Check(
                op=see, pick="/ended", is_="ge", value=1, asked=f"processes {words} that have ended"
            ),
            Check(
                op=see,
                pick="/alive",
                is_="eq",
                value=0,
                within_s=10.0,
                asked=f"processes {words} that are left",
            ),
        )
        apply = script(
            facts, _KILL, folder, number, *args, *self.start[:1], root=True, level="incarnation"
        )
        if not self.start:
            return Plan(apply=(apply,), effect=effect)
        return Plan(
            apply=(apply,),
            effect=effect,
            undo=(script(facts, _START, folder, *args, *self.start, root=True),),
            gone=(
                Check(
                    op=over,
                    pick="/over",
                    is_="eq",
                    value=True,
                    within_s=20.0,
                    every_s=0.2,
                    asked=f"there are processes {words} again",
                ),
            ),
        )
