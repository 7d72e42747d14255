"""The line that a login shell is given, and the scripts of the vehicle, run by real shells here."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from breakfix.engine.ops import ExecOp, Identity
from breakfix.engine.vehicles.ssh.line import LINE_BYTES_MAX, command_line
from breakfix.engine.vehicles.ssh.scripts import END_COMMANDS, END_MARK, PRELUDE

SHELLS = [["dash"], ["bash"], ["busybox", "sh"]]
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
HOST = Identity(kind="ssh", name="db", endpoint="db", incarnation=BOOT)


def run(shell: list[str], op: ExecOp) -> subprocess.CompletedProcess[str]:
    """As sshd would."""
    line = command_line(op, "run.mark")
    return subprocess.run(
        [*shell, "-c", line], input=op.stdin, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_command_gets_all_that_it_should(shell: list[str], tmp_path: Path) -> None:
    """Arguments, environment, folder, and its input; the shell has become it."""
    folder = tmp_path / "a 'b' $(c)"
    folder.mkdir()
    text = 'printf "%s|" "$PWD" "$X" "$1"; [ "$BREAKFIX_MARK" = "run.mark.$$" ] || echo bad; cat'
    op = ExecOp(
        via="ssh",
        argv=("sh", "-c", text, "sh", "`id`\n"),
        env={"X": "'; exit"},
        cwd=str(folder),
        stdin="given",
        target=HOST,
        level="incarnation",
    )
    done = run(shell, op)
    assert done.stdout == f"{folder}|'; exit|`id`\n|given", done.stderr


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_in_another_boot_nothing_is_run(shell: list[str]) -> None:
    """It says in which one the host is, after the mark."""
    target = Identity(kind="ssh", name="db", incarnation="another")
    op = ExecOp(via="ssh", argv=("echo", "run"), target=target, level="incarnation")
    done = run(shell, op)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("run.mark.")
    assert done.stderr.endswith(f" boot {BOOT}\n")


@pytest.mark.parametrize("folder", ["/no/such", "-", "relative"])
def test_without_its_folder_nothing_is_run(folder: str) -> None:
    """Whatever the folder is called."""
    done = run(["dash"], ExecOp(via="ssh", argv=("echo", "run"), cwd=folder))
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.endswith(" folder\n")


@pytest.mark.parametrize(
    ("op", "problem"),
    [
        (ExecOp(via="ssh", argv=("echo", "a\0b")), "NUL"),
        (ExecOp(via="ssh", argv=("echo", "x" * LINE_BYTES_MAX)), "goes in as input"),
        (ExecOp(via="ssh", argv=("-x",)), "no name of a program"),
        (
            ExecOp(via="ssh", argv=("echo",), env={"A;id": "x"}),
            "no name of an environment variable",
        ),
        (ExecOp(via="ssh", argv=("echo",), env={"A": "\0"}), "NUL"),
    ],
)
def test_what_no_shell_could_take_is_refused(op: ExecOp, problem: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=problem):
        command_line(op, "m")


def test_as_root_the_name_of_a_program_is_no_variable() -> None:
    """env(1) would take a word with ``=`` for one, and run the next word."""
    line = command_line(ExecOp(via="ssh", argv=("a=b", "id"), sudo=True), "m").decode()
    assert line.index(PRELUDE.splitlines()[0][:10]) < line.index("'a=b' id")


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_all_of_a_mark_is_ended_and_nothing_else(shell: list[str]) -> None:
    """Also who ignores SIGTERM, or has left the session; not who has a mark of which this is the beginning, nor
    what was started by sudo and carries the mark no more, but in the words of the command (SUDO_COMMAND)."""
    mark = f"test{os.getpid()}.{os.urandom(4).hex()}"
    text = "trap '' TERM; setsid sleep 300 & sleep 300 & wait"
    marked = subprocess.Popen(["sh", "-c", text], env={**os.environ, "BREAKFIX_MARK": f"{mark}.1"})
    other = subprocess.Popen(["sleep", "300"], env={**os.environ, "BREAKFIX_MARK": f"{mark}0.1"})
    words = f"/usr/bin/env BREAKFIX_MARK={mark}.1 sh -c x"
    started = subprocess.Popen(["sleep", "300"], env={**os.environ, "SUDO_COMMAND": words})
    try:
        _wait_marked(marked, f"{mark}.1")
        done = subprocess.run(
            [*shell, "-c", END_MARK, "sh", mark], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert marked.wait(30) == -signal.SIGKILL
        assert other.poll() is None and started.poll() is None
        held = [path for path in Path("/proc").glob("[0-9]*/environ") if _holds(path, f"{mark}.1")]
        assert not held
    finally:
        for process in (marked, other, started):
            process.kill()
            process.wait(30)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_only_commands_in_flight_are_ended(shell: list[str]) -> None:
    """Those whose first process runs; what a command that is over left running goes on."""
    run_id = f"test{os.getpid()}.{os.urandom(4).hex()}"
    flying = _command(f"{run_id}.a", "sleep 300; :")
    left = _command(f"{run_id}.b", "setsid sleep 301 & echo $!")
    assert left.stdout is not None
    pid = int(left.stdout.readline())
    left.wait(30)
    try:
        argv = [*shell, "-c", END_COMMANDS, "sh", f"{run_id}.", END_MARK, END_COMMANDS, ""]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.stdout == "1\n", done.stderr
        assert flying.wait(30) == -signal.SIGKILL
        assert _holds(Path(f"/proc/{pid}/environ"), f"{run_id}.b.{left.pid}")
    finally:
        os.kill(pid, signal.SIGKILL)
        for process in (flying, left):
            process.kill()
            process.communicate(timeout=30)


def _command(mark: str, text: str) -> subprocess.Popen[bytes]:
    """As sshd starts one: in a session of its own, the shell becoming the command."""
    line = command_line(ExecOp(via="ssh", argv=("sh", "-c", text)), mark)
    process = subprocess.Popen(
        ["dash", "-c", line],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    _wait_marked(process, f"{mark}.{process.pid}")
    return process


def _wait_marked(process: subprocess.Popen[bytes], mark: str) -> None:
    """Until it carries its mark, or is over."""
    end_s = time.monotonic() + 30
    while process.poll() is None and not _holds(Path(f"/proc/{process.pid}/environ"), mark):
        assert time.monotonic() < end_s
        time.sleep(0.01)


def _holds(path: Path, mark: str) -> bool:
    try:
        return f"BREAKFIX_MARK={mark}".encode() in path.read_bytes().split(b"\0")
    except OSError:
        return False
