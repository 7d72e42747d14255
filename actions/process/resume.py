"""process.resume"""

from typing import ClassVar

from breakfix.actions.process import require_running, status
from breakfix.engine.action import ProcessFacts, Repair
from breakfix.engine.ops import Check, Kind, Plan, SignalOp


class Resume(Repair, frozen=True, kw_only=True):
    """Let a process target that was stopped (SIGSTOP) go on. One that goes on already is left as it
    is."""

    serves: ClassVar[tuple[Kind, ...]] = ("process",)

    def plan(self, facts: ProcessFacts) -> Plan:
        """SIGCONT to everything that carries the mark."""
        require_running(facts)
        target = facts.identity
        return Plan(
            apply=(SignalOp(mark=target.object_id, signal="SIGCONT", target=target),),
            effect=(
                Check(
                    op=status(target),
                    pick="/state",
                    is_="ne",
                    value="T",
                    asked=f"{target.name} is not stopped",
                ),
            ),
        )
