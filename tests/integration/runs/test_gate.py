"""`breakfix gate` as a process: what it refuses, what it writes, how it ends, and what it pushes."""

import json
import shutil
import signal
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import junitparser
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.runs.scenario_texts import HELD, MENDED

WRITTEN = {
    "summary.md", "summary.json", "junit.xml", "metrics.prom", "annotations.txt",
    "code-quality.json",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_ci(cli: Any) -> None:
    """Whatever runs these tests, the gate of a test runs nowhere in particular."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "GITLAB_CI"):
        cli.environ.pop(name, None)


def summary(cli: Any, out: str = "breakfix-gate") -> dict[str, Any]:
    """The record of the gate."""
    return dict(json.loads((cli.folder / out / "summary.json").read_text()))


def runs(cli: Any) -> int:
    """How many runs there have been."""
    return len(list((cli.home / "runs").glob("*")))


def test_all_problems_of_all_files_are_told_and_nothing_is_run(cli: Any) -> None:
    """A typo, a real target without --yes, a place where it must not run: one answer, exit code 2."""
    cli.write(MENDED, "good.yaml")
    cli.write(MENDED.replace("restored_within", "rstored_within"), "typo.yaml")
    cli.write(MENDED + "    allowed_on: [staging]\n", "place.yaml")
    real = MENDED.replace('process: {command: [sleep, "600"]}', "docker: {name: bfx-test-none}")
    cli.write(real.replace("process.", "docker.").replace("docker.running: {}", "docker.state: {}"), "real.yaml")
    cli.environ["DOCKER_HOST"] = "unix:///nonexistent.sock"
    done = cli.run("gate", "good.yaml", "typo.yaml", "place.yaml", "real.yaml")
    assert runs(cli) == 0
    assert done.returncode in (2, 5), done.stdout + done.stderr
    made = summary(cli)
    words = {one["file"]: one["verdict"] for one in made["files"]}
    assert words["good.yaml"] == "not_run"
    assert words["typo.yaml"] == words["place.yaml"] == "refused"
    lines = (cli.folder / "breakfix-gate" / "annotations.txt").read_text()
    assert "typo.yaml:15:" in lines and "did you mean" in lines
    assert "place.yaml:16:" in lines and "say --env staging" in lines
    assert "real.yaml:" in lines and "say --yes" in lines
    assert {path.name for path in (cli.folder / "breakfix-gate").iterdir()} == WRITTEN


def test_trials_of_two_files_are_written_into_one_folder(cli: Any) -> None:
    """Each file its trials, each trial its reports; the journal of each is one run, and none is made again."""
    cli.write(MENDED, "one.yaml")
    cli.write(MENDED.replace("restored_within: 30s", "restored_within: 1ms"), "two.yaml")
    done = cli.run("gate", "one.yaml", "two.yaml", "--repeat", "2", "--out", "out")
    assert done.returncode == 1, done.stdout + done.stderr
    assert runs(cli) == 4
    out: Path = cli.folder / "out"
    assert {path.name for path in out.iterdir()} == {*WRITTEN, "mended", "mended-2"}
    for trial in ("mended/trial-1", "mended/trial-2", "mended-2/trial-1", "mended-2/trial-2"):
        assert (out / trial / "report.html").is_file() and (out / trial / "timeline.svg").is_file()
    made = summary(cli, "out")
    assert [one["verdict"] for one in made["files"]] == ["passed", "failed"]
    assert [len(one["trials"]) for one in made["files"]] == [2, 2]
    assert made["files"][0]["summaries"]["time_to_restore_s"]["n"] == 2
    suites = junitparser.JUnitXml.fromfile(str(out / "junit.xml"))
    assert len(list(suites)) == 6
    (problem,) = json.loads((out / "code-quality.json").read_text())
    assert problem["location"] == {"path": "two.yaml", "lines": {"begin": 15}}
    assert "(in 2 of 2 trials)" in problem["description"]


def test_what_an_earlier_gate_wrote_is_replaced_and_nothing_else(cli: Any) -> None:
    """Old results never stay beside new ones; a folder of somebody else is refused before anything runs."""
    file = cli.write(MENDED)
    assert cli.run("-q", "gate", file).returncode == 0
    mine = cli.folder / "breakfix-gate" / "mine.txt"
    mine.write_text("mine")
    cli.write(MENDED.replace("name: mended", "name: other"))
    assert cli.run("-q", "gate", file).returncode == 0
    names = {path.name for path in (cli.folder / "breakfix-gate").iterdir()}
    assert names == {*WRITTEN, "other", "mine.txt"}
    (cli.folder / "theirs").mkdir()
    (cli.folder / "theirs" / "file").write_text("theirs")
    before = runs(cli)
    refused = cli.run("gate", file, "--out", "theirs")
    assert refused.returncode == 2 and "not empty" in refused.stderr
    assert runs(cli) == before


def test_a_signal_ends_the_gate_after_the_undo_and_everything_is_written(
    cli: Any, wait_for: Any
) -> None:
    """The run is aborted and clean, what comes after it is not run: exit code 4, and it is told."""
    cli.write(HELD, "held.yaml")
    cli.write(MENDED, "next.yaml")
    process = cli.start("gate", "held.yaml", "next.yaml")
    wait_for(lambda: cli.events("fault_active"), "the fault")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 4, out + err
    assert len(cli.events("fault_ended")) == 1 and runs(cli) == 1
    assert [one["verdict"] for one in summary(cli)["files"]] == ["aborted", "not_run"]
    assert (cli.folder / "breakfix-gate" / "held" / "report.html").is_file()


def test_inputs_go_to_the_files_that_have_them(cli: Any) -> None:
    """Two files need not have the same inputs; one that nobody has is an error."""
    with_input = MENDED + "    inputs: {within: {type: duration}}\n"
    cli.write(with_input.replace("restored_within: 30s", 'restored_within: "{{ inputs.within }}"'), "a.yaml")
    cli.write(MENDED.replace("name: mended", "name: other"), "b.yaml")
    done = cli.run("-q", "gate", "a.yaml", "b.yaml", "--input", "within=20s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "restored within 20s" in (cli.folder / "breakfix-gate" / "junit.xml").read_text()
    wrong = cli.run("gate", "a.yaml", "b.yaml", "--input", "whithin=20s")
    assert wrong.returncode == 2 and "whithin" in wrong.stderr


# --- the Pushgateway ---


class _Checked(BaseHTTPRequestHandler):
    """Takes what a Pushgateway takes: PUT of an exposition that the reference parser reads."""

    def do_PUT(self) -> None:
        """200, or 400 where the text is wrong."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            families = list(text_string_to_metric_families(body))
            code = 200 if families else 400
        except ValueError:
            code = 400
        self.server.seen.append((self.path, self.headers.get("Authorization"), body))  # type: ignore[attr-defined]
        self.send_response(code)
        self.end_headers()

    def do_GET(self) -> None:
        """Everything that was pushed."""
        text = "".join(body for _, _, body in self.server.seen)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def checking() -> Iterator[Any]:
    """A server that checks what is pushed to it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Checked) as server:
        server.seen = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def gateway(checking: Any, wait_for: Any) -> Iterator[str]:
    """A real Pushgateway where one is installed, else the server that checks."""
    binary = shutil.which("prometheus-pushgateway") or shutil.which("pushgateway")
    if binary is None:
        yield f"http://127.0.0.1:{checking.server_port}"
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [binary, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_for(answers, "the Pushgateway")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def test_metrics_are_pushed_by_job_and_scenario(cli: Any, gateway: str) -> None:
    """By the gate and by a run; a second push replaces the first, and leaves other scenarios alone."""
    file = cli.write(MENDED)
    other = cli.write(MENDED.replace("name: mended", "name: other"), "other.yaml")
    assert cli.run("-q", "gate", file, other, "--push-gateway", gateway).returncode == 0
    slow = cli.write(MENDED.replace("restored_within: 30s", "restored_within: 1ms"))
    assert cli.run("-q", "run", slow, "--push-gateway", gateway).returncode == 1
    with urllib.request.urlopen(f"{gateway}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    codes = [line for line in lines if line.startswith("breakfix_exit_code{")]
    assert any('scenario="other"' in line and line.split()[-1] in ("0", "0.0") for line in codes)
    assert any('scenario="mended"' in line and line.split()[-1] in ("1", "1.0") for line in codes)


def test_the_push_goes_to_its_group_with_user_and_password(cli: Any, checking: Any) -> None:
    """The grouping key is job and scenario; the password is in no output."""
    file = cli.write(MENDED)
    url = f"http://me:s3cret@127.0.0.1:{checking.server_port}"
    done = cli.run("run", file, "--push-gateway", url)
    assert done.returncode == 0, done.stderr
    ((path, authorization, _),) = checking.seen
    assert path == "/metrics/job/breakfix/scenario/mended"
    assert authorization == "Basic bWU6czNjcmV0"
    assert "s3cret" not in done.stdout + done.stderr


def test_a_push_that_fails_leaves_the_verdict_and_ends_with_5(cli: Any, closed_port: int) -> None:
    """It is said, in the summary too; the run itself has passed."""
    file = cli.write(MENDED)
    url = f"http://me:s3cret@127.0.0.1:{closed_port}"
    done = cli.run("-q", "gate", file, "--push-gateway", url)
    assert done.returncode == 5
    made = summary(cli)
    assert (made["verdict"], made["exit_code"], made["files"][0]["exit_code"]) == ("passed", 5, 0)
    assert "could not be pushed" in made["trouble"][0]
    assert "s3cret" not in done.stdout + done.stderr + json.dumps(made)
    again = cli.run("-q", "run", file, "--push-gateway", url)
    assert again.returncode == 5 and "could not be pushed" in again.stderr
    wrong = cli.run("run", file, "--push-gateway", "ftp://x")
    assert wrong.returncode == 2
