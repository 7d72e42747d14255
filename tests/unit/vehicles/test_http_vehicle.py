"""HTTP requests of repairs, against a server on this machine."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from breakfix.engine.ops import HttpOp
from breakfix.engine.vehicles.dispatch import Vehicles


class _Server(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        if self.path == "/hang":
            self.server.released.wait(30)  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = int(self.path[1:]) if self.path[1:].isdigit() else 200
        answer = {"path": self.path, "body": body.decode(), "x": self.headers.get("X-Test")}
        text = json.dumps(answer).encode() if self.path != "/large" else b"x" * 3_000_000
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    """Where the server listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        server.daemon_threads = True
        server.released = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.released.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_a_request_reaches_the_server_and_the_answer_comes_back(
    vehicles: Vehicles, url: str
) -> None:
    """Method, path with query, headers and body go out; status and JSON come back."""
    op = HttpOp(method="POST", url=f"{url}/a?b=c", headers={"X-Test": "1"}, body="hällo")
    outcome = vehicles.run(op)
    assert outcome.ok
    assert outcome.code == 200
    assert outcome.data == {"path": "/a?b=c", "body": "hällo", "x": "1"}


@pytest.mark.parametrize("status", [302, 500])
def test_another_status_is_not_ok(vehicles: Vehicles, url: str, status: int) -> None:
    """Redirects are not followed; what the op does not call good is not good."""
    outcome = vehicles.run(HttpOp(method="POST", url=f"{url}/{status}", body="x"))
    assert (outcome.ok, outcome.code, outcome.unknown) == (False, status, False)


def test_a_large_answer_is_cut(vehicles: Vehicles, url: str) -> None:
    """At most 1 MiB of an answer is kept."""
    outcome = vehicles.run(HttpOp(method="POST", url=f"{url}/large", body="x"))
    assert outcome.cut
    assert len(outcome.text) == 1 << 20


def test_no_answer_in_time_is_unknown(vehicles: Vehicles, url: str) -> None:
    """The request was sent: nobody knows whether it was acted on."""
    op = HttpOp(method="POST", url=f"{url}/hang", body="x", timeout_s=0.2)
    outcome = vehicles.run(op)
    assert (outcome.ok, outcome.code, outcome.unknown) == (False, None, True)
    assert "no answer within 0.2 s" in outcome.error


def test_stop_ends_the_wait(vehicles: Vehicles, url: str) -> None:
    """A request in flight is given up when it is told to."""
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    op = HttpOp(method="POST", url=f"{url}/hang", body="x", timeout_s=60.0)
    outcome = vehicles.run(op, stop=stop)
    assert outcome.unknown
    assert "was stopped" in outcome.error


def test_refused_is_known_to_have_done_nothing(vehicles: Vehicles) -> None:
    """Without a connection nothing was sent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outcome = vehicles.run(HttpOp(method="POST", url=f"http://127.0.0.1:{port}/", body="x"))
    assert (outcome.ok, outcome.code, outcome.unknown) == (False, None, False)
    assert outcome.error == "connection refused"


def test_a_server_that_hangs_up_is_unknown(vehicles: Vehicles) -> None:
    """The connection was made, the answer never came."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        port = server.getsockname()[1]
        outcome = vehicles.run(HttpOp(method="POST", url=f"http://127.0.0.1:{port}/", body="x"))
        thread.join()
    assert outcome.unknown
    assert outcome.error


@pytest.mark.parametrize("bad", ["nonsense", "ftp://x/", "http://", "http://x:port/"])
def test_what_is_no_url_is_said(vehicles: Vehicles, bad: str) -> None:
    """Nothing is sent anywhere."""
    outcome = vehicles.run(HttpOp(method="POST", url=bad))
    assert (outcome.ok, outcome.code, outcome.unknown) == (False, None, False)


def test_a_server_without_tls_is_not_trusted(vehicles: Vehicles, url: str) -> None:
    """https means TLS, verified."""
    outcome = vehicles.run(HttpOp(method="POST", url=url.replace("http:", "https:"), body="x"))
    assert not outcome.ok
    assert outcome.code is None
