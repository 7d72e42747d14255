"""Every fault on containers: has effect, is undone, is seen gone, and leaves what was there before."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from breakfix.actions.docker.disconnect import Disconnect
from breakfix.actions.docker.exec import Exec
from breakfix.actions.docker.kill import Kill
from breakfix.actions.docker.limit_cpu import LimitCpu
from breakfix.actions.docker.limit_memory import LimitMemory
from breakfix.actions.docker.limit_pids import LimitPids
from breakfix.actions.docker.pause import Pause
from breakfix.actions.docker.stop import Stop
from breakfix.engine.action import Fault
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Identity

pytestmark = pytest.mark.docker

# conftest.Docker, which importlib mode keeps from being imported here.
Docker = Any
Container = Callable[..., Identity]

MAINTENANCE = Exec(
    argv=("touch", "/tmp/maintenance"),
    undo=("rm", "-f", "/tmp/maintenance"),
    check=("test", "-e", "/tmp/maintenance"),
)
FAULTS: tuple[Fault, ...] = (
    Kill(),
    Kill(via="host_pid"),
    Kill(signal="SIGQUIT"),
    Stop(grace="1s"),
    Pause(),
    LimitCpu(cpus=0.1),
    LimitCpu(cpuset="0"),
    LimitMemory(memory="32MiB"),
    LimitMemory(memory="32MiB", swap="8MiB"),
    LimitPids(pids_count=20),
    Disconnect(),
    MAINTENANCE,
)
UNLIMITED_BYTES_MIN = 1 << 62


def limit_of(value: Any) -> Any:
    """A limit; None where it is none, whatever way that is said."""
    if isinstance(value, str):
        return value or None
    return value if 0 < (value or 0) < UNLIMITED_BYTES_MIN else None


def effective(inspect: dict[str, Any], cpus: int) -> dict[str, Any]:
    """What a container is, in one normal form: no limit is None, whatever way it is said."""
    host = inspect["HostConfig"]
    every = "0" if cpus == 1 else f"0-{cpus - 1}"
    limits = {
        name: limit_of(host[name])
        for name in ("CpuQuota", "NanoCpus", "Memory", "MemorySwap", "PidsLimit")
    }
    networks = {
        name: {key: given[key] for key in ("IPAMConfig", "Links", "NetworkID")}
        | {"Aliases": sorted(given["Aliases"] or ())}
        for name, given in inspect["NetworkSettings"]["Networks"].items()
    }
    return {
        "state": inspect["State"]["Status"],
        "cpuset": None if host["CpusetCpus"] in ("", every) else host["CpusetCpus"],
        "networks": networks,
        "config": inspect["Config"],
        **limits,
    }


def survey(docker_engine: Docker, target: Identity) -> dict[str, Any]:
    """The same, of now."""
    facts = docker_engine.facts(target)
    return effective(facts.inspect, facts.engine["NCPU"])


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_has_effect_and_is_undone(
    docker_engine: Docker, container: Container, fault: Fault
) -> None:
    """Applied: seen effective. Undone: seen gone, and the container is as it was before. No check
    holds before its time, but the gone checks before the fault."""
    target = container("sh", "-c", "trap 'exit 0' TERM QUIT; sleep 3600 & wait")
    before = survey(docker_engine, target)
    plan = docker_engine.plan(fault, target)
    assert not docker_engine.holds(plan.effect)
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    assert not docker_engine.holds(plan.gone)
    assert survey(docker_engine, target) != before or fault is MAINTENANCE
    docker_engine.run(plan.undo)
    docker_engine.see(plan.gone)
    assert survey(docker_engine, target) == before


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_gone_holds_where_nothing_was_done(
    docker_engine: Docker, container: Container, fault: Fault
) -> None:
    """A fault that was intended and never applied is seen to be over: nothing is undone then."""
    plan = docker_engine.plan(fault, container())
    assert docker_engine.holds(plan.gone)


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        ({"NanoCpus": 500_000_000}, LimitCpu(cpus=0.1)),
        ({"CpuQuota": 50_000, "CpuPeriod": 100_000}, LimitCpu(cpus=0.1)),
        ({"CpusetCpus": "1"}, LimitCpu(cpuset="0")),
        ({"Memory": 64 << 20, "MemorySwap": 96 << 20}, LimitMemory(memory="32MiB")),
        ({"Memory": 64 << 20, "MemorySwap": -1}, LimitMemory(memory="32MiB")),
        ({"PidsLimit": 50}, LimitPids(pids_count=20)),
    ],
    ids=str,
)
def test_limits_that_were_there_before_come_back(
    docker_engine: Docker, container: Container, made: dict[str, Any], fault: Fault
) -> None:
    """The undo sets the limits with which the container was made; -1 is one way to say "none"."""
    target = container(HostConfig=made)
    if docker_engine.facts(target).engine["NCPU"] < 2 and "CpusetCpus" in made:
        pytest.fail("this test needs two CPUs", pytrace=False)
    plan = docker_engine.plan(fault, target)
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    docker_engine.run(plan.undo)
    docker_engine.see(plan.gone)
    host = docker_engine.facts(target).inspect["HostConfig"]
    assert {name: limit_of(host[name]) for name in made} == {
        name: limit_of(value) for name, value in made.items()
    }


@pytest.mark.parametrize(
    ("fault", "repair"),
    [
        (LimitCpu(cpus=0.1), {"CpuQuota": 80_000}),
        (LimitMemory(memory="32MiB"), {"Memory": 128 << 20, "MemorySwap": 128 << 20}),
        (LimitPids(pids_count=20), {"PidsLimit": 99}),
    ],
    ids=str,
)
def test_what_a_repair_has_set_is_seen_as_the_end(
    docker_engine: Docker, container: Container, fault: Fault, repair: dict[str, int]
) -> None:
    """Another limit than ours means that the fault is over, so that no undo overwrites it."""
    target = container()
    plan = docker_engine.plan(fault, target)
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    docker_engine.call("POST", f"/containers/{target.object_id}/update", repair)
    assert docker_engine.holds(plan.gone)


def test_a_restart_policy_fires_when_the_process_is_killed_from_outside(
    docker_engine: Docker, container: Container
) -> None:
    """It looks like a crash: the engine starts the container again, nobody else does, and the effect is
    seen in history all the same."""
    target = container(HostConfig={"RestartPolicy": {"Name": "always"}})
    plan = docker_engine.plan(Kill(via="host_pid"), target)
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    docker_engine.see(plan.gone)
    facts = docker_engine.facts(target)
    assert facts.inspect["RestartCount"] == 1
    assert facts.identity.incarnation not in ("", target.incarnation)
    assert facts.inspect["State"]["Pid"] != int(target.incarnation.split("@")[0])


def test_a_restart_policy_does_not_fire_when_the_engine_is_asked_to_kill(
    docker_engine: Docker, container: Container
) -> None:
    """Which is why there is another way."""
    target = container(HostConfig={"RestartPolicy": {"Name": "always"}})
    plan = docker_engine.plan(Kill(), target)
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    assert docker_engine.facts(target).inspect["State"]["Status"] == "exited"


@pytest.mark.parametrize("via", ["api", "host_pid"])
def test_a_kill_for_a_life_that_is_over_reaches_nobody(
    docker_engine: Docker, container: Container, via: Any
) -> None:
    """A plan that was made before a restart does not hit the successor."""
    target = container()
    stale = docker_engine.plan(Kill(via=via), target)
    docker_engine.call("POST", f"/containers/{target.object_id}/restart", t="0")
    now = docker_engine.facts(target).identity
    (op,) = stale.apply
    outcome = docker_engine.vehicles.run(op)
    assert outcome.gone
    assert not outcome.ok
    assert "nothing was sent" in outcome.error or "does not run any more" in outcome.error
    assert docker_engine.facts(target).identity == now


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_container_that_vanished_is_gone(
    docker_engine: Docker, container: Container, fault: Fault
) -> None:
    """Every op on it says so, and none of them is unknown or reaches anything else."""
    target = container()
    plan = docker_engine.plan(fault, target)
    docker_engine.call("DELETE", f"/containers/{target.object_id}", force="true")
    for op in (*plan.apply, *plan.undo):
        outcome = docker_engine.vehicles.run(op)
        assert outcome.gone, (op, outcome)
        assert not outcome.ok
        assert not outcome.unknown


def test_disconnect_gives_back_address_aliases_and_links(
    docker_engine: Docker, container: Container, network: Callable[..., str]
) -> None:
    """What was given when it was connected is there again: otherwise names of compose break."""
    name = network(subnet="10.98.77.0/24")
    other = container(HostConfig={"NetworkMode": name})
    settings = {
        "IPAMConfig": {"IPv4Address": "10.98.77.42"},
        "Aliases": ["shop", "web"],
        "Links": [f"{other.name}:store"],
    }
    target = container(
        HostConfig={"NetworkMode": name}, NetworkingConfig={"EndpointsConfig": {name: settings}}
    )
    before = survey(docker_engine, target)
    assert before["networks"][name]["IPAMConfig"] == settings["IPAMConfig"]
    plan = docker_engine.plan(Disconnect(network=name), target)
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)
    docker_engine.run(plan.undo)
    docker_engine.see(plan.gone)
    after = survey(docker_engine, target)
    assert after == before
    assert after["networks"][name]["Aliases"][-2:] == ["shop", "web"]
    assert after["networks"][name]["Links"] == [f"{other.name}:store"]
    address = docker_engine.facts(target).inspect["NetworkSettings"]["Networks"][name]["IPAddress"]
    assert address == "10.98.77.42"


def test_an_address_that_somebody_took_is_no_silent_success(
    docker_engine: Docker, container: Container, network: Callable[..., str]
) -> None:
    """The undo fails, and the fault is not seen gone."""
    name = network(subnet="10.98.78.0/24")
    mine: dict[str, Any] = {"IPAMConfig": {"IPv4Address": "10.98.78.42"}}

    def connected() -> Identity:
        return container(
            HostConfig={"NetworkMode": name}, NetworkingConfig={"EndpointsConfig": {name: mine}}
        )

    target = connected()
    plan = docker_engine.plan(Disconnect(), target)
    docker_engine.run(plan.apply)
    connected()
    (op,) = plan.undo
    outcome = docker_engine.vehicles.run(op)
    assert not outcome.ok
    assert "Address already in use" in outcome.error
    assert not docker_engine.holds(plan.gone)


def test_a_limit_below_what_is_used_needs_leave(
    docker_engine: Docker, container: Container
) -> None:
    """It would kill at once, which must be said in the file."""
    target = container("sh", "-c", "head -c 40000000 /dev/zero | tail -c 40000000 | sleep 3600")
    end_s = time.monotonic() + 60
    while (docker_engine.facts(target).memory_usage_bytes or 0) < 20 << 20:
        assert time.monotonic() < end_s, "the container does not use the memory that it should"
        time.sleep(0.05)
    fault = LimitMemory(memory="16MiB")
    with pytest.raises(PreconditionError, match=r"D107 .* it would be killed\. Fix: .*\[oom\]"):
        docker_engine.plan(fault, target)
    assert docker_engine.plan(fault, target, "oom").apply


def test_a_container_that_removes_itself_is_not_killed(
    docker_engine: Docker, container: Container
) -> None:
    """Nothing could start it again."""
    target = container(HostConfig={"AutoRemove": True})
    for fault in (Kill(), Stop()):
        with pytest.raises(PreconditionError, match=r"D105 .* is removed when it ends"):
            docker_engine.plan(fault, target)
