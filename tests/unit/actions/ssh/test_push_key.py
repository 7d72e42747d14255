"""ssh.push_key: one line of one file, by real shells, with a user whose home is a folder of the test."""

import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from breakfix.actions.ssh.push_key import PushKey
from breakfix.engine.errors import PreconditionError

KEY = "ssh-ed25519 " + "A" * 67 + "b"
OTHER = "ssh-ed25519 " + "A" * 67 + "c"


@pytest.fixture
def home(here: Any, tmp_path: Path) -> Path:
    """The home of the user who logs in."""
    made = tmp_path / "home of it"
    made.mkdir()
    entry = f"x:x:{os.geteuid()}:{os.getegid()}::{made}:/bin/sh"
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "getent").write_text(f"#!/bin/sh\n[ \"$1\" = passwd ] && echo '{entry}'\n")
    (programs / "getent").chmod(0o755)
    here.path = f"{programs}:{os.environ['PATH']}"
    return made


def lines(home: Path) -> list[str]:
    """Of the file."""
    return (home / ".ssh/authorized_keys").read_text().splitlines()


def test_a_key_is_added_where_there_was_none(here: Any, home: Path) -> None:
    """Folder and file get the permissions that sshd asks for; nothing else is there."""
    here.mend(PushKey(key=f"{KEY} ops team"))
    assert lines(home) == [f"{KEY} ops team"]
    assert stat.S_IMODE((home / ".ssh").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / ".ssh/authorized_keys").stat().st_mode) == 0o600
    assert [each.name for each in (home / ".ssh").iterdir()] == ["authorized_keys"]


def test_it_is_added_once(here: Any, home: Path) -> None:
    """Whatever comment it comes with, and whatever options it has there."""
    (home / ".ssh").mkdir(mode=0o700)
    kept = [f'command="/bin/true" {KEY} somebody', OTHER]
    (home / ".ssh/authorized_keys").write_text("\n".join(kept))
    here.mend(PushKey(key=f"{KEY} ops"))
    assert lines(home) == kept


def test_a_line_that_counts_for_nothing_is_no_key(here: Any, home: Path) -> None:
    """A comment is none; a last line without an end stays one line."""
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh/authorized_keys").write_text(f"# {KEY}\n{OTHER} x")
    here.mend(PushKey(key=KEY))
    assert lines(home) == [f"# {KEY}", f"{OTHER} x", KEY]


def test_to_put_back_takes_that_line_alone(here: Any, home: Path) -> None:
    """What others have written since stays; a key that was there before does, too."""
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh/authorized_keys").write_text(f"{OTHER}\n")
    facts = here.facts_to_put_back
    plan = here.mend(PushKey(key=f"{KEY} ops"), facts)
    assert lines(home) == [OTHER, f"{KEY} ops breakfix:{facts.token}"]
    with (home / ".ssh/authorized_keys").open("a") as file:
        file.write("# later\n")
    assert here.put_back(plan).ok
    assert lines(home) == [OTHER, "# later"]
    assert here.put_back(plan).ok

    plan = here.mend(PushKey(key=OTHER), here.facts_to_put_back)
    assert here.put_back(plan).ok
    assert lines(home) == [OTHER, "# later"]


def test_permissions_that_sshd_refuses_are_mended(here: Any, home: Path) -> None:
    """Others may read the file, not write it."""
    (home / ".ssh").mkdir(mode=0o700)
    path = home / ".ssh/authorized_keys"
    for before, after in ((0o644, 0o644), (0o664, 0o600), (0o646, 0o600)):
        path.write_text("")
        path.chmod(before)
        here.mend(PushKey(key=KEY))
        assert stat.S_IMODE(path.stat().st_mode) == after


def test_links_are_refused(here: Any, home: Path, tmp_path: Path) -> None:
    """What they point at is not touched."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / ".ssh").symlink_to(elsewhere)
    _, outcome = here.apply(PushKey(key=KEY))
    assert "symbolic link" in outcome.stderr
    (home / ".ssh").unlink()
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh/authorized_keys").symlink_to(elsewhere / "file")
    _, outcome = here.apply(PushKey(key=KEY))
    assert "symbolic link" in outcome.stderr
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("comment", ["it's $(id)", "`id`;x", "* \"q\" \\ %s", "ünï"])
def test_any_comment_is_a_comment(here: Any, home: Path, comment: str) -> None:
    """It stands there as it was given."""
    here.mend(PushKey(key=f"{KEY} {comment}"))
    assert lines(home) == [f"{KEY} {comment}"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"key": "ssh-ed25519"}, "no public key"),
        ({"key": f"{KEY}\n{OTHER}"}, "no public key"),
        ({"key": f"command=x {KEY}"}, "no public key"),
        ({"key": f"{KEY} a\tb"}, "no public key"),
        ({"key": KEY, "user": "-x"}, "user"),
        ({"key": KEY, "user": "a:b"}, "user"),
    ],
)
def test_what_is_no_key_is_refused(given: dict[str, Any], says: str) -> None:
    """Before anything is asked of a host."""
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(given, PushKey)


def test_another_user_needs_root(here: Any) -> None:
    """Who logs in may change what is his own."""
    facts = structs.replace(here.facts, user="ops", root="")
    with pytest.raises(PreconditionError, match="not ours to change"):
        PushKey(key=KEY, user="root").plan(facts)
    assert PushKey(key=KEY, user="ops").plan(facts).apply
