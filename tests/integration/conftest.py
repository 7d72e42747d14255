"""breakfix as a process; fixtures on a real Docker engine, an image made on the spot, containers and networks
that end with their test; on a real SSH server on loopback; and on a virtual machine. Without an engine, an
sshd or the machine's files, the tests that ask for one fail, and say how to get it."""

import hashlib
import io
import os
import secrets
import signal
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.breakfix_process import Cli
from tests.integration.ssh_server import SshServer, ssh_server
from tests.integration.vm import Machine
from tests.integration.vm import machine as booted

from breakfix.engine.action import DockerFacts, Fault, Repair
from breakfix.engine.checks import wait_for
from breakfix.engine.endpoints import Endpoint
from breakfix.engine.errors import BreakfixError
from breakfix.engine.ops import (
    Check,
    ExecOp,
    Identity,
    Op,
    Plan,
)
from breakfix.engine.secrets import Secrets
from breakfix.engine.targets import docker
from breakfix.engine.vehicles.command import execute as run_here
from breakfix.engine.vehicles.dispatch import Vehicles
from breakfix.engine.vehicles.docker_api import Call, send
from breakfix.engine.vehicles.marked import Marked

IMAGE = "breakfix-test/busybox:1"
BARE_IMAGE = "breakfix-test/bare:1"
BUSYBOX = Path("/bin/busybox")
CALL_S = 60.0
ANONYMOUS_CHARS = 64
"""How long the names are that the engine gives to volumes."""


@pytest.fixture(scope="session")
def engine() -> Endpoint:
    """The Docker engine of this machine."""
    try:
        return docker.endpoint()
    except BreakfixError as error:
        pytest.fail(f"{error}\nThese tests need a Docker engine: make docker-engine", pytrace=False)


