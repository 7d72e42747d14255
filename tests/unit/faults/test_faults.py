"""The life of one fault: what is written before what is done, and how it ends."""

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from breakfix.engine.ending import end, end_all, end_if_gone
from breakfix.engine.errors import JournalError
from breakfix.engine.events import (
    Event,
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultIntended,
    FaultResidue,
    Line,
    RepairEnded,
    RepairIntended,
    UndoTried,
)
from breakfix.engine.faults import inject
from breakfix.engine.journal import Journal, read
from breakfix.engine.open_faults import open_faults
from breakfix.engine.ops import (
    Check,
    FileOp,
    Identity,
    Op,
    Outcome,
    Plan,
)
from breakfix.engine.vehicles.fake import FakeVehicles


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal that is open."""
    journal = Journal.create(tmp_path / "run", "engine")
    yield journal
    journal.close()


@pytest.fixture
def world() -> FakeVehicles:
    """A world of files."""
    return FakeVehicles()


def there(path: str, *, want: bool) -> Check:
    """A check that a file is (not) there."""
    read_op = FileOp(path=path, changes="no")
    return Check(
        op=read_op, pick="/there", is_="eq", value=want, within_s=0.0, asked=f"{path} there"
    )


def fault(name: str, target: str = "web", *, lasting: bool = True) -> FaultIntended:
    """A fault that is a file of its name."""
    plan = Plan(
        apply=(FileOp(path=name, content="x"),),
        effect=(there(name, want=True),),
        undo=(FileOp(path=name, delete=True),),
        gone=(there(name, want=False),),
    )
    return FaultIntended(
        fault=f"{name}#1",
        unit=name,
        action="file.break",
        target=target,
        plan=plan,
        lasting=lasting,
        hold_s=1.0,
        due_at_s=0.0,
    )


def kinds(journal: Journal) -> list[str]:
    """The types of events in the journal, but for the writer's."""
    return [type(line.event).__name__ for line in read(journal.path)][1:]


def go(intent: FaultIntended, journal: Journal, world: FakeVehicles) -> None:
    """Inject, and see that it is active."""
    assert inject(intent, journal, world, threading.Event()).active


def test_the_intent_is_on_disk_before_the_first_op(journal: Journal, world: FakeVehicles) -> None:
    """Whoever reads the journal at the moment of the effect finds the undo in it."""
    seen: list[int] = []
    world.on_run = lambda op: seen.append(len(open_faults(read(journal.path))))
    go(fault("a"), journal, world)
    assert seen[0] == 1
    assert kinds(journal) == ["FaultIntended", "FaultApplied", "FaultActive"]


def test_without_a_journal_nothing_is_done(world: FakeVehicles) -> None:
    """An intent that cannot be written means no effect."""

    class Full:
        def append(self, event: Event, sync: bool = False) -> Line:
            raise JournalError("full")

        def now_s(self) -> float:
            return 0.0

    with pytest.raises(JournalError):
        inject(fault("a"), Full(), world, threading.Event())
    assert world.sent == []


def test_an_undo_goes_on_where_it_cannot_be_written_down(
    journal: Journal, world: FakeVehicles
) -> None:
    """A full disk does not keep a fault in place."""
    go(fault("a"), journal, world)
    (opened,) = open_faults(read(journal.path))

    class Full:
        def append(self, event: Event, sync: bool = False) -> Line:
            raise JournalError("full")

        def now_s(self) -> float:
            return 0.0

    assert isinstance(end(opened, Full(), world, why="x", by="engine"), FaultEnded)
    assert world.files == {}


def test_an_effect_that_is_not_seen_is_undone_at_once(
    journal: Journal, world: FakeVehicles
) -> None:
    """It is not active, its end is in the journal, and another attempt is safe."""
    intent = fault("a")
    wrong = Plan(
        apply=intent.plan.apply,
        effect=(there("b", want=True),),
        undo=intent.plan.undo,
        gone=intent.plan.gone,
    )
    result = inject(msgspec.structs.replace(intent, plan=wrong), journal, world, threading.Event())
    assert (result.active, result.again, result.ours) == (False, True, False)
    assert world.files == {}
    assert kinds(journal)[-1] == "FaultEnded"


