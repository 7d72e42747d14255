"""Probes that wait for a line of a stream: a log, a journal, a file."""

import re
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from breakfix.engine.action import Observation, Port, Probe, Source


class LineProbe(Probe, frozen=True, kw_only=True):
    """What they have in common: the expression, and the look through the lines since t0."""

    observes: ClassVar[Literal["state", "occurrence"]] = "occurrence"
    result: ClassVar[dict[str, str]] = {
        "count": "integer: how many lines were seen",
        "line": "text: the first of them, at most 500 characters",
    }

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

    def stream(self, facts: Any) -> tuple[Source, str]:
        """The stream that it reads on a target, and what that is in words."""
        raise NotImplementedError

    def sources(self, facts: Any) -> tuple[Source, ...]:
        """The one stream."""
        return (self.stream(facts)[0],)

    async def sample(self, port: Port) -> Observation:
        """Look through what has arrived since t0."""
        source, what = self.stream(port.facts)
        arrived = port.occurrences(source)
        if arrived is None:
            return Observation(holds=None, detail=f"{what} cannot be read")
        wanted = re.compile(self.pattern)
        seen = [
            item
            for item in arrived
            if item.arrived_at_s >= port.since_s and wanted.search(item.content)
        ]
        if not seen:
            return Observation(holds=False, detail=f"no line of {what} matches {self.pattern!r}")
        line = seen[0].content[:500]
        return Observation(
            holds=True,
            detail=f"{what}: {line[:200]}",
            result={"count": len(seen), "line": line},
            occurred_at_s=seen[0].arrived_at_s,
        )
