"""`actions`, `schema` and `init` as a newcomer calls them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from breakfix.engine.catalogue import built_in_names


def breakfix(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "breakfix", *args],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )


def test_the_catalogue_lists_every_action() -> None:
    """Each with what it is."""
    said = breakfix("actions").stdout
    assert all(name in said for name in built_in_names())


@pytest.mark.parametrize("name", built_in_names())
def test_each_action_is_told_whole(name: str) -> None:
    """Phases, targets, parameters, example."""
    from breakfix.engine.catalogue import declared
    from breakfix.engine.cli.action_text import as_text

    said = as_text(declared()[name])
    assert all(part in said for part in ("Phases", "Targets", "Example"))


def test_one_action_as_text_and_as_json() -> None:
    """For people and for tools."""
    assert "required" in breakfix("actions", "docker.limit_memory").stdout
    (spec,) = json.loads(breakfix("actions", "docker.limit_memory", "--format", "json").stdout)
    assert spec["lasting"] is True


def test_an_unknown_action_is_suggested() -> None:
    """Exit code 2, and the name that was meant."""
    done = breakfix("actions", "docker.kil")
    assert done.returncode == 2
    assert "docker.kill" in done.stderr


@pytest.mark.parametrize("name", ["scenario", "journal", "record", "series"])
def test_a_schema_is_printed(name: str) -> None:
    """As JSON, and nothing else."""
    assert json.loads(breakfix("schema", name).stdout)["$schema"]


def test_init_writes_a_valid_scenario_and_overwrites_nothing(tmp_path: Path) -> None:
    """Into the folder that it is called in."""
    assert breakfix("init", cwd=tmp_path).returncode == 0
    assert breakfix("validate", "first_drill.yaml", cwd=tmp_path).returncode == 0
    again = breakfix("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "there already" in again.stderr
