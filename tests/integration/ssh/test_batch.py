"""`breakfix exec` and `breakfix status` on hundreds of real hosts."""

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.breakfix_process import Cli
from tests.integration.ssh_server import SshServer

COUNT = 300
PATIENCE_S = 60.0


@pytest.fixture
def fleet(cli: Cli, sshd: SshServer) -> list[str]:
    """The options for `COUNT` hosts of an inventory; two others are dead, and one does not know us."""
    ours = f"ansible_user={sshd.user} ansible_port"
    lines = ["[fleet]"]
    lines += [
        f"host-{n:03} ansible_host={sshd.address(n)} {ours}={sshd.port}"
        for n in range(1, COUNT + 1)
    ]
    lines += ["[others]"]
    lines += [f"dead-{n} ansible_host={sshd.address(n)} {ours}=1" for n in (1, 2)]
    lines += [f"stranger ansible_host=127.9.0.1 ansible_user=nobody-knows ansible_port={sshd.port}"]
    path = cli.folder / "hosts.ini"
    path.write_text("\n".join(lines) + "\n")
    return [
        "--inventory",
        str(path),
        "--key",
        str(sshd.key),
        "--known-hosts",
        str(sshd.known_hosts),
    ]


def exec_on(cli: Cli, options: list[str], *more: str) -> "subprocess.CompletedProcess[str]":
    """`breakfix exec`."""
    return cli.run("exec", *options, *more)


def test_one_command_on_hundreds_of_hosts(cli: Cli, sshd: SshServer, fleet: list[str]) -> None:
    """Equal outputs once, with the hosts that gave them; what was not reached apart; 5."""
    done = exec_on(cli, fleet, "--", "uname", "-s")
    assert done.stdout.splitlines() == [f"{COUNT} hosts: host-[001-{COUNT}]", "  Linux"]
    assert "2 hosts: dead-[1-2]" in done.stderr
    assert "<target> cannot be reached: connection refused" in done.stderr
    assert f"stranger (nobody-knows@127.9.0.1:{sshd.port}) does not let us in" in done.stderr
    assert f"{COUNT} of {COUNT + 3} hosts succeeded, 3 unreachable" in done.stderr
    assert done.returncode == 5


def test_some_fail(cli: Cli, fleet: list[str]) -> None:
    """Their exit codes are told, and that of the command is 1; JSON has every host."""
    script = 'case ${SSH_CONNECTION% *} in *.7) echo odd >&2; exit 3 ;; esac; echo "it is $1"'
    argv = ("--", "sh", "-c", script, "sh", "$(id) `id`\n'")
    done = exec_on(cli, fleet, "--group", "fleet", "--format", "json", *argv)
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    by_state: dict[str, list[str]] = {}
    for host in document["hosts"]:
        by_state.setdefault(host["state"], []).append(host["host"])
    assert by_state["failed"] == ["host-007", "host-257"]
    assert len(by_state["succeeded"]) == COUNT - 2
    assert {host["exit_code"] for host in document["hosts"]} == {0, 3}
    # Nothing of an argument is read by a shell.
    assert {host["stdout"] for host in document["hosts"]} == {"", "it is $(id) `id`\n'\n"}


def test_as_root_only_where_it_was_said(cli: Cli, fleet: list[str], sshd: SshServer) -> None:
    """`--sudo` is explicit; where it is not allowed, that is told."""
    three = ["--hosts", f"{sshd.user}@127.9.0.[1:3]:{sshd.port}", *fleet[2:]]
    assert exec_on(cli, three, "--", "id", "-un").stdout.splitlines()[1] == f"  {sshd.user}"
    assert exec_on(cli, three, "--sudo", "--", "id", "-un").stdout.splitlines()[1] == "  root"
    plain = ["--hosts", f"{sshd.plain}@127.9.0.1:{sshd.port}", *fleet[2:]]
    done = exec_on(cli, plain, "--sudo", "--", "id", "-un")
    assert "`sudo -n` does not let" in done.stderr
    assert done.returncode == 1


