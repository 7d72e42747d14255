"""host.load, memory, disk and command: what they make of what a host says, and of one that says nothing."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from breakfix.actions.file.checksum import Checksum
from breakfix.actions.file.log import Log
from breakfix.actions.host.command import Command
from breakfix.actions.host.disk import Disk
from breakfix.actions.host.load import Load
from breakfix.actions.host.memory import Memory
from breakfix.actions.process.running import Running
from breakfix.actions.systemd.active import Active
from breakfix.actions.tcp.connect import Connect
from breakfix.engine.action import Occurrence, Probe
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_processes import Match
from breakfix.engine.ops import ExecOp, Outcome

MEMINFO = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    250 kB\nHugePages_Total: 0\n"
STATES: tuple[Probe, ...] = (
    Load(max=1),
    Memory(available_min="1B"),
    Disk(path="/", free_min="1B"),
    Command(argv=("true",)),
    Running(match=Match(name="x")),
    Active(unit="x"),
    Checksum(path="/x", sha256="0" * 64),
    Connect(host="x", port=1),
)


def said(text: str) -> Outcome:
    """A command that went well."""
    return Outcome(ok=True, code=0, text=text)


@pytest.mark.parametrize("probe", STATES, ids=lambda probe: type(probe).__name__)
@pytest.mark.parametrize(
    ("outcome", "holds"),
    [
        (Outcome(ok=False, unreachable=True, error="here cannot be reached: refused"), False),
        (Outcome(ok=False, gone=True, error="here shows another key"), False),
        (Outcome(ok=False, error="here does not let us in: it refuses publickey"), None),
        (Outcome(ok=False, error="`sudo -n` does not let ops become root"), None),
    ],
)
def test_a_host_that_is_not_reached_is_bad_and_our_own_failure_blind(
    here: Any, probe: Probe, outcome: Outcome, holds: bool | None
) -> None:
    """Of every probe that looks at the state of a host; it says why."""
    here.answer = outcome
    seen = here.sample(probe)
    assert seen.holds is holds
    assert outcome.error in seen.detail


@pytest.mark.parametrize(
    ("given", "holds", "says"),
    [
        ({"max": 2.5}, True, "load 2.5 over 1m"),
        ({"max": 2.4}, False, "load 2.5 over 1m, wanted 2.4 at most"),
        ({"max": 1.25, "per_cpu": True}, True, "load 2.5"),
        ({"max": 1.2, "per_cpu": True}, False, "wanted 2.4 at most"),
        ({"max": 4, "over": "5m"}, True, "load 4 over 5m"),
        ({"max": 4, "over": "15m"}, False, "load 8 over 15m"),
    ],
)
def test_a_load_is_judged(here: Any, given: dict[str, Any], holds: bool, says: str) -> None:
    """By the average that is asked for, of all CPUs or of each."""
    here.answer = said("2.50 4.00 8.00 3/400 12345\n")
    seen = here.sample(msgspec.convert(given, Load))
    assert seen.holds is holds
    assert says in seen.detail
    assert seen.result == {"load": [2.5, 4.0, 8.0], "cpus": 2}


def test_a_load_is_over_a_time_that_the_kernel_tells() -> None:
    """One, five or fifteen minutes."""
    with pytest.raises(msgspec.ValidationError, match="1m, 5m or 15m"):
        msgspec.convert({"max": 1, "over": "2m"}, Load)


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ({"available_min": "250KiB"}, True),
        ({"available_min": "251KiB"}, False),
        ({"available_share_min": "25%"}, True),
        ({"available_share_min": "26%"}, False),
        ({"available_min": "250KiB", "available_share_min": "26%"}, False),
    ],
)
def test_memory_is_judged(here: Any, given: dict[str, Any], holds: bool) -> None:
    """What is available, in bytes and as a share."""
    here.answer = said(MEMINFO)
    seen = here.sample(msgspec.convert(given, Memory))
    assert seen.holds is holds
    assert seen.result == {"available_bytes": 250 << 10, "total_bytes": 1000 << 10}


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ({"free_min": "30KiB"}, True),
        ({"free_min": "31KiB"}, False),
        # 30 of the 90 blocks that everybody may use.
        ({"free_share_min": "33%"}, True),
        ({"free_share_min": "34%"}, False),
        ({"inodes_share_min": "50%"}, True),
        ({"inodes_share_min": "51%"}, False),
    ],
)
def test_room_is_judged(here: Any, given: dict[str, Any], holds: bool) -> None:
    """What everybody may use, and inodes."""
    here.answer = said("stat 1024 100 40 30 10 5\n")
    seen = here.sample(msgspec.convert({"path": "/x", **given}, Disk))
    assert seen.holds is holds, seen
    assert seen.result == {"free_bytes": 30 << 10, "size_bytes": 90 << 10, "inodes_free": 5}


def test_a_file_system_without_inodes_has_enough_of_them(here: Any) -> None:
    """Some have no bound."""
    here.answer = said("stat 1024 100 40 30 0 0\n")
    seen = here.sample(Disk(path="/x", inodes_share_min="50%"))
    assert (seen.holds, seen.result["inodes_free"]) == (True, None)


def test_df_is_as_good_where_there_is_no_stat(here: Any) -> None:
    """Whatever the file system and its folder are called."""
    here.answer = said(
        "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
        "my disk 5 100 60 30 67% /mnt/7 8 9 10% /x\n"
    )
    seen = here.sample(Disk(path="/x", free_min="30KiB"))
    assert seen.holds
    assert (seen.result["free_bytes"], seen.result["size_bytes"]) == (30 << 10, 90 << 10)


def test_a_real_file_system_is_read(here: Any, tmp_path: Path, odd: str) -> None:
    """By a path of any name; one that is not there is bad."""
    path = tmp_path / odd
    probe = Disk(path=str(path), free_min="1B")
    assert here.sample(probe).holds is False
    path.mkdir()
    seen = here.sample(probe)
    assert seen.holds, seen
    assert seen.result["size_bytes"] >= seen.result["free_bytes"] > 0


def test_a_bound_must_be_given() -> None:
    """Without one it would always be good."""
    with pytest.raises(msgspec.ValidationError, match="say one of"):
        msgspec.convert({"path": "/"}, Disk)


@pytest.mark.parametrize(
    ("given", "holds", "says"),
    [
        ({"argv": ["true"]}, True, "exit code 0"),
        ({"argv": ["false"]}, False, "exit code 1, wanted 0"),
        ({"argv": ["sh", "-c", "echo no >&2; exit 3"], "exit_code": 4}, False, "wanted 4: no"),
        ({"argv": ["echo", "*", "$HOME"], "stdout": r"^\* \$HOME$"}, True, "exit code 0"),
        ({"argv": ["echo a | tr a b"], "shell": True, "stdout": "^b$"}, True, "exit code 0"),
        ({"argv": ["echo", "ill"], "stdout": "well"}, False, "output without 'well'"),
        ({"argv": ["sh", "-c", "exit 127"]}, None, "sh is not there"),
        ({"argv": ["exit 127"], "shell": True}, False, "exit code 127"),
        ({"argv": ["sh", "-c", "exit 127"], "exit_code": 127}, True, "exit code 127"),
    ],
)
def test_an_end_of_a_command_is_judged(
    here: Any, given: dict[str, Any], holds: bool | None, says: str
) -> None:
    """As that of a command of this machine."""
    seen = here.sample(msgspec.convert(given, Command))
    assert seen.holds is holds, seen.detail
    assert says in seen.detail


def test_a_command_gets_what_is_meant(here: Any, odd: str) -> None:
    """Each argument, and each value of its environment."""
    probe = Command(argv=("sh", "-c", 'printf %s "$1$X"', "sh", odd), env={"X": odd})
    assert here.sample(probe).result == {"exit_code": 0, "stdout": odd + odd}


def test_a_command_that_mends(here: Any) -> None:
    """One op; as root by sudo only where that is asked for."""
    (op,) = Command(argv=("a",), exit_code=3).plan(here.facts).apply
    assert isinstance(op, ExecOp)
    assert (op.argv, op.ok_exit, op.sudo, op.changes) == (("a",), (3,), False, "yes")
    facts = structs.replace(here.facts, root="sudo")
    (op,) = Command(argv=("a",), sudo=True).plan(facts).apply
    assert isinstance(op, ExecOp)
    assert op.sudo
    with pytest.raises(PreconditionError, match="needs root"):
        Command(argv=("a",), sudo=True).plan(structs.replace(facts, root=""))
    with pytest.raises(PreconditionError, match="leave `stdout` out"):
        Command(argv=("a",), stdout="x").plan(facts)


def test_a_sum_is_held_against_the_one_that_is_given(here: Any, tmp_path: Path, odd: str) -> None:
    """A file that is not there is bad; what is none, too."""
    path = tmp_path / odd
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    probe = Checksum(path=str(path), sha256=empty)
    assert here.sample(probe).holds is False
    path.write_bytes(b"")
    seen = here.sample(probe)
    assert (seen.holds, seen.result) == (True, {"sha256": empty, "host": "here"})
    path.write_bytes(b"x")
    seen = here.sample(probe)
    assert seen.holds is False
    assert "wanted e3b0c44298fc" in seen.detail


@pytest.mark.parametrize(
    ("sums", "holds"),
    [
        ("aaa", [True, True, True]),
        ("aab", [True, True, False]),
        ("ab", [False, False]),
        ("aabb", [False] * 4),
        ("a", [None]),
        # Of those that can be read, two of three.
        ("aab-", [True, True, False, None]),
        ("--", [None, None]),
    ],
)
def test_hosts_are_compared_with_each_other(
    here: Any, sums: str, holds: list[bool | None]
) -> None:
    """Those that differ from more than half have drifted; one alone proves nothing."""
    probe = Checksum(path="/x", match_all=True)
    seen = []
    for one in sums:
        here.answer = Outcome(ok=True, code=0, data={"sha256": one * 64})
        if one == "-":
            here.answer = Outcome(ok=False, error="it does not let us in")
        seen.append(here.sample(probe))
    judged = probe.judge_all(seen)
    assert [each.holds for each in judged] == holds
    if sums == "aab":
        assert judged[2].detail == "/x of here is bbbbbbbbbbbb, but 2 of 3 hosts have aaaaaaaaaaaa"


@pytest.mark.parametrize("given", [{}, {"sha256": "0" * 64, "match_all": True}, {"sha256": "0"}])
def test_a_sum_is_compared_with_one_thing(given: dict[str, Any]) -> None:
    """One that is given, or those of the others."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"path": "/x", **given}, Checksum)


def test_a_line_is_seen_from_t0_on(here: Any) -> None:
    """The first that matches; a stream that cannot be read is blind."""
    probe = Log(path="/x", pattern="er+or")
    lines = {1.0: "error 1", 2.0: "fine", 3.0: "error 2", 4.0: "errror"}
    here.arrived = [
        Occurrence(arrived_at_s=at_s, engine_time_s=None, content=text)
        for at_s, text in lines.items()
    ]
    seen = here.sample(probe, since_s=1.5)
    assert (seen.holds, seen.occurred_at_s) == (True, 3.0)
    assert seen.result == {"count": 2, "line": "error 2"}
    assert here.sample(probe, since_s=5.0).holds is False
    here.arrived = None
    assert here.sample(probe).holds is None
