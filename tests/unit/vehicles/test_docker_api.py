"""Raw HTTP to an engine: what is known, unknown, gone or bounded, with a peer that answers as it is told."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from breakfix.engine.endpoints import Endpoint
from breakfix.engine.errors import (
    EngineError,
    EngineUnavailable,
    TargetVanished,
    VehicleError,
)
from breakfix.engine.ops import (
    Changes,
    DockerOp,
    ExecOp,
    Identity,
    Level,
)
from breakfix.engine.vehicles import docker_api, docker_exec

ID = "ab" * 32
TARGET = Identity(
    kind="docker", name="web", endpoint="default", object_id=ID, incarnation="7@2026-01-01T00:00:00Z"
)
INSPECT = '{"State": {"Running": true, "Pid": 7, "StartedAt": "2026-01-01T00:00:00Z"}}'
NO_SUCH = '{"message": "No such container: web"}'

Answer = bytes | None
"""What is sent; None: nothing, and the connection is held open."""


def http(status: str, body: str = "", content_type: str = "application/json") -> bytes:
    """An answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


class Peer:
    """Takes one connection for each answer, notes the request line, and sends the answer; the last one
    again and again."""

    def __init__(self, folder: Path) -> None:
        self.endpoint = Endpoint(name="default", url=f"unix://{folder}/engine.sock", api="1.41")
        self.answers: list[Answer] = []
        self.requests: list[str] = []
        self._held: list[socket.socket] = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(f"{folder}/engine.sock")
        self.server.listen()

    def serve(self) -> None:
        """Until the server is shut down."""
        with contextlib.suppress(OSError):
            while True:
                self._one(self.server.accept()[0])

    def _one(self, client: socket.socket) -> None:
        asked = client.recv(65536)
        self.requests.append(asked.split(b" HTTP/1.1", 1)[0].decode())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            self._held.append(client)
            return
        with client, contextlib.suppress(OSError):
            client.sendall(answer)

    def end(self) -> None:
        """Close everything."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for client in self._held:
            client.close()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    """A peer on a socket of its own."""
    made = Peer(tmp_path)
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield made
    made.end()
    thread.join()


def op_of(
    verb: str = "pause", *, changes: Changes = "yes", level: Level = "object", timeout_s: float = 30.0
) -> DockerOp:
    """An op on the container's own path."""
    return DockerOp(
        method="POST" if changes == "yes" else "GET",
        path=f"/containers/{ID}/{verb}",
        target=TARGET,
        changes=changes,
        level=level,
        timeout_s=timeout_s,
    )


def test_an_answer_is_decoded(peer: Peer) -> None:
    """The pinned version stands in the path, and JSON is data."""
    peer.answers = [http("200 OK", INSPECT)]
    outcome = docker_api.request(peer.endpoint, op_of("json", changes="no"))
    assert outcome.ok
    assert outcome.code == 200
    assert outcome.data["State"]["Pid"] == 7
    assert peer.requests == [f"GET /v1.41/containers/{ID}/json"]


def test_an_error_is_in_the_engines_words(peer: Peer) -> None:
    """Its `message`, where it gives one; the status else."""
    peer.answers = [
        http("409 Conflict", '{"message": "Container web is paused"}'),
        http("500 Internal Server Error", "kaputt", "text/plain"),
        http("502 Bad Gateway", "", "text/plain"),
    ]
    errors = [docker_api.request(peer.endpoint, op_of()).error for _ in range(3)]
    assert errors == ["Container web is paused", "kaputt", "the Docker engine answered 502"]


def test_lines_of_json_are_a_list(peer: Peer) -> None:
    """A line that is no JSON is left out, a torn last one too."""
    peer.answers = [http("200 OK", '{"a": 1}\n{"a": 2}\nnonsense\n{"a"', "text/plain")]
    op = DockerOp(method="GET", path="/events", changes="no", lines=True)
    assert docker_api.request(peer.endpoint, op).data == [{"a": 1}, {"a": 2}]


