"""process.restart"""

from typing import Annotated, ClassVar

from msgspec import Meta

from breakfix.actions.process import runs, status
from breakfix.engine.action import ProcessFacts, Repair
from breakfix.engine.ops import Check, Kind, Plan, SignalOp
from breakfix.engine.values import Duration, seconds


class Restart(Repair, frozen=True, kw_only=True):
    """End a process target, whatever state it is in, and start it again.

    SIGTERM first; what is left after the grace is killed. A stopped one is continued, or it would not
    see the signal. One that does not run is started.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("process",)
    examples = ({}, {"grace": "1s"})

    grace: Annotated[Duration, Meta(description="Between SIGTERM and SIGKILL.")] = "5s"

    def plan(self, facts: ProcessFacts) -> Plan:
        """End all that carries the mark, then start; another incarnation that runs is the proof."""
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
