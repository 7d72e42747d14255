"""file.push and file.restore: files of a host, replaced in one step and put back, by real shells."""

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breakfix.actions.file.push import Push
from breakfix.actions.file.restore import Restore
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import ExecOp

MIB = 1 << 20


def mode_of(path: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def names_in(folder: Path) -> set[str]:
    """All that is there."""
    return {each.name for each in folder.iterdir()}


@pytest.mark.parametrize("content", ["", "a: 1\n", "no end", "'\"$(id)`id`\\\n%s\0\x01ü\n"])
def test_a_file_becomes_what_was_sent(here: Any, tmp_path: Path, content: str) -> None:
    """To the byte, whatever it holds; nothing else is left beside it."""
    path = tmp_path / "app.conf"
    here.mend(Push(path=str(path), content=content))
    assert path.read_bytes() == content.encode()
    assert names_in(tmp_path) == {"app.conf"}
    assert mode_of(path) == 0o644


def test_any_path_is_a_path(here: Any, tmp_path: Path, odd: str) -> None:
    """Names that a shell could take for something else are names."""
    folder = tmp_path / odd
    folder.mkdir()
    path = folder / odd
    plan = here.mend(Push(path=str(path), content="1"), here.facts_to_put_back)
    assert path.read_text() == "1"
    assert here.put_back(plan).ok
    assert names_in(folder) == set()


def test_a_local_file_is_copied(here: Any, tmp_path: Path) -> None:
    """Bytes that are no text, too."""
    source, path = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(bytes(range(256)) * 64)
    here.mend(Push(path=str(path), source=str(source)))
    assert path.read_bytes() == source.read_bytes()


def test_a_local_file_must_be_there_and_small(here: Any, tmp_path: Path) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(PreconditionError, match="cannot be read: No such file"):
        Push(path="/x", source=str(tmp_path / "none")).plan(here.facts)
    (tmp_path / "large").write_bytes(b"x" * (MIB + 1))
    with pytest.raises(PreconditionError, match="longer than 1 MiB"):
        Push(path="/x", source=str(tmp_path / "large")).plan(here.facts)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"path": "/x"}, "say one of `content` and `source`"),
        ({"path": "/x", "content": "", "source": "y"}, "say one of"),
        ({"path": "/x", "content": "x" * (MIB + 1)}, "longer than 1 MiB"),
        ({"path": "/x", "content": "\ud800"}, "half of a character"),
        ({"path": "x", "content": ""}, "path"),
        ({"path": "/x\0y", "content": ""}, "path"),
        ({"path": "/x", "content": "", "mode": "0x1"}, "mode"),
        ({"path": "/x", "content": "", "owner": "a b"}, "owner"),
        ({"path": "/x", "content": "", "owner": "-R"}, "owner"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], says: str) -> None:
    """Before anything is asked of a host."""
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(given, Push)


def test_a_file_keeps_its_permissions(here: Any, tmp_path: Path) -> None:
    """Unless others are given."""
    path = tmp_path / "app.conf"
    path.write_text("old")
    path.chmod(0o600)
    here.mend(Push(path=str(path), content="new"))
    assert (path.read_text(), mode_of(path)) == ("new", 0o600)
    here.mend(Push(path=str(path), content="new", mode="4750"))
    assert mode_of(path) == 0o4750


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_keeps_its_owner(here: Any, tmp_path: Path) -> None:
    """Unless another is given."""
    path = tmp_path / "app.conf"
    path.write_text("old")
    os.chown(path, 1, 2)
    here.mend(Push(path=str(path), content="new"))
    assert (path.stat().st_uid, path.stat().st_gid) == (1, 2)
    here.mend(Push(path=str(path), content="new", owner="root:root"))
    assert (path.stat().st_uid, path.stat().st_gid) == (0, 0)


def test_a_reader_sees_the_old_file_or_the_new_one(here: Any, tmp_path: Path) -> None:
    """Another file takes its name; what has the old one open keeps it."""
    path = tmp_path / "app.conf"
    path.write_text("old")
    with path.open() as opened:
        here.mend(Push(path=str(path), content="new"))
        assert opened.read() == "old"


def test_what_is_no_plain_file_is_left_alone(here: Any, tmp_path: Path) -> None:
    """Links and folders are refused, and what a link points at is not touched."""
    real = tmp_path / "real"
    real.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(real)
    for path, says in ((link, "symbolic link"), (tmp_path, "not a regular file"),
                       (tmp_path / "none/x", "there is no folder")):
        _, outcome = here.apply(Push(path=str(path), content="new"))
        assert not outcome.ok
        assert says in outcome.stderr
    assert real.read_text() == "old"
    assert names_in(tmp_path) == {"real", "link"}


