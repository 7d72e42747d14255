"""The command line as a process: what it says, and with which exit code it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from breakfix.engine.cli import COMMANDS

Breakfix = Callable[..., subprocess.CompletedProcess[str]]
BOUND_S = 120


@pytest.fixture
def breakfix(tmp_path: Path) -> Breakfix:
    """Runs the command, with a home of its own and no Docker engine."""

    def run(*argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "breakfix", *argv],
            env={
                **os.environ,
                "BREAKFIX_HOME": str(tmp_path / "home"),
                "DOCKER_HOST": f"unix://{tmp_path}/absent.sock",
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )

    return run


def test_help_names_every_command(breakfix: Breakfix) -> None:
    """`breakfix --help` lists all commands and ends with 0."""
    done = breakfix("--help")
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(breakfix: Breakfix, name: str) -> None:
    """The help of a command ends with 0 and shows how the command is called."""
    done = breakfix(name, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"  breakfix {name}" in done.stdout


def test_the_version_is_told(breakfix: Breakfix) -> None:
    """`breakfix --version` tells the version of the package."""
    from breakfix import __version__

    assert __version__ in breakfix("--version").stdout


@pytest.mark.parametrize("argv", [("rum",), ("run", "--sed", "1"), ("validate",), ("--nope",)])
def test_a_wrong_command_line_ends_with_2(breakfix: Breakfix, argv: tuple[str, ...]) -> None:
    """An unknown command or option, or a missing argument, ends with 2 and no traceback."""
    done = breakfix(*argv)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistyped_name_is_suggested(breakfix: Breakfix) -> None:
    """A command or an option that is nearly right is told as it should be."""
    assert "Did you mean 'validate'?" in breakfix("valdate").stderr
    assert "--seed" in breakfix("run", "--sed", "1").stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_is_written(breakfix: Breakfix, shell: str) -> None:
    """`breakfix completion SHELL` writes a script, which asks breakfix itself for the names."""
    done = breakfix("completion", shell)
    assert done.returncode == 0
    assert f"_BREAKFIX_COMPLETE={shell}_complete" in done.stdout


def test_commands_are_completed(breakfix: Breakfix) -> None:
    """What the completion script asks for is answered with the names of commands."""
    done = breakfix(
        _BREAKFIX_COMPLETE="bash_complete", COMP_WORDS="breakfix va", COMP_CWORD="1"
    )
    assert done.stdout.split() == ["plain,validate"]


def test_a_closed_output_ends_quietly() -> None:
    """Where nobody reads the output any more, the command ends without a word about it."""
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "breakfix", "--help"],
            stdout=writes, stderr=subprocess.PIPE, timeout=BOUND_S, check=False,
        )  # fmt: skip
    finally:
        os.close(writes)
    assert done.returncode == 0
    assert done.stderr == b""


def test_doctor_tells_what_is_missing_and_the_fix(breakfix: Breakfix) -> None:
    """Without a Docker engine, `doctor` says so with a fix, and process targets still work: 0."""
    done = breakfix("doctor", "--format", "json")
    assert done.returncode == 0, done.stderr
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    assert findings["Docker engine"]["state"] == "missing"
    assert findings["Docker engine"]["fix"]
    assert findings["state folder"]["state"] == "ok"


def test_doctor_ends_with_5_where_no_run_is_possible(breakfix: Breakfix) -> None:
    """A state folder that cannot be written is told with its fix, and ends with 5."""
    done = breakfix("doctor", BREAKFIX_HOME="/proc/breakfix")
    assert done.returncode == 5
    assert "FAIL  state folder" in done.stdout
    assert "BREAKFIX_HOME" in done.stdout
