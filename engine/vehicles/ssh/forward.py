"""Docker engines of hosts behind Unix sockets of this machine.

Each connection to such a socket goes through a channel of its own: straight to the engine's socket
(``direct-streamlocal@openssh.com``, section 2.4 of OpenSSH's PROTOCOL), where the host allows that; else to
``docker system dial-stdio``, as the command line of Docker does it. Where neither comes about, the first
request is answered with 502 and the reason.
"""

import contextlib
import json
import os
import select
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from paramiko.channel import Channel

from breakfix.engine.vehicles.ssh.channels import aside
from breakfix.engine.vehicles.ssh.link import Link
from breakfix.engine.vehicles.ssh.waiting import NotReached, OutOfTime, Patience, Stopped

OPEN_S: Final = 20.0
"""How long it may take until a connection is through, that to the host included."""

_USUAL_SOCKET: Final = "/var/run/docker.sock"
_WHICH: Final = ("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
_DIAL: Final = b"exec docker system dial-stdio"
_DIALS_MAX: Final = 6
"""Each takes one of the ten sessions that sshd allows on a connection."""

_PIECE_BYTES: Final = 32768
_LOOK_S: Final = 1.0
_FULL_S: Final = 0.02


_PREFIX: Final = "breakfix-ssh-"


class Forwards:
    """The sockets, in a folder that nobody else may enter. Thread-safe."""

    def __init__(self) -> None:
        _remove_those_of_the_dead()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._lock = threading.Lock()
        self._made: dict[Link, _Forward] = {}

    def socket_of(self, link: Link) -> str:
        """The path of the socket of a host."""
        with self._lock:
            found = self._made.get(link)
            if found is None:
                path = self._folder / f"{len(self._made)}.sock"
                found = self._made[link] = _Forward(link, path)
                found.start()
            return str(found.path)

    def close(self) -> None:
        """Close all of them, and what goes through them."""
        for forward in self._made.values():
            forward.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _remove_those_of_the_dead() -> None:
    """A process that was killed has left its folder; the next one takes it away."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.geteuid() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(folder)


class _Forward:
    def __init__(self, link: Link, path: Path) -> None:
        self.path = path
        self._link = link
        self._lock = threading.Lock()
        self._remote: str | None = None
        self._dials = threading.BoundedSemaphore(_DIALS_MAX)
        self._closed = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(128)

    def start(self) -> None:
        """Accept connections from now on."""
        name = f"socket of {self._link.host.name}"
        threading.Thread(target=self._accept, name=name, daemon=True).start()

    def close(self) -> None:
        """No connection is accepted any more; those that are open end within a moment."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            name = f"connection to {self._link.host.name}"
            threading.Thread(target=self._serve, args=(accepted,), name=name, daemon=True).start()

    # --- in the thread of one connection ---

    def _serve(self, accepted: socket.socket) -> None:
        patience = Patience(time.monotonic() + OPEN_S, self._closed)
        with accepted, contextlib.ExitStack() as places:
            try:
                channel = self._opened(patience, places)
            except (NotReached, OutOfTime, Stopped) as failure:
                why = str(failure) or f"{self._link.host.name} was not reached in time"
                _answer(accepted, why)
                return
            try:
                self._bridge(accepted, channel)
            except OSError:
                return
            finally:
                channel.close()

    def _opened(self, patience: Patience, places: contextlib.ExitStack) -> Channel:
        connection = self._link.connected(patience)
        path = self._path(patience)
        if path:
            with contextlib.suppress(NotReached):
                return connection.transport.open(
                    "direct-streamlocal@openssh.com", Channel, patience, path, "", 0
                )
        patience.acquire(self._dials)
        places.callback(self._dials.release)
        connection = self._link.connected(patience)
        channel = connection.transport.open("session", Channel, patience)
        connection.transport.execute(channel, _DIAL)
        return channel

    def _path(self, patience: Patience) -> str:
        """Where the engine of the host listens, as the login user's own settings have it; empty where
        that is no socket. Asked once."""
        with self._lock:
            if self._remote is None:
                code, said = aside(self._link, _WHICH, patience)
                # Without a command line of Docker there is nothing else to go by.
                url = said.strip() if code == 0 else f"unix://{_USUAL_SOCKET}"
                self._remote = url.removeprefix("unix://") if url.startswith("unix://") else ""
            return self._remote

    def _bridge(self, accepted: socket.socket, channel: Channel) -> None:
        """Carry bytes both ways until the host is done."""
        accepted.settimeout(OPEN_S)
        channel.settimeout(OPEN_S)
        asked = answered = False
        asks = True
        poll = select.poll()
        poll.register(channel.fileno(), select.POLLIN)
        while not self._closed.is_set():
            full = asks and not channel.send_ready()
            # Without any, it still tells that the other side is gone.
            poll.register(accepted, select.POLLIN if asks and not full else 0)
            ready = dict(poll.poll((_FULL_S if full else _LOOK_S) * 1000))
            here = ready.get(accepted.fileno(), 0)
            if here & select.POLLIN:
                piece = accepted.recv(_PIECE_BYTES)
                if piece:
                    asked = True
                    channel.sendall(piece)
                else:
                    asks = False
                    channel.shutdown_write()
            elif here:
                return
            if channel.recv_ready():
                accepted.sendall(channel.recv(_PIECE_BYTES))
                answered = True
            elif channel.recv_stderr_ready():
                said = channel.recv_stderr(_PIECE_BYTES).decode("utf-8", "backslashreplace")
                if not answered:
                    _answer(accepted, f"{self._link.host.name}: {said.strip()}", asked=asked)
                    return
            elif channel.eof_received or channel.closed:
                return


def _answer(accepted: socket.socket, why: str, *, asked: bool = False) -> None:
    """What the engine would have said, in its place; `asked` where the request was read already."""
    body = json.dumps({"message": why}).encode()
    head = (
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with contextlib.suppress(OSError):
        accepted.settimeout(OPEN_S)
        if not asked:
            accepted.recv(_PIECE_BYTES)
        accepted.sendall(head.encode() + body)
        accepted.shutdown(socket.SHUT_WR)
        # Closing with something unread would take the answer away.
        accepted.settimeout(_LOOK_S)
        while accepted.recv(_PIECE_BYTES):
            pass