@pytest.fixture(scope="session")
def sshd() -> Iterator[SshServer]:
    """An SSH server on all of 127.0.0.0/8, for the whole session."""
    with tempfile.TemporaryDirectory(prefix="breakfix-sshd-") as name:
        # Its users have to get at their authorized_keys.
        Path(name).chmod(0o755)
        with ssh_server(Path(name)) as server:
            yield server


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A virtual machine with systemd, for the whole session; whoever changes it puts it right again."""
    with tempfile.TemporaryDirectory(prefix="bfx-vm-") as name, booted(Path(name)) as running:
        yield running


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """breakfix as a process, with a home of its own; whatever carries a mark of a run in it is ended at the end."""
    cli = Cli(tmp_path)
    yield cli
    for mark in cli.marks():
        for pid in cli.carriers(mark):
            os.kill(pid, signal.SIGKILL)


def call(engine: Endpoint, made: Call) -> Any:
    """A request of the test itself, which must succeed."""
    outcome = send(engine, made, time.monotonic() + CALL_S)
    assert outcome.ok, outcome.error
    return outcome.data


def _archive(entries: dict[str, str | bytes]) -> bytes:
    """A tar of files (bytes) and symbolic links (text)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("bin", "tmp", "etc", "proc", "sys", "dev"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o777
            archive.addfile(folder)
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
    return buffer.getvalue()


def _imported(engine: Endpoint, image: str, content: bytes) -> str:
    """The image, made if it is not there as it should be."""
    import docker as sdk

    digest = hashlib.sha256(content).hexdigest()
    found = send(engine, Call(path=f"/images/{image}/json"), time.monotonic() + CALL_S)
    if found.ok and ((found.data["Config"] or {}).get("Labels") or {}).get("made_of") == digest:
        return image
    repository, tag = image.split(":")
    client = sdk.APIClient(base_url=engine.url, version=engine.api)
    try:
        client.import_image_from_data(
            content,
            repository=repository,
            tag=tag,
            changes=["ENV PATH=/bin", 'CMD ["sleep", "3600"]', f"LABEL made_of={digest}"],
        )
    finally:
        client.close()
    return image


def _busybox() -> bytes:
    if not BUSYBOX.is_file():
        pytest.fail(
            "These tests make an image of a static busybox: apt-get install busybox-static",
            pytrace=False,
        )
    return BUSYBOX.read_bytes()


@pytest.fixture(scope="session")
def image_archive() -> bytes:
    """A root file system of busybox and all of its applets, as a tar."""
    listed = run_here(ExecOp(argv=(str(BUSYBOX), "--list")), None, Marked())
    entries: dict[str, str | bytes] = {"bin/busybox": _busybox()}
    for applet in listed.text.split():
        # busybox lists itself; a link of that name would replace it.
        entries.setdefault(f"bin/{applet}", "busybox")
    return _archive(entries)


@pytest.fixture(scope="session")
def docker_image(engine: Endpoint, image_archive: bytes) -> str:
    """An image with busybox and all of its applets."""
    return _imported(engine, IMAGE, image_archive)


@pytest.fixture(scope="session")
def bare_image(engine: Endpoint) -> str:
    """An image without a shell: nothing but two names of one static program, sleep and cat."""
    return _imported(engine, BARE_IMAGE, _archive({"bin/sleep": _busybox(), "bin/cat": "sleep"}))


Container = Callable[..., Identity]


@pytest.fixture
def container(engine: Endpoint, docker_image: str) -> Iterator[Container]:
    """Starts containers: ``container("sleep", "600", image=..., **settings)`` with settings of
    POST /containers/create. They, and what replaced them, are removed at the end."""
    made: list[str] = []

    def start(*argv: str, image: str = docker_image, name: str = "", **settings: Any) -> Identity:
        name = name or f"bfx-test-{secrets.token_hex(4)}"
        body = {"Image": image, "Cmd": list(argv) or ["sleep", "3600"], **settings}
        query = {"name": name}
        data = call(engine, Call(method="POST", path="/containers/create", query=query, body=body))
        made.extend((data["Id"], name))
        call(engine, Call(method="POST", path=f"/containers/{data['Id']}/start"))
        return docker.facts(
            engine,
            Identity(kind="docker", name=name, endpoint=engine.name, object_id=data["Id"]),
        ).identity

    yield start
    for one in made:
        _remove(engine, one)


def _remove(engine: Endpoint, container: str) -> None:
    """A container, with the volumes that nobody has given a name."""
    end_s = time.monotonic() + CALL_S
    found = send(engine, Call(path=f"/containers/{container}/json"), end_s)
    if not found.ok:
        return
    query = {"force": "true", "v": "true"}
    send(engine, Call(method="DELETE", path=f"/containers/{container}", query=query), end_s)
    for mount in found.data["Mounts"]:
        if mount["Type"] == "volume" and len(mount["Name"]) == ANONYMOUS_CHARS:
            send(engine, Call(method="DELETE", path=f"/volumes/{mount['Name']}"), end_s)


@pytest.fixture
def network(engine: Endpoint) -> Iterator[Callable[..., str]]:
    """Makes networks: ``network(subnet="10.98.7.0/24")``; its name."""
    made: list[str] = []

    def make(subnet: str = "") -> str:
        name = f"bfx-test-{secrets.token_hex(4)}"
        body: dict[str, Any] = {"Name": name, "CheckDuplicate": True}
        if subnet:
            body["IPAM"] = {"Config": [{"Subnet": subnet}]}
        data = call(engine, Call(method="POST", path="/networks/create", body=body))
        made.append(data["Id"])
        return name

    yield make
    for one in made:
        found = send(engine, Call(path=f"/networks/{one}"), time.monotonic() + CALL_S)
        for attached in (found.data or {}).get("Containers") or {}:
            body = {"Container": attached, "Force": True}
            path = f"/networks/{one}/disconnect"
            send(engine, Call(method="POST", path=path, body=body), time.monotonic() + CALL_S)
        send(
            engine, Call(method="DELETE", path=f"/networks/{one}"), time.monotonic() + CALL_S
        )


class Docker:
    """What the tests of actions do: facts, ops and checks as the engine does them."""

    def __init__(self, engine: Endpoint, run_dir: Path) -> None:
        self.endpoint = engine
        self.vehicles = Vehicles({engine.name: engine}, run_dir, Secrets({}), time.monotonic)

    def facts(self, target: Identity, *allow: str) -> DockerFacts:
        """Fresh facts."""
        return docker.facts(self.endpoint, target, allow)

    def plan(self, action: Fault | Repair, target: Identity, *allow: str) -> Plan:
        """Its plan with fresh facts."""
        return action.plan(self.facts(target, *allow))

    def run(self, ops: tuple[Op, ...]) -> None:
        """Every op is ok."""
        for op in ops:
            outcome = self.vehicles.run(op)
            assert outcome.ok, (op, outcome)

    def see(self, checks: tuple[Check, ...]) -> None:
        """Every check comes to hold."""
        for check in checks:
            result = wait_for(check, self.vehicles, time.monotonic)
            assert result.holds, (check.asked, result)

    def holds(self, checks: tuple[Check, ...]) -> bool:
        """Whether all checks hold right now."""
        return all(
            wait_for(Check(op=c.op, pick=c.pick, is_=c.is_, value=c.value, within_s=0.0),
                     self.vehicles, time.monotonic).holds
            for c in checks
        )

    def call(self, method: Any, path: str, body: Any = None, **query: str) -> Any:
        """A request of the test itself."""
        ok_status = (200, 201, 204, 304)
        return call(
            self.endpoint,
            Call(method=method, path=path, body=body, query=query, ok_status=ok_status),
        )


@pytest.fixture
def docker_engine(engine: Endpoint, tmp_path: Path) -> Iterator[Docker]:
    """The engine, its vehicles, and short ways to use them."""
    made = Docker(engine, tmp_path)
    yield made
    made.vehicles.close()
