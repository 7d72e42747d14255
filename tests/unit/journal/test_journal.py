"""The journal: one writer, an unbroken chain, and nothing lost but a torn last line."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breakfix.engine import journal as module
from breakfix.engine.errors import JournalError
from breakfix.engine.events import Line, RunErrored, UnitChanged
from breakfix.engine.journal import FIRST_PREV, Journal, read, verify

QUICK = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(folder: Path, count: int = 5) -> Path:
    """A closed journal of some events."""
    journal = Journal.create(folder, "engine")
    for number in range(count):
        journal.append(UnitChanged(unit=f"u{number}", state="running"))
    journal.close()
    return journal.path


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    """Every event, with its number, its instant and the hash of the line before."""
    lines = read(written(tmp_path / "run"))
    assert [line.seq for line in lines] == list(range(1, 7))
    assert lines[0].prev == FIRST_PREV
    assert [line.event.unit for line in lines[1:] if isinstance(line.event, UnitChanged)] == [
        f"u{number}" for number in range(5)
    ]
    assert sorted(line.at_s for line in lines) == [line.at_s for line in lines]


def test_a_whole_journal_verifies(tmp_path: Path) -> None:
    """The chain holds, and its head is the writer's."""
    journal = Journal.create(tmp_path / "run", "engine")
    journal.append(RunErrored(message="x"))
    found = verify(journal.path)
    assert (found.problems, found.head, found.lines) == ((), journal.head, 2)
    journal.close()


@QUICK
@given(st.floats(0, 0.999), st.integers(1, 94))
def test_a_changed_byte_is_found(
    tmp_path_factory: pytest.TempPathFactory, share: float, shift: int
) -> None:
    """Whatever byte of a line is changed, `verify` names a problem; the last line's head differs."""
    path = written(tmp_path_factory.mktemp("journal") / "run", 3)
    raw = bytearray(path.read_bytes())
    before = verify(path)
    where = [i for i, byte in enumerate(raw) if byte != 10]
    place = where[int(share * len(where))]
    raw[place] = (raw[place] - 32 + shift) % 95 + 32
    path.write_bytes(raw)
    after = verify(path)
    assert after.problems or after.head != before.head


@QUICK
@given(st.floats(0, 1))
def test_a_kill_at_any_byte_leaves_a_journal_that_goes_on(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    """The next writer moves a torn last line aside and continues the chain."""
    path = written(tmp_path_factory.mktemp("journal") / "run", 3)
    raw = path.read_bytes()
    first = raw.index(b"\n") + 1
    cut = first + int(share * (len(raw) - first))
    path.write_bytes(raw[:cut])
    whole = raw[:cut].count(b"\n")
    journal = Journal.take(path, "recover")
    journal.begin()
    journal.close()
    found = verify(path)
    assert (found.problems, found.lines) == ((), whole + 1)
    torn = raw[:cut].rpartition(b"\n")[2]
    kept = path.parent / "journal.torn"
    assert (kept.read_bytes() if kept.exists() else b"") == (torn + b"\n" if torn else b"")


def test_a_second_writer_has_the_clock_of_the_first(tmp_path: Path) -> None:
    """On the same boot instants go on where they were, also for another process."""
    path = written(tmp_path / "run")
    last = read(path)[-1].at_s
    journal = Journal.take(path, "guardian")
    assert journal.now_s() > last
    journal.close()


def test_there_is_one_writer_at_a_time(tmp_path: Path) -> None:
    """While one holds the lock, another process is refused; after its death it is not."""
    journal = Journal.create(tmp_path / "run", "engine")
    code = (
        "import sys; from pathlib import Path; from breakfix.engine.journal import Journal\n"
        "try: Journal.take(Path(sys.argv[1]), 'recover', wait=False)\n"
        "except BlockingIOError: sys.exit(9)"
    )

    def other() -> int:
        return subprocess.run(
            [sys.executable, "-c", code, str(journal.path)], check=False
        ).returncode

    assert other() == 9
    journal.close()
    assert other() == 0


def test_threads_may_append_at_the_same_time(tmp_path: Path) -> None:
    """No line is lost or mixed with another."""
    journal = Journal.create(tmp_path / "run", "engine")

    def append() -> None:
        for _ in range(50):
            journal.append(UnitChanged(unit="u" * 200, state="running"))

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    found = verify(journal.path)
    assert (found.problems, found.lines) == ((), 201)


@given(st.text(st.characters(), max_size=50))
@settings(deadline=None, max_examples=50)
def test_any_text_can_be_written(text: str) -> None:
    """Lone surrogates, as they come of invalid UTF-8, are escaped and never lose the event."""
    event = RunErrored(message=text)
    raw = module._encode(Line(seq=1, at_s=0.0, prev=FIRST_PREV, event=event))
    back = module._decode(raw, 1, Path("x")).event
    assert isinstance(back, RunErrored)
    assert back.message == text.encode("utf-8", "backslashreplace").decode()


def test_on_a_full_disk_the_reserve_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first time that nothing fits, the reserve takes the event, and the writer is told; after
    that there is room for the undo, until that is full, too."""
    journal = Journal.create(tmp_path / "run", "engine")
    reserve = tmp_path / "run" / "reserve"
    assert reserve.stat().st_size == module.RESERVE_BYTES
    real = module._write_all

    def full(fd: int, data: bytes) -> None:
        if reserve.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(fd, data)

    monkeypatch.setattr(module, "_write_all", full)
    with pytest.raises(JournalError, match="No space left"):
        journal.append(RunErrored(message="x"))
    assert not reserve.exists()
    journal.append(RunErrored(message="undone"))
    assert verify(journal.path).problems == ()
    assert len(read(journal.path)) == 3

    def fuller(fd: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "_write_all", fuller)
    with pytest.raises(JournalError, match="No space left"):
        journal.append(RunErrored(message="y"))
    journal.close()


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    """With the file and the line, never a traceback of the decoder."""
    path = tmp_path / "journal.ndjson"
    path.write_text("hello\n")
    with pytest.raises(JournalError, match=r"journal.ndjson:1"):
        read(path)
    path.write_text("")
    with pytest.raises(JournalError, match="no whole line"):
        read(path)
    with pytest.raises(JournalError, match="cannot be read"):
        read(tmp_path / "none")


def test_a_folder_that_cannot_be_written_is_one_clear_message(tmp_path: Path) -> None:
    """It names the journal and what to set."""
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="BREAKFIX_HOME"):
        Journal.create(tmp_path / "file" / "run", "engine")
