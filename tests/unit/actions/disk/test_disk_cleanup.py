"""disk.cleanup: what is old enough goes, and nothing else, by real shells."""

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breakfix.actions.disk.cleanup import Cleanup
from breakfix.engine.ops import Outcome

HOUR_S = 3600


def old(path: Path, hours: float = 2.0) -> Path:
    """A file that was written so long ago."""
    path.write_text("x" * 10)
    at_s = time.time() - hours * HOUR_S
    os.utime(path, (at_s, at_s))
    return path


def cleaned(here: Any, folder: Path, **given: Any) -> Outcome:
    """What came of it."""
    _, outcome = here.apply(Cleanup(path=str(folder), **{"older_than": "1h", **given}))
    assert isinstance(outcome, Outcome)
    return outcome


def left_in(folder: Path) -> set[str]:
    """The names that are there still."""
    return {each.name for each in folder.iterdir()}


def test_old_files_of_that_name_go(here: Any, tmp_path: Path) -> None:
    """Not younger ones, nor those of other names; what went is told."""
    for name in ("a.log", "b.log", "c.txt"):
        old(tmp_path / name)
    (tmp_path / "young.log").write_text("")
    outcome = cleaned(here, tmp_path, glob="*.log")
    assert outcome.ok, outcome
    first, *names = outcome.text.splitlines()
    assert first == f"2 files of {tmp_path}, 20 bytes, go"
    assert sorted(names) == ["./a.log", "./b.log"]
    assert left_in(tmp_path) == {"c.txt", "young.log"}


def test_the_newest_stay(here: Any, tmp_path: Path) -> None:
    """As many as are asked for, young ones included."""
    for hours in (2, 3, 4, 5):
        old(tmp_path / f"{hours}.log", hours)
    (tmp_path / "0.log").write_text("")
    assert cleaned(here, tmp_path, glob="*.log", keep_count=3).ok
    assert left_in(tmp_path) == {"0.log", "2.log", "3.log"}


def test_a_dry_run_lists_and_deletes_nothing(here: Any, tmp_path: Path) -> None:
    """The same list as of the real one."""
    old(tmp_path / "a")
    outcome = cleaned(here, tmp_path, dry_run=True)
    assert outcome.ok
    assert outcome.text == f"1 files of {tmp_path}, 10 bytes, would go\n./a\n"
    assert left_in(tmp_path) == {"a"}


def test_more_than_is_allowed_is_refused(here: Any, tmp_path: Path) -> None:
    """Nothing is deleted then."""
    for number in range(4):
        old(tmp_path / str(number))
    outcome = cleaned(here, tmp_path, count_max=3)
    assert not outcome.ok
    assert "4 files would go, more than the 3" in outcome.stderr
    assert len(left_in(tmp_path)) == 4


def test_folders_links_and_what_is_below_stay(here: Any, tmp_path: Path) -> None:
    """It is about plain files of this one folder."""
    outside = old(tmp_path / "outside")
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    old(folder / "below/file")
    old(folder / "gone")
    (folder / "link").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    at_s = time.time() - 9 * HOUR_S
    for name in ("below", "pipe"):
        os.utime(folder / name, (at_s, at_s))
    os.utime(folder / "link", (at_s, at_s), follow_symlinks=False)
    assert cleaned(here, folder).ok
    assert left_in(folder) == {"below", "link", "pipe"}
    assert left_in(folder / "below") == {"file"}
    assert outside.exists()


def test_any_name_is_a_name(here: Any, tmp_path: Path, odd: str) -> None:
    """It goes like others, alone; but one that holds the end of a line stays. Blanks at its end are
    part of it."""
    folder = tmp_path / odd
    folder.mkdir()
    for name in (odd, f"{odd} ", "other"):
        old(folder / name)
    (folder / "young").write_text("")
    if "\n" in odd:
        # In the path itself it is no harm.
        assert cleaned(here, folder).ok
        assert left_in(folder) == {odd, f"{odd} ", "young"}
        return
    assert cleaned(here, folder).ok
    assert left_in(folder) == {"young"}


def test_a_pattern_is_none_of_the_shell(here: Any, tmp_path: Path, odd: str) -> None:
    """Whatever it is, it chooses names of this folder only."""
    if "\n" in odd:
        return
    old(tmp_path / "zzz")
    outcome = cleaned(here, tmp_path, glob=odd)
    assert outcome.ok, outcome
    assert left_in(tmp_path) == {"zzz"}


@pytest.mark.parametrize("link_at", ["last", "middle"])
def test_a_path_through_a_link_is_refused(here: Any, tmp_path: Path, link_at: str) -> None:
    """It might lead anywhere by now."""
    folder = tmp_path / "real/folder"
    folder.mkdir(parents=True)
    old(folder / "a")
    (tmp_path / "link").symlink_to(folder if link_at == "last" else tmp_path / "real")
    path = tmp_path / "link" if link_at == "last" else tmp_path / "link/folder"
    outcome = cleaned(here, path)
    assert not outcome.ok
    assert "symbolic link" in outcome.stderr or "name that" in outcome.stderr
    assert left_in(folder) == {"a"}


def test_a_folder_must_be_there(here: Any, tmp_path: Path) -> None:
    """Else it says so."""
    assert "there is no folder" in cleaned(here, tmp_path / "none").stderr


def test_an_empty_folder_is_no_error(here: Any, tmp_path: Path) -> None:
    """There is nothing to do, and that is done."""
    outcome = cleaned(here, tmp_path)
    assert outcome.ok
    assert outcome.text.startswith("0 files")


@pytest.mark.parametrize(
    "path",
    ["/", "/etc", "/etc/x", "/usr", "/usr/bin", "/proc/1", "/dev/shm", "/boot", "//etc", "/a/../etc",
     "/a/./b", "/a//b", "/a/", "a", "/lib64"],
)  # fmt: skip
def test_folders_of_the_system_are_refused(path: str) -> None:
    """And paths that do not say plainly what they are."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"path": path, "older_than": "1h"}, Cleanup)


def test_what_people_keep_below_the_system_is_not_refused() -> None:
    """/usr/local is theirs."""
    path = "/usr/local/app/log"
    assert msgspec.convert({"path": path, "older_than": "1h"}, Cleanup).path == path
