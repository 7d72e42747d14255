"""What scenarios can say, seen in what a run does: holds, conditions, secrets, environments."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

HEAD = """
    version: 1
    name: features
    targets:
      app: {process: {command: [sleep, "600"]}}
    probes:
      up: {process.running: {}, target: app, every: 50ms, timeout: 5s}
"""
WHOLE = "      - {id: whole, verify: up, depends_on: [{step: %s, is: %s}], within: 30s}\n"


def states(cli: Any) -> dict[str, str]:
    """The last state of each unit."""
    return {event["unit"]: event["state"] for event in cli.events("unit_changed")}


def test_a_hold_ends_by_itself(cli: Any) -> None:
    """After its time the fault is undone and seen gone, and what waited for that goes on."""
    text = (
        HEAD + "    steps:\n      - {id: pause, inject: process.pause, target: app, hold: 300ms}\n"
    )
    done = cli.run("run", cli.write(text + WHOLE % ("pause", "undone")))
    assert done.returncode == 0, done.stdout + done.stderr
    (active,) = cli.events("fault_active")
    (ended,) = cli.events("fault_ended")
    assert ended["ended_by"] == "engine"
    assert ended["before_at_s"] - active["before_at_s"] >= 0.3


def test_a_hold_until_a_step_is_over(cli: Any) -> None:
    """The fault is there until that step has finished, and no longer."""
    text = (
        HEAD
        + """
    steps:
      - {id: pause, inject: process.pause, target: app, hold: {until: look, at_most: 60s}}
      - {id: look, wait: 200ms, depends_on: [pause]}
"""
    )
    done = cli.run("run", cli.write(text + WHOLE % ("pause", "undone")))
    assert done.returncode == 0, done.stdout + done.stderr
    (ending,) = cli.events("fault_ending")
    assert "look" in ending["why"]


def test_a_fault_that_nothing_runs_beside_ends_at_once(cli: Any) -> None:
    """All other steps are over, or wait for its end: nobody waits for the deadline."""
    text = HEAD + "    steps:\n      - {id: pause, inject: process.pause, target: app}\n"
    done = cli.run("run", cli.write(text + WHOLE % ("pause", "undone")))
    assert done.returncode == 0, done.stdout + done.stderr
    (ending,) = cli.events("fault_ending")
    assert ending["why"] == "all other steps are over"


def test_two_faults_on_one_target_are_undone_in_reverse(cli: Any) -> None:
    """The last one first, by the instants of their ends."""
    text = (
        HEAD
        + """
    steps:
      - {id: slow, inject: process.limit_cpu, target: app, with: {cpus: 0.5}}
      - {id: pause, inject: process.pause, target: app, depends_on: [slow]}
      - {id: stop, remediate: command.run, with: {argv: ["false"]}, depends_on: [pause]}
"""
    )
    done = cli.run("run", cli.write(text + WHOLE % ("stop", "finished")))
    assert done.returncode in (1, 3), done.stdout + done.stderr
    assert len(cli.events("fault_ended")) == 2


def test_a_condition_skips_a_step(cli: Any) -> None:
    """`when` reads inputs and the states and results of other steps."""
    text = (
        HEAD
        + """
    inputs:
      deep: {type: boolean, default: false}
    steps:
      - {id: look, verify: up, within: 30s}
      - {id: only_deep, wait: 0s, when: inputs.deep, depends_on: [look]}
      - {id: if_good, wait: 0s, when: "steps.look.state == 'succeeded'", depends_on: [look]}
      - {id: pause, inject: process.pause, target: app, depends_on: [look], hold: 100ms}
      - {id: if_over, wait: 0s, when: "steps.pause.state == 'succeeded'", depends_on: [{step: pause, is: undone}]}
"""
    )
    path = cli.write(text)
    assert cli.run("run", path).returncode == 0
    assert states(cli) == {
        "look": "succeeded",
        "only_deep": "skipped",
        "if_good": "succeeded",
        "pause@app": "succeeded",
        "if_over": "succeeded",
    }
    assert cli.run("run", path, "--input", "deep=true").returncode == 0
    assert states(cli)["only_deep"] == "succeeded"


def test_a_result_goes_on_to_a_later_step(cli: Any) -> None:
    """`{{ steps.ID.result.NAME }}` in `with`, with its type."""
    text = (
        HEAD
        + """
    steps:
      - {id: look, verify: up, within: 30s}
      - id: tell
        remediate: command.run
        with: {argv: [sh, -c, 'echo "$1" > told', sh, "{{ steps.look.result.processes }} processes"]}
        depends_on: [look]
