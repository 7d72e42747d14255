"""Journals by hand: a builder of lines, and the story of a cache that dies and is mended."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from breakfix.engine.events import (
    AttemptEnded,
    Event,
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultEnding,
    FaultIntended,
    Line,
    MarkGone,
    MarkIntended,
    ObserverSampled,
    PlanMade,
    RepairEnded,
    RepairIntended,
    RunEnded,
    RunStarted,
    SampleTaken,
    TargetStarted,
    UndoTried,
    UnitChanged,
    WriterTaken,
)
from breakfix.engine.model import Scenario
from breakfix.engine.ops import Identity, Plan
from breakfix.engine.run_plan import RunPlan, TargetSet, Unit

STEPS: Sequence[dict[str, Any]] = (
    {"id": "kill_cache", "inject": "process.kill", "target": "cache"},
    {
        "id": "noticed", "detect": "healthy", "depends_on": ["kill_cache"],
        "consecutive": 2, "within": "10s",
    },
    {"id": "start_cache", "remediate": "process.start", "target": "cache",
     "depends_on": ["noticed"]},
    {
        "id": "whole", "verify": "healthy", "depends_on": ["start_cache"],
        "consecutive": 2, "within": "20s",
    },
)  # fmt: skip
EXPECT: Sequence[dict[str, Any]] = (
    {"fault": "kill_cache", "detected_within": "5s"},
    {"fault": "kill_cache", "restored_within": "15s", "healed_by": "repair"},
)
PROBES = {"healthy": {"uses": "http.get", "with": {"url": "http://127.0.0.1:1/health"}}}


class JournalBuilder:
    """Lines of a journal, each with its instant. Keywords of an event fill its fields."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add(self, at_s: float, event: Event) -> "JournalBuilder":
        """One event."""
        self.lines.append(
            Line(seq=len(self.lines) + 1, at_s=at_s, prev="0" * 64, event=event)
        )
        return self

    def begin(self, **fields: Any) -> "JournalBuilder":
        """The writer and the run."""
        self.writer(0.0, "engine")
        started: dict[str, Any] = {
            "run_id": "20261126-081502-cache_outage-3f2a",
            "scenario": "cache_outage",
            "file": "cache.yaml",
            "file_sha256": "ab" * 32,
            "versions": {"breakfix": "0.1.0", "python": "3.11.2"},
            "seed": 7,
            "command": "breakfix run --seed 7 cache.yaml",
        }
        return self.add(0.0, RunStarted(**{**started, **fields}))

    def writer(self, at_s: float, role: Any) -> "JournalBuilder":
        """A process takes the journal."""
        return self.add(
            at_s,
            WriterTaken(
                role=role, pid=42, boot_id="boot", machine_id="machine",
                mono_zero_s=100.0, wall_s=1_795_680_902.0 + at_s,
            ),
        )  # fmt: skip

    def plan(
        self,
        steps: Sequence[dict[str, Any]] = STEPS,
        expect: Sequence[dict[str, Any]] = (),
        units: dict[str, Sequence[str]] | None = None,
        **scenario: Any,
    ) -> "JournalBuilder":
        """A plan of steps; `units` gives the targets of those that fan out."""
        document = {
            "version": 1, "name": "cache_outage", "probes": PROBES,
            "steps": list(steps), "expect": list(expect), **scenario,
        }  # fmt: skip
        made = msgspec.convert(document, Scenario)
        planned: list[Unit] = []
        for step in made.steps:
            targets = (units or {}).get(step.id, [step.target] if step.target else [""])
            planned += [
                Unit(id=f"{step.id}@{key}" if key else step.id, step=step.id, binding=key or None)
                for key in targets
            ]
        cache = TargetSet(name="cache", found=("cache",), picked=("cache",), share="1")
        return self.add(
            0.1,
            PlanMade(
                plan=RunPlan(
                    scenario=made, seed=7, inputs={}, bindings={},
                    sets={"cache": cache},
                    units=tuple(planned), links=(), critical_path=(), worst_s=30.0,
                    blast={}, warnings=(), dead_man={}, hash="cd" * 32,
                )
            ),
        )  # fmt: skip

    def process(self, at_s: float, target: str = "cache", mark: str = "m1") -> "JournalBuilder":
        """A process target is started."""
        identity = Identity(kind="process", name=target, object_id=mark, incarnation="9@1")
        self.add(at_s, MarkIntended(mark=mark, target=target))
        return self.add(at_s + 0.01, TargetStarted(target=target, identity=identity, ready=True))

    def sample(
        self, start_s: float, end_s: float, state: Any, unit: str, **fields: Any
    ) -> "JournalBuilder":
        """One sample of the probe `healthy`."""
        taken: dict[str, Any] = {"probe": "healthy", **fields}
        return self.add(
            end_s,
            SampleTaken(unit=unit, state=state, started_at_s=start_s, ended_at_s=end_s, **taken),
        )

    def observed(
        self, at_s: float, samples: Sequence[tuple[Any, float, float]], probe: str = "healthy"
    ) -> "JournalBuilder":
        """What an observer told: states, each with the begin and the end of its sample."""
        told = tuple((state, start_s, end_s, "") for state, start_s, end_s in samples)
        return self.add(at_s, ObserverSampled(probe=probe, samples=told))

    def unit(
        self, at_s: float, unit: str, state: Any, reason: str = "", **fields: Any
    ) -> "JournalBuilder":
        """A unit goes into a state."""
        return self.add(at_s, UnitChanged(unit=unit, state=state, reason=reason, **fields))

    def attempt(
        self, unit: str, start_s: float, end_s: float, outcome: Any, **fields: Any
    ) -> "JournalBuilder":
        """One attempt."""
        made: dict[str, Any] = {"attempt": 1, **fields}
        return self.add(
            end_s,
            AttemptEnded(
                unit=unit, started_at_s=start_s, ended_at_s=end_s, outcome=outcome, **made
            ),
        )

    def inject(
        self, at_s: float, unit: str = "kill_cache@cache", *, active: bool = True,
        lasting: bool = False, action: str = "process.kill",
    ) -> "JournalBuilder":  # fmt: skip
        """A fault from its intent to its effect: t0 at `at_s`, t1 within 10 to 20 ms of it."""
        fault = f"{unit}#1"
        self.add(
            at_s,
            FaultIntended(
                fault=fault, unit=unit, action=action, target=unit.partition("@")[2],
                plan=Plan(), lasting=lasting, hold_s=60.0, due_at_s=at_s,
            ),
        )  # fmt: skip
        self.add(
            at_s + 0.005, FaultApplied(fault=fault, started_at_s=at_s, ended_at_s=at_s + 0.005)
        )
        if active:
            self.add(
                at_s + 0.02,
                FaultActive(
                    fault=fault, after_at_s=at_s + 0.01, before_at_s=at_s + 0.02,
                    evidence={"the process is gone": "running: false"},
                ),
            )  # fmt: skip
        return self

    def fault_ended(
        self, after_s: float, before_s: float, by: Any = "repair",
        unit: str = "kill_cache@cache", writer: Any = "engine",
    ) -> "JournalBuilder":  # fmt: skip
        """The fault was seen gone, if need be after an undo."""
        fault = f"{unit}#1"
        if by == "engine":
            self.add(after_s, FaultEnding(fault=fault, why="all other steps are over", by=writer))
            self.add(
                after_s,
                UndoTried(
                    fault=fault, attempt=1, started_at_s=after_s, ended_at_s=after_s, ok=True,
                    by=writer,
                ),
            )  # fmt: skip
        return self.add(
            before_s,
            FaultEnded(
                fault=fault, ended_by=by, after_at_s=after_s, before_at_s=before_s, by=writer
            ),
        )

    def repair(
        self, start_s: float, end_s: float, *, ok: bool = True, unit: str = "start_cache@cache",
        error: str = "",
    ) -> "JournalBuilder":  # fmt: skip
        """One attempt of a repair."""
        self.add(
            start_s,
            RepairIntended(
                unit=unit, attempt=1, action="process.start", target="cache", plan=Plan()
            ),
        )
        return self.add(
            end_s,
            RepairEnded(
                unit=unit, attempt=1, started_at_s=start_s, ended_at_s=end_s, ok=ok, error=error
            ),
        )

    def end(self, at_s: float, by: Any = "engine", **fields: Any) -> "JournalBuilder":
        """Processes are gone, and the run is over."""
        for line in list(self.lines):
            if isinstance(line.event, MarkIntended):
                self.add(at_s, MarkGone(mark=line.event.mark, by=by))
        ended = {"exit_code": 0, "verdict": "passed", "reason": "", **fields}
        return self.add(at_s, RunEnded(by=by, **ended))


