"""file.log"""

import re
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, structs

from breakfix.engine.action import HostFacts, Observation, Port, Probe, Source
from breakfix.engine.host_ops import HostPath
from breakfix.engine.host_reading import facts_of, lines_seen
from breakfix.engine.ops import Kind


class Log(Probe, frozen=True, kw_only=True):
    """Seen when a line that matches is appended to a file of a host.

    Read with `tail` over a channel of its own, from the end that the file has when the run begins. A file
    that is not there yet is waited for, one that is replaced or cut short (by a rotation) is read from
    its new beginning. After a lost connection it goes on where it was; where that cannot be, blind. Each
    line is looked at as far as its first 4096 characters.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    observes: ClassVar[Literal["state", "occurrence"]] = "occurrence"
    result: ClassVar[dict[str, str]] = {
        "count": "integer: how many lines were seen",
        "line": "text: the first of them, at most 500 characters",
    }
    examples = (
        {"path": "/var/log/app.log", "pattern": "(?i)error"},
        {"path": "/var/log/auth.log", "pattern": "Failed password", "sudo": True},
    )

    path: Annotated[HostPath, Meta(description="The file; absolute.")]
    pattern: Annotated[
        str,
        Meta(
            min_length=1,
            description="A regular expression that must be found in the line.",
            extra_json_schema={"format": "regex"},
        ),
    ]
    sudo: Annotated[bool, Meta(description="Read it as root, by `sudo -n`.")] = False

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is not a regular expression: {error}") from None

    def sources(self, facts: HostFacts) -> tuple[Source, ...]:
        """The lines of the file."""
        return (self._source(facts),)

    async def sample(self, port: Port) -> Observation:
        """Look through what has arrived since t0."""
        facts = facts_of(port)
        what = f"{self.path} of {facts.identity.name}"
        found, lines = lines_seen(port, self._source(facts), self.pattern, what)
        if not lines:
            return found
        return structs.replace(found, result={"count": len(lines), "line": lines[0][:500]})

    def _source(self, facts: HostFacts) -> Source:
        return Source(
            kind="file",
            endpoint=facts.identity.endpoint,
            object_id=self.path,
            sudo=self.sudo and facts.root == "sudo",
        )
