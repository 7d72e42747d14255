"""What tests share: vehicles and a probe's port that reach this machine, marks whose processes end
with the test, a web server."""

import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import pytest
from xdist.scheduler import LoadFileScheduling

from breakfix.engine.action import (
    Facts,
    HttpReply,
    NoFacts,
    Observation,
    Occurrence,
    Probe,
    Source,
)
from breakfix.engine.ops import Op, Outcome
from breakfix.engine.sampling.http_session import HttpSession
from breakfix.engine.secrets import Secrets
from breakfix.engine.vehicles.dispatch import Vehicles
from breakfix.engine.vehicles.marked import Marked

BOUND_S = 30.0
Sample = Callable[..., Observation]


class MachinePort:
    """The port of a probe, without a run."""

    since_s = 0.0

    def __init__(
        self, facts: Facts, timeout_s: float, vehicles: Vehicles, session: HttpSession
    ) -> None:
        self.facts = facts
        self.timeout_s = timeout_s
        self._vehicles = vehicles
        self._session = session

    @property
    def now_s(self) -> float:
        """This instant."""
        return time.monotonic()

    async def read(self, op: Op) -> Outcome:
        """The op, in a thread."""
        return await anyio.to_thread.run_sync(self._vehicles.run, op)

    async def http(
        self, method: str, url: str, *, headers: dict[str, str], body: str
    ) -> HttpReply:
        """The request."""
        return await self._session.request(method, url, headers, body, self.timeout_s)

    def occurrences(self, source: Source) -> Sequence[Occurrence] | None:
        """No streams here."""
        return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Where tests run side by side, those of a file do not, nor those that use the virtual machine."""
    return _Together(config, log)


class _Together(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder = file.rpartition("/")[0]
        return folder if folder.endswith("/machine") else file


@pytest.fixture
def vehicles(tmp_path: Path) -> Iterator[Vehicles]:
    """Vehicles of a run in a folder of its own, without a Docker engine."""
    made = Vehicles({}, tmp_path, Secrets({}), time.monotonic)
    yield made
    made.close()


@pytest.fixture
def mark(vehicles: Vehicles) -> Iterator[str]:
    """A random mark; whatever carries it is ended at the end of the test."""
    made = secrets.token_hex(16)
    yield made
    Marked().end(made, 0.0)


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object], str], None]:
    """Waits until a condition holds, with a generous bound."""

    def wait(condition: Callable[[], object], what: str) -> None:
        end_s = time.monotonic() + BOUND_S
        while not condition():
            assert time.monotonic() < end_s, f"{what}: not within {BOUND_S} s"
            time.sleep(0.01)

    return wait


@pytest.fixture
def sample(vehicles: Vehicles) -> Sample:
    """Takes one sample of a probe on this machine."""

    def take(probe: Probe, facts: Facts | None = None, timeout_s: float = 30.0) -> Observation:
        async def once() -> Observation:
            session = HttpSession()
            port = MachinePort(facts or NoFacts(), timeout_s, vehicles, session)
            try:
                return await probe.sample(port)
            finally:
                await session.close()

        main: Callable[[], Awaitable[Observation]] = once
        return anyio.run(main)

    return take


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """``/STATUS/BODY``; ``/hang`` does not answer, ``/cut`` sends more than is read."""
        if self.path == "/hang":
            self.server.released.wait(30)  # type: ignore[attr-defined]
        status, _, body = unquote(self.path)[1:].partition("/")
        content = b"x" * 3_000_000 if status == "cut" else body.encode()
        self.send_response(int(status) if status.isdigit() else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Seen", self.headers.get("X-Test", ""))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        """The body comes back."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[str]:
    """A web server on this machine; its URL, without a slash at the end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        server.daemon_threads = True
        server.released = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.released.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


@pytest.fixture
def closed_port() -> int:
    """A port that nothing listens on."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        return int(server.server_port)