def outage_and_repair(
    steps: Sequence[dict[str, Any]] = STEPS, expect: Sequence[dict[str, Any]] = EXPECT
) -> JournalBuilder:
    """The cache dies at 1.0 s, is noticed at 1.65 s, started again at 2.7 s and whole at 3.4 s."""
    run = JournalBuilder().begin().process(0.05).plan(steps, expect)
    run.sample(0.90, 0.92, "good", "noticed", armed=True, detail="status 200")
    run.unit(0.95, "kill_cache@cache", "running", due_at_s=0.5).inject(1.0)
    run.attempt("kill_cache@cache", 0.95, 1.02, "succeeded")
    run.unit(1.03, "noticed", "running", due_at_s=1.02)
    run.sample(1.10, 1.12, "good", "noticed", detail="status 200")
    run.sample(1.30, 1.35, "bad", "noticed", detail="status 503, wanted 200")
    run.sample(1.60, 1.65, "bad", "noticed", detail="status 503, wanted 200")
    run.attempt("noticed", 1.03, 1.66, "succeeded").unit(1.66, "noticed", "succeeded")
    run.unit(2.66, "start_cache@cache", "running", due_at_s=2.66).repair(2.7, 2.9)
    run.attempt("start_cache@cache", 2.7, 2.9, "succeeded")
    run.unit(2.91, "start_cache@cache", "succeeded")
    run.fault_ended(2.75, 2.95, "repair").unit(2.96, "kill_cache@cache", "succeeded")
    run.unit(2.97, "whole", "running", due_at_s=2.91)
    run.sample(3.00, 3.05, "bad", "whole", detail="status 503, wanted 200")
    run.sample(3.20, 3.22, "good", "whole", detail="status 200")
    run.sample(3.40, 3.42, "good", "whole", detail="status 200")
    run.attempt("whole", 2.97, 3.42, "succeeded").unit(3.43, "whole", "succeeded")
    return run.end(3.6)


