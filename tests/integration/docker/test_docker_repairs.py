"""Every repair on containers mends what it is for; a recreated container is the same in all that counts."""

from collections.abc import Callable
from typing import Any

import pytest

from breakfix.actions.docker.exec import Exec
from breakfix.actions.docker.kill import Kill
from breakfix.actions.docker.pause import Pause
from breakfix.actions.docker.recreate import Recreate
from breakfix.actions.docker.restart import Restart
from breakfix.actions.docker.start import Start
from breakfix.actions.docker.unpause import Unpause
from breakfix.engine.action import Fault
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import DockerOp, Identity, Op

pytestmark = pytest.mark.docker

Docker = Any
Container = Callable[..., Identity]


def inject(docker_engine: Docker, target: Identity, fault: Fault) -> Any:
    """The fault is seen effective; its plan."""
    plan = docker_engine.plan(fault, target)
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    return plan


def by_name(docker_engine: Docker, target: Identity) -> Any:
    """Inspect, by the name of the container."""
    return docker_engine.call("GET", f"/containers/{target.name}/json")


def test_start_repairs_a_kill(docker_engine: Docker, container: Container) -> None:
    """The fault is over then, and the container lives another life; the undo of the repair stops it."""
    target = container()
    killed = inject(docker_engine, target, Kill())
    mended = docker_engine.plan(Start(), target)
    docker_engine.run(mended.apply)
    docker_engine.see((*mended.effect, *killed.gone))
    assert docker_engine.facts(target).identity.incarnation not in ("", target.incarnation)
    docker_engine.run(mended.undo)
    assert docker_engine.facts(target).inspect["State"]["Status"] == "exited"


def test_unpause_repairs_a_pause(docker_engine: Docker, container: Container) -> None:
    """The same life goes on."""
    target = container()
    paused = inject(docker_engine, target, Pause())
    mended = docker_engine.plan(Unpause(), target)
    docker_engine.run(mended.apply)
    docker_engine.see((*mended.effect, *paused.gone))
    assert docker_engine.facts(target).identity == target


@pytest.mark.parametrize("before", [None, Pause(), Kill()], ids=str)
def test_restart_repairs_whatever_it_is(
    docker_engine: Docker, container: Container, before: Fault | None
) -> None:
    """Running, paused or dead: another life runs afterwards."""
    target = container()
    if before is not None:
        inject(docker_engine, target, before)
    mended = docker_engine.plan(Restart(grace="1s"), target)
    docker_engine.run(mended.apply)
    docker_engine.see(mended.effect)
    now = docker_engine.facts(target).identity
    assert now.object_id == target.object_id
    assert now.incarnation not in ("", target.incarnation)


def test_exec_repairs_by_its_exit_code(docker_engine: Docker, container: Container) -> None:
    """A command that ends well has repaired; one that does not has not."""
    target = container()
    (good,) = docker_engine.plan(Exec(argv=("touch", "/tmp/mended")), target).apply
    assert docker_engine.vehicles.run(good).ok
    (bad,) = docker_engine.plan(Exec(argv=("false",)), target).apply
    assert not docker_engine.vehicles.run(bad).ok


@pytest.mark.parametrize(
    ("repair", "before", "problem"),
    [
        (Start(), None, "D111 .* is running already"),
        (Start(), Pause(), r"D111 .* is paused already\. Fix: unpause it"),
        (Unpause(), None, "D112 .* is running, expected paused"),
        (Exec(argv=("true",)), Kill(), "D110 .* is exited, expected running"),
    ],
    ids=str,
)
def test_a_repair_that_is_not_called_for(
    docker_engine: Docker, container: Container, repair: Any, before: Fault | None, problem: str
) -> None:
    """It is refused with the fix, instead of counting as a repair."""
    target = container()
    if before is not None:
        inject(docker_engine, target, before)
    with pytest.raises(PreconditionError, match=problem):
        docker_engine.plan(repair, target)


def rich_container(
    docker_engine: Docker, container: Container, networks: tuple[str, str]
) -> Identity:
    """One of everything that a container can have."""
    first, second = networks
    target = container(
        "sh", "-c", "echo data > /data/file; exec sleep 3600",
        Env=["A=b c"],
        Labels={"team": "shop"},
        Volumes={"/data": {}},
        User="0",
        WorkingDir="/tmp",
        Healthcheck={"Test": ["CMD", "true"], "Interval": 1_000_000_000},
        HostConfig={
            "NetworkMode": first,
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
            "Binds": ["/tmp:/host-tmp:ro"],
            "Memory": 64 << 20,
            "MemorySwap": 64 << 20,
            "NanoCpus": 500_000_000,
            "PidsLimit": 77,
            "CapAdd": ["NET_ADMIN"],
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
        },
        ExposedPorts={"80/tcp": {}},
        NetworkingConfig={
            "EndpointsConfig": {
                first: {"IPAMConfig": {"IPv4Address": "10.98.80.9"}, "Aliases": ["web"]}
            }
        },
    )  # fmt: skip
    body = {"Container": target.object_id, "EndpointConfig": {"Aliases": ["api"]}}
    docker_engine.call("POST", f"/networks/{second}/connect", body)
    return target


