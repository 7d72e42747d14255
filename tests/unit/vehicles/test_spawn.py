"""Processes of process targets: told before they run, known by their mark, ended with all they start."""

import contextlib
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from breakfix.engine.errors import VehicleError
from breakfix.engine.ops import Identity, ProcessOp, SignalOp, SpawnOp
from breakfix.engine.vehicles.dispatch import Vehicles
from breakfix.engine.vehicles.marked import Marked, find, send_to_one
from breakfix.engine.vehicles.procfs import carries, pid_of, read_stat

WaitFor = Callable[[Callable[[], object], str], None]


def start(vehicles: Vehicles, mark: str, *argv: str) -> str:
    """Start something; its incarnation."""
    outcome = vehicles.run(SpawnOp(argv=argv, mark=mark, output="out.log"))
    assert outcome.ok, outcome.error
    return str(outcome.data["incarnation"])


def test_it_runs_with_its_mark_in_a_session_of_its_own(
    vehicles: Vehicles, mark: str, tmp_path: Path, wait_for: WaitFor
) -> None:
    """Environment, folder, session and output are as the op says."""
    outcome = vehicles.run(
        SpawnOp(
            argv=("sh", "-c", 'echo "$COLOUR $0 $#"; pwd; exec sleep 600', "zero", "one"),
            env={"COLOUR": "blue"},
            cwd="/",
            mark=mark,
            output="out.log",
        )
    )
    pid = pid_of(outcome.data["incarnation"])
    wait_for(lambda: (tmp_path / "out.log").read_text() == "blue zero 1\n/\n", "its output")
    stat = read_stat(pid)
    assert stat is not None
    assert stat.session == pid
    assert carries(pid, mark)
    # While `sleep` is being loaded it has its libraries open.
    wait_for(
        lambda: sorted(entry.name for entry in Path(f"/proc/{pid}/fd").iterdir()) == ["0", "1", "2"],
        "no descriptor but the three",
    )


def test_it_is_told_before_the_program_runs(
    vehicles: Vehicles, mark: str, tmp_path: Path
) -> None:
    """When we are told, the process has its mark already and has not done anything yet."""
    told: list[tuple[str, bool, bool]] = []

    def announce(op: SpawnOp, incarnation: str) -> None:
        told.append((incarnation, carries(pid_of(incarnation), mark), (tmp_path / "ran").exists()))

    vehicles.on_spawn = announce
    incarnation = start(vehicles, mark, "sh", "-c", f"touch {tmp_path}/ran; exec sleep 600")
    assert told == [(incarnation, True, False)]


def test_what_cannot_be_told_never_runs(
    vehicles: Vehicles, mark: str, tmp_path: Path, wait_for: WaitFor
) -> None:
    """When the journal cannot be written, the program does not run."""

    def announce(op: SpawnOp, incarnation: str) -> None:
        raise OSError("the disk is full")

    vehicles.on_spawn = announce
    with pytest.raises(OSError, match="disk is full"):
        start(vehicles, mark, "touch", str(tmp_path / "ran"))
    wait_for(lambda: not find(mark), "the end of the waiting child")
    assert not (tmp_path / "ran").exists()


