"""Commands on a real host: what goes in comes back exactly, whatever it is, and every end is told apart."""

import os
import pwd
import subprocess
import threading
import time
from pathlib import Path

import pytest
from paramiko.packet import Packetizer
from tests.integration.ssh.conftest import Pool, Shell
from tests.integration.ssh_server import SshServer

from breakfix.engine.errors import VehicleError
from breakfix.engine.ops import ExecOp, Identity

NASTY = (
    "", " ", "it's", '"q"', "a\nb\n", "$(touch {0})", "`touch {0}`", "; touch {0}", "| touch {0} &",
    "\\", "*", "~", "-n", "!!", "é\u2028", "> {0}",
)  # fmt: skip


def test_arguments_arrive_exactly(shell: Shell, tmp_path: Path) -> None:
    """Quotes, line breaks, what a shell would run: nothing of it is run."""
    trap = tmp_path / "trap"
    words = [word.replace("{0}", str(trap)) for word in NASTY]
    outcome = shell("printf", "%s\\0", *words)
    assert outcome.ok, outcome
    assert outcome.text.split("\0")[:-1] == words
    assert not trap.exists()


@pytest.mark.parametrize("sudo", [False, True])
def test_environment_folder_and_input_arrive_exactly(shell: Shell, sudo: bool) -> None:
    """As the login user and as root."""
    folder = Path("/tmp") / f"bfx-test $(id) '{os.urandom(4).hex()}'"
    folder.mkdir(mode=0o755)
    try:
        text = 'printf "%s|%s|%s|" "$(id -u)" "$PWD" "$X"; cat'
        env = {"X": "$(id)'\n`id`"}
        given = "it's\n$(id)\0" * 3
        outcome = shell.sh(text, sudo=sudo, env=env, cwd=str(folder), stdin=given)
    finally:
        folder.rmdir()
    user, where, value, rest = outcome.text.split("|", 3)
    assert (user == "0") is sudo
    assert (where, value, rest) == (str(folder), env["X"], given)


def test_without_input_there_is_an_end_of_it(shell: Shell) -> None:
    """A command that reads does not hang."""
    assert shell("cat").code == 0


def test_input_and_output_flow_at_once(shell: Shell) -> None:
    """More than fits into any buffer on the way, both ways."""
    given = "0123456789abcdef" * (1 << 18)
    outcome = shell("cat", stdin=given, output_bytes_max=len(given), timeout_s=120.0)
    assert outcome.text == given


def test_input_that_nobody_reads_holds_up_nothing(shell: Shell) -> None:
    """The command ends before it has read it."""
    outcome = shell("true", stdin="x" * (8 << 20), timeout_s=120.0)
    assert outcome.ok, outcome


