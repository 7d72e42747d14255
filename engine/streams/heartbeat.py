"""Datagrams that hosts send to this machine, each holding a name: their heartbeats."""

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from breakfix.engine.action import Occurrence, Source

_KEPT_MAX: Final = 10_000
_DATAGRAM_BYTES_MAX: Final = 1024
_LOOK_EVERY_S: Final = 0.2
_ENDED_WITHIN_S: Final = 5.0


class HeartbeatStream:
    """The datagrams that hold one name (blanks around it apart)."""

    def __init__(self, name: str, listener: "_Listener") -> None:
        self._name = name
        self._listener = listener

    @property
    def broken(self) -> bool:
        """Whether nothing can be received."""
        return self._listener.broken

    def start(self) -> None:
        """Receive from now on."""
        self._listener.expect(self._name)

    def kept(self) -> tuple[Occurrence, ...]:
        """What has arrived."""
        return self._listener.kept(self._name)

    def close(self) -> None:
        """The listener is shared, and closed with all of them."""

    def join(self) -> None:
        """It has no thread of its own."""


class Listeners:
    """One socket for each address."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, _Listener] = {}

    def stream(self, source: Source) -> HeartbeatStream:
        """A subscription to the datagrams with the name `endpoint` at the address `object_id`."""
        if source.object_id not in self._open:
            self._open[source.object_id] = _Listener(source.object_id, self._clock)
        return HeartbeatStream(source.endpoint, self._open[source.object_id])

    def close(self) -> None:
        """End their threads."""
        for listener in self._open.values():
            listener.close()


class _Listener:
    def __init__(self, address: str, clock: Callable[[], float]) -> None:
        self._address = address
        self._clock = clock
        self._kept: dict[bytes, deque[Occurrence]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.broken = False

    def expect(self, name: str) -> None:
        """Keep what holds this name; the first time, bind the address."""
        with self._lock:
            self._kept.setdefault(name.strip().encode(), deque(maxlen=_KEPT_MAX))
            if self._thread is not None or self.broken:
                return
            try:
                opened = _bound(self._address)
            except (OSError, ValueError, OverflowError):
                self.broken = True
                return
            self._thread = threading.Thread(
                target=self._run, args=(opened,), name=f"heartbeats at {self._address}", daemon=True
            )
            self._thread.start()

    def kept(self, name: str) -> tuple[Occurrence, ...]:
        """What has arrived with this name."""
        with self._lock:
            return tuple(self._kept.get(name.strip().encode(), ()))

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(_ENDED_WITHIN_S)

    def _run(self, opened: socket.socket) -> None:
        with opened:
            while not self._closed.is_set():
                try:
                    content = opened.recv(_DATAGRAM_BYTES_MAX)
                except TimeoutError:
                    continue
                except OSError:
                    self.broken = True
                    return
                self._keep(content.strip())

    def _keep(self, name: bytes) -> None:
        arrived_at_s = self._clock()
        with self._lock, contextlib.suppress(KeyError):
            self._kept[name].append(
                Occurrence(arrived_at_s=arrived_at_s, engine_time_s=None, content=name.decode())
            )


def _bound(address: str) -> socket.socket:
    """A socket that receives at ``0.0.0.0:9321`` or ``[::]:9321``. Raises OSError."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.bind((host.strip("[]"), int(port)))
        made.settimeout(_LOOK_EVERY_S)
    except BaseException:
        made.close()
        raise
    return made
