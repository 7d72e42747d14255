"""docker.stats"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta

from breakfix.actions.docker import identity, inspect, not_read
from breakfix.engine.action import (
    DockerFacts,
    Observation,
    Occurrence,
    Port,
    Probe,
    Source,
)
from breakfix.engine.ops import Kind
from breakfix.engine.values import Duration, Size, seconds, size_bytes

_FRESH_S: Final = 3.0
"""The engine tells once a second; what is older than that says nothing about now."""

_Cpus = Annotated[float, Meta(ge=0, description="In CPUs: 0.5 is half of one.")]


class Stats(Probe, frozen=True, kw_only=True):
    """Good while what a container uses is within bounds, over a time: CPU on average, memory at its
    highest (and for `memory_min`, at its lowest).

    From the statistics that the engine tells once a second; until it has told for as long as `over`,
    blind. Memory is counted without the page cache that can be dropped, as `docker stats` does. A
    container that does not run is bad.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine",)
    result: ClassVar[dict[str, str]] = {
        "cpus": "number: CPUs used, on average",
        "memory_bytes": "integer: the most memory that was used",
    }
    examples = ({"cpus_max": 0.5}, {"memory_max": "200MiB", "over": "10s"})

    cpus_max: _Cpus | None = None
    cpus_min: _Cpus | None = None
    memory_max: Annotated[Size, Meta(description="No more memory than that.")] | None = None
    memory_min: Annotated[Size, Meta(description="No less memory than that.")] | None = None
    over: Annotated[Duration, Meta(description="The time that is looked back over.")] = "3s"

    def __post_init__(self) -> None:
        bounds = (self.cpus_max, self.cpus_min, self.memory_max, self.memory_min)
        if all(bound is None for bound in bounds):
            raise ValueError("say one of `cpus_max`, `cpus_min`, `memory_max`, `memory_min`")
        if not 1 <= seconds(self.over) <= 300:
            raise ValueError(f"`over` is {self.over}, and must be from 1s to 5m")

    def sources(self, facts: DockerFacts) -> tuple[Source, ...]:
        """The statistics of the container."""
        return (_source(facts),)

    async def sample(self, port: Port) -> Observation:
        """Judge the readings of the last seconds."""
        target = identity(port)
        assert isinstance(port.facts, DockerFacts)
        outcome = await port.read(inspect(target))
        if not outcome.ok:
            return not_read(outcome, target)
        if not outcome.data["State"]["Running"]:
            return Observation(
                holds=False, detail=f"{target.name} is {outcome.data['State']['Status']}"
            )
        arrived = port.occurrences(_source(port.facts))
        if arrived is None:
            return Observation(
                holds=None, detail=f"the statistics of {target.name} cannot be read"
            )
        readings = _window(arrived, outcome.ended_at_s, seconds(self.over))
        if not readings:
            return Observation(holds=None, detail=f"no statistics of {self.over} yet")
        return self._judged(readings)

    def _judged(self, readings: Sequence[dict[str, Any]]) -> Observation:
        cpus = _cpus(readings)
        memory = [_memory_bytes(reading) for reading in readings]
        problems = []
        if self.cpus_max is not None and cpus > self.cpus_max:
            problems.append(f"{cpus:.2f} CPUs, wanted {self.cpus_max:g} at most")
        if self.cpus_min is not None and cpus < self.cpus_min:
            problems.append(f"{cpus:.2f} CPUs, wanted {self.cpus_min:g} at least")
        if self.memory_max is not None and max(memory) > size_bytes(self.memory_max):
            problems.append(f"{_mib(max(memory))}, wanted {self.memory_max} at most")
        if self.memory_min is not None and min(memory) < size_bytes(self.memory_min):
            problems.append(f"{_mib(min(memory))}, wanted {self.memory_min} at least")
        return Observation(
            holds=not problems,
            detail="; ".join(problems) or f"{cpus:.2f} CPUs, {_mib(max(memory))}",
            result={"cpus": cpus, "memory_bytes": max(memory)},
        )


def _source(facts: DockerFacts) -> Source:
    target = facts.identity
    return Source(kind="stats", endpoint=target.endpoint, object_id=target.object_id)


def _window(
    arrived: Sequence[Occurrence], now_s: float, over_s: float
) -> list[dict[str, Any]]:
    """The readings of the last `over_s` of one life of the container, the one before them included;
    none where they do not reach back so far."""
    recent = [item for item in arrived if item.arrived_at_s >= now_s - over_s - _FRESH_S]
    if not recent or recent[-1].arrived_at_s < now_s - _FRESH_S:
        return []
    last = recent[-1].engine_time_s or 0.0
    within = [item for item in recent if (item.engine_time_s or 0.0) >= last - over_s - 1.0]
    used = [_total_ns(item.content) for item in within]
    if len(within) < 2 or last - (within[0].engine_time_s or 0.0) < over_s - 1.0:
        return []
    # Counters that go back are those of another life.
    return [] if used != sorted(used) else [_with_time(item) for item in within]


def _with_time(item: Occurrence) -> dict[str, Any]:
    return {**item.content, "at_s": item.engine_time_s or 0.0}


def _total_ns(reading: dict[str, Any]) -> int:
    return int(reading["cpu_stats"]["cpu_usage"]["total_usage"])


def _cpus(readings: Sequence[dict[str, Any]]) -> float:
    first, last = readings[0], readings[-1]
    used_s = (_total_ns(last) - _total_ns(first)) / 1e9
    return float(used_s / max(last["at_s"] - first["at_s"], 1e-3))


def _memory_bytes(reading: dict[str, Any]) -> int:
    memory = reading["memory_stats"]
    details = memory.get("stats") or {}
    inactive = details.get("total_inactive_file", details.get("inactive_file", 0))
    return max(0, int(memory.get("usage") or 0) - int(inactive))


def _mib(number_bytes: int) -> str:
    return f"{number_bytes / (1 << 20):.1f} MiB"
