"""Which engine, which containers, and what is known of them; also over TLS."""

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from breakfix.actions.docker.kill import Kill
from breakfix.actions.docker.pause import Pause
from breakfix.engine.action import Source
from breakfix.engine.endpoints import Endpoint
from breakfix.engine.errors import (
    EngineError,
    EngineUnavailable,
    PermissionRefused,
    PreconditionError,
    TargetVanished,
)
from breakfix.engine.ops import DockerOp, ExecOp, Identity
from breakfix.engine.selectors import ComposeSelector, DockerSelector
from breakfix.engine.streams import Streams
from breakfix.engine.targets import docker
from breakfix.engine.vehicles import docker_api, docker_exec

pytestmark = pytest.mark.docker

Docker = Any
Container = Callable[..., Identity]


def test_containers_are_selected_by_name_labels_and_compose(
    docker_engine: Docker, container: Container
) -> None:
    """All that fit, stopped ones included, sorted by name; nothing else, and no one-off of compose."""
    endpoint = docker_engine.endpoint
    mark = {"bfx-test": os.urandom(4).hex()}
    project = f"bfx-test-{os.urandom(4).hex()}"
    compose = {"com.docker.compose.project": project, "com.docker.compose.service": "web"}
    one = container(Labels={**mark, **compose})
    two = container(Labels={**mark, **compose, "com.docker.compose.service": "db"})
    container(Labels={**compose, "com.docker.compose.oneoff": "True"})
    docker_engine.call("POST", f"/containers/{two.object_id}/stop", t="0")

    def found(**selector: Any) -> list[str]:
        chosen = docker.select(endpoint, DockerSelector(**selector))
        assert all(identity.endpoint == endpoint.name for identity in chosen)
        return [identity.object_id for identity in chosen]

    both = [item.object_id for item in sorted((one, two), key=lambda item: item.name)]
    assert found(labels=mark) == both
    assert found(labels={**mark, "no": "such"}) == []
    assert found(name=one.name) == [one.object_id]
    assert found(name=one.name[:-1]) == []
    assert found(compose=ComposeSelector(project=project)) == both
    assert found(compose=ComposeSelector(project=project, service="db")) == [two.object_id]


def test_facts_tell_one_life_from_the_next(docker_engine: Docker, container: Container) -> None:
    """The incarnation is pid and start; a container that has ended has none, and one by its name is
    found too."""
    target = container()
    facts = docker_engine.facts(target)
    assert facts.identity.incarnation.startswith(f"{facts.inspect['State']['Pid']}@20")
    assert facts.local
    assert facts.memory_usage_bytes is not None
    assert facts.engine["ID"] == docker_engine.endpoint.engine_id
    by_name = structs.replace(target, object_id=target.name)
    assert docker_engine.facts(by_name).identity == facts.identity
    docker_engine.call("POST", f"/containers/{target.object_id}/stop", t="0")
    ended = docker_engine.facts(target)
    assert ended.identity.incarnation == ""
    assert ended.memory_usage_bytes is None
    docker_engine.call("DELETE", f"/containers/{target.object_id}")
    with pytest.raises(TargetVanished, match="is not there any more"):
        docker_engine.facts(target)


def test_not_found_on_another_engine_proves_nothing(
    docker_engine: Docker, container: Container
) -> None:
    """A container is gone only if its own engine says so."""
    target = container()
    plan = docker_engine.plan(Pause(), target)
    docker_engine.call("DELETE", f"/containers/{target.object_id}", force="true")
    other = structs.replace(docker_engine.endpoint, engine_id="ANOTHER:ONE")
    for op in (*plan.apply, *plan.undo):
        assert isinstance(op, DockerOp)
        outcome = docker_api.request(other, op)
        assert not outcome.gone
        assert "is another one" in outcome.error


def test_a_missing_engine_says_how_to_get_one(tmp_path: Path) -> None:
    """At a socket that is not there, and at one that nobody listens on."""
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(dead))
    for path in (tmp_path / "none.sock", dead):
        with pytest.raises(EngineUnavailable, match=r"No Docker engine answers .*DOCKER_HOST"):
            docker.endpoint({"DOCKER_HOST": f"unix://{path}"})


