"""What other commands do with faults on hosts: they end them, and say so."""

import subprocess
from collections.abc import Callable, Iterator

import pytest
from tests.integration.breakfix_process import Cli
from tests.integration.crash.host_arena import login, processes, victim
from tests.integration.crash.matrix import traces
from tests.integration.ssh_server import SshServer

HELD = """
    version: 1
    name: held
    targets:
      app: {{ssh: {{hosts: [{host.address}], {login}}}}}
    probes:
      up: {{process.running: {{match: {{name: {name}}}}}, target: app, every: 100ms, timeout: 5s}}
    steps:
      - {{id: pause, inject: process.pause, target: app, with: {{match: {{name: {name}}}}}}}
      - {{id: long, wait: 300s, depends_on: [pause]}}
      - {{id: whole, verify: up, depends_on: [{{step: pause, is: undone}}], within: 30s}}
"""
Held = tuple["subprocess.Popen[str]", str]
Wait = Callable[[Callable[[], object], str], None]
NUMBER = 480
"""Of the host."""


@pytest.fixture
def held(cli: Cli, sshd: SshServer, wait_for: Wait) -> Iterator[Held]:
    """A run that holds one fault on a host for five minutes, and the name of the process that it has
    stopped; nothing of it is left at the end."""
    host = sshd.host(NUMBER)
    with victim(sshd) as (name, _):
        scenario = cli.write(HELD.format(host=host, login=login(host), name=name))
        process = cli.start("run", "--yes", scenario)
        try:
            wait_for(lambda: cli.events("fault_active"), "the fault")
            assert states(name) == ["T"]
            yield process, name
        finally:
            process.terminate()
            process.communicate(timeout=cli.bound_s)
        assert states(name) == ["S"]
        assert left(cli) == []


def states(name: str) -> list[str]:
    """The states of the processes of a name, as proc(5) has them."""
    return [state for _, state in processes(name)]


def left(cli: Cli) -> list[str]:
    """What there is on the hosts of all runs."""
    return [trace for path in (cli.home / "runs").iterdir() for trace in traces(path.name)]


def test_undo_ends_a_fault_on_a_host_and_the_run_goes_on(
    cli: Cli, held: Held, wait_for: Wait
) -> None:
    """When it has ended, its switch is gone too, and what waited for that starts."""
    process, name = held
    done = cli.run("undo", "last", "pause")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: cli.events("fault_ended"), "the end of the fault")
    assert [event["ended_by"] for event in cli.events("fault_ended")] == ["engine"]
    assert states(name) == ["S"]
    wait_for(
        lambda: [
            event
            for event in cli.events("unit_changed")
            if event["unit"].startswith("whole") and event["state"] == "succeeded"
        ],
        "the step that waited for the undo",
    )
    wait_for(lambda: not left(cli), "the end of the last check's command")
    assert process.poll() is None


def test_halt_ends_faults_on_hosts(cli: Cli, held: Held) -> None:
    """When it returns everything is undone."""
    process, name = held
    done = cli.run("halt", "--why", "customers suffer")
    assert done.returncode == 0, done.stderr
    process.communicate(timeout=cli.bound_s)
    assert process.returncode == 4
    assert (states(name), left(cli)) == (["S"], [])
    assert [event["ended_by"] for event in cli.events("fault_ended")] == ["engine"]
    assert cli.run("halt", "--release").returncode == 0


def test_a_dead_run_on_a_host_is_told_refused_and_recovered(
    cli: Cli, held: Held, sshd: SshServer, wait_for: Wait
) -> None:
    """What is open, where, and what would end it, which touches nothing; nobody else may begin there."""
    process, name = held
    where = f"process.pause on {sshd.address(NUMBER)}"
    assert f"{where}, for " in cli.run("ps").stdout
    guardian = cli.guardian_of(process.pid)
    subprocess.run(["kill", "-KILL", str(guardian), str(process.pid)], check=True)
    process.communicate(timeout=cli.bound_s)
    wait_for(lambda: "dead" in cli.run("ps").stdout, "the death of the guardian")
    journal = next((cli.home / "runs").glob("*/journal.ndjson"))
    before = journal.read_bytes()
    done = cli.run("recover", "--run", "last", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"{where}): if it is not over already, " in done.stdout
    assert journal.read_bytes() == before
    assert states(name) == ["T"]
    refused = cli.run("run", "--yes", cli.folder / "scenario.yaml")
    assert refused.returncode == 2
    assert "process.pause left open by the dead run" in refused.stderr
    done = cli.run("recover", "--run", journal.parent.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(name) == ["S"]
