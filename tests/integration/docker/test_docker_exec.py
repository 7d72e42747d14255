"""Commands in containers: ended with their group, bounded in output, told apart where they cannot run."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from breakfix.engine.ops import ExecOp, Identity, Outcome
from breakfix.engine.vehicles import docker_exec, docker_host

pytestmark = pytest.mark.docker

Docker = Any
Container = Callable[..., Identity]
Wait = Callable[[Callable[[], object], str], None]


def op_of(target: Identity, *argv: str, **settings: Any) -> ExecOp:
    """A command in a container."""
    return ExecOp(via="container", argv=argv, target=target, **settings)


def processes(docker_engine: Docker, target: Identity) -> list[str]:
    """The command lines of all processes of a container."""
    listed = docker_engine.call("GET", f"/containers/{target.object_id}/top", ps_args="-o pid,args")
    return [row[-1] for row in listed["Processes"]]


def test_a_command_runs_as_it_was_said(docker_engine: Docker, container: Container) -> None:
    """Arguments reach it as they are, with its environment, folder, user and input; the two outputs
    are told apart, and the exit code is its own."""
    script = 'echo "$1|$X|$(pwd)|$(id -u)|$(cat)"; echo oops >&2; exit 7'
    op = op_of(
        container(),
        "sh", "-c", script, "sh", "a b  $HOME*",
        env={"X": "y z"}, cwd="/tmp", user="1234", stdin="in\nput", ok_exit=(7,),
    )  # fmt: skip
    outcome = docker_engine.vehicles.run(op)
    assert outcome.ok, outcome
    assert outcome.code == 7
    assert outcome.text == "a b  $HOME*|y z|/tmp|1234|in\nput\n"
    assert outcome.stderr == "oops\n"
    assert not outcome.cut


def test_large_input_and_output_cross(docker_engine: Docker, container: Container) -> None:
    """A command that answers while it is still being fed does not stop dead."""
    given = "x" * 3_000_000
    outcome = docker_engine.vehicles.run(
        op_of(container(), "cat", stdin=given, output_bytes_max=4_000_000)
    )
    assert outcome.ok, outcome.error
    assert outcome.text == given


@pytest.mark.parametrize("end", ["timeout", "stop"])
def test_an_ended_command_leaves_no_process(
    docker_engine: Docker, container: Container, wait_for: Wait, end: str
) -> None:
    """At its time-out, or when it is told to stop, its whole process group is gone."""
    target = container()
    stop = threading.Event()
    op = op_of(
        target, "sh", "-c", "sleep 1111 & sleep 2222; true",
        timeout_s=3.0 if end == "timeout" else 600.0,
    )  # fmt: skip
    outcomes: list[Outcome] = []

    def run() -> None:
        outcomes.append(docker_engine.vehicles.run(op, stop=stop))

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: "sleep 2222" in processes(docker_engine, target) or outcomes, "it runs")
    if end == "stop":
        stop.set()
    thread.join()
    (outcome,) = outcomes
    assert not outcome.ok
    assert not outcome.unknown
    assert "and was ended" in outcome.error
    assert processes(docker_engine, target) == ["sleep 3600"]


def test_50_mb_of_output_are_bounded(docker_engine: Docker, container: Container) -> None:
    """It runs to its end; what is kept is cut, and said to be."""
    outcome = docker_engine.vehicles.run(
        op_of(container(), "sh", "-c", "head -c 50000000 /dev/zero | tr '\\0' x", timeout_s=300.0)
    )
    assert outcome.ok, outcome.error
    assert outcome.cut
    assert outcome.text == "x" * (1 << 20)


def test_output_that_is_no_utf_8_is_escaped(docker_engine: Docker, container: Container) -> None:
    """It can be written down, whatever it is."""
    outcome = docker_engine.vehicles.run(op_of(container(), "printf", "a\\377\\200b\\n"))
    assert outcome.text == "a\\xff\\x80b\n"
    assert outcome.ok


def test_a_command_that_is_not_there(docker_engine: Docker, container: Container) -> None:
    """It says which, and where."""
    target = container()
    outcome = docker_engine.vehicles.run(op_of(target, "no-such-tool", "-x"))
    assert not outcome.ok
    assert outcome.code == 127
    assert f"no-such-tool: not found in {target.name}" in outcome.error


def test_what_a_command_leaves_running_does_not_hold_it(
    docker_engine: Docker, container: Container
) -> None:
    """A command that starts a service has ended when it has, though the service holds its output."""
    outcome = docker_engine.vehicles.run(
        op_of(container(), "sh", "-c", "setsid sleep 300 & echo started", timeout_s=120.0)
    )
    assert outcome.ok, outcome.error
    assert outcome.text == "started\n"


def test_a_container_that_does_not_run(docker_engine: Docker, container: Container) -> None:
    """The engine's own words; and no HTTP status that could be taken for an exit code."""
    target = container()
    docker_engine.call("POST", f"/containers/{target.object_id}/stop", t="0")
    outcome = docker_engine.vehicles.run(op_of(target, "true"))
    assert not outcome.ok
    assert outcome.code is None
    assert "is not running" in outcome.error


