"""docker.stop"""

from typing import Annotated, ClassVar

from msgspec import Meta

from breakfix.actions.docker import (
    has_ended,
    require_kept,
    require_running,
    runs,
    start_op,
    stop_op,
)
from breakfix.engine.action import DockerFacts, Fault
from breakfix.engine.ops import Kind, Plan
from breakfix.engine.values import Duration


class Stop(Fault, frozen=True, kw_only=True):
    """Stop a container in order: SIGTERM (or the image's own signal), a grace, then SIGKILL.

    A restart policy does not fire, but for the engine's own restart. The effect is seen in history:
    State.FinishedAt has changed. The undo starts the container again.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    lasting: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine",)
    examples = ({}, {"grace": "2s"})

    grace: Annotated[
        Duration,
        Meta(description="How long it may take to end by itself; counted in whole seconds."),
    ] = "10s"

    def plan(self, facts: DockerFacts) -> Plan:
        """One stop."""
        require_running(facts, "D102")
        require_kept(facts)
        target = facts.identity
        return Plan(
            apply=(stop_op(target, self.grace),),
            effect=(has_ended(facts),),
            undo=(start_op(target),),
            gone=(runs(target),),
            rebinds=True,
        )