def test_what_arrives_damaged_is_not_put_there(here: Any, tmp_path: Path) -> None:
    """The sum is compared on the host, before anything is replaced."""
    path = tmp_path / "app.conf"
    path.write_text("old")
    (op,) = Push(path=str(path), content="new").plan(here.facts_to_put_back).apply
    assert isinstance(op, ExecOp)
    outcome = here.run(msgspec.structs.replace(op, stdin="ne"))
    assert "wanted" in outcome.stderr
    assert path.read_text() == "old"
    assert names_in(tmp_path) == {"app.conf"}


def test_content_with_a_secret_is_compared_on_the_host_alone(here: Any, tmp_path: Path) -> None:
    """Its sum is that of the reference, not of what arrives."""
    path = tmp_path / "app.conf"
    (op,) = Push(path=str(path), content="${secret:token}").plan(here.facts).apply
    assert isinstance(op, ExecOp)
    assert here.run(msgspec.structs.replace(op, stdin="s3cret")).ok
    assert path.read_text() == "s3cret"


def test_to_put_back_gives_what_was_before(here: Any, tmp_path: Path) -> None:
    """Content and permissions; a second time it does nothing."""
    path = tmp_path / "app.conf"
    path.write_text("old")
    path.chmod(0o640)
    plan = here.mend(Push(path=str(path), content="new", mode="600"), here.facts_to_put_back)
    assert here.put_back(plan).ok
    assert (path.read_text(), mode_of(path)) == ("old", 0o640)
    path.write_text("later")
    assert here.put_back(plan).ok
    assert path.read_text() == "later"


def test_to_put_back_takes_away_what_was_not_there(here: Any, tmp_path: Path) -> None:
    """The file goes, and nothing stays of it."""
    plan = here.mend(Push(path=str(tmp_path / "new"), content="new"), here.facts_to_put_back)
    assert here.put_back(plan).ok
    assert names_in(tmp_path) == set()


def test_what_was_changed_since_stays(here: Any, tmp_path: Path) -> None:
    """To put back never overwrites what somebody else has written; what was kept goes."""
    path = tmp_path / "app.conf"
    path.write_text("old")
    plan = here.mend(Push(path=str(path), content="new"), here.facts_to_put_back)
    path.write_text("of others")
    outcome = here.put_back(plan)
    assert not outcome.ok
    assert "has changed since" in outcome.stderr
    assert path.read_text() == "of others"


def test_a_repair_that_stays_keeps_nothing(here: Any, tmp_path: Path) -> None:
    """Its undo only takes away what a cut off one has left beside the file."""
    path = tmp_path / "app.conf"
    plan = here.mend(Push(path=str(path), content="new"))
    (undo,) = plan.undo
    assert isinstance(undo, ExecOp)
    draft = Path(undo.argv[5])
    draft.write_text("half")
    assert here.put_back(plan).ok
    assert names_in(tmp_path) == {"app.conf"}
    assert path.read_text() == "new"


def test_a_backup_is_restored(here: Any, tmp_path: Path, odd: str) -> None:
    """From any name; the backup stays, and a file that is not there takes its permissions."""
    path, backup = tmp_path / f"1{odd}", tmp_path / f"2{odd}"
    backup.write_bytes(b"\x00good\xff")
    backup.chmod(0o600)
    here.mend(Restore(path=str(path), backup=str(backup)))
    assert path.read_bytes() == backup.read_bytes() == b"\x00good\xff"
    assert mode_of(path) == 0o600


def test_a_backup_with_another_sum_is_not_restored(here: Any, tmp_path: Path) -> None:
    """The file stays as it is; with the right sum, and to put back, it is as with a push."""
    path, backup = tmp_path / "data", tmp_path / "backup"
    path.write_text("bad")
    backup.write_text("good")
    right = hashlib.sha256(b"good").hexdigest()
    wrong = Restore(path=str(path), backup=str(backup), sha256="0" * 64)
    _, outcome = here.apply(wrong, here.facts_to_put_back)
    assert right in outcome.stderr
    assert path.read_text() == "bad"
    plan = here.mend(
        Restore(path=str(path), backup=str(backup), sha256=right), here.facts_to_put_back
    )
    assert path.read_text() == "good"
    assert here.put_back(plan).ok
    assert path.read_text() == "bad"
    assert names_in(tmp_path) == {"data", "backup"}


def test_a_backup_must_be_there(here: Any, tmp_path: Path) -> None:
    """Else nothing is done."""
    _, outcome = here.apply(Restore(path=str(tmp_path / "a"), backup=str(tmp_path / "b")))
    assert "there is no file" in outcome.stderr
    assert names_in(tmp_path) == set()