def test_a_command_for_a_life_that_is_over(docker_engine: Docker, container: Container) -> None:
    """What is bound to one life of a container is never run in the next."""
    target = container()
    docker_engine.call("POST", f"/containers/{target.object_id}/restart", t="0")
    outcome = docker_engine.vehicles.run(
        op_of(target, "touch", "/tmp/x", level="incarnation")
    )
    assert outcome.gone
    assert docker_engine.vehicles.run(op_of(target, "test", "-e", "/tmp/x")).code == 1


def test_an_image_without_a_shell_here(
    docker_engine: Docker, container: Container, bare_image: str
) -> None:
    """Where we are root on the engine's machine, the command runs, and its process is ended by the pid
    that it has here."""
    target = container(image=bare_image)
    assert docker_host.shares_processes(docker_engine.endpoint), "this test needs root"
    assert docker_engine.vehicles.run(op_of(target, "sleep", "0")).ok
    outcome = docker_engine.vehicles.run(op_of(target, "sleep", "1111", timeout_s=2.0))
    assert not outcome.ok
    assert "and was ended" in outcome.error
    assert not outcome.unknown
    assert processes(docker_engine, target) == ["sleep 3600"]
    missing = docker_engine.vehicles.run(op_of(target, "tc"))
    assert missing.code is None
    assert f"tc could not be started in {target.name}" in missing.error


def test_an_image_without_a_shell_elsewhere(
    docker_engine: Docker,
    container: Container,
    bare_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where nothing could end the command, it is refused before it begins, unless that was allowed."""
    target = container(image=bare_image)
    monkeypatch.setattr(docker_host, "shares_processes", lambda endpoint: False)
    op = op_of(target, "sleep", "0")
    refused = docker_exec.run(docker_engine.endpoint, op)
    assert not refused.ok
    assert refused.code is None
    assert "has no shell (sh)" in refused.error
    assert "allow: [unbounded]" in refused.error
    assert docker_exec.run(docker_engine.endpoint, structs.replace(op, unbounded=True)).ok
    lost = structs.replace(op, argv=("sleep", "20"), unbounded=True, timeout_s=1.0)
    outcome = docker_exec.run(docker_engine.endpoint, lost)
    assert outcome.unknown
    assert f"may still run in {target.name}" in outcome.error


def test_a_stop_before_it_begins(docker_engine: Docker, container: Container) -> None:
    """Nothing is run then, and that is known."""
    stop = threading.Event()
    stop.set()
    began_s = time.monotonic()
    outcome = docker_engine.vehicles.run(op_of(container(), "sleep", "300"), stop=stop)
    assert not outcome.ok
    assert not outcome.unknown
    assert time.monotonic() - began_s < 200
