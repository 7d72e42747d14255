"""Faults and repairs on process targets: what they plan, and that it does so on real processes."""

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from breakfix.actions.process.kill import Kill
from breakfix.actions.process.limit_cpu import LimitCpu
from breakfix.actions.process.limit_memory import LimitMemory
from breakfix.actions.process.pause import Pause
from breakfix.actions.process.restart import Restart
from breakfix.actions.process.resume import Resume
from breakfix.actions.process.running import Running
from breakfix.actions.process.start import Start
from breakfix.engine.action import Fault, Observation, ProcessFacts, Repair
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import (
    Check,
    Op,
    Plan,
    SignalOp,
    unknown,
)
from breakfix.engine.selectors import ProcessTarget
from breakfix.engine.targets import process
from breakfix.engine.vehicles.dispatch import Vehicles

Sample = Callable[..., Observation]
BOUND_S = 30.0
FAULTS: tuple[Fault, ...] = (Kill(), Pause(), LimitCpu(cpus=0.1), LimitMemory(memory="64MiB"))
REPAIRS: tuple[Repair, ...] = (Start(), Restart(), Resume())
AGAINST: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda seen, value: bool(seen == value),
    "ne": lambda seen, value: bool(seen != value),
    "le": lambda seen, value: seen is not None and bool(seen <= value),
}


def facts_of(*, running: bool, incarnation: str = "7@1") -> ProcessFacts:
    """A target as facts."""
    return ProcessFacts(
        identity=process.identity("app", "ab" * 16, incarnation if running else ""),
        argv=("sleep", "600"),
        env={},
        cwd="",
        output="app.log",
        running=running,
        cgroups=True,
    )


@pytest.fixture
def started(vehicles: Vehicles) -> Iterator[ProcessFacts]:
    """A running target: a shell and a child, ended with the test."""
    target = ProcessTarget(command=("sh", "-c", "sleep 600 & wait"))
    known = process.not_started("app", target, secrets.token_hex(16))
    assert vehicles.run(process.start_op(known)).ok
    yield process.facts(known, vehicles)
    for op in process.end_ops(known.identity, grace_s=0.1):
        vehicles.run(op)
    assert not process.facts(known, vehicles).running


def run_all(vehicles: Vehicles, ops: tuple[Op, ...]) -> None:
    """Every op is ok."""
    for op in ops:
        outcome = vehicles.run(op)
        assert outcome.ok, (op, outcome)


def holds(vehicles: Vehicles, check: Check) -> bool:
    """One reading of a check that points one level into the answer."""
    value = vehicles.run(check.op).data[check.pick[1:]]
    return AGAINST[check.is_](value, check.value)


def see(vehicles: Vehicles, checks: tuple[Check, ...]) -> None:
    """Every check comes to hold."""
    for check in checks:
        end_s = time.monotonic() + BOUND_S
        while not holds(vehicles, check):
            assert time.monotonic() < end_s, check.asked
            time.sleep(0.01)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_has_effect_and_is_undone(
    vehicles: Vehicles, started: ProcessFacts, fault: Fault
) -> None:
    """Applied: seen effective. Undone, twice: seen gone. No check holds before its time."""
    if isinstance(fault, LimitCpu | LimitMemory) and not started.cgroups:
        with pytest.raises(PreconditionError, match="R503"):
            fault.plan(started)
        return
    plan = fault.plan(started)
    assert not all(holds(vehicles, check) for check in plan.effect)
    run_all(vehicles, plan.apply)
    see(vehicles, plan.effect)
    assert not all(holds(vehicles, check) for check in plan.gone)
    for _ in range(2):
        run_all(vehicles, plan.undo)
        see(vehicles, plan.gone)


def test_start_repairs_a_kill(vehicles: Vehicles, started: ProcessFacts) -> None:
    """After the repair the fault is over, and the target has another incarnation."""
    killed = Kill().plan(started)
    run_all(vehicles, killed.apply)
    see(vehicles, killed.effect)
    mended = Start().plan(process.facts(started, vehicles))
    run_all(vehicles, mended.apply)
    see(vehicles, (*mended.effect, *killed.gone))
    now = process.facts(started, vehicles)
    assert now.identity.incarnation not in ("", started.identity.incarnation)
    run_all(vehicles, mended.undo)
    assert not process.facts(started, vehicles).running


