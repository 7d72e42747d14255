"""Streams that probes of occurrences listen to: of Docker engines, of hosts, and datagrams that arrive here.

They are opened before the first effect, read by a thread each, and kept within bounds. What follows
an interruption that could have hidden something counts for nothing: the stream is broken then.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from breakfix.engine.action import Occurrence, Source
from breakfix.engine.endpoints import Endpoint
from breakfix.engine.streams.docker import DockerStream
from breakfix.engine.streams.heartbeat import Listeners
from breakfix.engine.streams.hosts import HostStream

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.pool import SshHosts

_OPENED_AT_ONCE: Final = 32


class _Stream(Protocol):
    """One subscription."""

    @property
    def broken(self) -> bool: ...

    def start(self) -> None:
        """Subscribe; blocking. It never raises: what cannot be opened is broken."""

    def kept(self) -> tuple[Occurrence, ...]:
        """What arrived, the oldest first."""

    def close(self) -> None:
        """Cut it off."""

    def join(self) -> None:
        """Wait until its thread is over."""


class Streams:
    """The subscriptions of one run. Thread-safe."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        clock: Callable[[], float],
        ssh: "SshHosts | None" = None,
    ) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._ssh = ssh
        self._listeners = Listeners(clock)
        self._lock = threading.Lock()
        self._open: dict[Source, _Stream] = {}

    def open(self, source: Source) -> None:
        """Subscribe; blocking. What happens after this has returned is seen. A stream that is open
        stays as it is; one that cannot be opened is broken."""
        with self._lock:
            made = None if source in self._open else self._made(source)
            if made is None:
                return
            self._open[source] = made
        made.start()

    def open_all(self, sources: Iterable[Source]) -> None:
        """Subscribe to many, side by side; blocking."""
        wanted = list(dict.fromkeys(sources))
        if len(wanted) < 2:
            for source in wanted:
                self.open(source)
            return
        with ThreadPoolExecutor(min(_OPENED_AT_ONCE, len(wanted))) as pool:
            for _ in pool.map(self.open, wanted):
                pass

    def occurrences(self, source: Source) -> Sequence[Occurrence] | None:
        """What arrived since it was opened, the oldest first; None where the stream is broken, or was
        never opened."""
        with self._lock:
            stream = self._open.get(source)
        return None if stream is None or stream.broken else stream.kept()

    def close(self) -> None:
        """End all threads."""
        with self._lock:
            open_ones = list(self._open.values())
        for stream in open_ones:
            stream.close()
        for stream in open_ones:
            stream.join()
        self._listeners.close()

    def _made(self, source: Source) -> _Stream | None:
        if source.kind == "heartbeat":
            return self._listeners.stream(source)
        if source.kind in ("journal", "file"):
            if self._ssh is None or source.endpoint not in self._ssh.hosts:
                return None
            from breakfix.engine.vehicles.ssh.follow import follow

            return HostStream(source, partial(follow, self._ssh, source.endpoint), self._clock)
        endpoint = self._endpoints.get(source.endpoint)
        if endpoint is None:
            return None
        return DockerStream(source, partial(self._live, endpoint), self._clock)

    def _live(self, endpoint: Endpoint) -> Endpoint:
        """As it can be reached now. Raises VehicleError."""
        if not endpoint.url.startswith("ssh://"):
            return endpoint
        from breakfix.engine.vehicles.ssh.engines import live

        return live(endpoint, self._ssh)
