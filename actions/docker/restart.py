"""docker.restart"""

from math import ceil
from typing import Annotated, ClassVar

from msgspec import Meta

from breakfix.actions.docker import command, runs, see
from breakfix.engine.action import DockerFacts, Repair
from breakfix.engine.ops import Kind, Plan
from breakfix.engine.values import Duration, seconds


class Restart(Repair, frozen=True, kw_only=True):
    """Restart a container, whatever state it is in: running, ended or paused.

    The same container, with its files; `docker.recreate` makes a new one. It cannot be undone.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine",)
    examples = ({}, {"grace": "2s"})

    grace: Annotated[
        Duration,
        Meta(description="How long it may take to end by itself; counted in whole seconds."),
    ] = "10s"

    def plan(self, facts: DockerFacts) -> Plan:
        """One restart; another life of the container is seen to run."""
        target = facts.identity
        before = facts.inspect["State"]["StartedAt"]
        grace_s = ceil(seconds(self.grace))
        anew = f"{target.name} was started anew"
        return Plan(
            apply=(command(target, "restart", timeout_s=grace_s + 30.0, t=str(grace_s)),),
            effect=(see(target, "/State/StartedAt", "ne", before, anew), runs(target)),
            rebinds=True,
        )