def test_half_an_effect_of_a_free_command_is_undone(
    journal: Journal, world: FakeVehicles
) -> None:
    """Its check does not see it, so `gone` holds; its undo is sent all the same."""
    intent = fault("a")
    half = msgspec.structs.replace(
        intent.plan,
        apply=(FileOp(path="half", content="x"),),
        undo=(FileOp(path="half", delete=True),),
        undo_unseen=True,
    )
    result = inject(msgspec.structs.replace(intent, plan=half), journal, world, threading.Event())
    assert not result.active
    assert world.files == {}


def test_a_refused_op_is_undone_and_told(journal: Journal, world: FakeVehicles) -> None:
    """The error of the op is the reason."""
    world.refuse.add("a")
    result = inject(fault("a"), journal, world, threading.Event())
    assert not result.active
    assert "a is refused" in result.error


def test_what_is_gone_already_is_never_undone(journal: Journal, world: FakeVehicles) -> None:
    """The end begins with its gone checks: nothing is sent then."""
    go(fault("a"), journal, world)
    world.files.clear()
    world.sent.clear()
    (opened,) = open_faults(read(journal.path))
    assert isinstance(end(opened, journal, world, why="x", by="engine"), FaultEnded)
    assert [op for op in world.sent if op.changes == "yes"] == []
    last = read(journal.path)[-1].event
    assert isinstance(last, FaultEnded)
    assert last.ended_by == "self"


def test_an_end_after_a_repair_is_the_repairs(journal: Journal, world: FakeVehicles) -> None:
    """A repair on the same target succeeded in between: it ended the fault."""
    go(fault("a"), journal, world)
    journal.append(RepairIntended(unit="mend", attempt=1, action="x.y", target="web", plan=Plan()))
    world.files.clear()
    journal.append(RepairEnded(unit="mend", attempt=1, started_at_s=1.0, ended_at_s=2.0, ok=True))
    (opened,) = open_faults(read(journal.path))
    end(opened, journal, world, why="x", by="engine")
    last = read(journal.path)[-1].event
    assert isinstance(last, FaultEnded)
    assert last.ended_by == "repair"


