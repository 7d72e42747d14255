"""tcp.connect"""

import os
import socket
import time
from math import ceil
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.engine.action import HostFacts, Observation, Port, Probe
from breakfix.engine.host_reading import last_line, look, not_read, script_op
from breakfix.engine.ops import Kind
from breakfix.engine.values import Duration, format_seconds, seconds

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_PYTHON: Final = """
import json, socket, sys, time
host, port, wait_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
problem, took_s = "nothing was found for its name", 0.0
try:
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        began_s = time.monotonic()
        try:
            with socket.socket(family, kind, protocol) as opened:
                opened.settimeout(wait_s)
                opened.connect(address)
            problem = ""
        except OSError as error:
            problem = str(error.strerror or error).lower()
        took_s = time.monotonic() - began_s
        if not problem:
            break
except socket.gaierror as error:
    problem = "the name did not resolve: %s" % error.strerror
except UnicodeError:
    problem = "that is not a name"
print(json.dumps({"by": "python3", "problem": problem, "duration_s": took_s}))
"""
_CONNECT: Final = r"""
host=$1 port=$2 wait_s=$3
if command -v python3 >/dev/null; then
  exec python3 -c "$4" "$host" "$port" "$wait_s"
fi
case $host in -*) echo "$host is not a name" >&2; exit 4;; esac
by=
said=
# In hundredths of a second: what /proc/uptime tells, and any shell can read.
now() { read -r up rest </proc/uptime; up=${up%.*}${up#*.}; }
now
began=$up
if command -v nc >/dev/null && nc -h 2>&1 | grep -q '[[:space:]]-z'; then
  by=nc
  said=$(nc -z -w "$wait_s" "$host" "$port" 2>&1 </dev/null)
elif command -v busybox >/dev/null && busybox nc --help 2>&1 | grep -q -e '-e PROG'; then
  by=busybox
  said=$(busybox nc -w "$wait_s" "$host" "$port" -e true 2>&1 </dev/null)
elif command -v bash >/dev/null; then
  by=bash
  said=$(bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$host" "$port" 2>&1)
else
  echo "there is no python3, nc, busybox or bash to connect with" >&2
  exit 4
fi
code=$?
now
[ "$code" = 0 ] || printf '%s
' "${said:-not accepted within $wait_s s}" | tail -n 1 >&2
printf '{"by": "%s", "problem": "%s", "duration_s": %s.%02d}' "$by"   "$([ "$code" = 0 ] || echo 'not accepted')" "$(((up - began) / 100))" "$(((up - began) % 100))"
"""


class Connect(Probe, frozen=True, kw_only=True):
    """Open a TCP connection, and close it again: good when it was accepted. With an SSH target, from
    that host: by its python3, nc, busybox or bash, whichever is there, in this order.

    The kernel accepts for a program that is stopped: to see whether it still answers, use http.get.
    A name that does not resolve: blind from here, and bad from a host, whose own resolver has said so. A
    host that cannot be reached is bad. Without python3 there, times are told to hundredths of a second.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("none", "ssh")
    result: ClassVar[dict[str, str]] = {
        "duration_s": "number: until it was accepted",
        "by": "text: what has connected: breakfix, python3, nc, busybox or bash",
    }
    examples = ({"host": "127.0.0.1", "port": 5432}, {"host": "db", "port": 5432, "under": "100ms"})

    host: Annotated[str, Meta(min_length=1, description="A name or an address.")]
    port: Annotated[int, Meta(ge=1, le=65535, description="The port.")]
    under: Annotated[
        Duration | None, Meta(description="It must be accepted within this time, names apart.")
    ] = None

    async def sample(self, port: Port) -> Observation:
        """One connection. The engine ends it after the time-out of the probe."""
        if isinstance(port.facts, HostFacts):
            return await self._from_host(port, port.facts)
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
                return self._judged(duration_s, "breakfix")
        return Observation(holds=False, detail=problem)

    async def _from_host(self, port: Port, facts: HostFacts) -> Observation:
        wait_s = str(max(1, ceil(port.timeout_s)))
        op = script_op(facts, _CONNECT, self.host, str(self.port), wait_s, _PYTHON)
        outcome = await look(port, op)
        if (failed := not_read(outcome, facts.identity.name)) is not None:
            return failed
        seen = outcome.data
        if seen["problem"]:
            where = f"{self.host}:{self.port} from {facts.identity.name}"
            why = last_line(outcome.stderr) or seen["problem"]
            return Observation(holds=False, detail=f"{where}: {why} (by {seen['by']})")
        return self._judged(seen["duration_s"], seen["by"])

    def _judged(self, duration_s: float, by: str) -> Observation:
        took = format_seconds(duration_s)
        late = self.under is not None and duration_s >= seconds(self.under)
        detail = f"took {took}, wanted under {self.under}" if late else f"accepted in {took}"
        return Observation(holds=not late, detail=detail, result={"duration_s": duration_s, "by": by})


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
