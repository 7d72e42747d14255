"""process.kill"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from breakfix.actions.process import require_running, runs, status
from breakfix.engine.action import Fault, ProcessFacts
from breakfix.engine.ops import Check, Kind, Plan, SignalOp


class Kill(Fault, frozen=True, kw_only=True):
    """Kill a process target: everything that it consists of gets the signal.

    The effect is seen when nothing of it is left. Nothing starts it again by itself: a repair does
    (`process.start`), or the undo, where the step is held. At the end of the run the target is ended
    instead.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("process",)
    lasting: ClassVar[bool] = False
    examples = ({}, {"signal": "SIGTERM"})

    signal: Annotated[
        Literal["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT", "SIGSEGV", "SIGHUP"],
        Meta(description="The signal. All but SIGKILL can be caught, or ignored."),
    ] = "SIGKILL"

    def plan(self, facts: ProcessFacts) -> Plan:
        """Signal everything that carries the mark, until nothing does."""
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
