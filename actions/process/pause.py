"""process.pause"""

from typing import ClassVar

from breakfix.actions.process import require_running, status
from breakfix.engine.action import Fault, ProcessFacts
from breakfix.engine.ops import Check, Kind, Plan, SignalOp


class Pause(Fault, frozen=True, kw_only=True):
    """Freeze a process target: it is there, its connections stay open, it answers nothing.

    Every process of the target gets SIGSTOP, and SIGCONT at the end (signal(7)): what it was doing, it
    goes on doing. The effect is seen when every one of them is in state T (proc(5)).
    """

    serves: ClassVar[tuple[Kind, ...]] = ("process",)
    lasting: ClassVar[bool] = True

    def plan(self, facts: ProcessFacts) -> Plan:
        """Stop everything that carries the mark, until it is continued."""
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