def test_resume_repairs_a_pause(vehicles: Vehicles, started: ProcessFacts) -> None:
    """The same processes go on."""
    paused = Pause().plan(started)
    run_all(vehicles, paused.apply)
    see(vehicles, paused.effect)
    mended = Resume().plan(process.facts(started, vehicles))
    run_all(vehicles, mended.apply)
    see(vehicles, (*mended.effect, *paused.gone))
    assert process.facts(started, vehicles).identity == started.identity


def test_restart_repairs_what_is_stopped(vehicles: Vehicles, started: ProcessFacts) -> None:
    """A stopped process is ended all the same, and another one runs."""
    run_all(vehicles, Pause().plan(started).apply)
    mended = Restart(grace="10s").plan(process.facts(started, vehicles))
    run_all(vehicles, mended.apply)
    see(vehicles, mended.effect)
    now = process.facts(started, vehicles)
    assert now.running
    assert now.identity.incarnation != started.identity.incarnation


def test_running_is_good_until_it_is_not(
    vehicles: Vehicles, started: ProcessFacts, sample: Sample
) -> None:
    """Alive, stopped (which is alive), ended with a signal."""
    assert sample(Running(), started).holds is True
    paused = Pause().plan(started)
    run_all(vehicles, paused.apply)
    see(vehicles, paused.effect)
    seen = sample(Running(), started)
    assert seen.holds is True
    assert seen.result["state"] == "T"
    run_all(vehicles, Kill().plan(started).apply)
    run_all(vehicles, process.end_ops(started.identity))
    seen = sample(Running(), started)
    assert seen.holds is False
    assert seen.detail == "not running, ended with -9"


def test_a_kill_for_a_life_that_is_over_reaches_nobody(
    vehicles: Vehicles, started: ProcessFacts
) -> None:
    """A plan that was made before a restart does not hit the successor."""
    stale = Kill().plan(started)
    run_all(vehicles, Restart(grace="0s").plan(started).apply)
    now = process.facts(started, vehicles)
    (op,) = stale.apply
    assert vehicles.run(op).gone
    assert process.facts(started, vehicles).identity == now.identity


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_needs_a_process_that_runs(fault: Fault) -> None:
    """Else it is refused before any effect, with the fix."""
    with pytest.raises(PreconditionError, match=r"R501 process app is not running\. Fix: "):
        fault.plan(facts_of(running=False))


def test_start_needs_one_that_does_not() -> None:
    """What runs already is not mended by starting it."""
    with pytest.raises(PreconditionError, match="R504 process app is running already"):
        Start().plan(facts_of(running=True))


@pytest.mark.parametrize("action", [*FAULTS, *REPAIRS], ids=lambda action: type(action).__name__)
def test_a_preview_is_possible_before_anything_runs(action: Fault | Repair) -> None:
    """What is not known yet stands in the ops as such; the plan survives its way into the journal."""
    facts = facts_of(running=not isinstance(action, Start), incarnation=unknown("pid of app"))
    plan = action.plan(facts)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


def test_every_fault_has_an_undo_and_a_proof() -> None:
    """None of them is irreversible; each is seen effective and seen gone."""
    for fault in FAULTS:
        plan = fault.plan(facts_of(running=True))
        assert plan.apply
        assert plan.effect
        assert plan.undo
        assert plan.gone


def test_a_kill_with_another_signal(vehicles: Vehicles, started: ProcessFacts) -> None:
    """The signal is the one that is asked for."""
    plan = Kill(signal="SIGTERM").plan(started)
    (op,) = plan.apply
    assert isinstance(op, SignalOp)
    assert op.signal == "SIGTERM"
    run_all(vehicles, plan.apply)
    see(vehicles, plan.effect)


@pytest.mark.parametrize(
    ("action", "wrong"),
    [
        (Kill, {"signal": "SIGSTOP"}),
        (LimitCpu, {"cpus": 0}),
        (LimitCpu, {}),
        (LimitMemory, {"memory": "64"}),
        (Restart, {"grace": 5}),
        (Pause, {"why": "not"}),
    ],
)
def test_wrong_parameters_are_refused(action: type[Any], wrong: dict[str, Any]) -> None:
    """A parameter that cannot be meant is an error before anything runs."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, action)
