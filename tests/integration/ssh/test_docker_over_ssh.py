"""A Docker engine on a host, reached through SSH: the real one of this machine, by a user who may use it."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs
from tests.integration.conftest import Container
from tests.integration.ssh.conftest import PATIENCE_S, Pool, Relay, open_folder
from tests.integration.ssh_server import SshServer, ssh_server

from breakfix.engine.action import Source
from breakfix.engine.endpoints import Endpoint
from breakfix.engine.errors import EngineError, EngineUnavailable, PermissionRefused
from breakfix.engine.ops import DockerOp, ExecOp
from breakfix.engine.selectors import DockerSelector
from breakfix.engine.streams import Streams
from breakfix.engine.targets import docker
from breakfix.engine.vehicles import docker_api, docker_exec, docker_host
from breakfix.engine.vehicles.ssh.engines import live

pytestmark = pytest.mark.docker

WAYS = {"socket": "", "dial-stdio": "AllowStreamLocalForwarding no"}


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest) -> Iterator[SshServer]:
    """A server whose user may use Docker; with and without forwarding of sockets."""
    with open_folder() as folder, ssh_server(folder, WAYS[request.param]) as made:
        subprocess.run(["usermod", "--append", "--groups", "docker", made.user], check=True)
        yield made


@pytest.fixture
def remote(engine: Endpoint, server: SshServer, pool: Pool) -> Endpoint:
    """The engine through SSH, as this process can reach it."""
    hosts = pool()
    found = docker.over_ssh(server.host(1), "dock", hosts)
    assert found.url == f"ssh://{server.user}@{server.address()}:{server.port}"
    assert found.engine_id == engine.engine_id
    assert found.host is not None
    assert found.host.host_key == server.fingerprint
    return live(found, hosts)


def test_ops_go_through(remote: Endpoint, container: Container) -> None:
    """Selected, read, paused, and run in, as on a local engine; but its processes are not ours."""
    target = structs.replace(container("sleep", "600"), endpoint="dock")
    (found,) = docker.select(remote, DockerSelector(name=target.name))
    facts = docker.facts(remote, found)
    assert facts.identity.object_id == target.object_id
    assert not facts.local
    assert not docker_host.shares_processes(remote)
    for verb, state in (("pause", "paused"), ("unpause", "running")):
        path = f"/containers/{target.object_id}/{verb}"
        assert docker_api.request(remote, DockerOp(method="POST", path=path, target=target)).ok
        inspect = docker_api.ask(remote, f"/containers/{target.object_id}/json")
        assert inspect["State"]["Status"] == state
    given = "0123456789abcdef" * 8192
    op = ExecOp(via="container", argv=("cat",), stdin=given, target=target)
    assert docker_exec.run(remote, op).text == given
    op = ExecOp(via="container", argv=("sleep", "300"), target=target, timeout_s=1.0)
    assert "was ended" in docker_exec.run(remote, op).error


def test_streams_go_through(remote: Endpoint, container: Container) -> None:
    """Events arrive, and closing ends them."""
    target = container("sleep", "600")
    source = Source(kind="events", endpoint="dock", object_id=target.object_id)
    streams = Streams({"dock": remote}, time.monotonic)
    try:
        streams.open(source)
        assert streams.occurrences(source) == ()
        path = f"/containers/{target.object_id}/pause"
        assert docker_api.request(remote, DockerOp(method="POST", path=path, target=target)).ok
        end_s = time.monotonic() + PATIENCE_S
        while not (seen := streams.occurrences(source)):
            assert time.monotonic() < end_s
            time.sleep(0.02)
        assert seen[0].content["Action"] == "pause"
    finally:
        streams.close()


def test_who_may_not_use_it_is_told(engine: Endpoint, server: SshServer, pool: Pool) -> None:
    """With what to do."""
    with pytest.raises(PermissionRefused, match="group docker"):
        docker.over_ssh(server.host(1, user=server.plain), "dock", pool())


def test_a_host_that_is_gone_is_told(
    engine: Endpoint, sshd: SshServer, pool: Pool, relay: Relay
) -> None:
    """Nothing was sent then, and that is known."""
    subprocess.run(["usermod", "--append", "--groups", "docker", sshd.user], check=True)
    host = structs.replace(sshd.host(1), address="127.0.0.1", port=relay.port)
    hosts = pool()
    remote = live(docker.over_ssh(host, "dock", hosts), hosts)
    relay.close()
    outcome = docker_api.request(
        remote, DockerOp(method="POST", path="/containers/x/pause", endpoint="dock")
    )
    assert (outcome.ok, outcome.unknown) == (False, False)
    assert "cannot be reached: connection refused" in outcome.error
    with pytest.raises(EngineUnavailable, match="ssh://.* was not reached"):
        docker_api.ask(remote, "/info")
    with pytest.raises(EngineUnavailable, match="connection refused"):
        docker.over_ssh(host, "dock", pool())


def test_docker_host_may_name_a_host(
    engine: Endpoint, server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``ssh://user@host:port``, with the keys and known hosts of the user."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519").write_bytes(server.key.read_bytes())
    (tmp_path / ".ssh/known_hosts").write_bytes(server.known_hosts.read_bytes())
    before = set(threading.enumerate())
    url = f"ssh://{server.user}@{server.address()}:{server.port}"
    found = docker.endpoint({**os.environ, "DOCKER_HOST": url})
    assert (found.url, found.engine_id) == (url, engine.engine_id)
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), thread


@pytest.mark.parametrize("url", ["ssh://", "ssh://a:b@host", "ssh://host:no", "ssh://host/path"])
def test_another_form_is_refused(url: str) -> None:
    """With the form that is understood."""
    with pytest.raises(EngineError, match="cannot be reached|cannot be used"):
        docker.endpoint({"DOCKER_HOST": url})