def what_counts(inspect: Any) -> dict[str, Any]:
    """Of inspect, what must be the same in a container that was made anew."""
    own = inspect["Id"][:12]
    config = {**inspect["Config"], "Hostname": inspect["Config"]["Hostname"].replace(own, "OWN")}
    host = dict(inspect["HostConfig"])
    # Anonymous volumes have a name now; the mounts say that they are the same.
    host.pop("Binds")
    networks = {
        name: (given["IPAMConfig"] or None, sorted(set(given["Aliases"] or ()) - {own}))
        for name, given in inspect["NetworkSettings"]["Networks"].items()
    }
    mounts = sorted(
        (mount["Destination"], mount["Source"], mount["RW"]) for mount in inspect["Mounts"]
    )
    return {
        "config": config, "host": host, "networks": networks, "mounts": mounts,
        "image": inspect["Image"], "name": inspect["Name"],
    }  # fmt: skip


def test_recreate_makes_the_same_container_anew(
    docker_engine: Docker, container: Container, network: Callable[..., str]
) -> None:
    """Name, settings, limits, networks with aliases and static address, mounts and the data of volumes
    that nobody named: all are there; the id is another one, and the old container is gone."""
    target = rich_container(docker_engine, container, (network(subnet="10.98.80.0/24"), network()))
    before = by_name(docker_engine, target)
    plan = docker_engine.plan(Recreate(grace="0s"), target)
    assert not docker_engine.holds(plan.effect)
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    after = by_name(docker_engine, target)
    assert after["Id"] != target.object_id
    assert what_counts(after) == what_counts(before)
    names = {
        name
        for item in docker_engine.call("GET", "/containers/json", all="true")
        for name in item["Names"]
        if target.name in name
    }
    assert names == {f"/{target.name}"}


def test_recreate_repairs_a_dead_container(docker_engine: Docker, container: Container) -> None:
    """The new one runs."""
    target = container()
    inject(docker_engine, target, Kill())
    plan = docker_engine.plan(Recreate(), target)
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)


def steps_of_recreate(docker_engine: Docker, container: Container) -> tuple[Op, ...]:
    """The ops of one, to count them."""
    plan = docker_engine.plan(Recreate(grace="0s"), container())
    assert all(isinstance(op, DockerOp) for op in plan.apply)
    applied: tuple[Op, ...] = plan.apply
    return applied


def test_a_recreate_that_was_cut_off_is_taken_back(
    docker_engine: Docker, container: Container
) -> None:
    """After each of its steps: the undo leaves one running container of that name, and no other. As long
    as the old one was there, it is the old one."""
    count = len(steps_of_recreate(docker_engine, container))
    for done in range(count + 1):
        target = container()
        plan = docker_engine.plan(Recreate(grace="0s"), target)
        docker_engine.run(plan.apply[:done])
        for op in plan.undo:
            docker_engine.vehicles.run(op)
        now = by_name(docker_engine, target)
        assert now["State"]["Status"] == "running", done
        listed = docker_engine.call("GET", "/containers/json", all="true")
        named = [name for item in listed for name in item["Names"] if target.name in name]
        assert named == [f"/{target.name}"], done
        assert (now["Id"] == target.object_id) == (done < count - 1), done


def test_a_recreate_can_be_tried_again(docker_engine: Docker, container: Container) -> None:
    """What an attempt has left half-way does not stand in the way of the next."""
    target = container()
    plan = docker_engine.plan(Recreate(grace="0s"), target)
    docker_engine.run(plan.apply[:3])
    again = docker_engine.plan(Recreate(grace="0s"), target)
    docker_engine.run(again.apply)
    docker_engine.see(again.effect)


def test_recreate_fails_before_it_stops_anything(
    docker_engine: Docker, container: Container, docker_image: str
) -> None:
    """Where no new container can be made, the old one runs on."""
    target = container()
    plan = docker_engine.plan(Recreate(), target)
    create = next(op for op in plan.apply if isinstance(op, DockerOp) and "create" in op.path)
    create.body["Image"] = "bfx-test-no-such-image"
    ended = next((op for op in plan.apply if not docker_engine.vehicles.run(op).ok), None)
    assert ended is create
    assert docker_engine.facts(target).identity == target
