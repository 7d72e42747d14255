"""What goes wrong outside of us: each ends in the right exit code, one clear message, nothing left."""

import os
import signal
import socket
import subprocess
from typing import Any

import pytest
from tests.integration.runs.scenario_texts import HELD

ON_DOCKER = """
    version: 1
    name: on_docker
    targets:
      app: {docker: {name: NAME}}
    probes:
      runs: {docker.state: {}, target: app, every: 100ms}
    steps:
      - {id: pause, inject: docker.pause, target: app}
      - {id: noticed, detect: runs, depends_on: [pause], within: 20s}
      - {id: thaw, remediate: docker.unpause, target: app, depends_on: [noticed]}
      - {id: whole, verify: runs, depends_on: [thaw], within: 30s}
"""


def message_of(done: subprocess.CompletedProcess[str]) -> str:
    """What it said; never a traceback."""
    said: str = done.stdout + done.stderr
    assert "Traceback" not in said
    return said


def test_a_broken_file_is_told_with_its_place(cli: Any) -> None:
    """Line and column, exit code 2, no run."""
    done = cli.run("run", cli.write("version: 1\nname: x\nsteps:\n  - {id: a, wayt: 1s}\n"))
    assert done.returncode == 2
    assert "scenario.yaml:4:" in message_of(done)
    assert cli.journal() == []


def test_a_missing_engine_is_told_with_its_fix(cli: Any) -> None:
    """Nothing answers: exit code 5, and what to do."""
    cli.environ["DOCKER_HOST"] = f"unix://{cli.folder}/nobody.sock"
    done = cli.run("run", "--yes", cli.write(ON_DOCKER))
    assert done.returncode == 5
    assert "No Docker engine answers" in message_of(done)


def test_a_socket_that_refuses_us_is_told_apart(cli: Any) -> None:
    """There is an engine, but not for us: exit code 5 and the fix. Root without the right to override
    file permissions stands for the user who is not in the group."""
    path = cli.folder / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0)
        os.chown(path, 65534, 65534)
        cli.environ["DOCKER_HOST"] = f"unix://{path}"
        cli.prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
        done = cli.run("run", "--yes", cli.write(ON_DOCKER))
    assert done.returncode == 5
    assert "may not open" in message_of(done)


def test_a_container_that_vanished_since_the_plan(cli: Any, container: Any, engine: Any) -> None:
    """It was there when the plan was made, and is not now: exit code 2, before any effect."""
    one = container()
    path = cli.write(ON_DOCKER.replace("NAME", one.name))
    assert cli.run("plan", path, "--out", "plan.json").returncode == 0
    subprocess.run(["docker", "rm", "-f", one.object_id], check=True, capture_output=True)
    done = cli.run("run", "--yes", path, "--plan", "plan.json")
    assert done.returncode == 2
    assert one.name in message_of(done)
    assert cli.events("fault_intended") == []


def test_a_container_that_is_removed_under_its_fault(cli: Any, container: Any) -> None:
    """Somebody else removes what is paused: the fault is over with it, nothing is left, and what
    cannot be done any more is told."""
    one = container()
    text = (
        ON_DOCKER.replace("NAME", one.name)
        .replace(
            "- {id: thaw, remediate: docker.unpause, target: app, depends_on: [noticed]}",
            f"- {{id: thaw, remediate: command.run, with: {{argv: [docker, rm, -f, {one.name}]}}, depends_on: [noticed]}}",
        )
        .replace("depends_on: [thaw], within: 30s", "depends_on: [thaw], within: 1s")
    )
    done = cli.run("run", "--yes", cli.write(text))
    assert done.returncode in (1, 3), message_of(done)
    (ended,) = cli.events("fault_ended")
    assert ended["ended_by"] == "other"


def test_a_command_in_an_image_without_a_shell(cli: Any, container: Any, bare_image: str) -> None:
    """What could not be ended is refused before it begins."""
    one = container("sleep", "3600", image=bare_image)
    text = """
    version: 1
    name: bare
    targets:
      app: {docker: {name: NAME}}
    probes:
      runs: {docker.state: {}, target: app, every: 100ms}
    steps:
      - {id: mend, remediate: docker.exec, target: app, with: {argv: [nothing-here]}}
      - {id: whole, verify: runs, depends_on: [{step: mend, is: finished}], within: 30s}
    """
    done = cli.run("run", "--yes", cli.write(text.replace("NAME", one.name)))
    assert done.returncode in (1, 5), message_of(done)
    assert "nothing-here" in message_of(done)


def test_a_command_that_prints_50_mb_and_what_is_no_text(cli: Any) -> None:
    """The output is cut and judged on what was read; the journal stays small and whole."""
    text = """
    version: 1
    name: loud
    probes:
      loud: {command.run: {argv: [head, -c, "50000000", /dev/zero]}, every: 1s, timeout: 60s}
      odd: {command.run: {argv: [printf, 'a\\377b'], stdout: "^a.*b$"}, every: 1s, timeout: 60s}
    steps:
      - {id: one, verify: loud, within: 60s}
      - {id: two, verify: odd, within: 60s}
    """
    done = cli.run("run", cli.write(text))
    assert done.returncode == 0, message_of(done)
    (journal,) = (cli.home / "runs").glob("*/journal.ndjson")
    assert journal.stat().st_size < 1 << 20
    assert cli.run("verify", "last").returncode == 0


