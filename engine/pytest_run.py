"""What the pytest plugin does when a test runs: a scenario in a process of its own, and what came of it."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import pytest
from msgspec import Struct

from breakfix.engine.errors import BreakfixError
from breakfix.engine.model import Scenario
from breakfix.engine.timeline.record import Record, Row
from breakfix.engine.trials import SeriesRecord
from breakfix.engine.validate import load

T = TypeVar("T")
_REPORT, _SERIES = "report.json", "series.json"
_PAGES: Final = {_REPORT: "report.html", _SERIES: "series.html"}
_WORDS: Final = {0: "passed", 1: "failed", 3: "inconclusive or invalid", 4: "aborted"}


class Came(Struct, frozen=True, kw_only=True):
    """What came of a scenario: its record, or that of its series."""

    exit_code: int
    name: str
    folder: Path
    errors: str
    record: Record | None = None
    series: SeriesRecord | None = None

    @property
    def properties(self) -> list[tuple[str, object]]:
        """For pytest's own JUnit XML."""
        one = self.record
        if one is None or one.verdict is None:
            return []
        plan_hash = one.plan.hash if one.plan is not None else ""
        return [
            ("breakfix.run", one.run.run_id),
            ("breakfix.verdict", one.verdict.verdict),
            ("breakfix.seed", str(one.run.seed)),
            ("breakfix.plan_hash", plan_hash),
        ]

    def only(self) -> Record:
        """The record of the one run. Raises BreakfixError where there is none."""
        if self.record is None:
            raise NotPassed(self)
        return self.record


class NotPassed(BreakfixError):
    """A scenario that did not pass: its verdict, the reason, and where its report is."""

    def __init__(self, came: Came) -> None:
        super().__init__("\n".join(_told(came)))
        self.came = came


def _told(came: Came) -> Sequence[str]:
    word, reason, again = _WORDS.get(came.exit_code, "could not be run"), "", ""
    rows: list[Row] = []
    if came.record is not None and came.record.verdict is not None:
        verdict = came.record.verdict
        word, reason, again = verdict.verdict, verdict.reason, came.record.run.command
        rows = [row for row in verdict.rows if row.verdict != "passed"]
    elif came.series is not None:
        word, reason, again = came.series.verdict, came.series.reason, came.series.command
    page = next((came.folder / p for f, p in _PAGES.items() if (came.folder / f).is_file()), None)
    return [
        f"{came.name}: {word}",
        *([reason] if reason else came.errors.strip().splitlines()[-20:]),
        *(f"  {row.verdict}: {row.about} {row.expects} {row.wanted}: {row.observed}" for row in rows),
        *([f"report: {page}"] if page is not None else []),
        *([f"again: {again}"] if again else []),
    ]


def run_file(file: Path, folder: Path, options: Sequence[str] = (), *, env: str = "") -> Came:
    """Run a scenario to its end; its reports go into `folder`, which is emptied before. What it may touch
    has been asked."""
    for name in (_REPORT, _SERIES):
        (folder / name).unlink(missing_ok=True)
    command = [
        # -P: a folder of the tests that is called breakfix is not meant.
        *(sys.executable, "-P", "-m", "breakfix", "-q", "run", "--yes", "--report", str(folder)),
        *(("--env", env) if env else ()),
        *options,
        str(file),
    ]
    code, errors = _to_its_end(command)
    return Came(
        exit_code=code,
        name=file.name,
        folder=folder,
        errors=errors,
        record=_read(folder / _REPORT, Record),
        series=_read(folder / _SERIES, SeriesRecord),
    )


def _to_its_end(command: Sequence[str]) -> tuple[int, str]:
    """The exit code and standard error. Whatever ends the test, the run is let undo what it broke."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        _, errors = process.communicate()
    except BaseException:
        process.send_signal(signal.SIGINT)
        while process.poll() is None:
            # A second Ctrl-C changes nothing: the undo is on its way, and it is bounded.
            with contextlib.suppress(KeyboardInterrupt):
                process.communicate()
        raise
    return process.returncode, errors


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def once(inputs: Mapping[str, Any], seed: int | None) -> list[str]:
    """The options of one run with these inputs, whatever the file says of trials."""
    options = ["--repeat", "1"]
    for name, value in inputs.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        options += ["--input", f"{name}={text}"]
    return options if seed is None else [*options, "--seed", str(seed)]


def skip_unless(file: Path, inputs: Mapping[str, Any], allowed: frozenset[str]) -> None:
    """Skip the test where the scenario touches more than is allowed. Raises DocumentError."""
    text = {name: str(v).lower() if isinstance(v, bool) else v for name, v in inputs.items()}
    scenario = load(file, text).scenario
    assert scenario is not None
    if missing := sorted(touched(scenario) - allowed):
        wanted = " ".join(f"--breakfix-{name}" for name in missing)
        pytest.skip(f"touches {' and '.join(missing)}: say {wanted}, or set breakfix_touch")


def touched(scenario: Scenario) -> frozenset[str]:
    """What of the world it reaches for: docker, ssh, or nothing but processes of its own."""
    uses = [step.uses for step in scenario.steps] + [p.uses for p in scenario.probes.values()]
    targets = scenario.targets.values()
    found = set()
    if scenario.engines or any(use.startswith("docker.") for use in uses):
        found.add("docker")
    if any(target.docker is not None for target in targets):
        found.add("docker")
    if any(target.ssh is not None for target in targets):
        found.add("ssh")
    return frozenset(found)


def allowed(config: pytest.Config) -> frozenset[str]:
    """What scenarios may touch. Raises UsageError of pytest for a setting that means nothing."""
    found = set(config.getini("breakfix_touch"))
    if unknown := found - {"docker", "ssh"}:
        raise pytest.UsageError(f"breakfix_touch: {', '.join(sorted(unknown))} is not docker or ssh")
    found |= {name for name in ("docker", "ssh") if config.getoption(f"--breakfix-{name}")}
    return frozenset(found)


def env(config: pytest.Config) -> str:
    """Where this is; empty where nobody says."""
    return str(config.getoption("--breakfix-env") or config.getini("breakfix_env"))


def folder_of(config: pytest.Config, nodeid: str) -> Path:
    """An empty folder for the reports of a test: what was asked, or pytest's cache, or a temporary one."""
    name = re.sub(r"[^\w.-]+", "-", nodeid).strip("-.")[-120:]
    cache: pytest.Cache | None = getattr(config, "cache", None)
    if chosen := config.getoption("--breakfix-report"):
        folder = Path(str(chosen)).resolve() / name
    elif cache is not None:
        folder = cache.mkdir("breakfix") / name
    else:
        folder = Path(tempfile.mkdtemp(prefix="breakfix-")) / name
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def file_of(
    scenario: str | PathLike[str] | Mapping[str, Any], base: Path, folder: Path
) -> Path:
    """The file of a scenario: a path from `base`, or a mapping, written as JSON, which YAML 1.2 holds."""
    if not isinstance(scenario, Mapping):
        return base / scenario
    path = folder / "scenario.yaml"
    path.write_text(json.dumps(scenario, indent=2), encoding="utf-8")
    return path
