"""file.push"""

import base64
import hashlib
from pathlib import Path
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.actions.file import Content, Place, replaced
from breakfix.engine.action import HostFacts, Repair
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_ops import HostPath
from breakfix.engine.ops import Kind, Plan

_BYTES_MAX: Final = 1 << 20
_SECRET: Final = "${secret:"


class Push(Repair, frozen=True, kw_only=True):
    """Put a file on a host: its content as it stands here, or a file of this machine, of at most 1 MiB.

    It is written beside its place, and put there in one step when its sum is right. A file that is there
    keeps its owner and mode unless others are given; a symbolic link is refused. To put it back gives the
    file what it held before, and takes one away that was not there; one that was changed since stays.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    needs: ClassVar[tuple[str, ...]] = ("sha256sum, openssl or shasum on the host",)
    examples = (
        {"path": "/etc/motd", "content": "closed\n", "sudo": True},
        {"path": "/srv/app/app.conf", "content": "a: 1\n", "mode": "640", "owner": "app:app"},
    )

    path: Annotated[HostPath, Meta(description="Where it goes; absolute.")]
    content: Annotated[str | None, Meta(description="What it holds.")] = None
    source: Annotated[
        str | None, Meta(description="A file of this machine that it becomes a copy of.")
    ] = None
    mode: Annotated[
        str, Meta(pattern="^([0-7]{3,4})?$", description="Its permissions in octal digits: \"640\".")
    ] = ""
    owner: Annotated[
        str,
        Meta(
            pattern="^([A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?)?$",
            description="A user, or `user:group`.",
        ),
    ] = ""
    sudo: Annotated[bool, Meta(description="Write it as root, by `sudo -n`.")] = False

    def __post_init__(self) -> None:
        if (self.content is None) == (self.source is None):
            raise ValueError("say one of `content` and `source`")
        try:
            if self.content is not None and len(self.content.encode()) > _BYTES_MAX:
                raise ValueError("`content` is longer than 1 MiB")
        except UnicodeEncodeError:
            raise ValueError("`content` holds half of a character") from None

    def plan(self, facts: HostFacts) -> Plan:
        """One op that holds all of it. A local file is read here: what the plan shows is what is sent."""
        place = Place(path=self.path, owner=self.owner, mode=self.mode, sudo=self.sudo)
        return replaced(facts, place, self._content(), "file.push")

    def _content(self) -> Content:
        if self.content is not None:
            sha256 = hashlib.sha256(self.content.encode()).hexdigest()
            # A secret is put in later: the sum of what arrives is not known here.
            return Content(
                sort="text",
                stdin=self.content,
                sha256="" if _SECRET in self.content else sha256,
            )
        content = self._source()
        return Content(
            sort="base64",
            stdin=base64.b64encode(content).decode(),
            sha256=hashlib.sha256(content).hexdigest(),
        )

    def _source(self) -> bytes:
        assert self.source is not None
        try:
            with Path(self.source).expanduser().open("rb") as file:
                content = file.read(_BYTES_MAX + 1)
        except OSError as error:
            raise PreconditionError(
                "K621",
                f"the file {self.source} of this machine cannot be read: {error.strerror}",
                fix="name one that is there, seen from where breakfix runs",
            ) from None
        if len(content) > _BYTES_MAX:
            raise PreconditionError(
                "K622",
                f"the file {self.source} is longer than 1 MiB",
                fix="bring it to the host by other means, and use file.restore",
            )
        return content
