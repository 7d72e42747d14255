"""The fold never raises, is linear, and tells what the lines say."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breakfix.engine.events import (
    AttemptEnded,
    CancelRequested,
    CommandEnded,
    Event,
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultEnding,
    FaultIntended,
    FaultResidue,
    Line,
    MarkGone,
    MarkIntended,
    MilestoneReached,
    RepairEnded,
    RepairIntended,
    RunEnded,
    RunErrored,
    RunInvalid,
    SampleTaken,
    TargetRebound,
    TargetStarted,
    UndoTried,
    UnitChanged,
    WriterTaken,
)
from breakfix.engine.ops import Identity, Plan
from breakfix.engine.timeline import Record, fold
from breakfix.engine.verdict import judge

Story = Callable[..., Any]

UNHURRIED = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
"""The fixtures are factories without state."""

INSTANTS = st.sampled_from([0.0, 0.5, 1.0, 1.05, 1.1, 1.5, 2.0, 3.0, 7.5])
UNITS = st.sampled_from(["kill_cache@cache", "noticed", "start_cache@cache", "whole", "strange"])
FAULTS = st.sampled_from(["kill_cache@cache#1", "kill_cache@cache#2", "strange", "#"])
ROLES = st.sampled_from(["engine", "guardian", "recover"])
TEXTS = st.sampled_from(["", "why", "a\nb", "\u2028<b>"])
IDENTITY = Identity(kind="process", name="cache", object_id="m1")


def event_strategy() -> st.SearchStrategy[Event]:
    """Any event, about few things, so that they meet."""
    return st.one_of(
        st.builds(
            WriterTaken, role=ROLES, pid=st.just(1), boot_id=st.sampled_from("ab"),
            machine_id=st.just("m"), mono_zero_s=INSTANTS, wall_s=INSTANTS,
        ),
        st.builds(
            UnitChanged, unit=UNITS, reason=TEXTS, due_at_s=st.none() | INSTANTS,
            state=st.sampled_from(["pending", "running", "succeeded", "failed", "blocked",
                                   "errored", "cancelled", "skipped", "cancelling"]),
        ),
        st.builds(
            AttemptEnded, unit=UNITS, attempt=st.integers(1, 3), started_at_s=INSTANTS,
            ended_at_s=INSTANTS, outcome=st.sampled_from(["succeeded", "failed", "errored"]),
        ),
        st.builds(
            SampleTaken, probe=st.sampled_from(["healthy", "http.get"]), unit=UNITS,
            state=st.sampled_from(["good", "bad", "seen", "unseen", "blind"]),
            started_at_s=INSTANTS, ended_at_s=INSTANTS, armed=st.booleans(),
            occurred_at_s=st.none() | INSTANTS,
        ),
        st.builds(
            FaultIntended, fault=FAULTS, unit=UNITS, action=st.just("process.kill"),
            target=st.just("cache"), plan=st.just(Plan()), lasting=st.booleans(),
            hold_s=INSTANTS, due_at_s=INSTANTS,
        ),
        st.builds(FaultApplied, fault=FAULTS, started_at_s=INSTANTS, ended_at_s=INSTANTS),
        st.builds(FaultActive, fault=FAULTS, after_at_s=INSTANTS, before_at_s=INSTANTS),
        st.builds(FaultEnding, fault=FAULTS, why=TEXTS),
        st.builds(
            UndoTried, fault=FAULTS, attempt=st.just(1), started_at_s=INSTANTS,
            ended_at_s=INSTANTS, ok=st.booleans(),
        ),
        st.builds(
            FaultEnded, fault=FAULTS, after_at_s=INSTANTS, before_at_s=INSTANTS, by=ROLES,
            ended_by=st.sampled_from(["repair", "restart", "self", "expiry", "engine", "other"]),
        ),
        st.builds(FaultResidue, fault=FAULTS, why=TEXTS, manual=TEXTS),
        st.builds(
            RepairIntended, unit=UNITS, attempt=st.just(1), action=st.just("process.start"),
            target=st.just("cache"), plan=st.just(Plan()),
        ),
        st.builds(
            RepairEnded, unit=UNITS, attempt=st.just(1), started_at_s=INSTANTS,
            ended_at_s=INSTANTS, ok=st.booleans(), put_back=st.booleans(),
        ),
        st.builds(CommandEnded, stage=st.sampled_from(["setup", "teardown"]),
                  index=st.integers(0, 1), ok=st.booleans()),
        st.builds(MarkIntended, mark=st.sampled_from(["m1", "m2"]), target=st.just("cache")),
        st.builds(MarkGone, mark=st.sampled_from(["m1", "m2"])),
        st.builds(TargetStarted, target=st.just("cache"), identity=st.just(IDENTITY),
                  ready=st.booleans()),
        st.builds(TargetRebound, target=st.just("cache"), old=st.just(IDENTITY),
                  new=st.just(IDENTITY), cause=TEXTS),
        st.builds(MilestoneReached, node=UNITS, milestone=st.just("succeeded"),
                  holds=st.booleans()),
        st.builds(CancelRequested, why=TEXTS, source=st.sampled_from(
            ["signal", "deadline", "halt", "error", "guardian", "invalid", "failed"])),
        st.builds(RunInvalid, reason=TEXTS),
        st.builds(RunErrored, message=TEXTS, kind=st.sampled_from(["", "DriftError", "x"])),
        st.builds(RunEnded, by=ROLES, exit_code=st.integers(0, 6), verdict=TEXTS, reason=TEXTS,
                  residue=st.booleans()),
    )  # fmt: skip


def pairs(value: Any, path: str = "") -> Any:
    """Every pair of instants or durations in a record, with its path."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from pairs(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, float) for v in value):
        yield path, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from pairs(item, f"{path}[{index}]")