def test_without_its_engine_the_child_never_runs(
    mark: str, tmp_path: Path, wait_for: WaitFor
) -> None:
    """An engine that is killed while the child waits leaves a program that never ran."""
    script = f"""
        import os, pathlib, signal
        from breakfix.engine.ops import SpawnOp
        from breakfix.engine.secrets import Secrets
        from breakfix.engine.vehicles.dispatch import Vehicles
        vehicles = Vehicles({{}}, pathlib.Path({str(tmp_path)!r}), Secrets({{}}), lambda: 0.0)
        vehicles.on_spawn = lambda op, incarnation: os.kill(os.getpid(), signal.SIGKILL)
        ran = {str(tmp_path / "ran")!r}
        vehicles.run(SpawnOp(argv=("touch", ran), mark={mark!r}, output="log"))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -signal.SIGKILL
    wait_for(lambda: not find(mark), "the end of the waiting child")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("no-such-command-anywhere",), "there is no command no-such-command-anywhere"),
        (("./nothing/here",), "there is no command ./nothing/here"),
        (("/etc/passwd",), "is not executable"),
    ],
)
def test_what_cannot_be_started_is_said(
    vehicles: Vehicles, mark: str, argv: tuple[str, ...], says: str
) -> None:
    """A sentence instead of a process."""
    outcome = vehicles.run(SpawnOp(argv=argv, mark=mark, output="out.log"))
    assert not outcome.ok
    assert says in outcome.error
    assert not find(mark)


def test_a_file_that_is_no_program_is_said(vehicles: Vehicles, mark: str, tmp_path: Path) -> None:
    """The error of exec comes back from the child."""
    (tmp_path / "script").write_text("echo no first line\n")
    (tmp_path / "script").chmod(0o755)
    outcome = vehicles.run(SpawnOp(argv=(str(tmp_path / "script"),), mark=mark, output="out.log"))
    assert "does not name an interpreter" in outcome.error


def test_a_relative_command_is_in_its_folder(
    vehicles: Vehicles, mark: str, tmp_path: Path
) -> None:
    """``./serve`` is looked for where it runs."""
    (tmp_path / "serve").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "serve").chmod(0o755)
    op = SpawnOp(argv=("./serve",), cwd=str(tmp_path), mark=mark, output="out.log")
    assert vehicles.run(op).ok


def test_it_is_not_started_twice(vehicles: Vehicles, mark: str) -> None:
    """An op that is repeated, by whoever goes on after a crash, finds it running."""
    first = start(vehicles, mark, "sleep", "600")
    assert start(vehicles, mark, "sleep", "600") == first
    assert len(find(mark)) == 1


def test_output_outside_of_the_run_is_refused(vehicles: Vehicles, mark: str) -> None:
    """The output stays in the folder of the run."""
    with pytest.raises(VehicleError, match="not inside"):
        vehicles.run(SpawnOp(argv=("true",), mark=mark, output="../out.log"))


def test_its_state_is_read(vehicles: Vehicles, mark: str, wait_for: WaitFor) -> None:
    """Running, stopped, running again, ended with a code."""
    incarnation = start(vehicles, mark, "sleep", "600")

    def read() -> dict[str, object]:
        data = vehicles.run(ProcessOp(mark=mark)).data
        assert isinstance(data, dict)
        return data

    assert read()["running"] is True
    assert read()["incarnation"] == incarnation
    assert read()["pids"] == [pid_of(incarnation)]
    vehicles.run(SignalOp(mark=mark, signal="SIGSTOP"))
    wait_for(lambda: read()["state"] == "T", "the stop")
    vehicles.run(SignalOp(mark=mark, signal="SIGCONT"))
    wait_for(lambda: read()["state"] != "T", "the continuation")
    vehicles.run(SignalOp(mark=mark, signal="SIGTERM", gone_within_s=30.0))
    assert read() == {
        "running": False,
        "pids": [],
        "state": "",
        "incarnation": "",
        "exit_code": -signal.SIGTERM,
    }


TREE = "sleep 600 & setsid sleep 600 & sh -c 'sleep 600 & sleep 600 & wait' & wait"


def test_kill_reaches_all_of_it(vehicles: Vehicles, mark: str, wait_for: WaitFor) -> None:
    """Children, grandchildren and those in another session."""
    start(vehicles, mark, "sh", "-c", TREE)
    wait_for(lambda: len(find(mark)) == 6, "the tree")
    outcome = vehicles.run(SignalOp(mark=mark, signal="SIGKILL", gone_within_s=30.0))
    assert outcome.ok
    assert len(outcome.data["pids"]) == 6
    assert find(mark) == []


def test_kill_catches_up_with_what_forks(
    vehicles: Vehicles, mark: str, wait_for: WaitFor
) -> None:
    """Processes that go on making others are all reached."""
    start(vehicles, mark, "sh", "-c", "while :; do sleep 600 & sleep 0.02; done")
    wait_for(lambda: len(find(mark)) > 4, "some forks")
    assert vehicles.run(SignalOp(mark=mark, signal="SIGKILL", gone_within_s=30.0)).ok
    assert find(mark) == []


def test_a_program_that_writes_over_its_environment_is_found(
    vehicles: Vehicles, mark: str, tmp_path: Path, wait_for: WaitFor
) -> None:
    """It is known by its session, and by what was seen of it before."""
    program = """
        import ctypes, os, pathlib, sys, time
        child = os.fork()
        start, end = (int(x) for x in open("/proc/self/stat").read().split()[49:51])
        ctypes.memset(start, 0, end - start)
        pathlib.Path(sys.argv[1], f"up{child > 0}").touch()
        time.sleep(600)
    """
    start(vehicles, mark, sys.executable, "-c", textwrap.dedent(program), str(tmp_path))
    wait_for(lambda: (tmp_path / "upTrue").exists() and (tmp_path / "upFalse").exists(), "both")
    assert find(mark) == []
    outcome = vehicles.run(SignalOp(mark=mark, signal="SIGKILL", gone_within_s=30.0))
    assert len(outcome.data["pids"]) == 2


def test_another_mark_is_left_alone(vehicles: Vehicles, mark: str) -> None:
    """A signal for one target never reaches another."""
    start(vehicles, mark, "sleep", "600")
    outcome = vehicles.run(SignalOp(mark=mark[:-1], signal="SIGKILL"))
    assert outcome.ok
    assert outcome.gone
    assert len(find(mark)) == 1


def test_a_later_process_of_the_same_pid_is_left_alone(vehicles: Vehicles, mark: str) -> None:
    """The start time is part of the name: with another one, nothing is sent."""
    incarnation = start(vehicles, mark, "sleep", "600")
    pid, _, ticks = incarnation.partition("@")
    for wrong in (f"{pid}@{int(ticks) - 1}", f"{2**22 - 1}@{ticks}"):
        outcome = vehicles.run(SignalOp(mark=mark, signal="SIGKILL", only_incarnation=wrong))
        assert outcome.ok
        assert outcome.gone
    assert len(find(mark)) == 1
    assert send_to_one(incarnation, signal.SIGKILL)


def test_an_op_bound_to_a_life_that_is_over_is_not_sent(vehicles: Vehicles, mark: str) -> None:
    """After a restart, what was meant for the process before never reaches its successor."""
    old = Identity(
        kind="process", name="app", object_id=mark, incarnation=start(vehicles, mark, "sleep", "600")
    )
    vehicles.run(SignalOp(mark=mark, signal="SIGKILL", gone_within_s=30.0))
    new = start(vehicles, mark, "sleep", "600")
    op = SignalOp(mark=mark, signal="SIGKILL", target=old, level="incarnation")
    outcome = vehicles.run(op)
    assert not outcome.ok
    assert outcome.gone
    assert [stat.incarnation for stat in find(mark)] == [new]


def test_kill_says_what_it_could_not_end(vehicles: Vehicles, mark: str) -> None:
    """Where something is left after the time, the op is not ok."""
    start(vehicles, mark, "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    outcome = vehicles.run(SignalOp(mark=mark, signal="SIGTERM", gone_within_s=0.05))
    assert outcome.ok
    assert Marked().end(mark, 0.05) == []


def test_an_unknown_signal_is_refused(vehicles: Vehicles, mark: str) -> None:
    """A name that is no signal sends nothing."""
    with pytest.raises(VehicleError, match="no signal SIGWHAT"):
        vehicles.run(SignalOp(mark=mark, signal="SIGWHAT"))


def test_orphans_fall_to_the_subreaper_and_are_buried(mark: str, tmp_path: Path) -> None:
    """A grandchild whose parent is gone becomes our child; ended, it does not stay a zombie."""
    script = f"""
        import os, pathlib, time
        from breakfix.engine.ops import SignalOp, SpawnOp
        from breakfix.engine.secrets import Secrets
        from breakfix.engine.vehicles.children import become_subreaper
        from breakfix.engine.vehicles.dispatch import Vehicles
        from breakfix.engine.vehicles.procfs import all_stats
        become_subreaper()
        vehicles = Vehicles({{}}, pathlib.Path({str(tmp_path)!r}), Secrets({{}}), lambda: 0.0)
        orphan = ("sh", "-c", "(sleep 600 & echo $!); exit 0")
        vehicles.run(SpawnOp(argv=orphan, mark={mark!r}, output="log"))
        end = time.monotonic() + 30
        while time.monotonic() < end:
            ours = [s for s in all_stats() if s.ppid == os.getpid() and s.alive]
            if len(ours) == 1 and ours[0].session != ours[0].pid:
                break
        assert len(ours) == 1, ours
        outcome = vehicles.run(SignalOp(mark={mark!r}, signal="SIGKILL", gone_within_s=30.0))
        assert outcome.data == {{"pids": [ours[0].pid]}}, outcome
        vehicles.close()
        assert [s for s in all_stats() if s.ppid == os.getpid()] == []
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with contextlib.suppress(FileNotFoundError):
        assert (tmp_path / "log").read_text().strip().isdigit()
