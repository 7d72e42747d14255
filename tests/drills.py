"""Journals of drills that never were: a cache dies, is noticed, mended and whole again after a given time.

Their hash chains are whole, so that everything takes them for journals.
"""

import hashlib
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from breakfix.engine.events import (
    CancelRequested,
    Event,
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultIntended,
    Line,
    ObserverSampled,
    PlanMade,
    RepairEnded,
    RepairIntended,
    RunEnded,
    RunStarted,
    SampleTaken,
    StepState,
    UnitChanged,
    WriterTaken,
)
from breakfix.engine.model import Scenario
from breakfix.engine.ops import Plan
from breakfix.engine.run_plan import RunPlan, TargetSet, Unit

BEGAN_WALL_S = 1_780_000_000.0
DAY_S = 86_400.0
PROBES = {
    "healthy": {"uses": "http.get", "with": {"url": "http://127.0.0.1:1/health"}, "every": "100ms"}
}
STEPS: Sequence[dict[str, Any]] = (
    {"id": "kill_cache", "inject": "process.kill", "target": "cache"},
    {"id": "noticed", "detect": "healthy", "depends_on": ["kill_cache"], "within": "10s"},
    {"id": "start", "remediate": "process.start", "target": "cache", "depends_on": ["noticed"]},
    {"id": "whole", "verify": "healthy", "depends_on": ["start"], "within": "120s"},
)


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """One drill. `restore_s` of None: it was not whole again when the time-out came."""

    number: int
    restore_s: float | None = 8.0
    labels: dict[str, str] = {}
    name: str = "cache_outage"
    env: str = ""
    version: str = "0.1.0"
    aborted: bool = False
    series: str = ""
    within_s: float = 15.0
    """What it is expected to be restored within."""

    @property
    def run_id(self) -> str:
        """Sorts by time, as real ones do."""
        return f"202611{self.number // 1000:02}-{self.number % 1000:06}-{self.name}-{self.number:04x}"

    @property
    def began_wall_s(self) -> float:
        """A day after the one before."""
        return BEGAN_WALL_S + self.number * DAY_S


def scenario(drill: Drill, **changes: Any) -> Scenario:
    """The scenario of a drill, with other parts where they are given."""
    document = {
        "version": 1,
        "name": drill.name,
        "targets": {"cache": {"process": {"command": ["cache"]}}},
        "probes": PROBES,
        "observe": ["healthy"],
        "steps": list(STEPS),
        "expect": [{"fault": "kill_cache", "restored_within": f"{drill.within_s:g}s"}],
        **changes,
    }
    return msgspec.convert(document, Scenario)


def events(drill: Drill) -> Iterator[tuple[float, Event]]:
    """Its events, each with its instant."""
    yield 0.0, WriterTaken(
        role="engine", pid=7, boot_id="boot", machine_id="machine", mono_zero_s=1.0,
        wall_s=drill.began_wall_s,
    )  # fmt: skip
    yield 0.0, RunStarted(
        run_id=drill.run_id, scenario=drill.name, file="cache.yaml", file_sha256="ab" * 32,
        versions={"breakfix": drill.version}, seed=7, env=drill.env, labels=drill.labels,
        series=drill.series, command="breakfix run --seed 7 cache.yaml",
    )  # fmt: skip
    made = scenario(drill)
    units = tuple(
        Unit(id=f"{s.id}@cache" if s.target else s.id, step=s.id, binding=s.target)
        for s in made.steps
    )
    yield 0.1, PlanMade(
        plan=RunPlan(
            scenario=made, seed=7, inputs={}, bindings={}, units=units, links=(),
            sets={"cache": TargetSet(name="cache", found=("cache",), picked=("cache",), share="1")},
            critical_path=(), worst_s=30.0, blast={}, warnings=(), dead_man={}, hash="cd" * 32,
        )
    )  # fmt: skip
    fault, unit = "kill_cache@cache#1", "kill_cache@cache"
    yield 1.0, UnitChanged(unit=unit, state="running", due_at_s=1.0)
    yield 1.0, FaultIntended(
        fault=fault, unit=unit, action="process.kill", target="cache", plan=Plan(), lasting=False,
        hold_s=60.0, due_at_s=1.0,
    )  # fmt: skip
    yield 1.0, FaultApplied(fault=fault, started_at_s=1.0, ended_at_s=1.0)
    yield 1.0, FaultActive(fault=fault, after_at_s=1.0, before_at_s=1.0, evidence={"running": "no"})
    yield 1.0, UnitChanged(unit="noticed", state="running", due_at_s=1.0)
    yield _sample("noticed", "bad", 1.1)
    yield 1.1, UnitChanged(unit="noticed", state="succeeded")
    yield 1.1, UnitChanged(unit="start@cache", state="running", due_at_s=1.1)
    yield 1.1, RepairIntended(
        unit="start@cache", attempt=1, action="process.start", target="cache", plan=Plan()
    )
    yield 1.2, RepairEnded(unit="start@cache", attempt=1, started_at_s=1.1, ended_at_s=1.2, ok=True)
    yield 1.2, UnitChanged(unit="start@cache", state="succeeded")
    yield 1.2, FaultEnded(
        fault=fault, ended_by="repair", after_at_s=1.1, before_at_s=1.2, by="engine"
    )
    yield 1.2, UnitChanged(unit=unit, state="succeeded")
    yield 1.2, UnitChanged(unit="whole", state="running", due_at_s=1.2)
    yield from _outcome(drill)


