"""dns.resolve"""

import socket
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.ops import Kind

_OURS: Final = frozenset({socket.EAI_MEMORY, socket.EAI_SYSTEM, socket.EAI_BADFLAGS})
"""getaddrinfo(3): what says nothing about the name service."""


class Resolve(Probe, frozen=True, kw_only=True):
    """Resolve a name as programs on this machine do (hosts file, name servers): good when it has an
    address, or the one that is asked for.

    Here the name service is the system that is asked: no such name, or no answer from it, is bad.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    result: ClassVar[dict[str, str]] = {"addresses": "list of text: sorted"}
    examples = ({"name": "localhost"}, {"name": "localhost", "address": "127.0.0.1"})

    name: Annotated[str, Meta(min_length=1, description="The name.")]
    address: Annotated[
        str | None, Meta(description="An address that must be among those of the name.")
    ] = None

    async def sample(self, port: Port) -> Observation:
        """One look-up."""
        import asyncio

        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self.name, None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            holds = None if error.errno in _OURS else False
            return Observation(holds=holds, detail=f"{self.name}: {error.strerror}".lower())
        except UnicodeError:
            return Observation(holds=None, detail=f"{self.name} is not a name")
        addresses = sorted({str(item[4][0]) for item in found})
        holds = self.address is None or self.address in addresses
        wanted = "" if holds else f", wanted {self.address}"
        return Observation(
            holds=holds,
            detail=", ".join(addresses) + wanted,
            result={"addresses": addresses},
        )
