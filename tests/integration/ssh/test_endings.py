"""Whatever ends a command early, nothing of it is left on the host, or it is said that something may be."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.ssh.conftest import PATIENCE_S, Pool, Relay, Shell, open_folder
from tests.integration.ssh_server import SshServer

from breakfix.engine.ops import Outcome

STUBBORN = """\
trap '' TERM HUP INT
(trap '' TERM HUP; setsid sh -c 'trap "" TERM HUP; sleep 300; :' & echo $!; sleep 300; :) &
echo $!
echo $$
while :; do sleep 300; done
"""
"""Ignores what it can, and so do its child and its grandchild, which has left the session."""


def runs(pid: int) -> bool:
    """Whether a process is alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """With a generous bound."""
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, what
        time.sleep(0.02)


class Running:
    """A command in a thread; it writes its first line into a file before it goes on."""

    def __init__(self, shell: Shell, folder: Path, text: str, **fields: object) -> None:
        self._file = folder / "said"
        self.outcome: Outcome | None = None
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(shell, text, fields))
        self._thread.start()

    def _run(self, shell: Shell, text: str, fields: dict[str, object]) -> None:
        said = f"echo $$ $PPID $BREAKFIX_MARK > {self._file}.new; mv {self._file}.new {self._file}; {text}"
        self.outcome = shell.sh(said, stop=self.stop, **{"timeout_s": 60.0, **fields})

    def said(self) -> list[str]:
        """What the command has said: its pid, its parent's, its mark."""
        wait_for(self._file.exists, "the command does not begin")
        return self._file.read_text().split()

    def over(self) -> Outcome:
        """What came of it."""
        self._thread.join(PATIENCE_S)
        assert self.outcome is not None
        return self.outcome


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in which the users of the hosts may write."""
    with open_folder() as made:
        made.chmod(0o777)
        yield made


@pytest.mark.parametrize("sudo", [False, True])
def test_a_time_out_ends_all_of_it(shell: Shell, sudo: bool) -> None:
    """Also what ignores SIGTERM, and grandchildren in a session of their own."""
    outcome = shell.sh(STUBBORN, timeout_s=1.0, sudo=sudo)
    assert (outcome.ok, outcome.unknown) == (False, False), outcome
    assert "took longer than 1 s and was ended" in outcome.error
    assert outcome.code == -signal.SIGKILL
    pids = [int(word) for word in outcome.text.split()]
    assert len(pids) == 3
    assert not [pid for pid in pids if runs(pid)]


def test_stop_ends_all_of_it(shell: Shell, folder: Path) -> None:
    """As a time-out does."""
    running = Running(shell, folder, STUBBORN)
    pid = int(running.said()[0])
    running.stop.set()
    outcome = running.over()
    assert "was stopped before it was over and was ended" in outcome.error
    assert not outcome.unknown
    assert not runs(pid)


def test_stopped_before_it_began_nothing_is_sent(shell: Shell, folder: Path) -> None:
    """That is known then."""
    stop = threading.Event()
    stop.set()
    outcome = shell("touch", str(folder / "x"), stop=stop)
    assert (outcome.ok, outcome.unknown) == (False, False)
    assert "before it began" in outcome.error
    assert not (folder / "x").exists()


def test_a_time_out_in_its_first_moment_ends_it_too(shell: Shell, folder: Path) -> None:
    """The login shell may not have become the command yet."""
    assert shell("true").ok
    for tries in range(10):
        path = folder / "alive"
        text = f"echo $$ >> {path}; sleep 300; :"
        outcome = shell.sh(text, timeout_s=0.001 * tries)
        assert (outcome.ok, outcome.unknown) == (False, False), outcome
    time.sleep(0.2)
    pids = (folder / "alive").read_text().split() if (folder / "alive").exists() else []
    assert not [pid for pid in pids if runs(int(pid))]


@pytest.mark.parametrize("changes", ["yes", "no"])
def test_a_host_that_dies_in_the_middle(shell: Shell, folder: Path, changes: str) -> None:
    """Nobody knows then whether a command that changes something took effect; what it left is ended as
    soon as the host is reached again."""
    running = Running(shell, folder, "sleep 300; :", changes=changes)
    pid, session, _ = running.said()
    os.kill(int(session), signal.SIGKILL)
    outcome = running.over()
    assert (outcome.ok, outcome.code, outcome.unknown) == (False, None, changes == "yes")
    assert "the connection to host-001 broke before sh was over; what was left of it was ended" in (
        outcome.error
    )
    assert not runs(int(pid))
    assert shell("true").ok


def test_a_host_that_stays_dead_may_still_run_it(
    sshd: SshServer, pool: Pool, relay: Relay, folder: Path
) -> None:
    """That is said; and when it is back, all of it is ended by who comes after us."""
    host = sshd.host(1)
    via = type(host)(
        name="far", address="127.0.0.1", port=relay.port, user=host.user, key=host.key,
        host_key=host.host_key,
    )  # fmt: skip
    hosts = pool(via, prefix="run-1.")
    running = Running(Shell(hosts, "far"), folder, "sleep 300; :")
    pid = int(running.said()[0])
    relay.close()
    outcome = running.over()
    assert (outcome.ok, outcome.unknown) == (False, True)
    assert "it may still run" in outcome.error
    assert runs(pid)
    relay.open()
    assert pool(via, prefix="run-1.").end_commands("run-1") == 1
    assert not runs(pid)


def test_a_frozen_host_does_not_hold_us_up(shell: Shell, folder: Path) -> None:
    """A connection on which nothing comes back ends with its command's time."""
    running = Running(shell, folder, "sleep 300; :")
    pid, session, _ = running.said()
    os.kill(int(session), signal.SIGSTOP)
    try:
        outcome = shell("true", timeout_s=0.5)
        assert (outcome.ok, outcome.unknown) == (False, False)
    finally:
        os.kill(int(session), signal.SIGCONT)
    running.stop.set()
    running.over()
    assert not runs(int(pid))
    assert shell("true", timeout_s=30.0).ok


@pytest.mark.parametrize("sudo", [False, True])
def test_commands_of_a_dead_engine_are_ended(
    sshd: SshServer, pool: Pool, folder: Path, sudo: bool
) -> None:
    """Those in flight, of that run alone; what a command that is over left running goes on."""
    of_dead = Shell(pool(sshd.host(1), prefix="run-a."), "host-001")
    of_other = Shell(pool(sshd.host(2), prefix="run-ab."), "host-002")
    left = of_dead.sh("setsid sleep 300 >/dev/null 2>&1 & echo $!", sudo=sudo)
    (folder / "other").mkdir()
    (folder / "other").chmod(0o777)
    running = Running(of_dead, folder, "sleep 300; :", sudo=sudo)
    other = Running(of_other, folder / "other", "sleep 300; :")
    pid, other_pid = int(running.said()[0]), int(other.said()[0])
    try:
        guardian = pool(sshd.host(1))
        assert guardian.end_commands("run-a") == 1
        assert not runs(pid)
        assert runs(other_pid)
        assert runs(int(left.text))
        assert running.over().code == -signal.SIGKILL
        assert guardian.end_commands("run-a") == 0
    finally:
        other.stop.set()
        other.over()
        of_dead("kill", "-9", left.text.strip(), sudo=sudo)
