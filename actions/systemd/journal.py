"""systemd.journal"""

from typing import ClassVar

from breakfix.actions.systemd import SYSTEMD, Unit, unit_name
from breakfix.engine.action import HostFacts, Source
from breakfix.engine.log_lines import LineProbe
from breakfix.engine.ops import Kind


class Journal(LineProbe, frozen=True, kw_only=True):
    """Seen when a unit writes a message that matches into the journal of a host, or systemd one about it.

    Read with `journalctl` over a channel of its own, as root where we can be. After a lost connection, or
    a boot, it goes on behind the last message that was seen. A host whose journal we may not read: blind.
    Each message is looked at as far as its first 4096 characters.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    needs: ClassVar[tuple[str, ...]] = (SYSTEMD, "root there, or a user who may read the journal")
    examples = (
        {"unit": "nginx", "pattern": "(?i)worker process \\d+ exited"},
        {"unit": "kubelet", "pattern": "Started|Stopped"},
    )

    unit: Unit

    def stream(self, facts: HostFacts) -> tuple[Source, str]:
        """The messages of the unit."""
        source = Source(
            kind="journal",
            endpoint=facts.identity.endpoint,
            object_id=unit_name(self.unit),
            sudo=facts.root == "sudo",
        )
        return source, f"the journal of {unit_name(self.unit)} on {facts.identity.name}"
