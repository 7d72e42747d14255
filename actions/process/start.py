"""process.start"""

from typing import ClassVar

from breakfix.actions.process import runs
from breakfix.engine.action import ProcessFacts, Repair
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Kind, Plan, SignalOp


class Start(Repair, frozen=True, kw_only=True):
    """Start a process target that is not running, with the command, folder and environment that it
    was declared with."""

    serves: ClassVar[tuple[Kind, ...]] = ("process",)

    def plan(self, facts: ProcessFacts) -> Plan:
        """Start it; put back, it is ended again."""
        target = facts.identity
        if facts.running:
            raise PreconditionError(
                "R504", f"process {target.name} is running already", fix="use process.restart"
            )
        return Plan(
            apply=(facts.start_op(),),
            effect=(runs(target),),
            undo=(
                SignalOp(
                    mark=target.object_id, signal="SIGKILL", target=target, gone_within_s=5.0
                ),
            ),
            rebinds=True,
        )
