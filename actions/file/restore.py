"""file.restore"""

from typing import Annotated, ClassVar

from msgspec import Meta

from breakfix.actions.file import Content, Place, Sha256, replaced
from breakfix.engine.action import HostFacts, Repair
from breakfix.engine.host_ops import HostPath
from breakfix.engine.ops import Kind, Plan


class Restore(Repair, frozen=True, kw_only=True):
    """Replace a file of a host by a copy of another one of that host, its backup.

    The copy is made beside its place, compared, and put there in one step; the backup stays. A file that
    is there keeps its owner and mode; one that is not gets those of its backup. A symbolic link is
    refused. To put it back gives the file what it held before; one that was changed since stays.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    needs: ClassVar[tuple[str, ...]] = ("sha256sum, openssl or shasum on the host",)
    examples = (
        {"path": "/srv/app/data.db", "backup": "/var/backups/data.db"},
        {"path": "/etc/app.conf", "backup": "/etc/app.conf.orig", "sha256": "ab" * 32, "sudo": True},
    )

    path: Annotated[HostPath, Meta(description="The file; absolute.")]
    backup: Annotated[HostPath, Meta(description="What it becomes a copy of; absolute.")]
    sha256: (
        Annotated[Sha256, Meta(description="The sum that the backup must have, or nothing is done.")]
        | None
    ) = None
    sudo: Annotated[bool, Meta(description="Do it as root, by `sudo -n`.")] = False

    def plan(self, facts: HostFacts) -> Plan:
        """One op."""
        content = Content(sort="file", backup=self.backup, sha256=self.sha256 or "")
        return replaced(facts, Place(path=self.path, sudo=self.sudo), content, "file.restore")
