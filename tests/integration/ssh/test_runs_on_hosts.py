"""Whole runs on hosts: from a file to plan, journal, certificate, and what recovery makes of a dead engine."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.breakfix_process import Cli
from tests.integration.ssh_server import SshServer

PATIENCE_S = 60.0

SCENARIO = """\
version: 1
name: files_come
targets:
  db:
    ssh:
      hosts: [{hosts}]
      user: {user}
      port: {port}
      key: {key}
      known_hosts: {known_hosts}
probes:
  clean: {{host.command: {{argv: [test, "!", -e, "{folder}/broken"]}}, target: db, every: 300ms, timeout: 5s}}
observe: [clean]
steps:
- id: broken
  inject: host.script
  target: db
  with:
    run: [touch, "{folder}/broken-{{{{ unit.target }}}}"]
    undo: [rm, -f, "{folder}/broken-{{{{ unit.target }}}}"]
    check: [test, -e, "{folder}/broken-{{{{ unit.target }}}}"]
  hold: {hold}
- id: seen
  verify: host.command
  target: db
  with: {{argv: [test, -e, "{folder}/broken-{{{{ unit.target }}}}"]}}
  depends_on: [broken]
  within: 20s
"""


class Hosts:
    """Scenarios on hosts that are this machine, in a folder that their user may write."""

    def __init__(self, cli: Cli, sshd: SshServer, folder: Path) -> None:
        self.cli, self.sshd, self.folder = cli, sshd, folder

    def write(self, *numbers: int, hold: str = "1s", **changed: str) -> Path:
        """A scenario on some of them."""
        hosts = ", ".join(self.sshd.address(number) for number in numbers)
        said = {
            "hosts": hosts,
            "user": self.sshd.user,
            "port": str(self.sshd.port),
            "key": str(self.sshd.key),
            "known_hosts": str(self.sshd.known_hosts),
            "folder": str(self.folder),
            "hold": hold,
        }
        return self.cli.write(SCENARIO.format(**{**said, **changed}))

    def broken(self) -> list[str]:
        """What the fault leaves while it lasts."""
        return sorted(path.name for path in self.folder.iterdir())

    def left(self, run_id: str) -> list[str]:
        """Folders that a run has left for its dead-man switches."""
        roots = [Path("/run/breakfix"), *Path("/tmp").glob("breakfix-*")]
        return [path.name for root in roots for path in root.glob(f"{run_id}*")]


@pytest.fixture
def hosts(cli: Cli, sshd: SshServer) -> Iterator[Hosts]:
    """Three hosts or more."""
    with tempfile.TemporaryDirectory(prefix="bfx-test-") as name:
        Path(name).chmod(0o777)
        yield Hosts(cli, sshd, Path(name))


def test_a_run_on_three_hosts(hosts: Hosts) -> None:
    """Planned with their keys, leased, journaled, broken, seen, mended, surveyed; nothing is left."""
    file = hosts.write(1, 2, 3)

    planned = hosts.cli.run("plan", file)
    assert planned.returncode == 0, planned.stderr
    line = f"127.9.0.1  {hosts.sshd.user} at 127.9.0.1:{hosts.sshd.port}"
    assert line in planned.stdout
    assert hosts.sshd.fingerprint in planned.stdout

    done = hosts.cli.run("run", "--yes", file)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 faults seen gone" in done.stdout
    assert "3 of 3 targets as before" in done.stdout
    (seen,) = hosts.cli.events("hosts_seen")
    assert [host["host_key"] for host in seen["hosts"]] == [hosts.sshd.fingerprint] * 3
    kinds = [line["event"]["type"] for line in hosts.cli.journal()]
    assert kinds.index("hosts_seen") < kinds.index("plan_made") < kinds.index("fault_intended")
    before, after = hosts.cli.events("surveyed")
    assert set(before["targets"]) == {"127.9.0.1", "127.9.0.2", "127.9.0.3"}
    assert set(after["targets"]["127.9.0.1"]) >= {"boot", "clock", "time sync"}
    assert hosts.broken() == []
    run_id = hosts.cli.events("run_started")[0]["run_id"]
    assert hosts.left(run_id) == []
    assert any(state[0] == "good" for e in hosts.cli.events("observer_sampled") for state in e["samples"])


def test_a_plan_file_holds_until_a_host_is_another_one(hosts: Hosts) -> None:
    """The same hosts, later: it runs. With another key planned, it refuses before any effect."""
    file = hosts.write(1, 2)
    out = hosts.cli.folder / "plan.json"
    assert hosts.cli.run("plan", "--out", out, file).returncode == 0
    assert hosts.cli.run("run", "--yes", "--plan", out, file).returncode == 0
    plan = json.loads(out.read_text())
    prints = plan["prints"]
    prints["target 127.9.0.2"] = prints["target 127.9.0.2"].replace("SHA256:", "SHA256:x")
    plan["hash"] = "0" * 64
    out.write_text(json.dumps(plan))

    done = hosts.cli.run("run", "--yes", "--plan", out, file)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "target 127.9.0.2 is another one now" in done.stdout + done.stderr
    assert hosts.cli.events("fault_intended") == []


def test_who_cannot_be_reached_is_named_before_any_effect(hosts: Hosts) -> None:
    """All of them at once; a host that is not known is refused, whoever it is."""
    empty = hosts.cli.folder / "nobody"
    empty.write_text("")
    done = hosts.cli.run("plan", hosts.write(1, 2, known_hosts=str(empty)))
    assert done.returncode == 5
    assert "2 of 2 hosts cannot be used:" in done.stderr
    assert "127.9.0.1" in done.stderr and "127.9.0.2" in done.stderr
    assert "not known" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("guardian", [True, False], ids=["guardian", "recover"])
def test_a_dead_engine_leaves_nothing(hosts: Hosts, guardian: bool) -> None:
    """The guardian ends the faults, with the hosts and keys of the journal; where it is killed too,
    `recover` does."""
    process = hosts.cli.start("run", "--yes", hosts.write(1, 2, hold="300s"))
    wait_for(lambda: len(hosts.cli.events("fault_active")) == 2)
    assert len(hosts.broken()) == 2
    watcher = hosts.cli.guardian_of(process.pid)
    if not guardian:
        os.kill(watcher, signal.SIGKILL)
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    if not guardian:
        recovered = hosts.cli.run("recover", "--run", "last")
        assert recovered.returncode == 0, recovered.stdout + recovered.stderr
        assert "undone" in recovered.stdout
    wait_for(lambda: bool(hosts.cli.events("run_ended")))
    assert hosts.broken() == []
    (ended,) = hosts.cli.events("run_ended")
    assert ended["by"] == ("guardian" if guardian else "recover")
    assert not ended.get("residue", False)
    assert hosts.left(hosts.cli.events("run_started")[0]["run_id"]) == []


def test_one_run_at_a_time_on_a_host(hosts: Hosts) -> None:
    """The second is refused, and says by whom the host is used."""
    process = hosts.cli.start("run", "--yes", hosts.write(1, hold="300s"))
    try:
        wait_for(lambda: bool(hosts.cli.events("fault_active")))
        run_id = hosts.cli.events("run_started")[0]["run_id"]
        second = hosts.cli.run("run", "--yes", hosts.write(2, 1))
        assert second.returncode == 2, second.stdout + second.stderr
        assert f"127.9.0.1 is in use by run {run_id}" in second.stdout + second.stderr
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert hosts.broken() == []


def wait_for(happened: Callable[[], bool]) -> None:
    """Until it is so."""
    end_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.1)
