"""docker.event"""

from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta

from breakfix.actions.docker import identity
from breakfix.engine.action import (
    DockerFacts,
    Observation,
    Port,
    Probe,
    Source,
)
from breakfix.engine.ops import Kind

_ACTIONS: Final = {
    "healthy": "health_status: healthy",
    "unhealthy": "health_status: unhealthy",
}
"""What the engine calls events that have another name here."""


class Event(Probe, frozen=True, kw_only=True):
    """Seen when the engine tells of an event of a container: it died, ran out of memory, became
    unhealthy, was started.

    `restart` is told where somebody asked for one; a restart policy shows as `die` and `start`.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    observes: ClassVar[Literal["state", "occurrence"]] = "occurrence"
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine",)
    result: ClassVar[dict[str, str]] = {
        "count": "integer: how many were seen",
        "engine_time_s": "number: when it was, by the engine's clock (seconds since the epoch)",
        "exit_code": "integer: of a die event; else null",
    }
    examples = ({"event": "die"}, {"event": "oom"}, {"event": "unhealthy"})

    event: Annotated[
        Literal[
            "die", "oom", "kill", "stop", "start", "restart", "pause", "unpause", "healthy",
            "unhealthy", "destroy",
        ],
        Meta(description="The event that is waited for."),
    ]  # fmt: skip

    def sources(self, facts: DockerFacts) -> tuple[Source, ...]:
        """The events of the container."""
        return (_source(facts),)

    async def sample(self, port: Port) -> Observation:
        """Look through what has arrived since t0."""
        target = identity(port)
        assert isinstance(port.facts, DockerFacts)
        arrived = port.occurrences(_source(port.facts))
        if arrived is None:
            return Observation(holds=None, detail=f"the events of {target.name} cannot be read")
        wanted = _ACTIONS.get(self.event, self.event)
        seen = [
            item
            for item in arrived
            if item.arrived_at_s >= port.since_s and item.content["Action"] == wanted
        ]
        if not seen:
            return Observation(holds=False, detail=f"no {self.event} of {target.name}")
        first = seen[0]
        code = _exit_code(first.content)
        return Observation(
            holds=True,
            detail=f"{self.event} of {target.name}"
            + (f" with exit code {code}" if code is not None else ""),
            result={
                "count": len(seen),
                "engine_time_s": first.engine_time_s,
                "exit_code": code,
            },
            occurred_at_s=first.arrived_at_s,
        )


def _source(facts: DockerFacts) -> Source:
    target = facts.identity
    return Source(kind="events", endpoint=target.endpoint, object_id=target.object_id)


def _exit_code(event: dict[str, Any]) -> int | None:
    code = event["Actor"]["Attributes"].get("exitCode")
    return int(code) if code is not None else None