def check(record: Record) -> None:
    """What holds of any record: it can be judged and written, and no pair is upside down."""
    verdict = judge(record)
    msgspec.json.encode(msgspec.structs.replace(record, verdict=verdict))
    for path, (lower, upper) in pairs(record):
        assert lower <= upper, path


@settings(deadline=None, max_examples=150, suppress_health_check=UNHURRIED)
@given(
    planned=st.booleans(),
    events=st.lists(st.tuples(INSTANTS, event_strategy()), max_size=40),
)
def test_no_sequence_of_events_makes_it_raise(
    story: Story, journal: Story, planned: bool, events: list[tuple[float, Event]]
) -> None:
    """Whatever events come in whatever order, there is a record, and each pair is in order."""
    run = journal().begin()
    if planned:
        run.plan(expect=({"restored_within": "2s", "healed_by": "repair"},))
    for at_s, event in events:
        run.add(at_s, event)
    check(fold(run.lines))


def test_a_journal_that_stops_anywhere_is_told(story: Story) -> None:
    """Each beginning of a journal gives a record; only the whole one has passed."""
    lines = story().lines
    for end in range(len(lines) + 1):
        record = fold(lines[:end])
        check(record)
        if end < len(lines) - 2:
            assert judge(record).verdict != "passed", end


@settings(deadline=None, max_examples=60, suppress_health_check=UNHURRIED)
@given(data=st.data())
def test_lines_in_any_order_do_not_make_it_raise(story: Story, data: st.DataObject) -> None:
    """A shuffled journal is nonsense, and still a record."""
    check(fold(data.draw(st.permutations(story().lines))))


def test_it_is_told_who_wrote(story: Story) -> None:
    """The guardian that took over is a writer, and the record says that the engine was gone."""
    run = story()
    run.lines = run.lines[:-8]
    run.writer(3.5, "guardian").fault_ended(3.5, 3.6, "engine", writer="guardian")
    record = fold(run.end(3.7, by="guardian").lines)
    assert [writer.role for writer in record.writers] == ["engine", "guardian"]
    assert record.taken_over
    assert record.faults[0].left_to == "guardian"


def test_a_recovery_after_the_end_is_no_takeover(story: Story) -> None:
    """Who comes after a run that has ended does not make its engine a dead one."""
    record = fold(story().writer(9.0, "recover").lines)
    assert not record.taken_over


def test_teardown_began_after_the_line_before(journal: Story) -> None:
    """Only its end is written down: its start lies between the line before and that end."""
    run = journal().begin()
    run.add(5.0, CommandEnded(stage="teardown", index=0, ok=True))
    (command,) = fold(run.add(5.5, RunInvalid(reason="x")).lines).teardown
    assert command.started_at_s == (0.0, 5.0)
    assert command.ended_at_s == (5.0, 5.0)


def test_the_queue_wait_is_from_due_to_start(story: Story) -> None:
    """The kill was due at 0.5 s and began at 0.95 s."""
    unit = fold(story().lines).units[0]
    assert unit.due_at_s == 0.5
    assert unit.queue_wait_s == pytest.approx((0.45, 0.45))
    assert unit.run_s == pytest.approx((0.005, 0.005))
    assert unit.check_s == pytest.approx((0.005, 0.015))
    assert unit.undo_s is None, "the repair ended it; nothing was undone"


