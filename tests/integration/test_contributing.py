"""The example of CONTRIBUTING.md: what a newcomer copies from there runs as it stands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("engine", "actions", "reports", "schemas", "scenarios", "src")
PAGE = (ROOT / "CONTRIBUTING.md").read_text()


def block(language: str) -> str:
    """The one block of the page in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package's folders, with the new action in it and the scenario beside it."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True)
    (tmp_path / "actions" / "process" / "suspend.py").write_text(block("python"))
    (tmp_path / "suspended.yaml").write_text(block("yaml"))
    return tmp_path


def test_the_example_is_found_and_runs(checkout: Path) -> None:
    """With its one file, the action is validated, has effect, is undone, and the run passes."""
    done = subprocess.run(
        [sys.executable, "-m", "breakfix", "run", "suspended.yaml"],
        cwd=checkout,
        env={
            **os.environ,
            "PYTHONPATH": str(checkout / "src"),
            "BREAKFIX_HOME": str(checkout / "home"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 faults seen gone" in done.stdout