def test_a_body_is_bounded_and_said_to_be_cut(peer: Peer) -> None:
    """At most 1 MiB of text is kept, with what is no UTF-8 escaped."""
    body = b"\xff" + b"x" * 3_000_000
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    peer.answers = [head.encode() + body]
    outcome = docker_api.request(peer.endpoint, op_of("logs", changes="no"))
    assert outcome.cut
    assert outcome.text == "\\xff" + "x" * ((1 << 20) - 1)


@pytest.mark.parametrize("lost", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"nonsense\r\n\r\n"])
@pytest.mark.parametrize("changes", ["yes", "no"])
def test_a_lost_answer_leaves_an_effect_unknown(
    peer: Peer, lost: bytes, changes: Changes
) -> None:
    """Nobody can tell whether the request was acted on; a read has no effect that could be unknown."""
    peer.answers = [lost]
    outcome = docker_api.request(peer.endpoint, op_of(changes=changes))
    assert not outcome.ok
    assert outcome.code is None
    assert outcome.unknown == (changes == "yes")
    assert "was lost" in outcome.error


def test_no_answer_in_time_is_unknown(peer: Peer) -> None:
    """The time-out is that of the op."""
    peer.answers = [None]
    outcome = docker_api.request(peer.endpoint, op_of(timeout_s=0.2))
    assert outcome.unknown
    assert "gave no answer in time" in outcome.error


def test_a_stop_cuts_it_off(peer: Peer) -> None:
    """It comes back at once; what became of the effect is unknown."""
    peer.answers = [None]
    stop = threading.Event()
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    began_s = time.monotonic()
    outcome = docker_api.request(peer.endpoint, op_of(timeout_s=600.0), stop)
    timer.join()
    assert outcome.unknown
    assert "was stopped before the answer came" in outcome.error
    assert time.monotonic() - began_s < 300


def test_a_stop_before_it_began_is_known(peer: Peer) -> None:
    """Nothing was sent."""
    stop = threading.Event()
    stop.set()
    outcome = docker_api.request(peer.endpoint, op_of(), stop)
    assert not outcome.ok
    assert not outcome.unknown
    assert peer.requests == []


def test_no_engine_is_known_not_to_have_done_it(tmp_path: Path) -> None:
    """A connection that never came about has no effect; who resolves targets gets an error with a fix."""
    endpoint = Endpoint(name="x", url=f"unix://{tmp_path}/none.sock", api="1.41")
    outcome = docker_api.request(endpoint, op_of())
    assert not outcome.ok
    assert not outcome.unknown
    assert outcome.code is None
    assert outcome.error == f"no Docker engine answers at {endpoint.url}"
    with pytest.raises(EngineUnavailable, match="Start it"):
        docker_api.ask(endpoint, "/info")


def test_no_such_container_means_gone(peer: Peer) -> None:
    """On the container's own path nothing is asked before: the engine says so, and has done nothing."""
    peer.answers = [http("404 Not Found", NO_SUCH)]
    outcome = docker_api.request(peer.endpoint, op_of())
    assert outcome.gone
    assert not outcome.ok
    assert outcome.error == f"container web ({ID[:12]}) is not there any more"
    assert len(peer.requests) == 1


def test_another_path_is_not_sent_for_a_container_that_is_gone(peer: Peer) -> None:
    """There the container is looked for first."""
    peer.answers = [http("404 Not Found", NO_SUCH)]
    op = DockerOp(method="POST", path="/networks/n/connect", target=TARGET, body={"Container": ID})
    assert docker_api.request(peer.endpoint, op).gone
    assert peer.requests == [f"GET /v1.41/containers/{ID}/json"]