WIDE_STEPS: Sequence[dict[str, Any]] = (
    {"id": "kill", "inject": "process.kill", "target": "fleet"},
    {"id": "start", "remediate": "process.start", "target": "fleet", "require": "90%",
     "depends_on": [{"step": "kill", "each": "target"}]},
    {"id": "whole", "verify": "healthy", "target": "fleet", "within": "20s",
     "depends_on": [{"step": "start", "each": "target", "is": "finished"}], "require": "90%"},
)  # fmt: skip


def wide_run(count: int, *, refused_every: int = 50, unseen_every: int = 125) -> JournalBuilder:
    """A fault, a repair and a look on each of `count` hosts, fifty at once: of host `n` (from 1) the kill
    takes n ms, its effect is seen n + 10 ms later, the repair takes n + 100 ms. Some repairs are refused,
    and the effect of some kills is never seen."""
    hosts = [f"host-{number:05}" for number in range(1, count + 1)]
    run = JournalBuilder().begin()
    run.plan(WIDE_STEPS, units={step["id"]: hosts for step in WIDE_STEPS})
    told: list[tuple[float, Event]] = []

    def at(at_s: float, event: Event) -> None:
        told.append((at_s, event))

    for index, host in enumerate(hosts):
        due_s, wait_s, took_s = 1.0, index // 50 * 0.2, (index + 1) / 1000
        start_s = due_s + wait_s
        kill, fault = f"kill@{host}", f"kill@{host}#1"
        unseen = unseen_every and (index + 1) % unseen_every == 0
        at(start_s, UnitChanged(unit=kill, state="running", due_at_s=due_s))
        at(start_s, FaultIntended(
            fault=fault, unit=kill, action="process.kill", target=host, plan=Plan(),
            lasting=False, hold_s=60.0, due_at_s=due_s,
        ))  # fmt: skip
        applied_s = start_s + took_s
        at(applied_s, FaultApplied(fault=fault, started_at_s=start_s, ended_at_s=applied_s))
        if unseen:
            over_s = applied_s + 5.0
            at(over_s, FaultEnded(
                fault=fault, ended_by="self", after_at_s=over_s, before_at_s=over_s
            ))  # fmt: skip
            at(over_s, UnitChanged(unit=kill, state="failed", reason="its effect was not seen"))
            at(over_s, UnitChanged(
                unit=f"start@{host}", state="blocked", reason=f"needs {kill} active, it is failed"
            ))  # fmt: skip
            at(over_s, UnitChanged(
                unit=f"whole@{host}", state="blocked",
                reason=f"needs start@{host} finished, it is blocked",
            ))  # fmt: skip
            continue
        seen_s = applied_s + took_s + 0.01
        at(seen_s, FaultActive(
            fault=fault, after_at_s=seen_s - 0.002, before_at_s=seen_s,
            evidence={"the process is gone": "running: false"},
        ))  # fmt: skip
        repaired_s = seen_s + took_s + 0.1
        refused = refused_every and (index + 1) % refused_every == 0
        start, whole = f"start@{host}", f"whole@{host}"
        at(seen_s, UnitChanged(unit=start, state="running", due_at_s=seen_s))
        at(repaired_s, AttemptEnded(
            unit=start, attempt=1, started_at_s=seen_s, ended_at_s=repaired_s,
            outcome="errored" if refused else "succeeded",
        ))  # fmt: skip
        at(repaired_s, UnitChanged(
            unit=start, state="errored" if refused else "succeeded",
            reason=f"{host} refuses the connection" if refused else "",
        ))  # fmt: skip
        at(repaired_s, FaultEnded(
            fault=fault, ended_by="repair", after_at_s=seen_s, before_at_s=repaired_s
        ))  # fmt: skip
        at(repaired_s, UnitChanged(unit=kill, state="succeeded"))
        at(repaired_s, UnitChanged(unit=whole, state="running", due_at_s=repaired_s))
        for number, state in enumerate(("bad", "good")):
            sample_s = repaired_s + 0.1 * number
            at(sample_s + 0.01, SampleTaken(
                unit=whole, probe="healthy", state=state,  # type: ignore[arg-type]
                started_at_s=sample_s, ended_at_s=sample_s + 0.01,
            ))  # fmt: skip
        at(repaired_s + 0.12, UnitChanged(unit=whole, state="succeeded"))
    for at_s, event in sorted(told, key=lambda item: item[0]):
        run.add(at_s, event)
    return run.end(max(at_s for at_s, _ in told) + 0.1)


@pytest.fixture
def wide() -> Callable[..., JournalBuilder]:
    """A run whose steps fan out to as many hosts as is asked for."""
    return wide_run


@pytest.fixture
def journal() -> Callable[[], JournalBuilder]:
    """A new builder each time."""
    return JournalBuilder


@pytest.fixture
def story() -> Callable[..., JournalBuilder]:
    """The cache that dies, is noticed, mended and verified; with other steps or expectations."""
    return outage_and_repair