def test_a_full_disk_under_the_journal(cli: Any) -> None:
    """Exit code 5, the message, and every fault undone. The disk is a tmpfs of 600 KiB in a mount
    namespace of its own."""
    text = HELD.replace("{id: long, wait: 300s", "{id: long, verify: noise, within: 5m, stays: 5m")
    noise = "noise: {process.running: {}, target: app, every: 5ms, timeout: 5s}"
    text = text.replace("    steps:", f"      {noise}\n    steps:")
    cli.write(text)
    cli.home.mkdir()
    script = (
        'mount -t tmpfs -o size=600k tmpfs "$BREAKFIX_HOME" && "$@"; code=$?;'
        ' cp -r "$BREAKFIX_HOME/runs" kept; exit $code'
    )
    cli.prefix = ["unshare", "-m", "sh", "-c", script, "sh"]
    done = cli.run("run", "scenario.yaml")
    assert done.returncode == 5, message_of(done)
    assert "No space left" in message_of(done)
    (journal,) = (cli.folder / "kept").glob("*/journal.ndjson")
    assert b'"fault_active"' in journal.read_bytes()
    assert b'"fault_ended"' in journal.read_bytes()


def test_the_third_signal_does_not_cut_an_undo_short(cli: Any, wait_for: Any) -> None:
    """Teardown, the last thing of all, is carried out however often somebody presses Ctrl-C."""
    text = HELD + '    teardown: [{run: [sh, -c, "sleep 2; touch torn-down"]}]\n'
    process = cli.start("run", cli.write(text))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    for count in (1, 2, 3):
        process.send_signal(signal.SIGINT)
        wait_for(lambda n=count: len(cli.events("cancel_requested")) >= n, "the request")
    out, err = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 4, out + err
    assert (cli.folder / "torn-down").exists()


def test_a_stopped_engine_is_killed_by_its_guardian(cli: Any, wait_for: Any) -> None:
    """An engine that hangs gives no lock: after some silence the guardian kills it and undoes."""
    cli.environ["BREAKFIX_SILENCE_S"] = "3"
    process = cli.start("run", cli.write(HELD))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    process.send_signal(signal.SIGSTOP)
    process.communicate(timeout=cli.bound_s)
    assert process.returncode == -signal.SIGKILL
    wait_for(lambda: cli.events("run_ended"), "the guardian's work")
    assert all(not cli.carriers(mark) for mark in cli.marks())


def test_without_its_guardian_a_run_ends(cli: Any, wait_for: Any) -> None:
    """Nobody would undo what we break any more: the run stops, undone and aborted."""
    process = cli.start("run", cli.write(HELD))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    os.kill(cli.guardian_of(process.pid), signal.SIGKILL)
    out, err = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 4, out + err
    assert len(cli.events("fault_ended")) == 1


def test_recover_does_what_a_dead_guardian_could_not(cli: Any, wait_for: Any) -> None:
    """Engine and guardian are killed: `recover` alone ends everything; a second time it is harmless."""
    process = cli.start("run", cli.write(HELD))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    guardian = cli.guardian_of(process.pid)
    os.kill(guardian, signal.SIGSTOP)
    process.kill()
    process.communicate(timeout=cli.bound_s)
    os.kill(guardian, signal.SIGKILL)
    assert any(cli.carriers(mark) for mark in cli.marks())
    done = cli.run("recover", "--all")
    assert done.returncode == 0, message_of(done)
    assert all(not cli.carriers(mark) for mark in cli.marks())
    assert cli.events("run_ended")[-1]["by"] == "recover"
    count = len(cli.journal())
    again = cli.run("recover", "--all")
    assert again.returncode == 0
    assert len(cli.journal()) == count


def test_recover_leaves_a_run_alone_that_is_alive(cli: Any, wait_for: Any) -> None:
    """Its engine holds the lock: nothing is touched."""
    process = cli.start("run", cli.write(HELD))
    wait_for(lambda: cli.events("fault_active"), "the fault")
    done = cli.run("recover", "--all")
    assert "alive" in done.stdout
    assert cli.events("fault_ended") == []
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=cli.bound_s)
    assert process.returncode == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "run"),
        (["run"], "FILE"),
        (["run", "nowhere.yaml"], "nowhere.yaml"),
        (["report", "nothing"], "nothing"),
        (["run", "x.yaml", "--input", "novalue"], "NAME=VALUE"),
        (["verify", "nothing"], "nothing"),
        (["recover"], "--all"),
    ],
)
def test_a_wrong_command_line_ends_with_2(cli: Any, arguments: list[str], said: str) -> None:
    """One message that names what was wrong."""
    done = cli.run(*arguments)
    assert done.returncode == 2
    assert said in message_of(done)
