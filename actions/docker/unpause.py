"""docker.unpause"""

from typing import ClassVar

from breakfix.actions.docker import command, see, status
from breakfix.engine.action import DockerFacts, Repair
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Kind, Plan


class Unpause(Repair, frozen=True, kw_only=True):
    """Let a paused container go on. The undo pauses it."""

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine with the freezer of control groups",)

    def plan(self, facts: DockerFacts) -> Plan:
        """One unpause."""
        target, now = facts.identity, status(facts)
        if now != "paused":
            raise PreconditionError(
                "D112", f"container {target.name} is {now}, expected paused", fix="leave it alone"
            )
        return Plan(
            apply=(command(target, "unpause"),),
            effect=(see(target, "/State/Paused", "eq", False, f"{target.name} is not paused"),),
            undo=(command(target, "pause"),),
        )