def test_an_undo_that_fails_is_tried_again_and_then_residue(
    journal: Journal, world: FakeVehicles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tries, then the manual command; the fault is still open for `recover`."""
    monkeypatch.setattr("breakfix.engine.ending.UNDO_PAUSE_S", 0.0)
    go(fault("a"), journal, world)
    world.refuse.add("a")
    (opened,) = open_faults(read(journal.path))
    assert isinstance(end(opened, journal, world, why="x", by="engine"), FaultResidue)
    events = [line.event for line in read(journal.path)]
    assert len([event for event in events if isinstance(event, UndoTried)]) == 3
    residue = events[-1]
    assert isinstance(residue, FaultResidue)
    assert residue.manual == "rm a"
    world.refuse.clear()
    assert all(
        isinstance(e, FaultEnded)
        for e in end_all(open_faults(read(journal.path)), journal, world, why="x", by="recover")
    )
    assert world.files == {}


def test_undo_is_last_in_first_out_on_one_target(journal: Journal, world: FakeVehicles) -> None:
    """What was done last is undone first; one failure does not stop the others."""
    for name in ("a", "b", "c"):
        go(fault(name), journal, world)
    world.sent.clear()
    assert all(
        isinstance(e, FaultEnded)
        for e in end_all(open_faults(read(journal.path)), journal, world, why="x", by="engine")
    )
    undone = [op.path for op in world.sent if isinstance(op, FileOp) and op.delete]
    assert undone == ["c", "b", "a"]
    assert open_faults(read(journal.path)) == []


def test_a_fault_that_is_seen_gone_is_bounded_by_when_it_was_last_seen(
    journal: Journal, world: FakeVehicles
) -> None:
    """It may have ended at any time since: the interval of its end begins there."""
    go(fault("a"), journal, world)
    (opened,) = open_faults(read(journal.path))
    still = end_if_gone(opened, journal, world)
    assert still is not None and still.open_at_s is not None
    world.files.clear()
    assert end_if_gone(still, journal, world) is None
    last = read(journal.path)[-1].event
    assert isinstance(last, FaultEnded)
    assert last.after_at_s == still.open_at_s
    assert last.before_at_s >= last.after_at_s


def test_ending_twice_is_harmless(journal: Journal, world: FakeVehicles) -> None:
    """The second time nothing is sent."""
    go(fault("a"), journal, world)
    (opened,) = open_faults(read(journal.path))
    assert isinstance(end(opened, journal, world, why="x", by="engine"), FaultEnded)
    world.sent.clear()
    assert isinstance(end(opened, journal, world, why="x", by="recover"), FaultEnded)
    assert all(op.changes == "no" for op in world.sent)


def test_the_proof_of_effect_is_kept(journal: Journal, world: FakeVehicles) -> None:
    """What was asked, what was measured, and between which instants."""
    go(fault("a"), journal, world)
    events = [line.event for line in read(journal.path)]
    applied = next(event for event in events if isinstance(event, FaultApplied))
    active = next(event for event in events if isinstance(event, FaultActive))
    assert active.evidence == {"a there": "True"}
    assert applied.started_at_s <= active.after_at_s <= active.before_at_s


def test_every_op_that_changes_comes_after_its_intent(
    journal: Journal, world: FakeVehicles
) -> None:
    """Of several faults, too: no effect without an open intent for it."""

    def guard(op: Op) -> None:
        if isinstance(op, FileOp) and op.content is not None:
            assert op.path in [item.intent.unit for item in open_faults(read(journal.path))]

    world.on_run = guard
    for name in ("a", "b"):
        go(fault(name), journal, world)


def test_an_engine_that_comes_back_is_waited_for(
    journal: Journal, world: FakeVehicles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More often than an undo that was refused is tried; a fault is not left for that."""
    monkeypatch.setattr("breakfix.engine.ending.UNDO_PAUSE_S", 0.0)
    target = Identity(kind="docker", name="web", object_id="a" * 64)
    intent = fault("a")
    undo = tuple(msgspec.structs.replace(op, target=target) for op in intent.plan.undo)
    plan = msgspec.structs.replace(intent.plan, undo=undo)
    inject(msgspec.structs.replace(intent, plan=plan), journal, world, threading.Event())
    (opened,) = open_faults(read(journal.path))
    answers = iter([False] * 5)

    class Silent:
        def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
            if op.target is not None and not next(answers, True):
                return Outcome(ok=False, error="connection refused")
            return world.run(op, stop=stop)

    assert isinstance(end(opened, journal, Silent(), why="x", by="engine"), FaultEnded)
    tries = [line.event for line in read(journal.path) if isinstance(line.event, UndoTried)]
    assert [tried.ok for tried in tries] == [False] * 5 + [True]


@pytest.mark.parametrize("arrives", [True, False])
def test_a_command_that_is_still_on_its_way_is_waited_for(
    journal: Journal, world: FakeVehicles, monkeypatch: pytest.MonkeyPatch, arrives: bool
) -> None:
    """Of an engine that died nobody knows whether Docker will carry out what it asked for."""
    monkeypatch.setattr("breakfix.engine.ending.SETTLE_S", 0.5)
    target = Identity(kind="docker", name="web", object_id="a" * 64)
    intent = fault("a")
    apply = tuple(msgspec.structs.replace(op, target=target) for op in intent.plan.apply)
    plan = msgspec.structs.replace(intent.plan, apply=apply)
    journal.append(msgspec.structs.replace(intent, plan=plan))
    (opened,) = open_faults(read(journal.path))
    looks = 0

    class Late:
        def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
            nonlocal looks
            looks += 1
            if arrives and looks == 3:
                world.files["a"] = "x"
            return world.run(op, stop=stop)

    ended = end(opened, journal, Late(), why="x", by="guardian")
    assert isinstance(ended, FaultEnded)
    assert ended.ended_by == ("engine" if arrives else "self")
    assert world.files == {}