"""
    )
    done = cli.run("run", cli.write(text))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (cli.folder / "told").read_text() == "1 processes\n"


def test_a_repair_is_put_back(cli: Any) -> None:
    """`after_run: put_back` reverses it at the end."""
    text = (
        HEAD
        + """
    steps:
      - {id: pause, inject: process.pause, target: app}
      - {id: resume, remediate: process.resume, target: app, after_run: put_back, depends_on: [pause]}
"""
    )
    done = cli.run("run", cli.write(text + WHOLE % ("resume", "succeeded")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [event["ok"] for event in cli.events("repair_ended") if event.get("put_back")] == [True]


@pytest.fixture
def guarded() -> Iterator[int]:
    """A server on loopback that answers 200 to who brings the token, else 401 and what it got."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.headers["Authorization"] == "Bearer hunter2-secret"
            self.send_response(200 if good else 401)
            self.end_headers()
            self.wfile.write(str(self.headers["Authorization"]).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_secret_is_used_and_never_written_down(cli: Any, guarded: int) -> None:
    """It reaches the server; journal, report and output hold the reference alone."""
    text = f"""
    version: 1
    name: secret
    secrets:
      token: {{env: SHOP_TOKEN}}
    probes:
      up:
        http.get:
          url: http://127.0.0.1:{guarded}/
          status: 200
          headers: {{Authorization: "Bearer {{{{ secrets.token }}}}"}}
        every: 100ms
    steps:
      - {{id: whole, verify: up, within: 30s}}
    """
    cli.environ["SHOP_TOKEN"] = "hunter2-secret"
    done = cli.run("run", cli.write(text), "--report", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    written = [path for path in (cli.home / "runs").rglob("*") if path.is_file()]
    written += list((cli.folder / "out").iterdir())
    assert not [path for path in written if b"hunter2" in path.read_bytes()]
    assert "hunter2" not in done.stdout + done.stderr


def test_a_file_runs_only_where_it_is_allowed(cli: Any) -> None:
    """`allowed_on` without --env, or with another one, ends with 2 before any effect."""
    text = HEAD + "    allowed_on: [ci]\n    steps:\n      - {id: a, verify: up, within: 30s}\n"
    path = cli.write(text)
    assert cli.run("run", path).returncode == 2
    assert cli.run("run", path, "--env", "prod").returncode == 2
    assert cli.journal() == []
    assert cli.run("run", path, "--env", "ci").returncode == 0


def test_real_targets_ask_for_yes(cli: Any) -> None:
    """Without a terminal and without --yes nothing but process targets is touched."""
    text = """
    version: 1
    name: real
    setup: [{run: [touch, set-up]}]
    targets:
      app: {docker: {name: bfx-test-nobody}}
    steps:
      - {id: a, inject: docker.pause, target: app}
    """
    done = cli.run("run", cli.write(text))
    assert done.returncode == 2
    assert not (cli.folder / "set-up").exists()


def test_the_same_seed_replays_the_same_choice(cli: Any) -> None:
    """The journal names the command that replays a run."""
    text = HEAD + "    steps:\n      - {id: a, verify: up, within: 30s}\n"
    assert cli.run("run", cli.write(text), "--seed", "7").returncode == 0
    (started,) = cli.events("run_started")
    assert started["seed"] == 7
    assert "--seed 7" in started["command"]


def test_reports_of_a_run_and_of_a_copied_journal_are_the_same(cli: Any) -> None:
    """A journal from anywhere is enough."""
    text = HEAD + "    steps:\n      - {id: a, verify: up, within: 30s}\n"
    assert cli.run("run", cli.write(text)).returncode == 0
    (journal,) = (cli.home / "runs").glob("*/journal.ndjson")
    copy = cli.folder / "copied.ndjson"
    copy.write_bytes(journal.read_bytes())
    first = json.loads(cli.run("report", "last", "--format", "json").stdout)
    second = json.loads(cli.run("report", copy, "--format", "json").stdout)
    assert first == second
