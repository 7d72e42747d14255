"""Runs with faults on hosts, as the command line makes them: what the plan says, and what a dead engine leaves."""

import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.breakfix_process import Cli
from tests.integration.ssh_server import SshServer

PATIENCE_S = 60.0
SCENARIO = """\
version: 1
name: on_hosts
targets:
  db:
    ssh:
      hosts: [{address}]
      port: {port}
      user: {user}
      key: {key}
      host_key: "{fingerprint}"
steps:
  - id: fill
    inject: disk.fill
    target: db
    with: {{path: {folder}, size: 1MiB}}
    hold: {hold}
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in which every user may make files."""
    path = Path(f"/tmp/bfx-test-{secrets.token_hex(4)}")
    path.mkdir()
    path.chmod(0o777)
    yield path
    path.rmdir()


@pytest.fixture
def scenario(cli: Cli, sshd: SshServer, folder: Path) -> Callable[[str], Path]:
    """A disk that is filled on a host, for so long."""

    def write(hold: str) -> Path:
        return cli.write(
            SCENARIO.format(
                address=sshd.address(11), port=sshd.port, user=sshd.user, key=sshd.key,
                fingerprint=sshd.fingerprint, folder=folder, hold=hold,
            )
        )  # fmt: skip

    return write


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what is to come."""
    end_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def test_the_plan_says_what_ends_a_fault_on_a_host(cli: Cli, scenario: Callable[[str], Path]) -> None:
    """By whom, and when; and nothing of it is on the host."""
    done = cli.run("plan", scenario("30s"))
    assert done.returncode == 0, done.stderr
    assert "holds    30s; dead-man: shell timer, 40 s" in done.stdout
    assert "rm -f" in done.stdout


def test_a_run_undoes_what_it_has_done_on_a_host(
    cli: Cli, scenario: Callable[[str], Path], folder: Path
) -> None:
    """In time; its switch was there and is gone."""
    cli.run("run", "--yes", scenario("1s"))
    ended = cli.events("fault_ended")
    assert [event["ended_by"] for event in ended] == ["engine"]
    assert list(folder.iterdir()) == []
    assert kept(cli) == []


def test_where_engine_and_guardian_are_dead_the_host_ends_it(
    cli: Cli, scenario: Callable[[str], Path], folder: Path
) -> None:
    """By itself; `recover` finds that it was so, and nothing to do."""
    running = cli.start("run", "--yes", scenario("1s"), start_new_session=True)
    try:
        wait_until(lambda: bool(cli.events("fault_active")))
        for pid in [*guardians(running.pid), running.pid]:
            os.kill(pid, signal.SIGKILL)
    finally:
        running.kill()
        running.communicate()
    wait_until(lambda: not kept(cli))
    assert list(folder.iterdir()) == []
    done = cli.run("recover", "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [event["ended_by"] for event in cli.events("fault_ended")] == ["expiry"]


def kept(cli: Cli) -> list[Path]:
    """The folders of the faults of all runs, on this machine."""
    runs = (path.name for path in (cli.home / "runs").iterdir())
    return [folder for run in runs for folder in Path("/run/breakfix").glob(f"{run}.*")]


def guardians(engine: int) -> list[int]:
    """The guardians of an engine: its children in a session of their own."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "stat").read_text().rpartition(")")[2].split()
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(line[1]) == engine and b"breakfix.engine.guardian" in words:
                found.append(int(entry.name))
    return found
