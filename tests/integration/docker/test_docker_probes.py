"""Probes on containers, and the streams that they listen to, against a real engine."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import anyio
import pytest

from breakfix.actions.docker.event import Event
from breakfix.actions.docker.health import Health
from breakfix.actions.docker.kill import Kill
from breakfix.actions.docker.limit_memory import LimitMemory
from breakfix.actions.docker.logs import Logs
from breakfix.actions.docker.pause import Pause
from breakfix.actions.docker.state import State
from breakfix.actions.docker.stats import Stats
from breakfix.engine.action import (
    DockerFacts,
    HttpReply,
    Observation,
    Occurrence,
    Probe,
    Source,
)
from breakfix.engine.ops import DockerOp, Identity, Op, Outcome
from breakfix.engine.streams import Streams

pytestmark = pytest.mark.docker

Docker = Any
Container = Callable[..., Identity]
Wait = Callable[[Callable[[], object], str], None]


class Port:
    """The port of a probe, without a run."""

    timeout_s = 30.0

    def __init__(
        self, facts: DockerFacts, docker_engine: Docker, streams: Streams, since_s: float
    ) -> None:
        self.facts = facts
        self.since_s = since_s
        self._vehicles = docker_engine.vehicles
        self._streams = streams

    @property
    def now_s(self) -> float:
        """This instant."""
        return time.monotonic()

    async def read(self, op: Op) -> Outcome:
        """The op."""
        outcome: Outcome = self._vehicles.run(op)
        return outcome

    async def http(self, method: str, url: str, *, headers: dict[str, str], body: str) -> HttpReply:
        """Not used by these probes."""
        raise AssertionError

    def occurrences(self, source: Source) -> Sequence[Occurrence] | None:
        """Those of the streams of the test."""
        return self._streams.occurrences(source)


@pytest.fixture
def streams(docker_engine: Docker) -> Iterator[Streams]:
    """Streams on the clock of the vehicles; no thread of theirs is left."""
    before = set(threading.enumerate())
    endpoint = docker_engine.endpoint
    made = Streams({endpoint.name: endpoint}, time.monotonic)
    yield made
    made.close()
    assert set(threading.enumerate()) <= before


Sample = Callable[..., Observation]


@pytest.fixture
def take(docker_engine: Docker, streams: Streams) -> Sample:
    """Takes one sample of a probe on a container."""

    def sample(probe: Probe, target: Identity, since_s: float = 0.0) -> Observation:
        facts = DockerFacts(identity=target, inspect={}, engine={}, local=True)
        for source in probe.sources(facts):
            streams.open(source)
        return anyio.run(probe.sample, Port(facts, docker_engine, streams, since_s))

    return sample


def inject(docker_engine: Docker, target: Identity, fault: Any, *allow: str) -> None:
    """The fault, seen effective."""
    plan = docker_engine.plan(fault, target, *allow)
    docker_engine.run(plan.apply)
    docker_engine.see(plan.effect)


def test_state_follows_the_container(
    docker_engine: Docker, container: Container, take: Sample
) -> None:
    """Running, paused, dead, removed: each is told, and good is what was asked for."""
    target = container()
    seen = take(State(), target)
    assert (seen.holds, seen.detail) == (True, "running")
    inject(docker_engine, target, Pause())
    seen = take(State(), target)
    assert (seen.holds, seen.detail) == (False, "paused, wanted running")
    assert take(State(state="paused"), target).holds
    docker_engine.call("POST", f"/containers/{target.object_id}/unpause")
    inject(docker_engine, target, Kill())
    seen = take(State(), target)
    assert (seen.holds, seen.result["exit_code"]) == (False, 137)
    docker_engine.call("DELETE", f"/containers/{target.object_id}")
    seen = take(State(), target)
    assert seen.holds is False
    assert "is not there any more" in seen.detail


def test_health_follows_the_health_check(
    docker_engine: Docker, container: Container, take: Sample, wait_for: Wait
) -> None:
    """Healthy while its check passes, unhealthy (and an event of it) when it fails; without one, blind."""
    seen = take(Health(), container())
    assert seen.holds is None
    assert "has no health check" in seen.detail
    test = {"Test": ["CMD", "test", "-e", "/tmp/fine"], "Interval": 200_000_000, "Retries": 2}
    target = container("sh", "-c", "touch /tmp/fine; sleep 3600", Healthcheck=test)
    unhealthy = Event(event="unhealthy")
    wait_for(lambda: take(Health(), target).holds, "it is healthy")
    assert take(unhealthy, target).holds is False
    docker_engine.call("POST", f"/containers/{target.object_id}/restart", t="0")
    wait_for(lambda: take(Health(), target).holds, "it is healthy again")
    body = {"Cmd": ["rm", "/tmp/fine"]}
    made = docker_engine.call("POST", f"/containers/{target.object_id}/exec", body)
    docker_engine.call("POST", f"/exec/{made['Id']}/start", {"Detach": True})
    wait_for(lambda: take(Health(), target).holds is False, "it is not healthy")
    wait_for(lambda: take(unhealthy, target).holds, "it is told")


def test_events_are_seen_since_t0(
    docker_engine: Docker, container: Container, take: Sample, wait_for: Wait
) -> None:
    """What happened before t0 does not count, what happens after it does, with the engine's own time."""
    target = container()
    die, start = Event(event="die"), Event(event="start")
    assert take(start, target).holds is False, "the start was before the stream was opened"
    inject(docker_engine, target, Kill())
    wait_for(lambda: take(die, target).holds, "its death is told")
    seen = take(die, target)
    assert seen.result["exit_code"] == 137
    assert abs(seen.result["engine_time_s"] - time.time()) < 300
    assert seen.occurred_at_s is not None
    assert take(die, target, since_s=seen.occurred_at_s + 0.001).holds is False


