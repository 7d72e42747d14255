"""One step on a hundred real hosts: limits, waves with their gate, and a report that says it in few lines."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.breakfix_process import Cli
from tests.integration.ssh_server import SshServer

COUNT = 100
WAVE = 25
AT_WORK = 20
SCENARIO = """\
version: 1
name: wide
targets:
  fleet:
    ssh: {{hosts_file: hosts.ini, user: {user}, port: {port}, key: {key}, known_hosts: {known_hosts}}}
    pick: all
  first: {{ssh: {{hosts: ["{first}"], user: {user}, port: {port}, key: {key}, known_hosts: {known_hosts}}}}}
probes:
  alive: {{host.command: {{argv: [test, "!", -e, "{folder}/stop"]}}, target: first, every: 200ms}}
limits: {{concurrency: 20}}
steps:
- id: broken
  inject: host.script
  target: fleet
  with:
    run: [touch, "{folder}/broken-{{{{ unit.target }}}}"]
    undo: [rm, -f, "{folder}/broken-{{{{ unit.target }}}}"]
    check: [test, -e, "{folder}/broken-{{{{ unit.target }}}}"]
  hold: 500ms
  fan_out: {{wave: 25%, next_when: {{probe: alive, within: 5s}}}}
- id: whole
  verify: host.command
  target: fleet
  with: {{argv: [test, "!", -e, "{folder}/broken-{{{{ unit.target }}}}"]}}
  depends_on: [{{step: broken, each: target, is: undone}}]
  within: 60s
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the user of the hosts may write."""
    with tempfile.TemporaryDirectory(prefix="bfx-test-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def wide(cli: Cli, sshd: SshServer, folder: Path) -> Path:
    """A scenario on `COUNT` hosts."""
    lines = [f"host-{n:03} ansible_host={sshd.address(n)}" for n in range(1, COUNT + 1)]
    (cli.folder / "hosts.ini").write_text("[fleet]\n" + "\n".join(lines) + "\n")
    return cli.write(
        SCENARIO.format(
            user=sshd.user, port=sshd.port, key=sshd.key, known_hosts=sshd.known_hosts,
            folder=folder, first=sshd.address(COUNT + 1),
        )
    )  # fmt: skip


def test_a_step_on_a_hundred_hosts(cli: Cli, wide: Path, folder: Path) -> None:
    """Planned as one of its kind; broken in four waves, each begun when the probe was good; never more
    at work than allowed; all of it undone, and told in a few dozen lines."""
    planned = cli.run("plan", wide)
    assert planned.returncode == 0, planned.stderr
    assert f"broken: {COUNT} units in 4 waves of at most {WAVE}" in planned.stdout
    assert f"and alike on {COUNT - 1} more: host-[002-{COUNT}]" in planned.stdout
    assert planned.stdout.count("\n") < 70
    graph = cli.run("plan", "--format", "mermaid", wide).stdout
    assert graph.count("\n") < 15

    done = cli.run("run", "--yes", wide)

    assert_undone(done)
    assert done.stdout.count("\n") < 130
    assert f"broken on {COUNT} targets" in done.stdout
    assert f"{COUNT} of {COUNT} faults seen gone" in done.stdout
    assert "p99" in done.stdout and "slowest" in done.stdout
    assert done.stderr.count("\n") < 130
    assert list(folder.iterdir()) == []
    record = cli.record()
    units = [unit for unit in record["units"] if unit["step"] == "broken"]
    assert len(units) == COUNT
    assert most_at_work(units) <= AT_WORK
    waves = sorted(unit["started_at_s"][0] for unit in units)
    looked = [
        sample["at_s"][1]
        for sample in record["samples"]
        if sample["probe"] == "alive" and sample["state"] == "good"
    ]
    for number in range(1, 4):
        ended, begun = waves[number * WAVE - 1], waves[number * WAVE]
        assert any(ended <= instant <= begun for instant in looked), number
    out = cli.folder / "report.html"
    assert cli.run("report", "last", "--format", "html", "--out", out).returncode == 0
    page = out.read_text()
    assert len(page) < 1_000_000
    assert f"broken on {COUNT} targets" in page


def test_the_gate_keeps_the_next_wave_from_beginning(cli: Cli, wide: Path, folder: Path) -> None:
    """The probe between the waves is bad: the first one is undone, the others never begin, and the run fails."""
    (folder / "stop").write_text("")
    done = cli.run("run", "--yes", wide)
    assert_undone(done, 1)
    assert "No further wave of broken began: alive was not good within 5s" in done.stdout
    assert f"{WAVE} of {WAVE} faults seen gone" in done.stdout
    assert f"{COUNT - WAVE} blocked" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["stop"]
    record = cli.record()
    assert sum(unit["started_at_s"] is not None for unit in record["units"]
               if unit["step"] == "broken") == WAVE  # fmt: skip


def assert_undone(done: "subprocess.CompletedProcess[str]", code: int = 0) -> None:
    """All hosts here are one machine, and its survey may see a command that another host has at work: that is
    the one residue that there may be."""
    assert done.returncode in (code, 6), done.stdout + done.stderr
    if done.returncode == 6:
        left = [line for line in done.stdout.splitlines() if "is not as it was" in line]
        assert left and all(": process " in line or ": clock " in line for line in left), left


def most_at_work(units: list[dict[str, Any]]) -> int:
    """How many faults were being injected at one time: from the begin of the unit until its effect was seen."""
    changes = []
    for unit in units:
        changes += [(unit["started_at_s"][1], 1), (unit["attempts"][-1]["ended_at_s"][0], -1)]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
