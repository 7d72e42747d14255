"""The probe docker.stats judges the readings of a time, and is blind where they do not say enough."""

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from breakfix.actions.docker.stats import Stats
from breakfix.engine.action import (
    DockerFacts,
    HttpReply,
    Observation,
    Occurrence,
    Source,
)
from breakfix.engine.ops import Identity, Op, Outcome

NOW_S = 100.0
EPOCH_S = 1_700_000_000.0
WEB = Identity(kind="docker", name="web", endpoint="default", object_id="ab")


class Port:
    """A container whose statistics are given."""

    timeout_s = 5.0
    since_s = 0.0
    now_s = NOW_S
    facts = DockerFacts(identity=WEB, inspect={}, engine={}, local=False)

    def __init__(self, readings: Sequence[Occurrence] | None, *, running: bool = True) -> None:
        self._readings = readings
        self._running = running

    async def read(self, op: Op) -> Outcome:
        """The answer of inspect."""
        state = {"Running": self._running, "Status": "running" if self._running else "exited"}
        return Outcome(ok=True, data={"State": state}, ended_at_s=NOW_S)

    async def http(self, method: str, url: str, *, headers: dict[str, str], body: str) -> HttpReply:
        """Not used."""
        raise AssertionError

    def occurrences(self, source: Source) -> Sequence[Occurrence] | None:
        """The readings."""
        assert source == Source(kind="stats", endpoint="default", object_id="ab")
        return self._readings


def reading(at_s: float, used_s: float, mib: int, **memory: Any) -> Occurrence:
    """What the engine tells at an instant of the run: CPU used so far, memory used now."""
    content = {
        "cpu_stats": {"cpu_usage": {"total_usage": round(used_s * 1e9)}},
        "memory_stats": {"usage": mib << 20, **memory},
    }
    return Occurrence(arrived_at_s=at_s, engine_time_s=EPOCH_S + at_s, content=content)


def sample(probe: Stats, readings: Sequence[Occurrence] | None, **port: Any) -> Observation:
    """One sample."""
    return anyio.run(probe.sample, Port(readings, **port))


STEADY = [reading(NOW_S - 10 + second, 0.5 * second, 50) for second in range(11)]
"""Half a CPU and 50 MiB, once a second until now."""


@pytest.mark.parametrize(
    ("bounds", "holds"),
    [
        ({"cpus_max": 0.6}, True),
        ({"cpus_max": 0.4}, False),
        ({"cpus_min": 0.4}, True),
        ({"cpus_min": 0.6}, False),
        ({"memory_max": "51MiB"}, True),
        ({"memory_max": "49MiB"}, False),
        ({"memory_min": "49MiB"}, True),
        ({"memory_min": "51MiB", "cpus_max": 1}, False),
    ],
)
def test_bounds_are_held_against_use(bounds: dict[str, Any], holds: bool) -> None:
    """CPU is an average over the time; memory must be within its bounds at each reading."""
    seen = sample(Stats(**bounds, over="5s"), STEADY)
    assert seen.holds is holds
    assert seen.result["cpus"] == pytest.approx(0.5)
    assert seen.result["memory_bytes"] == 50 << 20


def test_one_high_reading_breaks_the_bound_of_memory() -> None:
    """It is the highest of the time that counts."""
    peak = [*STEADY[:-3], reading(NOW_S - 2, 4.0, 500), *STEADY[-2:]]
    assert sample(Stats(memory_max="100MiB", over="5s"), peak).holds is False


@pytest.mark.parametrize("key", ["total_inactive_file", "inactive_file"])
def test_cache_that_can_be_dropped_does_not_count(key: str) -> None:
    """Under either version of control groups."""
    cached = [
        reading(NOW_S - 10 + second, 0.0, 500, stats={key: 460 << 20}) for second in range(11)
    ]
    assert sample(Stats(memory_max="50MiB", over="5s"), cached).holds


@pytest.mark.parametrize(
    "readings",
    [
        None,
        [],
        STEADY[-1:],
        STEADY[-3:],
        [reading(item.arrived_at_s - 60, 0.0, 1) for item in STEADY],
        [*STEADY[:-2], reading(NOW_S - 1, 0.0, 1), reading(NOW_S, 0.1, 1)],
    ],
    ids=["broken", "none", "one", "too short", "stale", "another life"],
)
def test_what_does_not_say_enough_is_blind(readings: Sequence[Occurrence] | None) -> None:
    """Neither good nor bad."""
    assert sample(Stats(cpus_max=0.1, over="5s"), readings).holds is None


def test_a_container_that_does_not_run_is_bad() -> None:
    """Whatever it used before."""
    assert sample(Stats(cpus_max=1), STEADY, running=False).holds is False
