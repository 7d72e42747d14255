"""The pytest plugin: ``*.chaos.yaml`` files are tests, and the fixture `breakfix` runs a scenario.

Every pytest run of everybody who has breakfix installed imports this module: nothing but pytest stands at its
top. A scenario runs as a process of its own, so that neither event loops, signals nor threads of the tests
meet those of the engine; Ctrl-C undoes what is broken first.
"""

from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from breakfix.engine.timeline.record import Record

SUFFIXES = (".chaos.yaml", ".chaos.yml")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and settings."""
    group = parser.getgroup("breakfix", "breakfix: scenarios as tests")
    group.addoption(
        "--breakfix-docker", action="store_true", help="Run scenarios that touch a Docker engine."
    )
    group.addoption(
        "--breakfix-ssh", action="store_true", help="Run scenarios that touch hosts over SSH."
    )
    group.addoption(
        "--breakfix-env", metavar="NAME", default="", help="Where this is: one of `allowed_on`."
    )
    group.addoption(
        "--breakfix-report", metavar="DIR", default="",
        help="Write the reports of scenarios here, not into pytest's cache.",
    )  # fmt: skip
    parser.addini(
        "breakfix_touch", type="args", default=[],
        help="What scenarios may touch without being asked: docker, ssh, or both.",
    )  # fmt: skip
    parser.addini("breakfix_env", default="", help="As --breakfix-env.")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ScenarioFile | None":
    """A scenario file is a test."""
    if file_path.name.endswith(SUFFIXES):
        file: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
        return file
    return None


class ScenarioFile(pytest.File):
    """A scenario file; it has one test."""

    def collect(self) -> Iterator["ScenarioTest"]:
        """The test, which has the file's name."""
        name = next(
            self.path.name.removesuffix(suffix)
            for suffix in SUFFIXES
            if self.path.name.endswith(suffix)
        )
        yield ScenarioTest.from_parent(self, name=name)


class ScenarioTest(pytest.Item):
    """Runs the file, trials and all; passes where the verdict is passed, and not else."""

    def runtest(self) -> None:
        """Raises NotPassed."""
        from breakfix.engine import pytest_run

        allowed = pytest_run.allowed(self.config)
        pytest_run.skip_unless(self.path, {}, allowed)
        folder = pytest_run.folder_of(self.config, self.nodeid)
        came = pytest_run.run_file(self.path, folder, env=pytest_run.env(self.config))
        self.user_properties += came.properties
        if came.exit_code:
            raise pytest_run.NotPassed(came)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """In words where it is about the scenario: a traceback of ours says nothing about it."""
        from breakfix.engine.errors import BreakfixError

        if isinstance(excinfo.value, BreakfixError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """File, line and title."""
        return self.path, 0, f"scenario {self.name}"


@pytest.fixture
def breakfix(request: pytest.FixtureRequest) -> "Callable[..., Record]":
    """Runs a scenario once and gives its record, whatever its verdict: ``record.verdict.verdict``.

    ``breakfix(scenario, inputs={...}, seed=7)``: `scenario` is a path, from the folder of the test's file, or
    a mapping with what would stand in the file. Raises BreakfixError where it could not be run; skips the test
    where it touches what is not allowed (``--breakfix-docker``, ``--breakfix-ssh``).
    """
    runs = 0

    def run(
        scenario: str | PathLike[str] | Mapping[str, Any],
        *,
        inputs: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> "Record":
        nonlocal runs
        from breakfix.engine import pytest_run

        runs += 1
        config, node = request.config, request.node
        folder = pytest_run.folder_of(config, node.nodeid if runs == 1 else f"{node.nodeid}-{runs}")
        file = pytest_run.file_of(scenario, node.path.parent, folder)
        pytest_run.skip_unless(file, inputs or {}, pytest_run.allowed(config))
        options = pytest_run.once(inputs or {}, seed)
        came = pytest_run.run_file(file, folder, options, env=pytest_run.env(config))
        node.user_properties += came.properties
        return came.only()

    return run
