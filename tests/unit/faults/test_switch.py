"""A fault with a dead-man switch: what comes before what, and who is said to have ended it."""

import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs
from tests.local_host import LocalHost, local_facts

from breakfix.engine import deadman
from breakfix.engine.action import HostFacts
from breakfix.engine.ending import end, end_if_gone
from breakfix.engine.events import FaultEnded, FaultEnding, FaultIntended, FaultResidue
from breakfix.engine.faults import inject
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.journal import Journal, read
from breakfix.engine.open_faults import OpenFault, open_faults
from breakfix.engine.ops import Check, ExecOp, Op, Outcome, Plan

LONG_S = 600.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal that is open."""
    journal = Journal.create(tmp_path / "run", "engine")
    yield journal
    journal.close()


@pytest.fixture
def facts() -> HostFacts:
    """This machine as a host."""
    return local_facts(f"test-{secrets.token_hex(4)}")


@pytest.fixture
def intent(facts: HostFacts, tmp_path: Path) -> Iterator[FaultIntended]:
    """A fault that is a file."""
    file = str(tmp_path / "fault")

    def there(value: bool) -> Check:
        text = '[ -e "$1" ] && echo \'{"there": true}\' || echo \'{"there": false}\''
        op = script(facts, text, file, changes="no")
        return Check(op=op, pick="/there", is_="eq", value=value, within_s=0.2, asked="there")

    plan = Plan(
        apply=(script(facts, ': >"$1"', file),),
        effect=(there(True),),
        undo=(script(facts, 'rm -f "$1"', file),),
        gone=(there(False),),
    )
    armed = deadman.armed(plan, facts, LONG_S)
    yield FaultIntended(
        fault="a#1", unit="a", action="x.y", target="here", plan=armed, lasting=True, hold_s=1.0,
        due_at_s=0.0,
    )  # fmt: skip
    LocalHost().run(armed.disarm[-1])


class Watched(LocalHost):
    """A host that tells of each op before it runs, and answers for some of them itself."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Op] = []
        self.answer: Callable[[Op], Outcome | None] = lambda op: None

    def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
        """Execute one op."""
        self.sent.append(op)
        return self.answer(op) or super().run(op, stop=stop)


def opened(journal: Journal) -> OpenFault:
    """The fault that is open."""
    (fault,) = open_faults(read(journal.path))
    return fault


def go(intent: FaultIntended, journal: Journal, host: LocalHost) -> None:
    """Inject, and see that it is active."""
    done = inject(intent, journal, host, threading.Event())
    assert done.active, done.error


def test_the_switch_is_armed_before_the_effect(intent: FaultIntended, journal: Journal) -> None:
    """And t0 is that of the effect."""
    host = Watched()
    go(intent, journal, host)
    assert host.sent[:2] == [*intent.plan.arm, *intent.plan.apply]
    assert opened(journal).started_at_s is not None


def test_where_it_cannot_be_armed_nothing_is_applied(
    intent: FaultIntended, journal: Journal, tmp_path: Path
) -> None:
    """The reason is told, and nothing is left open."""
    host = Watched()
    host.answer = lambda op: (
        Outcome(ok=False, code=65, stderr="no room\n") if op == intent.plan.arm[0] else None
    )
    done = inject(intent, journal, host, threading.Event())
    assert not done.active
    assert done.error == "the dead-man switch cannot be armed: no room (exit code 65)"
    assert intent.plan.apply[0] not in host.sent
    last = read(journal.path)[-1].event
    assert isinstance(last, FaultEnded) and last.ended_by == "self"
    assert not (tmp_path / "fault").exists()


def test_an_end_by_the_engine_takes_the_switch_away(
    intent: FaultIntended, journal: Journal, facts: HostFacts
) -> None:
    """After the fault was seen gone, never before."""
    host = Watched()
    go(intent, journal, host)
    came = end(opened(journal), journal, host, why="x", by="engine")
    assert isinstance(came, FaultEnded) and came.ended_by == "engine"
    assert host.sent[-1] == intent.plan.disarm[-1]
    assert not Path(state_dir(facts, root=False)).exists()
    assert host.run(intent.plan.apply[0]).code == 65