def test_an_interrupt_ends_the_commands_and_keeps_what_was_answered(
    cli: Cli, fleet: list[str]
) -> None:
    """Half of the hosts have answered, the others are at work: they are ended there, and the answers are
    printed; 4."""
    mark = f"4321.{secrets.randbelow(10**9):09}"
    script = f"case ${{SSH_CONNECTION% *}} in *[02468]) echo even ;; *) sleep {mark} ;; esac"
    argv = ("--", "sh", "-c", script)
    process = cli.start("exec", *fleet, "--group", "fleet", "--concurrency", "300", *argv)
    try:
        wait_for(lambda: len(commands(mark)) == COUNT / 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=cli.bound_s)
    finally:
        process.kill()
    assert process.returncode == 4, err
    assert out.splitlines()[0].startswith(f"{COUNT // 2} hosts: host-")
    assert out.splitlines()[1] == "  even"
    assert f"{COUNT // 2} hosts: " in err and "was stopped before it was over and was ended" in err
    wait_for(lambda: commands(mark) == [])


def test_a_command_that_takes_too_long_is_ended(cli: Cli, fleet: list[str]) -> None:
    """On its host, and told as such."""
    mark = f"4321.{secrets.randbelow(10**9):09}"
    argv = ("--timeout", "1s", "--", "sleep", mark)
    done = exec_on(cli, fleet, "--group", "fleet", *argv)
    assert f"{COUNT} hosts: host-[001-{COUNT}]" in done.stderr
    assert "took longer than 1 s and was ended" in done.stderr
    assert done.returncode == 1
    wait_for(lambda: commands(mark) == [])


def test_the_hosts_of_a_scenario(cli: Cli, sshd: SshServer) -> None:
    """By the name of a target, as the scenario reaches it."""
    hosts = ", ".join(f"{sshd.address(n)}" for n in range(1, 31))
    path = cli.write(
        f"""
        version: 1
        name: fleet
        targets:
          db:
            ssh:
              hosts: [{hosts}]
              user: {sshd.user}
              port: {sshd.port}
              key: {sshd.key}
              host_key: "{sshd.fingerprint}"
            pick: 1
        steps:
          - {{id: look, verify: host.load, with: {{max: 100}}, target: db, within: 1s}}
        """
    )
    done = cli.run("exec", path, "--target", "db", "--", "echo", "here")
    assert done.stdout.splitlines() == ["30 hosts: 127.9.0.[1-30]", "  here"]
    assert done.returncode == 0
    done = cli.run("status", path, "--target", "all", "--format", "json")
    assert len(json.loads(done.stdout)["hosts"]) == 30
    assert done.returncode == 0


def test_how_busy_hundreds_of_hosts_are(cli: Cli, fleet: list[str]) -> None:
    """A row for each that answers, in order; the others apart; processors from two looks."""
    done = cli.run("status", *fleet)
    rows = done.stdout.splitlines()
    assert rows[0].split() == ["HOST", "CPU", "MEMORY", "DISK", "LOAD", "UP"]
    assert [row.split()[0] for row in rows[1:]] == [f"host-{n:03}" for n in range(1, COUNT + 1)]
    assert "dead-[1-2]" in done.stderr
    assert done.returncode == 5
    document = json.loads(cli.run("status", *fleet, "--format", "json", "--top", "3").stdout)
    assert len(document["hosts"]) == 3
    assert {one["host"] for one in document["missing"]} == {"dead-1", "dead-2", "stranger"}
    for one in document["hosts"]:
        assert 0 <= one["cpu_busy"] <= 1 and 0 < one["memory_used"] < 1
        assert one["cpus"] == os.cpu_count()


def test_watching_goes_on_until_it_is_interrupted(cli: Cli, fleet: list[str]) -> None:
    """A document a line, one for each look; it ends with 0."""
    options = ["--watch", "--every", "200ms", "--format", "json", "--top", "1"]
    process = cli.start("status", *fleet, "--group", "fleet", *options)
    try:
        assert process.stdout is not None
        looks = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=cli.bound_s)
    finally:
        process.kill()
    assert process.returncode == 0
    assert looks[0]["hosts"][0]["cpu_busy"] is None
    assert looks[2]["hosts"][0]["cpu_busy"] is not None


def commands(mark: str) -> list[int]:
    """The processes that have it as their last argument, of any user."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                argv = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if argv[:1] == [b"sleep"] and mark.encode() in argv:
                found.append(int(entry.name))
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)
