"""A new connection to a host, from its name to being logged in, with every wait bounded."""

import contextlib
import errno
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct
from paramiko.channel import Channel
from paramiko.ssh_exception import IncompatiblePeer, SSHException

from breakfix.engine.endpoints import Host
from breakfix.engine.vehicles.ssh import host_keys
from breakfix.engine.vehicles.ssh.host_keys import Key, KnownHosts
from breakfix.engine.vehicles.ssh.login import Login
from breakfix.engine.vehicles.ssh.rate import CONNECTIONS_BURST, CONNECTIONS_PER_S, Bucket
from breakfix.engine.vehicles.ssh.transport import KEEPALIVE_S, Transport
from breakfix.engine.vehicles.ssh.waiting import NotReached, OutOfTime, Patience

CONNECT_S: Final = 10.0
"""How long a host may take to accept a connection; then, to say that it speaks SSH; then, to agree on
keys."""

HANDSHAKES_MAX: Final = 50
"""So many at once; more would only wait for one another."""

_TURN_S: Final = 2.0
"""How long one waits for its turn. Those before it are slow then, not busy, and hold nobody up."""

_POLL_S: Final = 0.01
_ALIVE_S: Final = 30
"""After so long without an answer to what was sent, the kernel gives a connection up."""


class Connection(Struct, frozen=True, eq=False):
    """A connection on which we are logged in."""

    transport: Transport
    key: Key
    """What the host has shown."""

    @property
    def alive(self) -> bool:
        """Whether it can still be used, as far as we know."""
        return self.transport.is_active()


