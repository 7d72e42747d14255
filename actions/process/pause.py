"""process.pause"""

from typing import Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.actions.process import (
    CHOOSE,
    of_targets_only,
    require_running,
    require_spared,
    status,
)
from breakfix.engine.action import Fault, HostFacts, ProcessFacts
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.host_processes import FIND, Match, required_match
from breakfix.engine.ops import Check, Kind, Plan, SignalOp

_STOP: Final = FIND + CHOOSE + r"""
dir=$1
choose "$2" "$3" "$4"
for one in $found; do
  pid_of "$one"
  ! alive "$pid" || kill -s STOP "$pid" || exit 1
done
"""
_CONTINUE: Final = FIND + r"""
[ -r "$1/chosen" ] || exit 0
while read -r pid start rest; do
  ! alive "$pid" || kill -s CONT "$pid" || exit 1
done <"$1/chosen"
"""
_SEE: Final = FIND + r"""
stopped=0 others=0
if [ -r "$1/chosen" ]; then
  while read -r pid start rest; do
    alive "$pid" || continue
    case $state in [Tt]) stopped=$((stopped + 1)) ;; *) others=$((others + 1)) ;; esac
  done <"$1/chosen"
fi
printf '{"stopped": %s, "others": %s}' "$stopped" "$others"
"""


class Pause(Fault, frozen=True, kw_only=True):
    """Freeze a process target, or processes of a host: it is there, its connections stay open, it answers
    nothing.

    Every process of the target, or that matches, gets SIGSTOP, and SIGCONT at the end (signal(7)): what it was doing, it
    goes on doing. The effect is seen when every one of them is in state T (proc(5)).

    On a host, `match` says which: by pid and start time, so that never a successor is hit. The processes
    that our own connection comes from are refused. The signals are sent as root where we can become root.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("process", "ssh")
    lasting: ClassVar[bool] = True
    examples = ({}, {"match": {"port": 5432}})

    match: Annotated[
        Match | None,
        Meta(description="Which processes of a host: `name`, `pidfile`, `port`. Of hosts only."),
    ] = None

    def plan(self, facts: ProcessFacts | HostFacts) -> Plan:
        """Stop everything that is meant, until it is continued."""
        if isinstance(facts, HostFacts):
            return self._on_host(facts)
        of_targets_only(facts, given=self.match is not None)
        require_running(facts)
        target = facts.identity
        return Plan(
            apply=(
                SignalOp(
                    mark=target.object_id, signal="SIGSTOP", target=target, level="incarnation"
                ),
            ),
            effect=(
                Check(
                    op=status(target),
                    pick="/state",
                    is_="eq",
                    value="T",
                    asked=f"{target.name} is stopped",
                ),
            ),
            undo=(SignalOp(mark=target.object_id, signal="SIGCONT", target=target),),
            gone=(
                Check(
                    op=status(target),
                    pick="/state",
                    is_="ne",
                    value="T",
                    asked=f"{target.name} is not stopped",
                ),
            ),
        )

    def _on_host(self, facts: HostFacts) -> Plan:
        match = required_match(self.match, facts, "process.pause")
        require_spared(match, facts, "process.pause")
        folder = state_dir(facts, root=True)
        words = f"{match.words} on {facts.identity.name}"
        see = script(facts, _SEE, folder, root=True, changes="no")
        return Plan(
            apply=(script(facts, _STOP, folder, *match.args(), root=True, level="incarnation"),),
            effect=(
                Check(op=see, pick="/stopped", is_="ge", value=1, asked=f"processes {words}, stopped"),
                Check(
                    op=see,
                    pick="/others",
                    is_="eq",
                    value=0,
                    asked=f"processes {words}, of those meant, that go on",
                ),
            ),
            undo=(script(facts, _CONTINUE, folder, root=True, level="incarnation"),),
            gone=(
                Check(op=see, pick="/stopped", is_="eq", value=0, asked=f"processes {words}, stopped"),
            ),
        )
