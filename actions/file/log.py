"""file.log"""

from typing import Annotated, ClassVar

from msgspec import Meta

from breakfix.engine.action import HostFacts, Source
from breakfix.engine.host_ops import HostPath
from breakfix.engine.log_lines import LineProbe
from breakfix.engine.ops import Kind


class Log(LineProbe, frozen=True, kw_only=True):
    """Seen when a line that matches is appended to a file of a host.

    Read with `tail` over a channel of its own, from the end that the file has when the run begins. A file
    that is not there yet is waited for, one that is replaced or cut short (by a rotation) is read from
    its new beginning. After a lost connection it goes on where it was; where that cannot be, blind. Each
    line is looked at as far as its first 4096 characters.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    examples = (
        {"path": "/var/log/app.log", "pattern": "(?i)error"},
        {"path": "/var/log/auth.log", "pattern": "Failed password", "sudo": True},
    )

    path: Annotated[HostPath, Meta(description="The file; absolute.")]
    sudo: Annotated[bool, Meta(description="Read it as root, by `sudo -n`.")] = False


    def stream(self, facts: HostFacts) -> tuple[Source, str]:
        """The lines of the file."""
        source = Source(
            kind="file",
            endpoint=facts.identity.endpoint,
            object_id=self.path,
            sudo=self.sudo and facts.root == "sudo",
        )
        return source, f"{self.path} of {facts.identity.name}"
