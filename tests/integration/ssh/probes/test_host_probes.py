"""Probes of hosts, each on a real host, over a real sshd."""

import hashlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs
from tests.integration.ssh_server import SshServer

from breakfix.actions.file.checksum import Checksum
from breakfix.actions.file.log import Log
from breakfix.actions.heartbeat.lost import Lost
from breakfix.actions.host.command import Command
from breakfix.actions.host.disk import Disk
from breakfix.actions.host.load import Load
from breakfix.actions.host.memory import Memory
from breakfix.actions.process.running import Running
from breakfix.actions.systemd.active import Active
from breakfix.actions.systemd.journal import Journal
from breakfix.actions.tcp.connect import Connect
from breakfix.engine.action import Probe
from breakfix.engine.host_processes import Match

Wait = Callable[[Callable[[], object], str], None]


@pytest.mark.parametrize(
    ("kind", "given", "holds"),
    [
        (Load, {"max": 10_000}, True),
        (Load, {"max": 0, "over": "15m"}, False),
        (Memory, {"available_min": "1MiB", "available_share_min": "0.1%"}, True),
        (Memory, {"available_share_min": "100%"}, False),
        (Disk, {"path": "/", "free_min": "1kB", "inodes_share_min": "0.01%"}, True),
        (Disk, {"path": "/", "free_min": "1000TB"}, False),
        (Disk, {"path": "/no/such/path", "free_min": "1B"}, False),
        (Command, {"argv": ["printf", "%s", "it's $(id) `x` *"], "stdout": r"^it's \$\(id\) `x` \*$"}, True),
        (Command, {"argv": ["id -u | tr 0 x"], "shell": True, "sudo": True, "stdout": "^x$"}, True),
        (Command, {"argv": ["sh", "-c", "kill -TERM $$"]}, False),
        (Command, {"argv": ["no-such-command"]}, None),
        (Command, {"argv": ["pwd"], "cwd": "/tmp", "env": {"X": "a b"}, "stdout": "^/tmp$"}, True),
        (Running, {"match": {"name": "sshd"}}, True),
        (Running, {"match": {"name": "no-such-name"}}, False),
        (Checksum, {"path": "/no/such/path", "sha256": "0" * 64}, False),
        (Active, {"unit": "no-such-unit"}, None),
    ],
)
def test_a_state_is_good_bad_or_blind(
    reach: Any, kind: type[Probe], given: dict[str, Any], holds: bool | None
) -> None:
    """Of the machine that is behind all hosts, which has no systemd at work."""
    probe = msgspec.convert(given, kind)
    if kind is Active and reach.facts().systemd:
        holds = False
    seen = reach.sample(probe)
    assert seen.holds is holds, seen
    if holds is not None and kind is not Checksum:
        assert set(seen.result) <= set(kind.result)


def test_who_is_not_root_is_blind_where_that_is_needed(plain: Any) -> None:
    """It says what is missing."""
    seen = plain.sample(Command(argv=("true",), sudo=True))
    assert (seen.holds, "become root" in seen.detail) == (None, True)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        match = Match(port=listening.getsockname()[1])
        seen = plain.sample(Running(match=match))
        assert (seen.holds, "without root" in seen.detail) == (None, True)


