"""`breakfix exec` and `breakfix status`: which hosts are meant, and how answers are shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from breakfix.engine.batch import Answer
from breakfix.engine.cli import answers, exec, status, status_table
from breakfix.engine.cli.host_options import choose_hosts
from breakfix.engine.cli.readings import ordered
from breakfix.engine.endpoints import Host
from breakfix.engine.errors import DocumentError, UsageError
from breakfix.engine.targets.host_status import Disk, HostStatus

SCENARIO = """\
version: 1
name: fleet
targets:
  db: {ssh: {hosts: [db-1, db-2], user: ops}, pick: 1}
  web: {ssh: {hosts_file: hosts.ini, group: web}, pick: all}
  rest: {of: db, except: picked, pick: all}
  here: {process: {command: [sleep, "1"]}}
steps:
  - {id: look, verify: host.load, with: {max: 100}, target: db, within: 1s}
  - {id: more, verify: host.load, with: {max: 100}, target: web, within: 1s}
"""


@pytest.fixture(autouse=True)
def own_ssh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's ~/.ssh/config counts."""
    monkeypatch.setenv("HOME", str(tmp_path))


def called(command: Any, *args: str) -> Result:
    """A command, called."""
    return CliRunner().invoke(command, args)


def chosen(file: Path | None = None, *targets: str, **options: Any) -> dict[str, Host]:
    """The hosts that are meant."""
    known: dict[str, Any] = {
        "given": (), "inputs_file": None, "hosts": None, "inventory": None, "group": None,
        "user": None, "port": None, "key": None, "jump": None, "host_key": "known",
        "known_hosts": None,
    }  # fmt: skip
    return choose_hosts(file, targets, **{**known, **options}).hosts


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A scenario with hosts, and its inventory."""
    (tmp_path / "hosts.ini").write_text("[web]\nweb-[1:3]\n[other]\nx-1\n")
    path = tmp_path / "fleet.yaml"
    path.write_text(SCENARIO)
    return path


# --- which hosts ---


def test_a_target_of_a_scenario_means_all_of_its_hosts(scenario: Path) -> None:
    """Whatever `pick` says: it is no fault that is chosen, but a question to all."""
    assert list(chosen(scenario, "db")) == ["db-1", "db-2"]
    assert chosen(scenario, "db")["db-1"].user == "ops"
    assert list(chosen(scenario, "rest")) == ["db-1", "db-2"]
    assert list(chosen(scenario, "web")) == ["web-1", "web-2", "web-3"]


@pytest.mark.parametrize("targets", [("all",), ("db", "web")])
def test_several_targets(scenario: Path, targets: tuple[str, ...]) -> None:
    """Every host once."""
    assert set(chosen(scenario, *targets)) == {"db-1", "db-2", "web-1", "web-2", "web-3"}


def test_hosts_on_the_command_line() -> None:
    """With user and port beside one of them, ranges, and what is meant for all."""
    found = chosen(hosts="ops@db-1:2222, web[08:10]", user="me", key="/k", host_key="accept-new")
    assert list(found) == ["db-1:2222", "web08", "web09", "web10"]
    assert found["db-1:2222"].user == "ops" and found["db-1:2222"].port == 2222
    assert found["web09"].user == "me" and found["web09"].key == "/k"
    assert found["web09"].accept_new


def test_an_inventory_and_one_group_of_it(scenario: Path) -> None:
    """With or without the group."""
    inventory = scenario.parent / "hosts.ini"
    assert list(chosen(inventory=inventory)) == ["web-1", "web-2", "web-3", "x-1"]
    assert list(chosen(inventory=inventory, group="other")) == ["x-1"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "say which hosts"),
        ({"hosts": "a", "inventory": Path("x")}, "in one way only"),
        ({"hosts": ","}, "names no host"),
        ({"hosts": "a b"}, "a b"),
        ({"hosts": "web[9:1]"}, "smaller end"),
        ({"hosts": "a", "group": "g"}, "--group needs an --inventory"),
        ({"hosts": "a", "given": ("x=1",)}, "need a SCENARIO"),
        ({"hosts": "a", "host_key": "any"}, "--host-key any is none"),
    ],
)
def test_a_wrong_choice_of_hosts_is_told(options: dict[str, Any], said: str) -> None:
    """One sentence, before anything is connected to."""
    with pytest.raises(UsageError, match=said):
        chosen(**options)


@pytest.mark.parametrize(
    ("targets", "options", "said"),
    [
        ((), {}, "has hosts in db, web"),
        (("nobody",), {}, "no target of hosts called 'nobody'"),
        (("here",), {}, "no target of hosts called 'here'"),
        (("db",), {"user": "me"}, "--user is said in the scenario"),
        (("db",), {"group": "g"}, "--group is said in the scenario"),
    ],
)
def test_a_wrong_choice_in_a_scenario_is_told(
    scenario: Path, targets: tuple[str, ...], options: dict[str, Any], said: str
) -> None:
    """With what there is."""
    with pytest.raises(UsageError, match=said):
        chosen(scenario, *targets, **options)


def test_an_inventory_that_is_not_there_is_told(tmp_path: Path) -> None:
    """As everywhere."""
    with pytest.raises(DocumentError, match="no such inventory"):
        chosen(inventory=tmp_path / "nothing.ini")


@pytest.mark.parametrize(
    ("command", "args", "said"),
    [
        (exec.command, ("--hosts", "a"), "There is no command"),
        (exec.command, ("--hosts", "a", "--"), "There is no command"),
        (exec.command, ("--hosts", "a", "--timeout", "soon", "--", "x"), "--timeout"),
        (exec.command, ("--hosts", "a", "--timeout", "0s", "--", "x"), "longer than nothing"),
        (status.command, ("--hosts", "a", "--every", "5"), "--every"),
    ],
)
def test_a_wrong_command_line_is_told(command: Any, args: tuple[str, ...], said: str) -> None:
    """With the exit code of usage."""
    result = called(command, *args)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert result.exception.exit_code == 2


def test_what_stands_behind_the_dashes_is_no_option_of_ours() -> None:
    """`exec ... -- ls --help` asks the hosts, not us."""
    result = called(exec.command, "--hosts", "a", "--nope", "--", "ls")
    assert result.exit_code == 2 and "--nope" in result.output
    result = called(exec.command, "--timeout", "0s", "--hosts", "a", "--", "ls", "--help")
    assert "longer than nothing" in str(result.exception)


# --- how it is shown ---


def answer(host: str, state: Any = "succeeded", **fields: Any) -> Answer:
    """One answer."""
    return Answer(**{"host": host, "state": state, "code": 0, **fields})


MANY = [
    *(answer(f"db-{number}", stdout="up 3 days\n") for number in range(1, 101)),
    answer("db-101", stdout="up 1 day\n"),
    answer("db-102", "failed", code=2, stderr="ls: \x1b[31mno\n"),
    *(
        answer(f"x-{n}", "unreachable", code=None, why=f"x-{n} (10.0.0.{n}:22) cannot be reached: refused")
        for n in range(1, 4)
    ),
]  # fmt: skip


def test_equal_outputs_are_shown_once() -> None:
    """With the hosts that gave them; the largest group first."""
    assert list(answers.successes(MANY)) == [
        "\x1b[1m100 hosts: db-[1-100]\x1b[0m", "  up 3 days",
        "\x1b[1m1 host: db-101\x1b[0m", "  up 1 day",
    ]  # fmt: skip


def test_failures_stand_apart_with_their_reason() -> None:
    """Hosts that fail alike together, whatever their own name is in the reason; nothing that they print
    is a command to the terminal."""
    lines = list(answers.failures(MANY))
    assert [line for line in lines if not line.startswith("\x1b")] == [
        "  1 host, exit 2: db-102", "    stderr: ls:  [31mno",
        "  3 hosts: x-[1-3]", "    <target> cannot be reached: refused",
    ]  # fmt: skip
    assert (
        answers.summary(MANY, 1.5)
        == "101 of 105 hosts succeeded, 1 failed, 3 unreachable, in 1.5 s"
    )


@pytest.mark.parametrize(
    ("states", "interrupted", "code"),
    [
        (["succeeded"], False, 0),
        (["succeeded", "failed"], False, 1),
        (["failed", "unreachable"], False, 5),
        (["succeeded", "stopped"], False, 4),
        (["unreachable", "failed"], True, 4),
    ],
)
def test_exit_codes(states: list[str], interrupted: bool, code: int) -> None:
    """0 all went well, 1 a command failed, 5 a host was not reached, 4 interrupted."""
    assert answers.exit_code([answer("a", one) for one in states], interrupted=interrupted) == code


def test_the_answers_as_json() -> None:
    """Every host with all that it said, in natural order, and how many came to what."""
    hosts = {one.host: Host(name=one.host, address="a", user="u") for one in MANY}
    document = json.loads(answers.document(MANY, hosts, command=("ls",), took_s=1.0))
    assert document["command"] == ["ls"]
    assert document["counts"] == {"succeeded": 101, "failed": 1, "unreachable": 3, "stopped": 0}
    assert [one["host"] for one in document["hosts"]][8:11] == ["db-9", "db-10", "db-11"]
    failed = document["hosts"][101]
    assert failed["exit_code"] == 2 and failed["stderr"] == "ls: \x1b[31mno\n"


def one_status(host: str, cpu: float | None, memory: float, disk: float, load: float) -> HostStatus:
    """How busy a host is."""
    return HostStatus(
        host=host, cpu_busy=cpu, cpus=2, load=(load, load, load), memory_used=memory,
        memory_bytes=1 << 31, disk=Disk(mount="/", used=disk, total_bytes=1), up_s=60.0,
    )  # fmt: skip


STATUSES = [
    one_status("h10", 0.1, 0.95, 0.2, 0.5),
    one_status("h2", 0.8, 0.1, 0.3, 0.1),
    one_status("h1", None, 0.2, 0.4, 3.0),
]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("host", "h1 h2 h10"),
        ("cpu", "h2 h10 h1"),
        ("memory", "h10 h1 h2"),
        ("disk", "h1 h2 h10"),
        ("load", "h1 h10 h2"),
        ("worst", "h1 h10 h2"),
    ],
)
def test_the_table_is_sorted(sort: str, order: str) -> None:
    """By name in natural order, or the busiest first."""
    assert [one.host for one in ordered(STATUSES, sort)] == order.split()


def test_the_table_says_what_is_not_known(capsys: Callable[..., Any]) -> None:
    """After one look nobody knows how busy the processors are; shares that are high are marked."""
    from breakfix.reports.lines import printed

    text = printed(status_table.lines(STATUSES, 7))
    rows = text.splitlines()
    assert rows[0].split() == ["HOST", "CPU", "MEMORY", "DISK", "LOAD", "UP"]
    assert "10 % of 2" in rows[1] and "95 % of 2 GiB" in rows[1]
    assert "\u2013 of 2" in rows[3]
    assert rows[-1].strip() == "and 7 more"
    assert "\x1b[31m 95 %" in printed(status_table.lines(STATUSES, 0), color=True)
