"""A connection to a Docker engine: every wait on it is bounded, and ends when it is told to stop.

Each request has a connection of its own. One that was kept open may have been closed by the engine
meanwhile, and then nobody could tell whether a request that was written into it has arrived.
"""

import io
import select
import socket
import ssl
import threading
import time
from typing import Any, Final
from urllib.parse import urlsplit

from breakfix.engine.endpoints import Endpoint

CONNECT_S: Final = 10.0
"""How long an engine may take to accept a connection, TLS included."""

_LOOK_EVERY_S: Final = 0.05
_BUFFER_BYTES: Final = 65536
_TCP_PORT: Final = 2375
_TLS_PORT: Final = 2376


class NotReached(Exception):
    """No connection came about: nothing was sent. `refused` says that the engine is there, but does
    not let us in."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class Stopped(Exception):
    """It was told to stop."""


class Wire:
    """A connected socket that never blocks for longer than until `deadline_s` (of time.monotonic).

    Raises NotReached where there is no connection; later on TimeoutError, Stopped or OSError.
    """

    def __init__(
        self, endpoint: Endpoint, deadline_s: float, stop: threading.Event | None
    ) -> None:
        self.deadline_s = deadline_s
        self._stop = stop
        self.buffer_bytes = _BUFFER_BYTES
        self._socket = _connected(endpoint, min(CONNECT_S, deadline_s - time.monotonic()))
        self._socket.setblocking(False)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Whatever is still under way is cut off."""
        self._socket.close()

    def end_of_input(self) -> None:
        """Nothing more is sent. Not possible with TLS."""
        self._socket.shutdown(socket.SHUT_WR)

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        left = memoryview(data)
        while left:
            sent = self.send_some(left)
            left = left[sent:]
            if not sent:
                self._wait(self._look_s(), writes=True)

    def send_some(self, data: memoryview) -> int:
        """Send what can be sent without waiting; how many bytes that was."""
        try:
            return self._socket.send(data[:_BUFFER_BYTES])
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def receive(self, wait_s: float) -> bytes | None:
        """A piece; empty at the end; None where nothing came for so long."""
        until_s = time.monotonic() + wait_s
        while True:
            try:
                return self._socket.recv(_BUFFER_BYTES)
            except ssl.SSLWantWriteError:
                self._wait(self._look_s(), writes=True)
            except (BlockingIOError, ssl.SSLWantReadError):
                left_s = min(until_s - time.monotonic(), self._look_s())
                if left_s <= 0:
                    return None
                self._wait(left_s)

    def receive_into(self, buffer: Any) -> int:
        """Wait for a piece, as long as the deadline allows."""
        while True:
            try:
                return self._socket.recv_into(buffer)
            except ssl.SSLWantWriteError:
                self._wait(self._look_s(), writes=True)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(self._look_s())

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """What http.client reads an answer from."""
        return io.BufferedReader(_Reader(self), self.buffer_bytes)

    def _look_s(self) -> float:
        """How long to wait now. Raises TimeoutError, Stopped."""
        if self._stop is not None and self._stop.is_set():
            raise Stopped
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s if self._stop is None else min(left_s, _LOOK_EVERY_S)

    def _wait(self, wait_s: float, *, writes: bool = False) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT if writes else select.POLLIN)
        poll.poll(max(1, round(wait_s * 1000)))


class _Reader(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.receive_into(buffer)


def shown_url(endpoint: Endpoint) -> str:
    """Where an engine is, for people: not the socket through which one on another host is reached."""
    host = endpoint.host
    return endpoint.url if host is None else f"ssh://{host.user}@{host.address}:{host.port}"


def _connected(endpoint: Endpoint, wait_s: float) -> socket.socket:
    scheme, where = endpoint.url.split("://", 1)
    url = shown_url(endpoint)
    if wait_s <= 0:
        raise NotReached("there was no time left to ask the Docker engine")
    try:
        if scheme == "unix":
            return _unix(where, wait_s)
        return _tcp(endpoint, wait_s)
    except ssl.SSLCertVerificationError as error:
        why = f"the certificate of {url} is not good: {error.verify_message}"
        raise NotReached(why, refused=True) from None
    except ssl.SSLError as error:
        why = f"{url} does not speak TLS with us: {error.reason or error}"
        raise NotReached(why, refused=True) from None
    except PermissionError:
        raise NotReached(f"we may not open {url}", refused=True) from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotReached(f"no Docker engine answers at {url}") from None
    except TimeoutError:
        raise NotReached(f"{url} did not accept us within {wait_s:.3g} s") from None
    except OSError as error:
        what = error.strerror or str(error)
        raise NotReached(f"{url} cannot be reached: {what}") from None


def _unix(path: str, wait_s: float) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.settimeout(wait_s)
        made.connect(path)
    except BaseException:
        made.close()
        raise
    return made


def _tcp(endpoint: Endpoint, wait_s: float) -> socket.socket:
    url = urlsplit(endpoint.url)
    host = url.hostname or "localhost"
    port = url.port or (_TLS_PORT if endpoint.tls_ca else _TCP_PORT)
    context = _tls(endpoint) if endpoint.tls_ca else None
    made = socket.create_connection((host, port), timeout=wait_s)
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made if context is None else context.wrap_socket(made, server_hostname=host)
    except BaseException:
        made.close()
        raise


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=endpoint.tls_ca)
        if endpoint.tls_cert:
            context.load_cert_chain(endpoint.tls_cert, endpoint.tls_key or None)
    except OSError as error:
        files = ", ".join(filter(None, (endpoint.tls_ca, endpoint.tls_cert, endpoint.tls_key)))
        what = error.strerror or str(error)
        raise NotReached(f"the TLS files cannot be used ({files}): {what}", refused=True) from None
    return context
