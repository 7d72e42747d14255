"""What all runs of a machine share: the lever, and where the others' journals are."""

from pathlib import Path

import pytest

from breakfix.engine import machine
from breakfix.engine.errors import UsageError
from breakfix.engine.journal import Journal


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine and a home of its own; the folder of the machine."""
    monkeypatch.setenv("BREAKFIX_MACHINE_DIR", str(tmp_path / "machine"))
    monkeypatch.setenv("BREAKFIX_HOME", str(tmp_path / "home"))
    return tmp_path / "machine"


def test_the_lever_holds_until_it_is_released() -> None:
    """Who is refused learns since when, and why."""
    machine.refuse_if_halted()
    machine.engage("customers suffer")
    with pytest.raises(UsageError, match=r"halted since \d{4}-.*: customers suffer"):
        machine.refuse_if_halted()
    assert machine.release()
    machine.refuse_if_halted()
    assert not machine.release()


def test_nobody_removes_what_another_user_made(own: Path) -> None:
    """The folders are like /tmp: everybody may add (mkdir(2), the sticky bit)."""
    for folder in (machine.shared(), machine.shared("leases"), machine.shared("homes")):
        assert folder.stat().st_mode & 0o7777 == 0o1777
    assert machine.shared() == own


def test_every_home_that_ran_something_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest run first; a home that is gone is forgotten."""
    for name, run in (("one", "20260101-a"), ("two", "20250101-b"), ("gone", "20240101-c")):
        monkeypatch.setenv("BREAKFIX_HOME", str(tmp_path / name))
        Journal.create(tmp_path / name / "runs" / run, "engine").close()
        machine.enlist()
    (tmp_path / "gone").rename(tmp_path / "moved")
    assert [path.parent.name for path in machine.journals()] == ["20250101-b", "20260101-a"]
    assert len(list(machine.shared("homes").iterdir())) == 2