def test_running_out_of_memory_is_told(
    docker_engine: Docker, container: Container, take: Sample, wait_for: Wait
) -> None:
    """A process that the kernel kills for want of memory shows as an event of its container."""
    # A limit below what is in use right then would be refused.
    loop = "read go; while :; do head -c 60000000 /dev/zero | tail -c 60000000 >/dev/null; sleep 0.2; done"
    target = container("sh", "-c", loop, OpenStdin=True)
    oom = Event(event="oom")
    assert take(oom, target).holds is False
    inject(docker_engine, target, LimitMemory(memory="24MiB"), "oom")
    feed(docker_engine, target)
    wait_for(lambda: take(oom, target).holds, "it ran out of memory")


def test_logs_are_followed_into_the_next_life(
    docker_engine: Docker, container: Container, take: Sample, wait_for: Wait
) -> None:
    """A line is seen when it matches, whichever output it came from; after a restart the new lines
    follow, each once; what is no UTF-8 does not end it; old lines do not count."""
    script = "echo old line; read go; printf 'ready \\377\\n' >&2; echo end; sleep 3600"
    target = container("sh", "-c", script, OpenStdin=True)
    wait_for(lambda: "old line" in logs_of(docker_engine, target), "the old line")
    ready = Logs(pattern="^ready")
    assert take(ready, target).holds is False
    assert take(Logs(pattern="old"), target).holds is False
    for life in (1, 2):
        feed(docker_engine, target)
        wait_for(partial(seen_times, take, ready, target, life), f"life {life}")
        docker_engine.call("POST", f"/containers/{target.object_id}/restart", t="0")
    assert take(ready, target).detail.startswith(f"the log of {target.name}: ready")
    wait_for(lambda: take(Logs(pattern="old line"), target).holds, "the next life tells")


def seen_times(take: Sample, probe: Probe, target: Identity, count: int) -> bool:
    """Whether it was seen so often."""
    return bool(take(probe, target).result.get("count") == count)


def logs_of(docker_engine: Docker, target: Identity) -> str:
    """All that a container has said."""
    op = DockerOp(
        method="GET",
        path=f"/containers/{target.object_id}/logs",
        query={"stdout": "1", "stderr": "1"},
        changes="no",
        target=target,
    )
    text: str = docker_engine.vehicles.run(op).text
    return text


def feed(docker_engine: Docker, target: Identity) -> None:
    """A line to the input of the container's main process."""
    import docker as sdk

    client = sdk.APIClient(
        base_url=docker_engine.endpoint.url, version=docker_engine.endpoint.api
    )
    try:
        attached = client.attach_socket(target.object_id, params={"stdin": 1, "stream": 1})
        attached._sock.sendall(b"go\n")
        attached._sock.close()
        attached.close()
    finally:
        client.close()


def test_logs_are_kept_within_bounds(
    docker_engine: Docker, container: Container, streams: Streams, wait_for: Wait
) -> None:
    """Of a flood of lines the newest are kept, and of a long line its beginning."""
    script = "sleep 1; seq 30000; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last; sleep 3600"
    target = container("sh", "-c", script)
    source = Source(kind="logs", endpoint=target.endpoint, object_id=target.object_id)
    streams.open(source)

    def lines() -> list[str]:
        return [item.content for item in streams.occurrences(source) or ()]

    wait_for(lambda: "last" in lines(), "the last line")
    assert len(lines()) <= 10_000
    assert max(len(line) for line in lines()) <= 4096


def test_stats_judge_use_over_a_time(
    docker_engine: Docker, container: Container, take: Sample, wait_for: Wait
) -> None:
    """Blind until enough was told; then a container that computes is over a low bound and under a high
    one; memory likewise; one that has ended is bad."""
    target = container("sh", "-c", "while :; do :; done", HostConfig={"NanoCpus": 500_000_000})
    low = Stats(cpus_max=0.01, over="2s")
    assert take(low, target).holds is None
    wait_for(lambda: take(low, target).holds is False, "it is seen to compute")
    assert "wanted 0.01 at most" in take(low, target).detail
    assert take(Stats(cpus_max=2, memory_max="100MiB", over="2s"), target).holds
    assert take(Stats(memory_min="100MiB", over="2s"), target).holds is False
    inject(docker_engine, target, Kill())
    assert take(low, target).holds is False


def test_a_stream_that_is_not_there_is_blind(
    docker_engine: Docker, streams: Streams, container: Container
) -> None:
    """No container, no engine of that name, never opened: nothing is known."""
    target = container()
    missing = Source(kind="logs", endpoint=target.endpoint, object_id="0" * 64)
    streams.open(missing)
    assert streams.occurrences(missing) is None
    elsewhere = Source(kind="events", endpoint="elsewhere", object_id=target.object_id)
    streams.open(elsewhere)
    assert streams.occurrences(elsewhere) is None
    unopened = Source(kind="events", endpoint=target.endpoint, object_id=target.object_id)
    assert streams.occurrences(unopened) is None


def test_streams_end_at_once(
    docker_engine: Docker, container: Container, streams: Streams
) -> None:
    """However quiet they are: each kind of thread ends when it is told to."""
    target = container()
    kinds: tuple[Literal["events", "logs", "stats"], ...] = ("events", "logs", "stats")
    sources = [
        Source(kind=kind, endpoint=target.endpoint, object_id=target.object_id) for kind in kinds
    ]
    for source in sources:
        streams.open(source)
        streams.open(source)
        assert streams.occurrences(source) is not None
    named = [thread for thread in threading.enumerate() if target.object_id[:12] in thread.name]
    assert len(named) == 3
    streams.close()
    assert not any(thread.is_alive() for thread in named)
