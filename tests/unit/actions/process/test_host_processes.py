"""process.running and process.restart on hosts: whom they find, end and start, by real shells."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from breakfix.actions.process.restart import Restart
from breakfix.actions.process.running import Running
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_processes import FIND, Match
from breakfix.engine.host_reading import script_op
from breakfix.engine.ops import ExecOp, Outcome

Program = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def name() -> str:
    """That of a program that nobody else has."""
    return f"bfx-{secrets.token_hex(4)}"


@pytest.fixture
def program(
    tmp_path: Path, name: str, wait_for: Callable[[Any, str], None]
) -> Iterator[Program]:
    """Starts the program: ``program("600")``. All that has its name is ended with the test."""
    file = tmp_path / name
    shutil.copy("/bin/sleep", file)

    def start(*args: str, ignore: bool = False) -> subprocess.Popen[bytes]:
        argv = [str(file), *args]
        if ignore:
            argv = ["sh", "-c", 'trap "" TERM; exec "$@"', "sh", *argv]
        made.append(subprocess.Popen(argv, start_new_session=True))
        wait_for(lambda: made[-1].pid in pids_of(name), f"{name} runs")
        return made[-1]

    made: list[subprocess.Popen[bytes]] = []
    yield start
    for pid in pids_of(name):
        os.kill(pid, signal.SIGKILL)
    for each in made:
        each.kill()
        each.wait()


def pids_of(name: str) -> list[int]:
    """Those that live, by the kernel's word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        if stat.partition("(")[2].rpartition(")")[0] == name and stat.rpartition(") ")[2][0] != "Z":
            found.append(int(entry.name))
    return found


def test_a_process_is_found_by_name(
    here: Any, program: Program, name: str, wait_for: Callable[[Any, str], None]
) -> None:
    """By the whole of it; stopped, it lives still; ended, it does not."""
    running = Running(match=Match(name=name))
    seen = here.sample(running)
    assert (seen.holds, seen.result["processes"]) == (False, 0)
    started = [program("600") for _ in range(2)]
    seen = here.sample(running)
    assert (seen.holds, seen.result["processes"]) == (True, 2)
    assert here.sample(Running(match=Match(name=name[:-1]))).holds is False
    for each in started:
        each.send_signal(signal.SIGSTOP)
    wait_for(lambda: here.sample(running).result["state"] == "T", "both are stopped")
    for each in started:
        each.kill()
        # One that nobody has waited for is a zombie.
    wait_for(lambda: here.sample(running).holds is False, "both are gone")


def test_a_process_is_found_by_its_pidfile(
    here: Any, program: Program, name: str, tmp_path: Path, odd: str
) -> None:
    """In a file of any name; one that is not there, or of a pid that is not, is nobody's. With a name,
    both count."""
    pidfile = tmp_path / odd
    started = program("600")
    match = Match(pidfile=str(pidfile))
    assert here.sample(Running(match=match)).holds is False
    for content, holds in ((f"{started.pid}\n", True), (f"{started.pid}", True), ("999999999", False)):
        pidfile.write_text(content)
        assert here.sample(Running(match=match)).holds is holds, content
    pidfile.write_text(f"{os.getppid()}")
    assert here.sample(Running(match=structs.replace(match, name=name))).holds is False
    pidfile.write_text("x; touch /bfx-pwned")
    seen = here.sample(Running(match=match))
    assert seen.holds is None
    assert "holds no pid" in seen.detail


def test_a_process_is_found_by_its_port(here: Any, name: str, closed_port: int) -> None:
    """By the TCP port that it listens at, of either family."""
    assert here.sample(Running(match=Match(port=closed_port))).holds is False
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as listening:
            listening.bind((address, 0))
            listening.listen()
            port = listening.getsockname()[1]
            child = subprocess.Popen(["sleep", "600"], pass_fds=[listening.fileno()])
            try:
                # We are an ancestor of the shell that looks, and do not count.
                seen = here.sample(Running(match=Match(port=port)))
                assert seen.holds, seen
                assert seen.result["processes"] == 1
            finally:
                child.kill()
                child.wait()