class Connector:
    """Makes connections, so many at a time. Thread-safe."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._known = KnownHosts()
        self._turns = threading.BoundedSemaphore(HANDSHAKES_MAX)
        self._lock = threading.Lock()
        self._bucket = Bucket(
            per_s=CONNECTIONS_PER_S, burst=CONNECTIONS_BURST, tokens=CONNECTIONS_BURST, at_s=0.0
        )

    def connect(self, host: Host, via: Connection | None, patience: Patience) -> Connection:
        """A new connection, through another host where there is one.

        Raises NotReached; Stopped, OutOfTime.
        """
        lines = [] if host.host_key else self._known.lines(host)
        tried: list[str] = []
        first: NotReached | None = None
        while True:
            try:
                return self._once(host, via, lines, tried, patience)
            except _AnotherKey as found:
                # It may be that the host has more keys than one, and shows another one than the pinned.
                tried.append(found.key.kind)
                first = first or found.refusal
                if not host_keys.order(lines, tried):
                    raise first from None
            except _NoSuchKey:
                assert first is not None
                raise first from None

    def _once(
        self,
        host: Host,
        via: Connection | None,
        lines: list[host_keys.Line],
        tried: list[str],
        patience: Patience,
    ) -> Connection:
        with self._lock:
            self._bucket, wait_s = self._bucket.taken(time.monotonic())
        patience.sleep(wait_s)
        wire = _through(host, via, patience) if via else _tcp(host, patience)
        with contextlib.ExitStack() as undo:
            undo.callback(wire.close)
            _wait_banner(host, wire, patience.within(CONNECT_S))
            with self._turn(patience):
                transport = Transport(wire)
                undo.callback(transport.shut)
                transport.get_security_options().key_types = host_keys.order(lines, tried)
                _agree(host, transport, patience.within(CONNECT_S), tried)
                key = self._verified(host, transport, lines)
                self._login(transport, host, patience)
            undo.pop_all()
        transport.set_keepalive(KEEPALIVE_S)
        return Connection(transport, key)

    def _verified(self, host: Host, transport: Transport, lines: list[host_keys.Line]) -> Key:
        remote = transport.get_remote_server_key()
        shown = Key(remote.get_name(), remote.asbytes())
        try:
            if not host_keys.judge(host, shown, lines):
                self._known.add(host, shown)
        except NotReached as refusal:
            if host.host_key:
                raise _AnotherKey(shown, refusal) from None
            raise
        return shown

    @contextlib.contextmanager
    def _turn(self, patience: Patience) -> Iterator[None]:
        soon = patience.within(_TURN_S)
        try:
            soon.acquire(self._turns)
        except OutOfTime:
            patience.left_s()
            yield
            return
        try:
            yield
        finally:
            self._turns.release()


class _AnotherKey(Exception):
    def __init__(self, key: Key, refusal: NotReached) -> None:
        super().__init__()
        self.key = key
        self.refusal = refusal


class _NoSuchKey(Exception):
    pass


# --- the way to it ---


def _tcp(host: Host, patience: Patience) -> socket.socket:
    found = _resolved(host, patience.within(CONNECT_S))
    for family, kind, protocol, _, address in found:
        made = socket.socket(family, kind, protocol)
        try:
            _connect(host, made, address, patience.within(CONNECT_S))
            _keep_alive(made)
            return made
        except NotReached:
            made.close()
            if address == found[-1][4]:
                raise
        except BaseException:
            made.close()
            raise
    raise NotReached(f"{host.name}: {host.address} has no address")


def _resolved(host: Host, patience: Patience) -> list[Any]:
    """The addresses of a name. Asked in a thread: nothing else bounds it."""
    with contextlib.suppress(OSError):
        return socket.getaddrinfo(
            host.address, host.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    found: list[Any] = []
    why: list[str] = []
    answered = threading.Event()

    def ask() -> None:
        try:
            found.extend(socket.getaddrinfo(host.address, host.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            why.append(getattr(error, "strerror", None) or "it is no name")
        answered.set()

    threading.Thread(target=ask, name=f"name of {host.name}", daemon=True).start()
    try:
        patience.wait(answered)
    except OutOfTime:
        why.append("no name server answers in time")
    if found:
        return found
    raise NotReached(
        f"the name of {host.name} does not resolve: {host.address}: {why[0].lower()}", ours=True
    )


def _connect(host: Host, made: socket.socket, address: Any, patience: Patience) -> None:
    where = f"{host.name} ({address[0]}:{address[1]})"
    started_s = time.monotonic()
    made.setblocking(False)
    number = made.connect_ex(address)
    if number == errno.EINPROGRESS:
        poll = select.poll()
        poll.register(made, select.POLLOUT)
        try:
            while not poll.poll(patience.slice_s() * 1000):
                pass
        except OutOfTime:
            raise _silent(f"{where} does not accept a connection", started_s) from None
        number = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        why = os.strerror(number).lower()
        raise NotReached(f"{where} cannot be reached: {why}", passing=True)


def _keep_alive(made: socket.socket) -> None:
    """Small packets at once, and an end where the other side is gone without a word."""
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _ALIVE_S * 1000)


def _through(host: Host, via: Connection, patience: Patience) -> Channel:
    """A way to it from the host that it lies behind (RFC 4254, section 7.2)."""
    assert host.jump is not None
    to = (host.address, host.port, "127.0.0.1", 0)
    try:
        return via.transport.open("direct-tcpip", Channel, patience.within(CONNECT_S), *to)
    except NotReached as error:
        where = f"{host.name} ({host.address}:{host.port})"
        raise NotReached(
            f"{where} cannot be reached through {host.jump.name}: {error}", passing=True
        ) from None
    except OutOfTime:
        where = f"{host.name} ({host.address}:{host.port})"
        raise NotReached(f"{where} cannot be reached through {host.jump.name} in time") from None


# --- the beginning of the protocol ---


def _wait_banner(host: Host, wire: socket.socket | Channel, patience: Patience) -> None:
    """Until the host has sent something: a silent one takes neither a turn nor a thread."""
    started_s = time.monotonic()
    try:
        if isinstance(wire, Channel):
            while not (wire.recv_ready() or wire.eof_received or wire.closed):
                time.sleep(min(_POLL_S, patience.slice_s()))
            heard = wire.recv_ready()
        else:
            poll = select.poll()
            poll.register(wire, select.POLLIN)
            while not poll.poll(patience.slice_s() * 1000):
                pass
            heard = bool(wire.recv(1, socket.MSG_PEEK))
    except OutOfTime:
        raise _silent(f"{host.name} accepts a connection and never answers", started_s) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise NotReached(f"{host.name} cannot be reached: {why}", passing=True) from None
    if not heard:
        raise NotReached(f"{host.name} closes the connection without a word", passing=True)


def _agree(host: Host, transport: Transport, patience: Patience, tried: list[str]) -> None:
    """On keys and ciphers."""
    agreed = threading.Event()
    started_s = time.monotonic()
    transport.start_client(event=agreed)
    try:
        while transport.is_active() and not agreed.is_set():
            agreed.wait(patience.slice_s())
    except OutOfTime:
        raise _silent(f"{host.name} does not finish the exchange of keys", started_s) from None
    if transport.is_active():
        return
    error = transport.get_exception()
    if isinstance(error, IncompatiblePeer):
        if tried:
            raise _NoSuchKey
        what = str(error).partition("(")[2].rstrip(")")
        raise NotReached(f"{host.name} and we have no way of SSH in common: {what}", refused=True)
    if isinstance(error, SSHException):
        raise NotReached(f"{host.name} does not speak SSH with us: {error}")
    raise NotReached(f"{host.name} closes the connection while keys are exchanged", passing=True)


def _silent(what: str, started_s: float) -> NotReached:
    """It did not answer. Whoever has waited for all of the time need not try again at once."""
    took_s = time.monotonic() - started_s
    return NotReached(f"{what} (within {took_s:.2g} s)", passing=took_s < CONNECT_S / 2)
