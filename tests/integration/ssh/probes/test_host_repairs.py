"""Repairs of hosts, each on a real host, over a real sshd."""

import os
import pwd
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.ssh_server import SshServer

from breakfix.actions.disk.cleanup import Cleanup
from breakfix.actions.file.push import Push
from breakfix.actions.file.restore import Restore
from breakfix.actions.host.command import Command
from breakfix.actions.process.restart import Restart
from breakfix.actions.process.running import Running
from breakfix.actions.ssh.push_key import PushKey
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_processes import Match

Wait = Callable[[Callable[[], object], str], None]
KEY = "ssh-ed25519 " + "A" * 68


@pytest.mark.parametrize("sudo", [False, True])
@pytest.mark.parametrize("name", ["plain.conf", "it's $(id) `x`\\\n*.conf"])
def test_a_file_is_pushed_and_put_back(reach: Any, folder: Path, name: str, sudo: bool) -> None:
    """By the login user and as root; owner and permissions are those that it had."""
    path = folder / name
    probe = Command(argv=("sh", "-c", 'printf %s "$1" > "$2"', "sh", "old", str(path)))
    assert reach.sample(probe).holds
    before = path.stat()
    plan = reach.mend(Push(path=str(path), content="new $(id)\n", sudo=sudo), reach.facts_to_put_back())
    assert path.read_text() == "new $(id)\n"
    now = path.stat()
    assert (now.st_uid, now.st_mode) == (before.st_uid, before.st_mode)
    assert reach.kept()
    assert reach.put_back(plan).ok
    assert path.read_text() == "old"
    assert [each.name for each in folder.iterdir()] == [name]


def test_a_large_file_is_pushed(reach: Any, folder: Path, tmp_path: Path) -> None:
    """A mebibyte of any bytes."""
    source = tmp_path / "source"
    source.write_bytes(secrets.token_bytes(1 << 20))
    reach.mend(Push(path=str(folder / "large"), source=str(source), mode="600"))
    assert (folder / "large").read_bytes() == source.read_bytes()


def test_what_may_not_be_written_is_left_alone(plain: Any, folder: Path) -> None:
    """It says why, and nothing of it stays."""
    folder.chmod(0o755)
    outcome = plain.apply(Push(path=str(folder / "x"), content="").plan(plain.facts_to_put_back()))
    assert not outcome.ok
    assert "ermission denied" in outcome.stderr or "cannot create" in outcome.stderr
    assert not list(folder.iterdir())
    with pytest.raises(PreconditionError, match="needs root"):
        Push(path="/x", content="", sudo=True).plan(plain.facts())


def test_a_file_is_restored(reach: Any, folder: Path) -> None:
    """From a copy on the host."""
    (folder / "good").write_bytes(b"\0good\xff")
    (folder / "bad").write_text("bad")
    reach.mend(Restore(path=str(folder / "bad"), backup=str(folder / "good"), sudo=True))
    assert (folder / "bad").read_bytes() == b"\0good\xff"


def test_old_files_go(reach: Any, folder: Path) -> None:
    """And young ones stay."""
    for name in ("old $(id).log", "young.log"):
        (folder / name).write_text("x")
        (folder / name).chmod(0o666)
    at_s = time.time() - 7200
    os.utime(folder / "old $(id).log", (at_s, at_s))
    reach.mend(Cleanup(path=str(folder), glob="*.log", older_than="1h", sudo=True))
    assert [each.name for each in folder.iterdir()] == ["young.log"]


def test_a_key_is_pushed(reach: Any, sshd: SshServer) -> None:
    """For the login user and, as root, for another; and taken back."""
    for user in {sshd.user, sshd.plain}:
        entry = pwd.getpwnam(user)
        file = Path(entry.pw_dir) / ".ssh/authorized_keys"
        plan = reach.mend(PushKey(key=f"{KEY} it's $(id)", user=user), reach.facts_to_put_back())
        assert KEY in file.read_text()
        assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (entry.pw_uid, 0o600)
        assert file.parent.stat().st_uid == entry.pw_uid
        assert reach.put_back(plan).ok
        assert file.read_text() == ""


def pids_of(name: str) -> list[int]:
    """Those that live: nobody may be there to wait for one that has ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            before, _, after = (entry / "stat").read_text().rpartition(") ")
        except OSError:
            continue
        if before.endswith(f"({name}") and after[0] != "Z":
            found.append(int(entry.name))
    return found


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a program that nobody else has; whatever has it is ended with the test."""
    made = f"bfx-{secrets.token_hex(4)}"
    yield made
    for pid in pids_of(made):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("sudo", [False, True])
def test_a_process_is_started_anew(reach: Any, folder: Path, name: str, sudo: bool) -> None:
    """Detached: it lives on when the command that started it, and the connection, are over."""
    program = folder / name
    shutil.copy("/bin/sleep", program)
    program.chmod(0o755)
    log = folder / "log"
    repair = Restart(
        match=Match(name=name), start=(str(program), "612"), grace="1s", sudo=sudo, log=str(log)
    )
    running = Running(match=Match(name=name))
    for _ in range(2):
        reach.mend(repair)
        assert reach.sample(running).result["processes"] == 1
    reach.ssh.close()
    (pid,) = pids_of(name)
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}").stat().st_uid == (0 if sudo else pwd.getpwnam(reach.facts().user).pw_uid)


def test_the_way_in_is_left_alone(reach: Any, sshd: SshServer) -> None:
    """By name and by port, nothing of it is ended."""
    for match in (Match(name="sshd"), Match(port=sshd.port)):
        repair = Restart(match=match, start=("true",), sudo=True)
        outcome = reach.apply(repair.plan(reach.facts()))
        assert not outcome.ok
        assert "carries our own connection" in outcome.stderr
    os.kill(sshd.pid, 0)


def test_a_command_mends(reach: Any, folder: Path) -> None:
    """As root, where that is asked for."""
    reach.mend(Command(argv=("touch", str(folder / "it's")), sudo=True))
    assert (folder / "it's").stat().st_uid == 0
    outcome = reach.apply(Command(argv=("false",)).plan(reach.facts()))
    assert (outcome.ok, outcome.code) == (False, 1)
