"""docker.pause"""

from typing import ClassVar

from breakfix.actions.docker import command, require_running, see, status
from breakfix.engine.action import DockerFacts, Fault
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Kind, Plan


class Pause(Fault, frozen=True, kw_only=True):
    """Freeze a container: a grey failure. Its connections stay open, new ones are accepted by the
    kernel, and nobody ever answers.

    Done by the freezer of control groups: no process of it can notice, or refuse. The undo unpauses.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    lasting: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine with the freezer of control groups",)

    def plan(self, facts: DockerFacts) -> Plan:
        """One pause."""
        target = facts.identity
        if status(facts) == "paused":
            raise PreconditionError(
                "D104", f"container {target.name} is paused already", fix="unpause it first"
            )
        require_running(facts, "D104")
        return Plan(
            apply=(command(target, "pause"),),
            effect=(see(target, "/State/Paused", "eq", True, f"{target.name} is paused"),),
            undo=(command(target, "unpause"),),
            gone=(see(target, "/State/Paused", "eq", False, f"{target.name} is not paused"),),
        )
