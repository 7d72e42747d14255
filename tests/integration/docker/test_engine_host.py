"""Faults on containers of an engine that is reached on a host: the host itself ends them, by the engine's API."""

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tests.integration.ssh_server import SshServer

from breakfix.actions.docker.disconnect import Disconnect
from breakfix.actions.docker.exec import Exec
from breakfix.actions.docker.kill import Kill
from breakfix.actions.docker.limit_memory import LimitMemory
from breakfix.actions.docker.pause import Pause
from breakfix.engine import deadman
from breakfix.engine.action import DockerFacts, Fault, HostFacts
from breakfix.engine.ops import ExecOp, Identity, Plan
from breakfix.engine.targets import host as hosts
from breakfix.engine.vehicles.ssh.pool import SshHosts

PATIENCE_S = 60.0
FAULTS = [
    Pause(),
    Kill(),
    LimitMemory(memory="32MiB"),
    Exec(argv=("touch", "/tmp/it's"), undo=("rm", "-f", "/tmp/it's"), check=("test", "-e", "/tmp/it's")),
]


@pytest.fixture
def on_host(sshd: SshServer) -> Iterator[tuple[SshHosts, HostFacts]]:
    """This machine as the host of its engine, where we are root."""
    made = sshd.host(3, user="root")
    ssh = SshHosts({made.name: made}, str)
    yield ssh, hosts.facts(ssh, made.name)
    ssh.close()


def armed(docker: Any, target: Identity, facts: HostFacts, fault: Fault, after_s: float) -> Plan:
    """Its plan with a switch on the host of the engine."""
    known = deadman.named(structs.replace(docker.facts(target), host=facts), "run", secrets.token_hex(4))
    assert isinstance(known, DockerFacts)
    assert deadman.words(known, None, after_s - 10.0, 600.0).startswith("shell timer, ")
    return deadman.armed(fault.plan(known), known, after_s)


def run(ssh: SshHosts, op: Any) -> Any:
    """An op on the host."""
    assert isinstance(op, ExecOp) and op.target is not None
    outcome = ssh.run(op.target.endpoint, op)
    assert outcome.ok, outcome
    return outcome.data


@pytest.mark.docker
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_the_host_of_an_engine_ends_a_fault_alone(
    docker_engine: Any,
    container: Callable[..., Identity],
    on_host: tuple[SshHosts, HostFacts],
    fault: Fault,
) -> None:
    """Its switch sends the requests of the undo, with nothing but the docker command; then it is gone."""
    ssh, facts = on_host
    target = container()
    plan = armed(docker_engine, target, facts, fault, 3.0)
    run(ssh, plan.arm[0])
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    folder = Path(plan.arm[0].argv[4])  # type: ignore[union-attr]
    end_s = time.monotonic() + PATIENCE_S
    while folder.exists():
        log = folder / "log"
        assert time.monotonic() < end_s, log.read_text() if log.exists() else "nothing was logged"
        time.sleep(0.1)
    docker_engine.see(plan.gone)
    assert run(ssh, plan.disarm[-1])["dead_man"] == "absent"


@pytest.mark.docker
def test_a_network_is_joined_again_by_the_host(
    docker_engine: Any,
    container: Callable[..., Identity],
    network: Callable[..., str],
    on_host: tuple[SshHosts, HostFacts],
) -> None:
    """With its address, which stands in the body of the request."""
    ssh, facts = on_host
    net = network()
    target = container(HostConfig={"NetworkMode": net})
    plan = armed(docker_engine, target, facts, Disconnect(network=net), 3.0)
    run(ssh, plan.arm[0])
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    end_s = time.monotonic() + PATIENCE_S
    while not docker_engine.holds(plan.gone):
        assert time.monotonic() < end_s
        time.sleep(0.1)
    run(ssh, plan.disarm[-1])


@pytest.mark.docker
def test_an_undo_in_time_takes_the_switch_away(
    docker_engine: Any, container: Callable[..., Identity], on_host: tuple[SshHosts, HostFacts]
) -> None:
    """The undo goes to the engine as ever, and the host has nothing left."""
    ssh, facts = on_host
    plan = armed(docker_engine, container(), facts, Pause(), 600.0)
    run(ssh, plan.arm[0])
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    run(ssh, plan.undo[0])
    docker_engine.run(plan.undo[1:])
    docker_engine.see(plan.gone)
    assert run(ssh, plan.disarm[-1])["dead_man"] == "armed"
    assert not Path(plan.arm[0].argv[4]).exists()  # type: ignore[union-attr]
