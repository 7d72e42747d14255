"""Faults on hosts, on a real sshd: made, proved, undone, gone, and nothing left; and by the switch alone."""

import contextlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tests.integration.faulty_host import RUN, FaultyHost
from tests.integration.ssh_server import SshServer

from breakfix.engine.checks import wait_for
from breakfix.engine.errors import PreconditionError
from breakfix.engine.events import FaultIntended
from breakfix.engine.journal import Journal, read
from breakfix.engine.open_faults import open_faults
from breakfix.engine.ops import ExecOp

LONG_S = 600.0
PATIENCE_S = 60.0


@pytest.fixture(params=["sudo", "plain"])
def host(sshd: SshServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FaultyHost]:
    """A host where we may become root, and one where we may not."""
    journal = Journal.create(tmp_path / "run", "engine")
    user = sshd.user if request.param == "sudo" else sshd.plain
    made = FaultyHost(sshd.host(7, user=user), journal)
    yield made
    made.ssh.close()
    journal.close()
    left = [*Path("/run/breakfix").glob(f"{RUN}*"), *Path("/tmp").glob(f"breakfix-*/{RUN}*")]
    assert left == []


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in which everybody may make files."""
    path = Path(f"/tmp/bfx-test-{secrets.token_hex(4)} it's $(touch x)")
    path.mkdir()
    path.chmod(0o777)
    (path / "file").write_bytes(bytes(range(256)) * 64)
    (path / "file").chmod(0o666)
    yield path
    shutil.rmtree(path)


def cases(folder: Path) -> dict[str, tuple[str, dict[str, Any], tuple[str, ...]]]:
    """For each name a fault, its parameters, and the tools that the host is without."""
    file = str(folder / "file")
    made = str(folder / "made by '\n$(script)")
    return {
        "cpu": ("host.cpu", {"workers": 1, "load": "30%"}, ()),
        "cpu, plain": ("host.cpu", {"workers": 2}, ("stress-ng",)),
        "cpu in part, plain": ("host.cpu", {"workers": 1, "load": "40%", "cpus": "0"}, ("stress-ng",)),
        "memory": ("host.memory", {"size": "32MiB"}, ()),
        "memory, plain": ("host.memory", {"size": "16MiB"}, ("stress-ng",)),
        "fill": ("disk.fill", {"path": str(folder), "size": "3MiB"}, ()),
        "fill, plain": ("disk.fill", {"path": str(folder), "size": "2500kB"}, ("fallocate",)),
        "inodes": ("disk.inodes", {"path": str(folder), "count": 2500}, ()),
        "io": ("disk.io_load", {"path": str(folder), "size": "2MiB"}, ()),
        "io, plain": ("disk.io_load", {"path": str(folder), "size": "2MiB"}, ("stress-ng",)),
        "bytes": ("file.corrupt", {"path": file, "bytes": 7}, ()),
        "truncate": ("file.corrupt", {"path": file, "truncate": "100B"}, ()),
        "empty": ("file.corrupt", {"path": file, "truncate": "0B"}, ()),
        "argv": (
            "host.script",
            {"run": ("touch", made), "undo": ("rm", "-f", made), "check": ("test", "-e", made)},
            (),
        ),
        "text": (
            "host.script",
            {
                "run": f"cd '{str(folder).replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}' && touch here",
                "undo": ("rm", "-f", str(folder / "here")),
                "check": ("test", "-e", str(folder / "here")),
            },
            (),
        ),
    }


NAMES = list(cases(Path("/")))


def contents(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder."""
    found: dict[str, bytes | None] = {}
    for parent, folders, files in os.walk(folder):
        inside = Path(parent).relative_to(folder)
        found |= dict.fromkeys(str(inside / name) for name in folders)
        for name in files:
            # What is about to go may be gone by now.
            with contextlib.suppress(FileNotFoundError):
                found[str(inside / name)] = (Path(parent) / name).read_bytes()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_is_made_proved_undone_and_gone(host: FaultyHost, folder: Path, name: str) -> None:
    """Before it no check of its effect holds, after it all do; in the end all is as before."""
    action, given, without = cases(folder)[name]
    before = contents(folder)
    intent = host.intent(action, host.named(without), LONG_S, **given)
    assert not all(host.holds(intent.plan.effect))
    done = host.inject(intent)
    assert done.active, done.error
    assert not all(host.holds(intent.plan.gone))
    assert host.end().ended_by == "engine"
    assert contents(folder) == before
    assert host.run(intent.plan.apply[0]).code == 65
    assert contents(folder) == before
    for op in intent.plan.undo:
        assert host.run(op).ok, "an undo is harmless when it is repeated"
    assert contents(folder) == before


