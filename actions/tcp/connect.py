"""tcp.connect"""

import os
import socket
import time
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.ops import Kind
from breakfix.engine.values import Duration, format_seconds, seconds

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


class Connect(Probe, frozen=True, kw_only=True):
    """Open a TCP connection, and close it again: good when it was accepted.

    The kernel accepts for a program that is stopped: to see whether it still answers, use http.get.
    A name that does not resolve: blind.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    result: ClassVar[dict[str, str]] = {"duration_s": "number: until it was accepted"}
    examples = ({"host": "127.0.0.1", "port": 5432}, {"host": "db", "port": 5432, "under": "100ms"})

    host: Annotated[str, Meta(min_length=1, description="A name or an address.")]
    port: Annotated[int, Meta(ge=1, le=65535, description="The port.")]
    under: Annotated[
        Duration | None, Meta(description="It must be accepted within this time, names apart.")
    ] = None

    async def sample(self, port: Port) -> Observation:
        """One connection. The engine ends it after the time-out of the probe."""
        import asyncio

        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            return Observation(
                holds=None, detail=f"the name {self.host} did not resolve: {error.strerror}"
            )
        except UnicodeError:
            return Observation(holds=None, detail=f"{self.host} is not a name")
        problem = ""
        for family, _, _, _, address in found:
            problem, duration_s = await _connect(loop, family, address)
            if not problem:
                return self._judged(duration_s)
        return Observation(holds=False, detail=problem)

    def _judged(self, duration_s: float) -> Observation:
        took = format_seconds(duration_s)
        late = self.under is not None and duration_s >= seconds(self.under)
        detail = f"took {took}, wanted under {self.under}" if late else f"accepted in {took}"
        return Observation(holds=not late, detail=detail, result={"duration_s": duration_s})


async def _connect(
    loop: "AbstractEventLoop", family: int, address: tuple[object, ...]
) -> tuple[str, float]:
    """What went wrong (the empty string: nothing), and how long it took."""
    started_s = time.perf_counter()
    with socket.socket(family, socket.SOCK_STREAM) as opened:
        opened.setblocking(False)
        try:
            await loop.sock_connect(opened, address)
        except OSError as error:
            why = os.strerror(error.errno).lower() if error.errno else str(error)
            return why, time.perf_counter() - started_s
    return "", time.perf_counter() - started_s
