"""docker.health"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from breakfix.actions.docker import identity, inspect, not_read
from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.ops import Kind


class Health(Probe, frozen=True, kw_only=True):
    """Good while the health check of a container says so. One that does not run is bad; one without a
    health check says nothing: blind.

    It is as old as the interval of the health check allows, 30 s where nothing else is said.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine", "a health check of the container")
    result: ClassVar[dict[str, str]] = {
        "health": "text: healthy, unhealthy or starting",
        "failing_streak": "integer: how often it has failed in a row",
    }
    examples = ({}, {"health": "unhealthy"})

    health: Annotated[
        Literal["healthy", "unhealthy", "starting"], Meta(description="What is good.")
    ] = "healthy"

    async def sample(self, port: Port) -> Observation:
        """One inspect."""
        target = identity(port)
        outcome = await port.read(inspect(target))
        if not outcome.ok:
            return not_read(outcome, target)
        state = outcome.data["State"]
        if not state["Running"]:
            return Observation(holds=False, detail=f"{target.name} is {state['Status']}")
        health = state.get("Health") or {}
        now = health.get("Status", "none")
        if now == "none":
            return Observation(holds=None, detail=f"{target.name} has no health check")
        detail = now if now == self.health else f"{now}, wanted {self.health}"
        last = (health.get("Log") or [{}])[-1].get("Output", "").strip()
        if now == "unhealthy" and last:
            detail += f": {last[:200]}"
        return Observation(
            holds=now == self.health,
            detail=detail,
            result={"health": now, "failing_streak": health.get("FailingStreak", 0)},
        )
