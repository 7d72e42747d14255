"""systemd.journal"""

import re
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, structs

from breakfix.actions.systemd import SYSTEMD, unit_name
from breakfix.engine.action import HostFacts, Observation, Port, Probe, Source
from breakfix.engine.host_ops import UnitName
from breakfix.engine.host_reading import facts_of, lines_seen
from breakfix.engine.ops import Kind


class Journal(Probe, frozen=True, kw_only=True):
    """Seen when a unit writes a message that matches into the journal of a host, or systemd one about it.

    Read with `journalctl` over a channel of its own, as root where we can be. After a lost connection, or
    a boot, it goes on behind the last message that was seen. A host whose journal we may not read: blind.
    Each message is looked at as far as its first 4096 characters.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    observes: ClassVar[Literal["state", "occurrence"]] = "occurrence"
    needs: ClassVar[tuple[str, ...]] = (SYSTEMD, "root there, or a user who may read the journal")
    result: ClassVar[dict[str, str]] = {
        "count": "integer: how many messages were seen",
        "line": "text: the first of them, at most 500 characters",
    }
    examples = (
        {"unit": "nginx", "pattern": "(?i)worker process \\d+ exited"},
        {"unit": "kubelet", "pattern": "Started|Stopped"},
    )

    unit: Annotated[UnitName, Meta(description="Its name; `.service` may be left out.")]
    pattern: Annotated[
        str,
        Meta(
            min_length=1,
            description="A regular expression that must be found in the message.",
            extra_json_schema={"format": "regex"},
        ),
    ]

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is not a regular expression: {error}") from None

    def sources(self, facts: HostFacts) -> tuple[Source, ...]:
        """The messages of the unit."""
        return (self._source(facts),)

    async def sample(self, port: Port) -> Observation:
        """Look through what has arrived since t0."""
        facts = facts_of(port)
        what = f"the journal of {unit_name(self.unit)} on {facts.identity.name}"
        found, lines = lines_seen(port, self._source(facts), self.pattern, what)
        if not lines:
            return found
        return structs.replace(found, result={"count": len(lines), "line": lines[0][:500]})

    def _source(self, facts: HostFacts) -> Source:
        return Source(
            kind="journal",
            endpoint=facts.identity.endpoint,
            object_id=unit_name(self.unit),
            sudo=facts.root == "sudo",
        )