def test_what_a_dead_engine_had_undone_was_ended_by_the_engine(
    intent: FaultIntended, journal: Journal
) -> None:
    """Its end had begun, and the switch had not fired: it did not end by itself."""
    host = Watched()
    go(intent, journal, host)
    journal.append(FaultEnding(fault=intent.fault, why="its time is over"))
    for op in intent.plan.undo:
        assert host.run(op).ok
    came = end(opened(journal), journal, host, why="its engine is gone", by="recover")
    assert isinstance(came, FaultEnded) and came.ended_by == "engine"


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ("armed", "self"),
        ("absent", "expiry"),
        ("fired", "expiry"),
        ("absent, rebooted", "restart"),
        ("armed, repaired", "repair"),
    ],
)
def test_what_is_found_tells_who_ended_it(
    intent: FaultIntended, journal: Journal, tmp_path: Path, found: str, cause: str
) -> None:
    """A switch that is gone has fired; on another boot id, its host was started again."""
    host = Watched()
    go(intent, journal, host)
    (tmp_path / "fault").unlink()
    found, _, besides = found.partition(", ")
    target = intent.plan.disarm[-1].target
    assert target is not None
    boot_id = "another" if besides == "rebooted" else target.incarnation
    repaired = besides == "repaired"
    said = {"dead_man": found, "boot_id": boot_id}
    host.answer = lambda op: (
        Outcome(ok=True, code=0, data=said) if op == intent.plan.disarm[-1] else None
    )
    assert end_if_gone(opened(journal), journal, host, repaired=repaired) is None
    last = read(journal.path)[-1].event
    assert isinstance(last, FaultEnded) and last.ended_by == cause


def test_a_switch_that_was_faster_than_the_undo_has_ended_it(
    intent: FaultIntended, journal: Journal
) -> None:
    """It fired between our look and our undo."""
    host = Watched()
    go(intent, journal, host)

    def fire(op: Op) -> None:
        if op == intent.plan.undo[0]:
            host.run(intent.plan.disarm[-1])

    host.answer = fire
    came = end(opened(journal), journal, host, why="x", by="engine")
    assert isinstance(came, FaultEnded) and came.ended_by == "expiry"


@pytest.mark.parametrize("gone", [True, False])
def test_a_switch_that_cannot_be_taken_away_is_residue(
    intent: FaultIntended, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *,
    gone: bool,
) -> None:  # fmt: skip
    """Though the fault is over: with the command for people; and `recover` may try again."""
    monkeypatch.setattr("breakfix.engine.ending.UNDO_PAUSE_S", 0.0)
    host = Watched()
    go(intent, journal, host)
    if gone:
        (tmp_path / "fault").unlink()
    host.answer = lambda op: (
        Outcome(ok=False, code=65, stderr="no\n") if op == intent.plan.disarm[-1] else None
    )
    still = end_if_gone(opened(journal), journal, host)
    assert still is not None
    came = end(still, journal, host, why="x", by="engine")
    assert isinstance(came, FaultResidue)
    assert came.why == "it is over, but its dead-man switch cannot be taken away: no (exit code 65)"
    assert came.manual.startswith("ssh here ")
    assert host.sent.count(intent.plan.disarm[-1]) >= 3
    host.answer = lambda op: None
    assert isinstance(end(opened(journal), journal, host, why="x", by="recover"), FaultEnded)


def test_a_residue_leaves_the_switch_in_place(
    intent: FaultIntended, journal: Journal, facts: HostFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where our undo has failed, the host may still do it by itself."""
    monkeypatch.setattr("breakfix.engine.ending.UNDO_PAUSE_S", 0.0)
    host = Watched()
    go(intent, journal, host)
    host.answer = lambda op: Outcome(ok=False, code=1) if op == intent.plan.undo[1] else None
    assert isinstance(end(opened(journal), journal, host, why="x", by="engine"), FaultResidue)
    assert (Path(state_dir(facts, root=False)) / "timer").exists()


def test_a_host_that_does_not_answer_is_waited_for(
    intent: FaultIntended, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than one that refuses: it may be starting again."""
    monkeypatch.setattr("breakfix.engine.ending.UNDO_PAUSE_S", 0.0)
    host = Watched()
    go(intent, journal, host)
    silent = iter([True] * 12)
    host.answer = lambda op: (
        Outcome(ok=False, error="connection refused") if next(silent, False) else None
    )
    assert isinstance(end(opened(journal), journal, host, why="x", by="engine"), FaultEnded)


def test_a_command_that_comes_too_late_has_no_effect(
    intent: FaultIntended, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an engine that died nobody knows what is still on its way: the fence stops it."""
    monkeypatch.setattr("breakfix.engine.ending.SETTLE_S", 0.2)
    host = Watched()
    journal.append(intent)
    for op in intent.plan.arm:
        assert host.run(op).ok
    came = end(opened(journal), journal, host, why="x", by="guardian")
    assert isinstance(came, FaultEnded) and came.ended_by == "self"
    late = host.run(intent.plan.apply[0])
    assert isinstance(intent.plan.apply[0], ExecOp)
    assert late.code == 65 and "too late" in late.stderr
    assert not (tmp_path / "fault").exists()


def test_what_was_never_applied_was_not_ended_by_its_switch(
    intent: FaultIntended, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An intent alone, and no switch on the host: nothing had begun."""
    monkeypatch.setattr("breakfix.engine.ending.SETTLE_S", 0.0)
    journal.append(intent)
    fault = opened(journal)
    assert structs.replace(fault, applied=True) != fault
    came = end(fault, journal, Watched(), why="x", by="guardian")
    assert isinstance(came, FaultEnded) and came.ended_by == "self"
