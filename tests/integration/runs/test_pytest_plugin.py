"""The pytest plugin in a project of its own: scenario files as tests, the fixture, opt-in, failures in words."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.runs.scenario_texts import HELD, MENDED

from breakfix.engine.model import Scenario
from breakfix.engine.pytest_run import touched

FAILS = MENDED.replace("restored_within: 30s", "restored_within: 1ms")
INVALID = MENDED.replace("within: 30s}]", "for: 1s, within: 50ms}]")
DOCKER = """
    version: 1
    name: touches_docker
    targets: {db: {docker: {name: bfx-test-none}}}
    steps:
      - {id: kill, inject: docker.kill, target: db}
      - {id: whole, verify: docker.state, target: db, within: 1s}
"""


class Project:
    """A project that is tested with pytest and breakfix."""

    def __init__(self, cli: Any) -> None:
        self.folder: Path = cli.folder / "project"
        self.folder.mkdir()
        self.cli = cli
        installed = any(entry_points(group="pytest11", name="breakfix"))
        self.plugin = [] if installed else ["-p", "breakfix.engine.pytest_plugin"]
        self.write("pytest.ini", "[pytest]\nfilterwarnings = error\n")

    def write(self, name: str, text: str) -> None:
        """A file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start pytest."""
        command = [sys.executable, "-m", "pytest", *self.plugin, "-p", "no:randomly", "-rA", *args]
        environ = {n: v for n, v in self.cli.environ.items() if not n.startswith("PYTEST_")}
        return subprocess.Popen(
            command, cwd=self.folder, env=environ, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def test(self, *args: str) -> tuple[int, str]:
        """Run pytest to its end: its exit code and all that it said."""
        process = self.start(*args)
        out, _ = process.communicate(timeout=self.cli.bound_s)
        return process.returncode, out


@pytest.fixture
def project(cli: Any) -> Iterator[Project]:
    """A fresh project."""
    yield Project(cli)


def test_scenario_files_are_tests_and_fail_in_words(project: Project) -> None:
    """One passes, one fails, one proves nothing, which is no pass; reasons and reports, and no traceback."""
    project.write("drills/good.chaos.yaml", MENDED)
    project.write("drills/bad.chaos.yaml", FAILS)
    project.write("drills/unsure.chaos.yaml", INVALID)
    project.write("drills/other.yaml", "no: scenario\n")
    code, out = project.test()
    assert code == 1, out
    assert "PASSED drills/good.chaos.yaml::good" in out
    assert "FAILED drills/bad.chaos.yaml::bad" in out
    assert "FAILED drills/unsure.chaos.yaml::unsure" in out
    assert "other.yaml" not in out
    assert "bad.chaos.yaml: failed\nkill was expected to be restored within 1ms" in out
    assert "unsure.chaos.yaml: invalid\nThe steady state was not met" in out
    assert "Traceback" not in out and "pytest_run.py" not in out
    reports = {line.removeprefix("report: ") for line in out.splitlines() if line.startswith("report: ")}
    assert len(reports) == 2 and all(Path(path).is_file() for path in reports)


def test_a_wrong_file_fails_with_its_problems(project: Project) -> None:
    """With line and hint; nothing is run."""
    project.write("typo.chaos.yml", MENDED.replace("restored_within", "rstored_within"))
    code, out = project.test()
    assert code == 1
    assert "typo.chaos.yml:14:" in out and "did you mean 'restored_within'?" in out
    assert "Traceback" not in out


def test_trials_of_a_file_are_one_test(project: Project) -> None:
    """`repeat` in the file is held; the heaviest trial decides."""
    project.write("trials.chaos.yaml", FAILS + "    repeat: {times: 2}\n")
    code, out = project.test("--breakfix-report", "reports")
    assert code == 1
    assert "trials.chaos.yaml: failed\n2 trials: 2 failed." in out
    (page,) = (project.folder / "reports").glob("*/series.html")
    assert f"report: {page}" in out


def test_nothing_touches_docker_unless_it_is_said(project: Project) -> None:
    """Without opt-in a test is skipped, file or fixture; with it, it runs (here: into an engine that is not there)."""
    project.write("db.chaos.yaml", DOCKER)
    project.write(
        "test_db.py",
        """
        def test_db(breakfix):
            breakfix("db.chaos.yaml")
        """,
    )
    project.cli.environ["DOCKER_HOST"] = "unix:///nonexistent.sock"
    code, out = project.test()
    assert code == 0, out
    assert "SKIPPED [2]" in out and "touches docker: say --breakfix-docker" in out, out
    assert not (project.cli.home / "runs").exists()
    code, out = project.test("--breakfix-docker", "db.chaos.yaml")
    assert code == 1 and "nonexistent.sock" in out and "Traceback" not in out
    project.write("pytest.ini", "[pytest]\nbreakfix_touch = docker\n")
    code, out = project.test("db.chaos.yaml", "test_db.py")
    assert code == 1 and "2 failed" in out


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        ({"process": {"command": ["sleep", "1"]}}, set()),
        ({"docker": {"name": "db"}}, {"docker"}),
        ({"ssh": {"hosts": ["db-1"]}}, {"ssh"}),
    ],
    ids=["process", "docker", "ssh"],
)
def test_what_a_scenario_reaches_for_is_known_from_its_file(
    target: dict[str, Any], reached: set[str]
) -> None:
    """By its targets and by its actions."""
    document = {"version": 1, "name": "x", "targets": {"db": target}, "steps": [{"id": "w", "wait": "0s"}]}
    assert touched(msgspec.convert(document, Scenario)) == reached
    document["steps"] = [{"id": "e", "detect": "docker.event"}]
    assert touched(msgspec.convert(document, Scenario)) == reached | {"docker"}


def test_the_fixture_gives_the_record_whatever_the_verdict(project: Project) -> None:
    """From a path, with inputs and a seed, or from a mapping; also inside of a running event loop."""
    inputs = "    inputs: {within: {type: duration}, loud: {type: boolean, default: false}}\n"
    project.write("drill.yaml", MENDED.replace("restored_within: 30s", 'restored_within: "{{ inputs.within }}"') + inputs)
    project.write(
        "sub/test_drill.py",
        """
        import asyncio

        import pytest


        def test_restored(breakfix):
            record = breakfix("../drill.yaml", inputs={"within": "30s", "loud": True}, seed=7)
            assert record.verdict.verdict == "passed"
            assert record.run.seed == 7 and record.run.inputs == {"within": "30s", "loud": True}
            restored = record.episodes[0].measured.metrics.time_to_restore_s
            assert 0 < restored[0] <= restored[1]
            slow = breakfix("../drill.yaml", inputs={"within": "1ms"})
            assert (slow.verdict.verdict, slow.verdict.exit_code) == ("failed", 1)


        def test_mapping(breakfix):
            scenario = {
                "version": 1,
                "name": "mapped",
                "targets": {"app": {"process": {"command": ["sleep", "600"]}}},
                "steps": [{"id": "up", "verify": "process.running", "target": "app", "within": "30s"}],
            }

            async def inside():
                return breakfix(scenario)

            assert asyncio.run(inside()).run.scenario == "mapped"


        def test_wrong(breakfix):
            with pytest.raises(Exception, match="no value and no default"):
                breakfix("../drill.yaml")
        """,
    )
    code, out = project.test("--junit-xml", "junit.xml")
    assert code == 0, out
    assert 'name="breakfix.seed" value="7"' in (project.folder / "junit.xml").read_text()


def test_ctrl_c_undoes_first(project: Project, wait_for: Any) -> None:
    """pytest ends as interrupted, and the fault has ended."""
    cli = project.cli
    project.write("held.chaos.yaml", HELD)
    process = project.start()
    wait_for(lambda: cli.events("fault_active"), "the fault")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=cli.bound_s)
    assert process.returncode == 2, out
    assert len(cli.events("fault_ended")) == 1
    assert [event["verdict"] for event in cli.events("run_ended")] == ["aborted"]
    assert not any(cli.carriers(mark) for mark in cli.marks())


def test_the_plugin_imports_nothing_but_pytest(cli: Any) -> None:
    """Everybody who has breakfix installed loads it in every run of pytest."""
    code = (
        "import sys, pytest; before = set(sys.modules); import breakfix.engine.pytest_plugin\n"
        "print(sorted(n for n in set(sys.modules) - before if not n.startswith('breakfix')))\n"
        "print(sorted(n for n in set(sys.modules) - before if n.startswith('breakfix')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ}, timeout=60,
    )  # fmt: skip
    others, ours = done.stdout.splitlines()
    assert others == "[]", others
    assert ours == "['breakfix', 'breakfix.engine', 'breakfix.engine.pytest_plugin']"