def test_a_socket_that_is_not_ours_says_what_to_do(tmp_path: Path) -> None:
    """Tried as another user, who may not open it."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root, to become somebody else", pytrace=False)
    path = tmp_path / "closed.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
        bound.listen()
        path.chmod(0o600)
        for folder in (tmp_path, *tmp_path.parents):
            if folder.is_relative_to("/tmp/pytest-of-root"):
                folder.chmod(0o711)
        os.seteuid(65534)
        try:
            with pytest.raises(PermissionRefused, match=r"may not open .*group docker"):
                docker_api.ask(Endpoint(name="x", url=f"unix://{path}", api="1.41"), "/info")
        finally:
            os.seteuid(0)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"DOCKER_HOST": "ssh://ops@db-1/path"}, "Say ssh://user@host"),
        ({"DOCKER_HOST": "npipe:////./pipe/docker"}, "cannot be reached|cannot be used"),
        ({"DOCKER_CONTEXT": "bfx-test-no-such"}, "no docker context called bfx-test-no-such"),
    ],
)
def test_an_engine_of_another_kind_is_refused(environ: dict[str, str], problem: str) -> None:
    """With the way to reach it all the same."""
    with pytest.raises(EngineError, match=problem):
        docker.endpoint(environ)


def test_a_context_is_followed(
    engine: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same one that the command line of Docker would use."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    made = subprocess.run(
        ["docker", "context", "create", "mine", "--docker", f"host={engine.url}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (tmp_path / "config.json").write_text('{"currentContext": "mine"}')
    found = docker.endpoint({})
    assert (found.name, found.url, found.engine_id) == ("mine", engine.url, engine.engine_id)


# --- TLS: a relay in front of the real engine ---


def _openssl(folder: Path, *args: str) -> None:
    done = subprocess.run(
        ["openssl", *args], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, and a certificate of it for this machine that serves both sides."""
    folder = tmp_path_factory.mktemp("tls")
    days = ("-days", "2", "-nodes")
    _openssl(
        folder, "req", "-x509", "-newkey", "rsa:2048", *days, "-subj", "/CN=bfx-test CA",
        "-keyout", "ca.key", "-out", "ca.pem",
    )  # fmt: skip
    _openssl(
        folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
        "-keyout", "key.pem", "-out", "cert.csr",
    )  # fmt: skip
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    _openssl(
        folder, "x509", "-req", "-in", "cert.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
        "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "cert.pem",
    )  # fmt: skip
    return folder


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


def _relay(client: socket.socket, context: ssl.SSLContext, path: str) -> None:
    try:
        with context.wrap_socket(client, server_side=True) as outer:
            with socket.socket(socket.AF_UNIX) as inner:
                inner.connect(path)
                back = threading.Thread(target=_copy, args=(inner, outer), daemon=True)
                back.start()
                _copy(outer, inner)
                back.join()
    except OSError:
        client.close()


@pytest.fixture
def tls_port(engine: Endpoint, certificates: Path) -> Iterator[int]:
    """The real engine behind TLS, which wants a certificate of the client too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    path = engine.url.removeprefix("unix://")
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                thread = threading.Thread(target=_relay, args=(client, context, path), daemon=True)
                threads.append(thread)
                thread.start()

        listener = threading.Thread(target=accept, daemon=True)
        listener.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        listener.join()
    for thread in threads:
        thread.join(10)


def test_an_engine_behind_tls_serves_ops_commands_and_streams(
    docker_engine: Docker,
    container: Container,
    tls_port: int,
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The certificate is verified, ours is shown, and everything works as over the socket; its processes
    are not taken for ours. No CA bundle of the environment counts."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    target = container()
    remote = docker.endpoint(
        {
            "DOCKER_HOST": f"tcp://localhost:{tls_port}",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(certificates),
        }
    )
    assert remote.url == f"tcp://localhost:{tls_port}"
    assert remote.engine_id == docker_engine.endpoint.engine_id
    facts = docker.facts(remote, target)
    assert not facts.local
    with pytest.raises(PreconditionError, match="D103 .* not within our reach"):
        Kill(via="host_pid").plan(facts)
    op = ExecOp(via="container", argv=("sh", "-c", "seq 100000; exit 3"), target=target)
    outcome = docker_exec.run(remote, op)
    assert outcome.code == 3
    assert outcome.text.endswith("\n100000\n")
    source = Source(kind="events", endpoint=remote.name, object_id=target.object_id)
    streams = Streams({remote.name: remote}, lambda: 0.0)
    streams.open(source)
    plan = Pause().plan(facts)
    for step in (*plan.apply, *plan.undo):
        assert isinstance(step, DockerOp)
        assert docker_api.request(remote, step).ok
    docker_engine.see(plan.gone)
    actions: list[str] = []
    for _ in range(500):
        actions = [item.content["Action"] for item in streams.occurrences(source) or ()]
        if "unpause" in actions:
            break
        threading.Event().wait(0.02)
    streams.close()
    assert "pause" in actions
    assert "unpause" in actions


def test_a_certificate_of_somebody_else_is_refused(
    tls_port: int, certificates: Path, tmp_path: Path
) -> None:
    """Whether the name is wrong or the CA is: nothing is sent."""
    _openssl(
        tmp_path, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bfx-test other",
        "-keyout", "key.pem", "-out", "ca.pem", "-days", "2",
    )  # fmt: skip
    for host, ca in (("127.0.0.1", certificates), ("localhost", tmp_path)):
        endpoint = Endpoint(
            name="x", url=f"tcp://{host}:{tls_port}", api="1.41",
            tls_ca=str(ca / "ca.pem"),
            tls_cert=str(certificates / "cert.pem"), tls_key=str(certificates / "key.pem"),
        )  # fmt: skip
        with pytest.raises(PermissionRefused, match="certificate of .* is not good"):
            docker_api.ask(endpoint, "/info")
    endpoint = structs.replace(endpoint, tls_ca=str(tmp_path / "none.pem"))
    with pytest.raises(PermissionRefused, match="TLS files cannot be used"):
        docker_api.ask(endpoint, "/info")