def test_names_are_nothing_else(here: Any, odd: str) -> None:
    """Whatever they look like."""
    if "\n" not in odd:
        assert here.sample(Running(match=Match(name=f"{odd}%"))).holds is False


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "at least one of"),
        ({"name": ""}, "name of a program"),
        ({"name": "a\nb"}, "name of a program"),
        ({"pidfile": "run/x"}, "pidfile"),
        ({"port": 0}, "port"),
        ({"comm": "x"}, "comm"),
    ],
)
def test_a_match_says_something(given: dict[str, Any], says: str) -> None:
    """Or it is refused."""
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(given, Match)


def restart(tmp_path: Path, name: str, **given: Any) -> Restart:
    """One of the program, by its name."""
    told: dict[str, Any] = {
        "match": Match(name=name), "start": (str(tmp_path / name), "601"), "grace": "1s", **given
    }  # fmt: skip
    return Restart(**told)


@pytest.mark.parametrize("state", ["running", "stopped", "deaf", "gone"])
def test_a_process_is_started_anew(
    here: Any, program: Program, name: str, tmp_path: Path, state: str
) -> None:
    """Whatever state the old one is in; the new one is detached, in a session of its own, without the
    mark of the command that started it."""
    old = program("600", ignore=state == "deaf") if state != "gone" else None
    if old is not None and state == "stopped":
        old.send_signal(signal.SIGSTOP)
    plan = restart(tmp_path, name).plan(here.facts)
    (op,) = plan.apply
    assert isinstance(op, ExecOp)
    outcome = here.run(structs.replace(op, env={"BREAKFIX_MARK": "m"}))
    assert outcome.ok, outcome
    assert here.sees(plan.effect[0])
    (pid,) = pids_of(name)
    assert os.getsid(pid) == pid
    assert b"BREAKFIX_MARK" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1] == b"601"
    if old is not None:
        assert old.wait(30) == (-signal.SIGKILL if state == "deaf" else -signal.SIGTERM)


def test_what_it_writes_goes_to_its_log(
    here: Any, name: str, program: Program, tmp_path: Path, odd: str
) -> None:
    """Each argument is one, in the folder that is asked for."""
    folder = tmp_path / odd
    folder.mkdir()
    log = folder / "log"
    script = 'pwd; printf "%s\\n" "$1"; exec "$2" 602'
    here.mend(
        restart(
            tmp_path,
            name,
            start=("sh", "-c", script, "sh", odd, str(tmp_path / name)),
            cwd=str(folder),
            log=str(log),
        )
    )
    assert log.read_text() == f"{folder}\n{odd}\n"


def test_what_cannot_be_started_ends_nothing(
    here: Any, program: Program, name: str, tmp_path: Path
) -> None:
    """The command, its folder and its log are looked at first."""
    old = program("600")
    for given, says in (
        ({"start": ("no-such-command",)}, "no command no-such-command"),
        ({"cwd": "/nowhere"}, "nowhere"),
        ({"log": "/nowhere/log"}, "nothing can be written to /nowhere/log"),
    ):
        _, outcome = here.apply(restart(tmp_path, name, **given))
        assert not outcome.ok
        assert says in outcome.stderr
    assert old.poll() is None


def test_what_does_not_stay_is_no_repair(here: Any, name: str, tmp_path: Path) -> None:
    """It must be seen to run."""
    plan, outcome = here.apply(restart(tmp_path, name, start=("true",)))
    assert outcome.ok
    assert here.run(plan.effect[0].op).data == {"running": False}


def test_the_way_in_is_left_alone(here: Any) -> None:
    """The server of our connection, and all that it came from, is refused: here it is named by hand."""
    text = FIND + 'found=" 77:1:S 1:1:S "\ncontrol=" 77 "\nspare\necho ended'
    outcome: Outcome = here.run(script_op(here.facts, text))
    assert outcome.code == 65
    assert outcome.stderr == "process 77 carries our own connection: it is left alone\n"


def test_a_host_needs_to_be_told(here: Any) -> None:
    """Which processes, and what is started; a process target has its own command."""
    with pytest.raises(PreconditionError, match="which processes of host here"):
        Restart().plan(here.facts)
    with pytest.raises(PreconditionError, match="what starts it"):
        Restart(match=Match(name="x")).plan(here.facts)
    assert here.sample(Running()).holds is None