SWITCHED = [
    pytest.param("sudo", name, id=f"sudo-{name}") for name in NAMES
] + [pytest.param("plain", name, id=f"plain-{name}") for name in ("cpu, plain", "fill", "bytes")]


@pytest.mark.parametrize(("host", "name"), SWITCHED, indirect=["host"])
def test_the_switch_alone_ends_a_fault(host: FaultyHost, folder: Path, name: str) -> None:
    """Nobody else does; who looks later finds it over, and knows why."""
    action, given, without = cases(folder)[name]
    before = contents(folder)
    intent = host.intent(action, host.named(without), 3.0, **given)
    done = host.inject(intent)
    assert done.active, done.error
    end_s = time.monotonic() + PATIENCE_S
    while contents(folder) != before or not all(host.holds(intent.plan.gone)):
        assert time.monotonic() < end_s, intent.plan.gone
        time.sleep(0.1)
    assert host.end().ended_by == "expiry"
    assert contents(folder) == before


@pytest.fixture
def victim(tmp_path: Path, host: FaultyHost) -> Iterator[tuple[str, Path]]:
    """A process of the host's user that has a name of its own; what starts it writes its pid."""
    name = f"bfx{secrets.token_hex(5)}"
    program = Path(f"/tmp/{name}")
    shutil.copy("/bin/sleep", program)
    program.chmod(0o755)
    pidfile = Path(f"/tmp/{name}.pid")
    start = ["setpriv", "--reuid", host.facts.user, "--clear-groups", str(program), "600"]
    made = subprocess.Popen(start if os.geteuid() == 0 else start[4:])
    pidfile.write_text(f"{made.pid}\n")
    yield name, pidfile
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (entry / "comm").exists():
            try:
                if (entry / "comm").read_text().strip() == name:
                    os.kill(int(entry.name), 9)
            except OSError:
                continue
    made.wait()
    program.unlink()
    pidfile.unlink()


@pytest.mark.parametrize("by", ["name", "pidfile"])
def test_a_process_is_frozen_and_goes_on(
    host: FaultyHost, victim: tuple[str, Path], by: str
) -> None:
    """It is stopped, and continued; by the switch, too, when nobody else does it."""
    match_ = {"name": victim[0]} if by == "name" else {"pidfile": str(victim[1])}
    for after_s, cause in ((LONG_S, "engine"), (1.0, "expiry")):
        intent = host.intent("process.pause", host.named(), after_s, match=match_)
        assert host.inject(intent).active
        if cause == "expiry":
            end_s = time.monotonic() + PATIENCE_S
            while not all(host.holds(intent.plan.gone)):
                assert time.monotonic() < end_s
                time.sleep(0.1)
        assert host.end().ended_by == cause


def test_a_process_is_killed_and_started_again(host: FaultyHost, victim: tuple[str, Path]) -> None:
    """The undo starts another one; one that somebody else has started is left alone."""
    given = {"match": {"name": victim[0]}, "start": (f"/tmp/{victim[0]}", "600")}
    intent = host.intent("process.kill", host.named(), LONG_S, **given)
    assert host.inject(intent).active
    assert host.end().ended_by == "engine"
    for op in intent.plan.undo:
        assert host.run(op).ok
    assert host.run(intent.plan.gone[0].op).data == {"over": True, "matching": 1}


