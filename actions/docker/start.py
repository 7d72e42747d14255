"""docker.start"""

from typing import ClassVar

from breakfix.actions.docker import runs, start_op, status, stop_op
from breakfix.engine.action import DockerFacts, Repair
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Kind, Plan


class Start(Repair, frozen=True, kw_only=True):
    """Start a container that has ended. The undo stops it."""

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine",)

    def plan(self, facts: DockerFacts) -> Plan:
        """One start."""
        target, now = facts.identity, status(facts)
        if now in ("running", "paused"):
            fix = "unpause it, with docker.unpause" if now == "paused" else "use docker.restart"
            raise PreconditionError("D111", f"container {target.name} is {now} already", fix=fix)
        return Plan(
            apply=(start_op(target),), effect=(runs(target),), undo=(stop_op(target),), rebinds=True
        )
