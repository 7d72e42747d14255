"""The package as it is seen by wheels, editable installs and type checkers: one, by two mappings."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_links_are_the_folders_of_the_wheel() -> None:
    """src/breakfix has one link for each folder that the wheel takes in, under the same name."""
    sources = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["sources"]
    mapped = {name: path for name, path in sources.items() if path}
    links = {
        path.resolve().relative_to(ROOT).as_posix(): f"breakfix/{path.name}"
        for path in (ROOT / "src" / "breakfix").iterdir()
        if path.is_symlink()
    }
    assert links == mapped
    taken = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert sorted(taken) == sorted(sources)


@pytest.mark.parametrize("folder", ["engine", "actions", "reports"])
def test_a_bare_folder_is_no_module(folder: str) -> None:
    """From the root of a checkout, `import engine` says what to import; it makes no second copy."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {folder}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert f"import breakfix.{folder}, not {folder}" in done.stderr


def test_the_version_is_said_once() -> None:
    """The version of the project is the one that the package tells."""
    from breakfix import __version__

    assert PROJECT["project"]["version"] == __version__


def test_the_console_script_is_the_command_line() -> None:
    """`breakfix` starts engine/cli; checked on what is installed, where it is."""
    assert PROJECT["project"]["scripts"] == {"breakfix": "breakfix.engine.cli:main"}
    for installed in entry_points(group="console_scripts", name="breakfix"):
        assert installed.value == "breakfix.engine.cli:main"


def test_the_plugin_of_pytest_is_an_entry_point() -> None:
    """Whoever installs breakfix beside pytest has it; it is a module that there is."""
    (plugin,) = PROJECT["project"]["entry-points"]["pytest11"].items()
    assert plugin == ("breakfix", "breakfix.engine.pytest_plugin")
    assert (ROOT / "engine" / "pytest_plugin.py").is_file()


def test_every_dependency_has_bounds_and_a_tested_version() -> None:
    """Each dependency has a lower bound and a major, and constraints.txt pins it, without any host."""
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in constraints}
    assert all("==" in line and "/" not in line for line in constraints)
    wanted = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
    for dependency in wanted:
        name = dependency.partition(">=")[0].partition("[")[0]
        assert ">=" in dependency, dependency
        assert ",<" in dependency, dependency
        assert name.lower() in pinned, dependency