def test_a_port_is_seen_with_root(reach: Any, closed_port: int) -> None:
    """And connected to from the host."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert reach.sample(Running(match=Match(port=port), sudo=True)).holds
        seen = reach.sample(Connect(host="127.0.0.1", port=port))
        assert seen.holds
        assert seen.result["by"] == "python3"
    assert reach.sample(Connect(host="127.0.0.1", port=closed_port)).holds is False


def test_a_command_that_takes_too_long_is_bad(reach: Any) -> None:
    """And is ended."""
    seen = reach.sample(Command(argv=("sleep", "61.7")), timeout_s=1.0)
    assert seen.holds is False
    assert "took longer than 1 s" in seen.detail
    assert reach.sample(Command(argv=("sh", "-c", "! pgrep -f 'sleep 61[.]7'"))).holds


def test_a_host_that_is_not_reached_is_bad(reach: Any, relay: Any, sshd: SshServer) -> None:
    """Refused, or cut off in the middle of a command; one that does not let us in is blind, and so is one
    whose name nobody knows."""
    far = structs.replace(sshd.host(1), name="far", address="127.0.0.1", port=relay.port)
    reach.ssh.hosts["far"] = far
    facts = reach.facts("far")
    probe = Command(argv=("true",))
    assert reach.sample(probe, facts).holds
    relay.close()
    seen = reach.sample(probe, facts)
    assert seen.holds is False, seen

    for name, known in (
        ("stranger", {"user": "nobody-of-that-name"}),
        ("nameless", {"address": "no-such-host.invalid"}),
        ("other", {"host_key": "SHA256:" + "A" * 43}),
    ):
        reach.ssh.hosts[name] = structs.replace(sshd.host(2), name=name, **known)
        identity = structs.replace(facts.identity, name=name, endpoint=name)
        seen = reach.sample(probe, structs.replace(facts, identity=identity))
        assert seen.holds is None, seen


def test_files_are_compared_across_hosts(reach: Any, folder: Path) -> None:
    """The one that has drifted is named: each of these hosts knows the file by a folder of its own."""
    names = list(reach.ssh.hosts)
    for name, content in zip(names, ("same", "same", "other"), strict=True):
        (folder / name).write_text(content)
    probe = Checksum(path="/", match_all=True)
    seen = [
        reach.sample(structs.replace(probe, path=str(folder / name)), reach.facts(name))
        for name in names
    ]
    judged = probe.judge_all(seen)
    assert [each.holds for each in judged] == [True, True, False]
    assert judged[2].result["host"] == names[2]
    assert judged[2].result["sha256"] == hashlib.sha256(b"other").hexdigest()


def test_lines_of_a_file_are_heard(reach: Any, folder: Path, wait_for: Wait) -> None:
    """From the moment that it was listened to, whatever its name; what only root may read, as root."""
    path = folder / "it's $(id) a\\log"
    path.write_text("error before\n")
    path.chmod(0o600)
    assert not reach.streams.open_all(Log(path=str(path), pattern="x").sources(reach.facts()))
    assert reach.sample(Log(path=str(path), pattern="x")).holds is None
    probe = Log(path=str(path), pattern="error", sudo=True)
    reach.listen(probe)
    assert reach.sample(probe).holds is False
    since_s = time.monotonic()
    with path.open("a") as file:
        file.write("fine\nerror now\n")
    wait_for(lambda: reach.sample(probe).holds, "the line")
    seen = reach.sample(probe, since_s=since_s)
    assert seen.result == {"count": 1, "line": "error now"}
    assert since_s <= seen.occurred_at_s <= time.monotonic()


def readers_of(path: Path) -> list[str]:
    """The processes that have the path among their arguments."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(path).encode() in words and int(entry.name) != os.getpid():
            found.append(entry.name)
    return found


@pytest.mark.parametrize("sudo", [False, True])
def test_nothing_is_left_of_a_listener(
    reach: Any, folder: Path, wait_for: Wait, sudo: bool
) -> None:
    """When it is closed, and when only the connection is gone."""
    path = folder / "log"
    path.write_text("")
    path.chmod(0o644)
    probe = Log(path=str(path), pattern="x", sudo=sudo)
    reach.listen(probe)
    assert readers_of(path)
    reach.streams.close()
    wait_for(lambda: not readers_of(path), "it has ended")


def test_a_listener_survives_its_connection(
    reach: Any, relay: Any, sshd: SshServer, folder: Path, wait_for: Wait
) -> None:
    """Meanwhile it is blind; then it goes on where it was, and hears what it has missed."""
    reach.ssh.hosts["far"] = structs.replace(
        sshd.host(1), name="far", address="127.0.0.1", port=relay.port
    )
    facts = reach.facts("far")
    path = folder / "log"
    path.write_text("")
    path.chmod(0o644)
    probe = Log(path=str(path), pattern="missed")
    reach.listen(probe, facts)
    assert reach.sample(probe, facts).holds is False
    relay.close()
    wait_for(lambda: reach.sample(probe, facts).holds is None, "it is blind")
    wait_for(lambda: not readers_of(path), "the old one has ended")
    with path.open("a") as file:
        file.write("missed\n")
    relay.open()
    wait_for(lambda: reach.sample(probe, facts).holds, "what was missed")


def test_no_more_listeners_than_leave_room(reach: Any, folder: Path) -> None:
    """Commands still run; who is one too many is blind."""
    probes = []
    for number in range(6):
        path = folder / f"log{number}"
        path.write_text("")
        path.chmod(0o644)
        probes.append(Log(path=str(path), pattern="x"))
        reach.listen(probes[-1])
    assert [reach.sample(probe).holds for probe in probes] == [False] * 4 + [None] * 2
    assert reach.sample(Command(argv=("true",))).holds


def test_a_journal_that_is_not_there_is_blind(reach: Any) -> None:
    """Rather than one in which nothing is written."""
    probe = Journal(unit="x", pattern="x")
    if reach.facts().systemd:
        pytest.skip("this machine has a journal")
    reach.listen(probe)
    assert reach.sample(probe).holds is None


def test_a_lost_heartbeat_is_seen(reach: Any, wait_for: Wait) -> None:
    """The host sends as the reference shows it; when it stops, that is seen, from the last one on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    probe = Lost(after="1500ms", listen=f"127.0.0.1:{port}")
    reach.listen(probe)
    assert reach.sample(probe).holds is None
    send = f"while sleep 0.1; do echo host-001 >/dev/udp/127.0.0.1/{port}; done"
    sender = Command(argv=("timeout", "2", "bash", "-c", send), exit_code=124)
    assert reach.sample(sender).holds
    since_s = time.monotonic() - 1.0
    wait_for(lambda: reach.sample(probe, since_s=since_s).holds, "it is lost")
    seen = reach.sample(probe, since_s=since_s)
    assert seen.result["missing_s"] >= 1.5
    assert seen.result["beats"] > 3