def _outcome(drill: Drill) -> Iterator[tuple[float, Event]]:
    whole_s = 1.1 + (60.0 if drill.restore_s is None else drill.restore_s)
    bad_s = whole_s - 0.02
    yield _sample("whole", "bad", bad_s)
    looks = [("good", 0.9, 0.91, ""), ("bad", 1.1, 1.11, ""), ("bad", bad_s - 0.01, bad_s, "")]
    if drill.restore_s is None:
        if drill.aborted:
            yield whole_s, CancelRequested(why="SIGINT", source="signal")
        state: StepState = "cancelled" if drill.aborted else "failed"
        yield whole_s, UnitChanged(unit="whole", state=state, reason="not good within 120s")
    else:
        yield _sample("whole", "good", whole_s)
        yield whole_s, UnitChanged(unit="whole", state="succeeded")
        looks.append(("good", whole_s, whole_s + 0.01, ""))
    yield whole_s + 0.1, ObserverSampled(probe="healthy", samples=tuple(looks))  # type: ignore[arg-type]
    yield whole_s + 0.2, RunEnded(by="engine", exit_code=0, verdict="passed", reason="")


def _sample(unit: str, state: Any, at_s: float) -> tuple[float, Event]:
    return at_s, SampleTaken(
        probe="healthy", unit=unit, state=state, started_at_s=at_s - 0.01, ended_at_s=at_s
    )


def write(drill: Drill, folder: Path) -> Path:
    """The journal of a drill in a folder of its own, with its hash chain."""
    path = folder / drill.run_id / "journal.ndjson"
    path.parent.mkdir(parents=True)
    prev, lines = "0" * 64, []
    for seq, (at_s, event) in enumerate(events(drill), 1):
        raw = msgspec.json.encode(Line(seq=seq, at_s=round(at_s, 6), prev=prev, event=event))
        prev = hashlib.sha256(raw).hexdigest()
        lines.append(raw + b"\n")
    path.write_bytes(b"".join(lines))
    return path


def seeded(
    count: int, *, change_at: int | None = 27, factor: float = 1.5, spread: float = 0.12,
    seed: int = 1, **fields: Any,
) -> list[Drill]:  # fmt: skip
    """Drills whose times are log-normal around 8 s, and `factor` times as long from number `change_at` on
    (counted from 1)."""
    chance = random.Random(seed)
    sigma = math.sqrt(math.log1p(spread**2))
    found = []
    for number in range(1, count + 1):
        changed = change_at is not None and number >= change_at
        restore_s = 8.0 * math.exp(chance.gauss(0.0, sigma)) * (factor if changed else 1.0)
        labels = {"version": "1.4.2" if changed else "1.4.1"}
        found.append(Drill(number=number, restore_s=restore_s, labels=labels, **fields))
    return found
