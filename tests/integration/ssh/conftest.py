"""Hosts as the engine reaches them, and a way to one that can be closed and opened."""

import contextlib
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.ssh_server import SshServer

from breakfix.engine.endpoints import Host
from breakfix.engine.ops import ExecOp, Outcome
from breakfix.engine.vehicles.ssh.pool import SshHosts

Pool = Callable[..., SshHosts]
PATIENCE_S = 30.0


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder that the users of the hosts may enter; those of pytest are closed to them."""
    with tempfile.TemporaryDirectory(prefix="bfx-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def pool() -> Iterator[Pool]:
    """Makes pools of hosts: ``pool(host, ..., secrets={...}, prefix="run.")``; closed at the end."""
    made: list[SshHosts] = []

    def make(*hosts: Host, secrets: dict[str, str] | None = None, prefix: str = "run.") -> SshHosts:
        known = secrets or {}
        by_name = {host.name: host for host in hosts}
        made.append(SshHosts(by_name, lambda text: known.get(text, text), prefix=prefix))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Shell:
    """Runs commands on one host."""

    def __init__(self, hosts: SshHosts, name: str) -> None:
        self.hosts = hosts
        self.name = name

    def __call__(
        self, *argv: str, stop: threading.Event | None = None, **fields: object
    ) -> Outcome:
        """A command; `fields` are those of the op."""
        op = ExecOp(via="ssh", argv=argv, **fields)  # type: ignore[arg-type]
        return self.hosts.run(self.name, op, stop)

    def sh(self, text: str, *args: str, **fields: object) -> Outcome:
        """A script."""
        return self("sh", "-c", text, "sh", *args, **fields)  # type: ignore[arg-type]


@pytest.fixture
def shell(sshd: SshServer, pool: Pool) -> Shell:
    """Commands on a host on which we may become root."""
    return Shell(pool(sshd.host(1)), "host-001")


class Relay:
    """A port of this machine behind which the SSH server answers, while it is open."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        with socket.socket() as made:
            made.bind(("127.0.0.1", 0))
            self.port: int = made.getsockname()[1]
        self._listener: socket.socket | None = None
        self._held: list[socket.socket] = []

    def open(self) -> None:
        """Accept connections."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse new connections, and cut off those that there are."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        held, self._held = self._held, []
        for one in held:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    @property
    def connections(self) -> int:
        """How many go through it."""
        return len(self._held) // 2

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = listener.accept()
                there = socket.create_connection(self._to)
                self._held += [here, there]
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def relay(sshd: SshServer) -> Iterator[Relay]:
    """A way to the server, open."""
    made = Relay(("127.0.0.1", sshd.port))
    made.open()
    yield made
    made.close()
