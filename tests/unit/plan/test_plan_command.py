"""`breakfix plan` as a process: what it prints, writes and refuses; nothing is touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import breakfix as breakfix_package
from breakfix.engine.plan import drift, load

SOURCES = str(Path(breakfix_package.__file__).parents[1])
SCENARIO = """\
version: 1
name: shop
allowed_on: [laptop]
inputs:
  text: {type: text, default: hello}
targets:
  shop: {process: {command: [python3, -c, "open('started', 'w')"]}}
setup: [{run: [touch, set-up]}]
steps:
  - {id: stop, inject: process.pause, target: shop, hold: 1s}
  - {id: rest, wait: 1s, depends_on: [{step: stop, is: undone}]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A scenario in a folder of its own."""
    path = tmp_path / "shop.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


def breakfix(file: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "breakfix", "plan", str(file), *args],
        cwd=file.parent,
        env={**os.environ, "BREAKFIX_HOME": str(file.parent / "home"), "PYTHONPATH": SOURCES},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_plan_has_no_effect(file: Path) -> None:
    """Neither set-up nor a target is run, and there is no run of it afterwards."""
    done = breakfix(file, "--env", "laptop")
    assert done.returncode == 0, done.stderr
    assert "stop@shop: inject process.pause, at once" in done.stdout
    assert "kill -STOP" in done.stdout
    assert "kill -CONT" in done.stdout
    assert [path.name for path in file.parent.iterdir()] == ["shop.yaml"]


def test_the_json_is_the_file(file: Path, tmp_path: Path) -> None:
    """What is printed as JSON is what `--out` writes, and can be read again."""
    out = tmp_path / "plan.json"
    args = ("--env", "laptop", "--seed", "7", "--format", "json")
    done = breakfix(file, *args, "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(out.read_text(encoding="utf-8"))
    again = tmp_path / "again.json"
    breakfix(file, *args, "--out", str(again))
    assert load(again).seed == 7
    assert drift(load(again), load(out)) == []


def test_graphs_stand_alone(file: Path) -> None:
    """Mermaid and DOT go into other tools: nothing else is printed."""
    assert breakfix(file, "--env", "laptop", "--format", "mermaid").stdout.startswith("flowchart")
    assert breakfix(file, "--env", "laptop", "--format", "dot").stdout.startswith("digraph")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "laptop"),
        (("--env", "production"), "laptop"),
        (("--env", "laptop", "--input", "text"), "NAME=VALUE"),
        (("--env", "laptop", "--out", "no/such/folder/plan.json"), "cannot be written"),
        (("--env", "laptop", "--format", "png"), "mermaid"),
    ],
)
def test_bad_use_ends_with_2(file: Path, args: tuple[str, ...], words: str) -> None:
    """One message, no traceback."""
    done = breakfix(file, *args)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_conflict_ends_with_2(file: Path) -> None:
    """Two faults that want the same of one target."""
    second = "  - {id: again, inject: process.pause, target: shop}\n"
    file.write_text(SCENARIO + second, encoding="utf-8")
    done = breakfix(file, "--env", "laptop")
    assert done.returncode == 2
    assert "stop and again both take" in done.stderr


def test_networkx_and_docker_are_imported_only_where_needed() -> None:
    """The start of every other command does not pay for them."""
    code = (
        "import sys, breakfix.engine.plan, breakfix.engine.cli.plan;"
        "print(sorted({'networkx', 'docker', 'anyio', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
