"""The shipped scenarios, run as a newcomer would: on real processes and a real Docker engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).parents[3] / "scenarios"
NAMES = sorted(path.name for path in SCENARIOS.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_scenario_passes_and_leaves_nothing(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each one validates, passes, and its journal is whole afterwards."""
    if "docker" in (SCENARIOS / name).read_text():
        request.getfixturevalue("docker_image")
    environ = {**os.environ, "BREAKFIX_HOME": str(tmp_path), "NO_COLOR": "1"}

    def breakfix(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "breakfix", *args],
            env=environ,
            capture_output=True,
            text=True,
            timeout=180,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    assert breakfix("validate", str(SCENARIOS / name)).returncode == 0
    done = breakfix("run", "--yes", str(SCENARIOS / name))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing was left behind" in done.stdout
    assert breakfix("verify", "last").returncode == 0
