"""docker.logs"""

import re
from typing import Annotated, ClassVar, Literal

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


class Logs(Probe, frozen=True, kw_only=True):
    """Seen when a container writes a line that matches.

    Lines of stdout and stderr; each is looked at as far as its first 4096 characters.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    observes: ClassVar[Literal["state", "occurrence"]] = "occurrence"
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine", "a log driver that can be read")
    result: ClassVar[dict[str, str]] = {
        "count": "integer: how many lines were seen",
        "line": "text: the first of them, at most 500 characters",
    }
    examples = ({"pattern": "ready to accept connections"}, {"pattern": "(?i)error"})

    pattern: Annotated[
        str,
        Meta(
            min_length=1,
            description="A regular expression that must be found in the line.",
            extra_json_schema={"format": "regex"},
        ),
    ]

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is not a regular expression: {error}") from None

    def sources(self, facts: DockerFacts) -> tuple[Source, ...]:
        """The log of the container."""
        return (_source(facts),)

    async def sample(self, port: Port) -> Observation:
        """Look through what has arrived since t0."""
        target = identity(port)
        assert isinstance(port.facts, DockerFacts)
        arrived = port.occurrences(_source(port.facts))
        if arrived is None:
            return Observation(holds=None, detail=f"the log of {target.name} cannot be read")
        pattern = re.compile(self.pattern)
        seen = [
            item
            for item in arrived
            if item.arrived_at_s >= port.since_s and pattern.search(item.content)
        ]
        if not seen:
            return Observation(
                holds=False, detail=f"no line of {target.name} matches {self.pattern!r}"
            )
        line = seen[0].content[:500]
        return Observation(
            holds=True,
            detail=f"{target.name}: {line[:200]}",
            result={"count": len(seen), "line": line},
            occurred_at_s=seen[0].arrived_at_s,
        )


def _source(facts: DockerFacts) -> Source:
    target = facts.identity
    return Source(kind="logs", endpoint=target.endpoint, object_id=target.object_id)
