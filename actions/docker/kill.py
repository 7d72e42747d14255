"""docker.kill"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from breakfix.actions.docker import (
    SIGNALS,
    command,
    has_ended,
    require_kept,
    require_running,
    runs,
    start_op,
)
from breakfix.engine.action import DockerFacts, Fault
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Kind, Op, Plan, SignalOp


class Kill(Fault, frozen=True, kw_only=True):
    """Kill the main process of a container.

    Through the API (`via: api`) the engine knows that this was asked for, and leaves the container
    dead: a restart policy does not fire. With `via: host_pid` the process gets the signal from the
    engine's machine, as in a crash, and a restart policy starts the container again.

    The effect is seen in history: State.FinishedAt has changed. The undo starts the container again.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    lasting: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = (
        "a Docker engine",
        "for host_pid: root on the engine's machine",
    )
    examples = ({}, {"signal": "SIGTERM"}, {"via": "host_pid"})

    signal: Annotated[
        SIGNALS,
        Meta(description="The signal. All but SIGKILL can be caught, or ignored."),
    ] = "SIGKILL"
    via: Annotated[
        Literal["api", "host_pid"],
        Meta(description="Who sends it: the engine, or we on its machine, so that it looks like a crash."),
    ] = "api"

    def plan(self, facts: DockerFacts) -> Plan:
        """One signal."""
        require_running(facts, "D101")
        require_kept(facts)
        target = facts.identity
        op: Op = command(target, "kill", level="incarnation", signal=self.signal)
        if self.via == "host_pid":
            if not facts.local:
                raise PreconditionError(
                    "D103",
                    f"the processes of container {target.name} are not within our reach",
                    fix="run as root on the machine of its engine, or say via: api",
                )
            op = SignalOp(mark="", signal=self.signal, target=target, level="incarnation")
        return Plan(
            apply=(op,),
            effect=(has_ended(facts),),
            undo=(start_op(target),),
            gone=(runs(target),),
            mechanism=self.via,
            rebinds=True,
        )