def test_keys_are_exchanged_again_in_the_middle(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SSH asks for after much traffic; nothing is lost, and nothing hangs."""
    monkeypatch.setattr(Packetizer, "REKEY_BYTES", 1 << 20)
    count = 24 << 20
    assert shell("true").ok
    outcome = shell("head", "-c", str(count), "/dev/zero", output_bytes_max=count, timeout_s=120.0)
    assert (outcome.code, len(outcome.text)) == (0, count)
    given = "y" * (6 << 20)
    assert shell("cat", stdin=given, output_bytes_max=len(given), timeout_s=120.0).text == given


def test_output_beyond_its_bound_is_thrown_away(shell: Shell) -> None:
    """100 MB go through without being kept."""
    assert shell("true").ok
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _peak_bytes()
    outcome = shell("head", "-c", "100000000", "/dev/zero", timeout_s=300.0)
    assert (outcome.ok, outcome.cut, len(outcome.text)) == (True, True, 1 << 20)
    assert _peak_bytes() - before < 40_000_000


def _peak_bytes() -> int:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


def test_output_that_is_no_text_stays_readable(shell: Shell) -> None:
    """Bytes that are no UTF-8 are escaped."""
    outcome = shell("printf", r"a\377\000\033b")
    assert outcome.text == "a\\xff\0\033b"


def test_json_is_decoded(shell: Shell) -> None:
    """Of stdout; stderr is apart."""
    outcome = shell.sh("""echo '{"load": [1, 2]}'; echo no >&2""")
    assert (outcome.data, outcome.stderr) == ({"load": [1, 2]}, "no\n")


@pytest.mark.parametrize("sudo", [False, True])
def test_exit_codes_and_signals_are_told_apart(shell: Shell, sudo: bool) -> None:
    """A code as it is, a signal as its negative number; 137 is a code like any other."""
    assert shell.sh("exit 3", sudo=sudo).code == 3
    assert shell.sh("exit 137", sudo=sudo).code == 137
    for number in (9, 15, 6, 11):
        outcome = shell.sh(f"kill -{number} $$", sudo=sudo)
        assert (outcome.ok, outcome.code, outcome.unknown) == (False, -number, False)


def test_a_signal_that_ssh_has_no_name_for(shell: Shell) -> None:
    """It ended by a signal, and nobody knows by which."""
    outcome = shell.sh("kill -XCPU $$")
    assert (outcome.ok, outcome.code, outcome.unknown) == (False, None, False)
    assert "ended by a signal" in outcome.error


def test_other_codes_may_be_good(shell: Shell) -> None:
    """As the op says."""
    assert shell.sh("exit 3", ok_exit=(0, 3)).ok


@pytest.mark.parametrize("sudo", [False, True])
@pytest.mark.parametrize("program", ["bfx-no-such", "/etc/passwd", "/etc", "a=b"])
def test_what_cannot_be_started(shell: Shell, program: str, sudo: bool) -> None:
    """No code, and the name of it; a script that misses a program has run."""
    outcome = shell(program, "x", sudo=sudo)
    assert (outcome.ok, outcome.code, outcome.unknown) == (False, None, False)
    assert f"{program} cannot be started on host-001" in outcome.error
    assert shell.sh("bfx-no-such", sudo=sudo).code == 127


def test_a_folder_that_is_not_there(shell: Shell) -> None:
    """Nothing is run."""
    outcome = shell("echo", "run", cwd="/no/such")
    assert (outcome.ok, outcome.code, outcome.text) == (False, None, "")
    assert "there is no folder /no/such on host-001" in outcome.error


def test_without_sudo_it_says_so(sshd: SshServer, pool: Pool) -> None:
    """At once and clearly, and only where it was sudo that refused."""
    plain = Shell(pool(sshd.host(1, user=sshd.plain)), "host-001")
    outcome = plain("id", sudo=True)
    assert (outcome.ok, outcome.code) == (False, None)
    assert f"`sudo -n` does not let {sshd.plain} become root on host-001" in outcome.error


def test_a_command_that_fails_as_root_is_not_sudo(shell: Shell) -> None:
    """Even where it says the like."""
    outcome = shell.sh("echo 'sudo: a password is required' >&2; exit 1", sudo=True)
    assert (outcome.code, outcome.error) == (1, "")


def test_what_it_leaves_running_is_left_alone(shell: Shell) -> None:
    """A command that starts a service is over when it says so, also where that holds its output; of one
    that only reads nothing is left."""
    outcome = shell.sh("sleep 300 & echo $!", timeout_s=60.0)
    assert outcome.ok, outcome
    pid = int(outcome.text)
    assert Path(f"/proc/{pid}").exists()
    shell("kill", "-9", str(pid))
    read = shell.sh("sleep 300 & echo $!", timeout_s=60.0, changes="no")
    assert read.ok, read
    assert not _runs(int(read.text))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def test_only_in_its_boot(shell: Shell, sshd: SshServer) -> None:
    """A host that was booted since is another one: nothing is run."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    target = Identity(
        kind="ssh", name="host-001", object_id=f"{sshd.fingerprint}@a:1", incarnation=boot
    )
    assert shell("echo", "run", target=target, level="incarnation").text == "run\n"
    other = Identity(kind="ssh", name="host-001", object_id=target.object_id, incarnation="x")
    outcome = shell("echo", "run", target=other, level="incarnation")
    assert (outcome.ok, outcome.gone, outcome.text) == (False, True, "")
    assert boot in outcome.error


def test_only_on_the_host_with_its_key(shell: Shell) -> None:
    """Another machine at the same address is not the target."""
    target = Identity(kind="ssh", name="host-001", object_id="SHA256:other@a:1")
    outcome = shell("echo", "run", target=target)
    assert (outcome.ok, outcome.gone, outcome.text) == (False, True, "")
    assert "shows the key" in outcome.error


def test_more_commands_at_once_than_a_connection_has_room_for(shell: Shell) -> None:
    """They wait for one another, and all are run."""
    outcomes = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(shell("sleep", "0.1", timeout_s=120.0)))
        for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 40
    assert all(outcome.ok for outcome in outcomes), outcomes


def test_where_there_is_no_room_in_time_it_did_not_begin(shell: Shell) -> None:
    """That is known then."""
    stop = threading.Event()
    threads = [
        threading.Thread(
            target=shell, args=("sleep", "300"), kwargs={"stop": stop, "timeout_s": 60.0}
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    try:
        deadline_s = time.monotonic() + 30
        while shell("true", timeout_s=0.5).ok and time.monotonic() < deadline_s:
            pass
        outcome = shell("true", timeout_s=0.5)
        assert (outcome.ok, outcome.code, outcome.unknown) == (False, None, False)
        assert "did not begin" in outcome.error
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_what_is_not_there_is_refused(shell: Shell) -> None:
    """A host that nobody has named, or a user on it."""
    with pytest.raises(VehicleError, match="no host called db"):
        shell.hosts.run("db", ExecOp(via="ssh", argv=("true",)))
    with pytest.raises(VehicleError, match="in containers only"):
        shell("true", user="root")


@pytest.mark.parametrize("login", ["/bin/sh", "/bin/bash"])
def test_other_shells_to_log_in(sshd: SshServer, pool: Pool, login: str) -> None:
    """The same, whichever shell of the family of sh(1) it is."""
    before = pwd.getpwnam(sshd.plain).pw_shell
    subprocess.run(["usermod", "--shell", login, sshd.plain], check=True)
    try:
        shell = Shell(pool(sshd.host(1, user=sshd.plain)), "host-001")
        outcome = shell.sh(
            'printf "%s|" "$1" "$X" "$BREAKFIX_MARK" "$$"', "$(id)'", env={"X": "`id`"}
        )
        word, value, mark, pid = outcome.text.split("|")[:4]
        assert (word, value) == ("$(id)'", "`id`")
        assert mark.startswith("run.")
        assert mark.endswith(f".{pid}")
        assert "cannot be started" in shell("bfx-no-such").error
    finally:
        subprocess.run(["usermod", "--shell", before, sshd.plain], check=True)
