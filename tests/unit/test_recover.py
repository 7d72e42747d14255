"""What recovery would do, and what it says: from journals by hand, with files as faults."""

from pathlib import Path

import msgspec
import pytest

from breakfix.engine.errors import JournalError
from breakfix.engine.events import FaultIntended, RepairIntended, RunEnded, RunStarted, WriterTaken
from breakfix.engine.journal import Journal, is_this_machine, read
from breakfix.engine.open_runs import open_run
from breakfix.engine.ops import Check, ExecOp, FileOp, Plan
from breakfix.engine.owed import owed
from breakfix.engine.recover import outlook, recover


def died(folder: Path) -> Path:
    """The journal of a run that died with a fault (a file) and a repair open."""
    journal = Journal.create(folder / "run", "engine")
    broken = folder / "broken"
    journal.append(
        RunStarted(
            run_id="run", scenario="x", file="x.yaml", file_sha256="0", versions={}, seed=1
        )
    )
    look = ExecOp(argv=("test", "-e", str(broken)), ok_exit=(0, 1), changes="no")
    plan = Plan(
        apply=(FileOp(path=str(broken), content="x"),),
        effect=(Check(op=look, pick="code", is_="eq", value=0),),
        undo=(FileOp(path=str(broken), delete=True),),
        gone=(Check(op=look, pick="code", is_="eq", value=1, within_s=0.0),),
    )
    journal.append(
        FaultIntended(
            fault="break#1",
            unit="break",
            action="file.break",
            target="web",
            plan=plan,
            lasting=True,
            hold_s=60.0,
            due_at_s=0.0,
        )
    )
    back = Plan(undo=(FileOp(path=str(folder / "mended"), delete=True),))
    journal.append(
        RepairIntended(unit="mend", attempt=1, action="file.mend", target="web", plan=back)
    )
    journal.close()
    broken.write_text("x")
    return journal.path


def test_the_outlook_names_every_command_and_does_nothing(tmp_path: Path) -> None:
    """The repair first, which came last."""
    path = died(tmp_path)
    before = path.read_bytes()
    assert outlook(path) == (
        f"mend: cut off half-way, taken back by rm {tmp_path}/mended",
        f"break#1 (file.break on web): if it is not over already, rm {tmp_path}/broken",
    )
    assert path.read_bytes() == before
    assert (tmp_path / "broken").exists()


def test_what_was_done_is_said_and_a_second_time_there_is_nothing_to_do(tmp_path: Path) -> None:
    """Idempotent: nothing is written then."""
    path = died(tmp_path)
    done = recover(path, "recover", wait=False)
    assert "break#1 (file.break on web): undone" in done.said
    assert not (tmp_path / "broken").exists()
    before = path.read_bytes()
    assert recover(path, "recover", wait=False).said == ()
    assert path.read_bytes() == before


def test_what_is_over_already_is_said_so(tmp_path: Path) -> None:
    """Nothing is sent then."""
    path = died(tmp_path)
    (tmp_path / "broken").unlink()
    done = recover(path, "recover", wait=False)
    assert "break#1 (file.break on web): was already gone" in done.said
    assert done.clean


def test_from_another_machine_nothing_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manual command is told instead, and it is not clean."""
    monkeypatch.setattr("breakfix.engine.ending.UNDO_PAUSE_S", 0.0)
    monkeypatch.setattr("breakfix.engine.recover.is_this_machine", lambda writer: False)
    path = died(tmp_path)
    done = recover(path, "recover", wait=False)
    assert not done.clean
    (said,) = [sentence for sentence in done.said if sentence.startswith("break#1")]
    assert "NOT undone: Not here: the run was on another machine" in said
    assert said.endswith(f"By hand: rm {tmp_path}/broken")
    assert (tmp_path / "broken").exists()


def test_what_could_not_be_undone_may_be_undone_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier writer has said was left is looked at again: then all is clean."""
    monkeypatch.setattr("breakfix.engine.ending.UNDO_PAUSE_S", 0.0)
    path = died(tmp_path)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("breakfix.engine.recover.is_this_machine", lambda writer: False)
        assert not recover(path, "recover", wait=False).clean
    done = recover(path, "recover", wait=False)
    assert done.clean, done.said
    last = read(path)[-1].event
    assert isinstance(last, RunEnded) and not last.residue


def test_a_machine_is_known_by_its_boot_or_its_id(tmp_path: Path) -> None:
    """One of the two must be the same, and an empty id is none."""
    writer = read(died(tmp_path))[0].event
    assert isinstance(writer, WriterTaken)
    assert is_this_machine(writer)
    assert is_this_machine(msgspec.structs.replace(writer, machine_id=""))
    other = msgspec.structs.replace(writer, boot_id="another", machine_id="")
    assert not is_this_machine(other)


def test_the_open_run_says_who_ends_it(tmp_path: Path) -> None:
    """Its living writer, or nobody."""
    path = died(tmp_path)
    alive = open_run(path, read(path), alive=True)
    assert alive.ends.startswith("its engine (pid ")
    assert [fault.step for fault in alive.faults] == ["break"]
    # It was intended, and nobody knows whether it was done.
    assert alive.faults[0].since_wall_s is None
    assert "recover --run run" in open_run(path, read(path), alive=False).ends


def test_what_is_owed_is_known_after_any_line(tmp_path: Path) -> None:
    """However short the journal is."""
    lines = read(died(tmp_path))
    for count in range(len(lines) + 1):
        todo = owed(lines[:count])
        assert len(todo.faults) <= count
        assert not todo.ended


@pytest.mark.parametrize("start", [b"", b"{", b'{"seq":1,"at_s":0.00'])
def test_a_run_that_died_before_its_first_line_owes_nothing(tmp_path: Path, start: bytes) -> None:
    """It had done nothing."""
    path = tmp_path / "journal.ndjson"
    path.write_bytes(start)
    assert outlook(path) == ()
    assert recover(path, "recover", wait=False).clean
    assert path.read_bytes() == start


def test_what_is_no_journal_is_not_touched(tmp_path: Path) -> None:
    """However it ends."""
    path = tmp_path / "letter.txt"
    for text in ("Dear", "Dear\n"):
        path.write_text(text)
        with pytest.raises(JournalError):
            recover(path, "recover", wait=False)
        assert path.read_text() == text