def test_an_undo_is_timed_from_the_wish_to_the_proof(journal: Story) -> None:
    """From fault_ending to the two instants between which it was seen gone."""
    run = journal().begin().plan().inject(1.0)
    run.fault_ended(2.0, 2.5, "engine")
    assert fold(run.lines).units[0].undo_s == pytest.approx((0.0, 0.5))


def test_steps_join_by_what_they_require(journal: Story) -> None:
    """A step that asks for one unit has succeeded with one of three."""
    steps = ({"id": "look", "verify": "healthy", "target": "cache", "require": 1},)
    run = journal().begin().plan(steps, units={"look": ["a", "b", "c"]})
    run.unit(1.0, "look@a", "failed", "no").unit(1.0, "look@b", "succeeded")
    (step,) = fold(run.unit(1.0, "look@c", "failed", "no").lines).steps
    assert (step.state, step.needed, step.units) == ("succeeded", 1, 3)


def test_the_cause_of_a_blocked_step_is_named(journal: Story) -> None:
    """What could not begin points at the step that went wrong, however far upstream; a branch that
    was not taken points at nothing."""
    steps = (
        {"id": "first", "wait": "1s"},
        {"id": "second", "wait": "1s", "depends_on": ["first"]},
        {"id": "third", "wait": "1s", "depends_on": ["second"]},
        {"id": "other", "wait": "1s", "depends_on": [{"step": "fine", "is": "failed"}]},
        {"id": "fine", "wait": "1s"},
    )
    run = journal().begin().plan(steps).unit(1.0, "first", "failed", "no")
    for name in ("second", "third", "other"):
        run.unit(1.0, name, "blocked", "needs more")
    run.unit(1.0, "fine", "succeeded")
    blocked_by = {step.id: step.blocked_by for step in fold(run.lines).steps}
    assert blocked_by == {"first": "", "second": "first", "third": "first", "other": "", "fine": ""}


def test_a_cycle_in_a_plan_does_not_hang_it(journal: Story) -> None:
    """A plan is checked long before; the fold does not depend on it."""
    steps = (
        {"id": "one", "inject": "process.kill", "target": "cache", "depends_on": ["two"]},
        {"id": "two", "verify": "healthy", "depends_on": ["one"]},
    )
    check(fold(journal().begin().plan(steps).inject(1.0, "one@cache").lines))


def many_units(count: int) -> list[Line]:
    """A run of `count` steps in a chain, every fourth of them a fault with its verification."""
    import importlib.util
    from pathlib import Path

    place = Path(__file__).parents[1] / "conftest.py"
    spec = importlib.util.spec_from_file_location("journals_by_hand", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run = module.JournalBuilder().begin()
    steps: list[dict[str, Any]] = []
    for index in range(count // 2):
        before = [f"v{index - 1}"] if index else []
        steps.append(
            {"id": f"i{index}", "inject": "docker.kill", "target": "cache", "depends_on": before}
        )
        steps.append({"id": f"v{index}", "verify": "healthy", "depends_on": [f"i{index}"]})
    run.plan(steps)
    for index in range(count // 2):
        at_s = float(index + 1)
        run.unit(at_s, f"i{index}@cache", "running", due_at_s=at_s)
        run.inject(at_s, f"i{index}@cache")
        run.sample(at_s + 0.1, at_s + 0.11, "bad", f"v{index}")
        run.fault_ended(at_s + 0.2, at_s + 0.21, "restart", f"i{index}@cache")
        run.sample(at_s + 0.3, at_s + 0.31, "good", f"v{index}")
        run.unit(at_s + 0.4, f"v{index}", "succeeded")
    lines: list[Line] = run.lines
    return lines


def test_time_grows_with_the_lines_and_no_faster() -> None:
    """Ten thousand units with five thousand episodes take about ten times as long as a tenth of
    them (a quadratic fold: a hundred times)."""
    few, many = many_units(1000), many_units(10_000)

    def cpu_s(lines: list[Line]) -> float:
        best = float("inf")
        for _ in range(2):
            began = time.process_time()
            fold(lines)
            best = min(best, time.process_time() - began)
        return best

    assert cpu_s(many) < 40 * cpu_s(few)
    assert len(fold(many).episodes) == 5000