@pytest.mark.parametrize(
    ("action", "given", "said"),
    [
        ("disk.fill", {"path": "/tmp/no such folder", "size": "1MiB"}, "there is no folder"),
        ("disk.fill", {"path": "/tmp", "leave": "1MiB"}, "less than the reserve of 209715200"),
        ("disk.inodes", {"path": "/tmp", "leave_count": 1}, "less than the reserve of 1000"),
        ("disk.io_load", {"path": "/tmp", "size": "900TiB"}, "less than the reserve of 209715200"),
        ("file.corrupt", {"path": "/tmp"}, "there is no file /tmp"),
        ("host.script", {"run": "if", "undo": "true", "check": "false"}, "yntax error"),
        ("process.pause", {"match": {"name": "no-such-process"}}, "no process matches"),
        ("process.kill", {"match": {"pidfile": "/no/such"}, "start": ("true",)}, "no process matches"),
    ],
)
def test_what_the_host_refuses_has_no_effect(
    host: FaultyHost, action: str, given: dict[str, Any], said: str
) -> None:
    """One clear line says why, with the numbers, and the switch is taken away again."""
    done = host.inject(host.intent(action, host.named(), LONG_S, **given))
    assert not done.active
    assert said in done.error
    assert "\n" not in done.error
    assert open_faults(read(host.journal.path)) == []


def test_what_our_connection_hangs_on_is_never_meant(host: FaultyHost, sshd: SshServer) -> None:
    """Neither by name, nor by port, nor by a pid that stands in a file; and the first process neither."""
    pidfile = Path(f"/tmp/bfx-test-{secrets.token_hex(4)}.pid")
    try:
        for given in ({"name": "sshd"}, {"port": sshd.port}):
            with pytest.raises(PreconditionError, match="R513"):
                host.intent("process.pause", host.named(), LONG_S, match=given)
        for pid in (1, sshd.pid):
            pidfile.write_text(f"{pid}\n")
            match_ = {"pidfile": str(pidfile)}
            done = host.inject(host.intent("process.pause", host.named(), LONG_S, match=match_))
            assert "carries our own connection" in done.error
    finally:
        pidfile.unlink()


def test_the_switch_and_the_jobs_of_other_faults_are_never_meant(host: FaultyHost) -> None:
    """Who stops all that is called as they are leaves them alone."""
    running = host.intent("host.cpu", host.named(("stress-ng",)), LONG_S, workers=1)
    assert host.inject(running).active
    (job,) = folder_of(host, running).glob("load*.job")
    pidfile = folder_of(host, running) / "timer"
    for path in (job, pidfile):
        match_ = {"pidfile": str(path)}
        done = host.inject(host.intent("process.pause", host.named(), LONG_S, match=match_))
        assert "no process matches" in done.error
    assert host.end().ended_by == "engine"


def folder_of(host: FaultyHost, intent: FaultIntended) -> Path:
    """The state folder of a fault."""
    (arm,) = intent.plan.arm
    assert isinstance(arm, ExecOp)
    return Path(arm.argv[4])


def test_memory_is_not_taken_beyond_the_reserve(host: FaultyHost) -> None:
    """The host itself looks again, with the numbers of that moment."""
    facts = structs.replace(host.named(), memory_available_bytes=1 << 60)
    done = host.inject(host.intent("host.memory", facts, LONG_S, size="900TiB"))
    assert "less than the reserve of 268435456" in done.error


def test_a_file_that_was_mended_meanwhile_stays_as_it_is(host: FaultyHost, folder: Path) -> None:
    """What a repair has put there is the end of the fault, and the backup goes."""
    intent = host.intent("file.corrupt", host.named(), LONG_S, path=str(folder / "file"))
    assert host.inject(intent).active
    (folder / "file").write_text("mended")
    assert host.end().ended_by == "self"
    assert contents(folder) == {"file": b"mended"}


def test_checks_of_a_fault_are_read_again_until_they_hold(host: FaultyHost) -> None:
    """A host that does not answer meets no check."""
    intent = host.intent("host.cpu", host.named(), LONG_S, workers=1)
    result = wait_for(structs.replace(intent.plan.effect[0], within_s=0.0), host, time.monotonic)
    assert not result.holds and result.value == 0