def test_what_is_not_found_elsewhere_does_not_mean_gone(peer: Peer) -> None:
    """A network that is missing says nothing about the container."""
    peer.answers = [
        http("200 OK", INSPECT),
        http("404 Not Found", '{"message": "network n not found"}'),
    ]
    op = DockerOp(method="POST", path="/networks/n/connect", target=TARGET, body={"Container": ID})
    outcome = docker_api.request(peer.endpoint, op)
    assert not outcome.gone
    assert outcome.error == "network n not found"


@pytest.mark.parametrize(
    ("inspect", "sent"),
    [
        (INSPECT, True),
        (INSPECT.replace("7", "8"), False),
        (INSPECT.replace(":00Z", ":01Z"), False),
        ('{"State": {"Running": false, "Pid": 0, "StartedAt": "2026-01-01T00:00:00Z"}}', False),
    ],
)
def test_an_op_for_one_life_is_not_sent_to_another(peer: Peer, inspect: str, sent: bool) -> None:
    """Pid and start are compared right before."""
    peer.answers = [http("200 OK", inspect), http("204 No Content")]
    outcome = docker_api.request(peer.endpoint, op_of("kill", level="incarnation"))
    assert outcome.ok == sent
    assert outcome.gone == (not sent)
    assert len(peer.requests) == (2 if sent else 1)


def test_questions_raise_what_is_wrong(peer: Peer) -> None:
    """Not found, refused, or no JSON."""
    peer.answers = [
        http("404 Not Found", NO_SUCH),
        http("500 Internal Server Error", '{"message": "kaputt"}'),
        http("200 OK", "nonsense"),
    ]
    for kind, match in (
        (TargetVanished, "No such container"),
        (EngineError, "kaputt"),
        (EngineError, "no JSON"),
    ):
        with pytest.raises(kind, match=match):
            docker_api.ask(peer.endpoint, "/x")


def test_names_cannot_break_out_of_the_request(peer: Peer) -> None:
    """Whatever stands in a path or query is quoted."""
    peer.answers = [http("204 No Content")]
    op = DockerOp(method="POST", path="/x y\r\nEvil: 1", query={"a": "b c&d\r\n"})
    docker_api.request(peer.endpoint, op)
    assert peer.requests == ["POST /v1.41/x%20y%0D%0AEvil:%201?a=b+c%26d%0D%0A"]


def test_a_refused_command_was_not_run(peer: Peer) -> None:
    """The status of the answer is not taken for an exit code."""
    peer.answers = [http("409 Conflict", '{"message": "Container web is not running"}')]
    op = ExecOp(via="container", argv=("true",), target=TARGET, changes="no")
    outcome = docker_exec.run(peer.endpoint, op)
    assert (outcome.ok, outcome.code, outcome.unknown) == (False, None, False)
    assert outcome.error == "Container web is not running"


def test_a_command_whose_connection_is_lost_is_unknown(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may run: nobody can see whether it does."""
    monkeypatch.setattr(docker_exec, "_ENDED_WITHIN_S", 0.3)
    refusal = http("500 Internal Server Error", '{"message": "kaputt"}')
    peer.answers = [http("201 Created", '{"Id": "e1"}'), b"", refusal]
    op = ExecOp(via="container", argv=("true",), target=TARGET, changes="no")
    outcome = docker_exec.run(peer.endpoint, op)
    assert not outcome.ok
    assert outcome.unknown
    assert "may still run in web" in outcome.error


def test_commands_need_a_container_and_get_no_input_over_tls(peer: Peer) -> None:
    """What cannot be done is refused before anything is sent."""
    tls = Endpoint(name="x", url="tcp://localhost:1", api="1.41", tls_ca="ca.pem")
    cases: list[tuple[Endpoint, ExecOp, str]] = [
        (peer.endpoint, ExecOp(via="container", argv=("true",)), "needs a container"),
        (tls, ExecOp(via="container", argv=("cat",), target=TARGET, stdin="x"), "input over TLS"),
    ]
    for endpoint, op, match in cases:
        with pytest.raises(VehicleError, match=match):
            docker_exec.run(endpoint, op)
    assert peer.requests == []
