"""The catalogue: actions are found by their path, and imported only when they are asked for."""

import ast
import importlib
import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from breakfix.engine import catalogue
from breakfix.engine.action import Action
from breakfix.engine.errors import UsageError

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "actions"
FAMILIES = sorted(path.parent.name for path in FOLDER.glob("*/__init__.py"))
IMPORTS = """
import random, sys
from breakfix.engine import catalogue

order = catalogue.built_in_names()
for seed in range(3):
    for name in [name for name in sys.modules if name.startswith("breakfix.actions")]:
        del sys.modules[name]
    random.Random(f"{seed} {hash('order')}").shuffle(order)
    assert len(catalogue.load(order)) == len(order)
    for name in order:
        family, _, own = name.partition(".")
        package = sys.modules[f"breakfix.actions.{family}"]
        assert getattr(package, own) is sys.modules[f"breakfix.actions.{name}"], (name, order)
"""


def printed(code: str, **environ: str) -> str:
    """What a Python of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environ},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_names_are_those_of_the_files() -> None:
    """Each file of a family is an action named by its path, and there is no other built-in one."""
    found = {
        ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        for path in FOLDER.rglob("*.py")
        if path.name != "__init__.py"
    }

    assert found == set(catalogue.built_in_names())
    assert catalogue.built_in_names() == sorted(found)
    assert found <= set(catalogue.names())


def test_every_built_in_action_loads() -> None:
    """Each file defines exactly one action, which the catalogue finds in it."""
    wanted = catalogue.built_in_names()

    found = catalogue.load(wanted)

    assert list(found) == wanted
    assert len(set(found.values())) == len(wanted)
    for name, kind in found.items():
        assert issubclass(kind, Action)
        assert kind.__module__ == f"breakfix.actions.{name}"


def test_only_what_is_asked_for_is_imported() -> None:
    """To load an action imports its file and its family; to list names imports nothing."""
    code = """
import json, sys
from breakfix.engine import catalogue

def actions():
    return sorted(name for name in sys.modules if name.startswith("breakfix.actions"))

catalogue.names()
before = actions()
catalogue.load(["tcp.connect"])
heavy = [name for name in ("docker", "networkx", "aiohttp", "jinja2") if name in sys.modules]
print(json.dumps([before, actions(), heavy]))
"""
    before, after, heavy = json.loads(printed(code))

    assert before == []
    assert after == ["breakfix.actions", "breakfix.actions.tcp", "breakfix.actions.tcp.connect"]
    assert heavy == []


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_actions_can_be_imported_in_any_order(seed: str) -> None:
    """Whatever is imported first: every action loads, and each family's attribute of an action's name
    is the action's module."""
    printed(IMPORTS, PYTHONHASHSEED=seed)


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_in_a_family_has_the_name_of_one_of_its_actions(family: str) -> None:
    """An import of the module ``start`` would put itself in the place of a function ``start`` of the
    family, or be hidden by it."""
    stems = {path.stem for path in (FOLDER / family).glob("*.py")} - {"__init__"}
    tree = ast.parse((FOLDER / family / "__init__.py").read_text())
    named = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    named |= {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    named |= {
        (alias.asname or alias.name).partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert stems
    assert not stems & named


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("docker.puase", "there is no action docker.puase. Did you mean docker.pause?"),
        ("dcoker.kill", "there is no action dcoker.kill. Did you mean docker.kill?"),
        ("docker-kill", "there is no action 'docker-kill'. Did you mean docker.kill?"),
        ("Docker.Kill", "there is no action 'Docker.Kill'. Did you mean docker.kill?"),
        ("weather.rain", "there is no action weather.rain. `breakfix actions` lists them."),
        ("", "there is no action ''. `breakfix actions` lists them."),
        ("docker.__init__", "there is no action 'docker.__init__'."),
        ("..engine.catalogue", "there is no action '..engine.catalogue'."),
        ("os.path", "there is no action os.path."),
        ("docker", "there is no action 'docker'."),
    ],
)
def test_an_unknown_action_is_told_with_the_nearest_name(name: str, message: str) -> None:
    """A name that is none is a usage error with the nearest one, and imports nothing else."""
    with pytest.raises(UsageError) as caught:
        catalogue.load([name])

    assert str(caught.value).startswith(message)


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Entry points of other distributions: from the names of actions to where they are."""
    made: dict[str, str] = {}

    def found(*, group: str) -> list[EntryPoint]:
        assert group == catalogue.ENTRY_POINTS
        return [EntryPoint(name, value, group) for name, value in made.items()]

    monkeypatch.setattr("importlib.metadata.entry_points", found)
    return made


def test_an_action_of_another_distribution(points: dict[str, str]) -> None:
    """It is listed, loaded and suggested like one of our own."""
    points["disk.slow"] = "breakfix.actions.docker.pause:Pause"

    assert "disk.slow" in catalogue.names()
    assert "disk.slow" not in catalogue.built_in_names()
    assert catalogue.load(["disk.slow"])["disk.slow"].__name__ == "Pause"
    with pytest.raises(UsageError, match=r"Did you mean disk\.slow\?"):
        catalogue.load(["disk.slo"])


def test_an_action_in_the_tree_is_not_replaced(points: dict[str, str]) -> None:
    """A distribution cannot take the name of a built-in action for another one."""
    points["docker.kill"] = "breakfix.actions.docker.pause:Pause"

    assert catalogue.load(["docker.kill"])["docker.kill"].__name__ == "Kill"
    assert catalogue.names().count("docker.kill") == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_distribution:Slow", "disk.slow of no_such_distribution:Slow cannot be imported"),
        ("json:Slow", "disk.slow of json:Slow cannot be imported"),
        ("json:dumps", "json:dumps, the action disk.slow, is no class of an action"),
        ("json:JSONDecoder", "the action disk.slow, is no class of an action"),
    ],
)
def test_a_broken_entry_point_is_told(points: dict[str, str], value: str, message: str) -> None:
    """What another distribution does wrong is told with its name, and no traceback."""
    points["disk.slow"] = value

    with pytest.raises(UsageError, match=message):
        catalogue.load(["disk.slow"])


def test_a_module_without_an_action_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that defines no action, or two, is an error that says so."""
    module = importlib.import_module("breakfix.actions.tcp.connect")
    monkeypatch.delattr(module, "Connect")

    with pytest.raises(UsageError, match="must define one action; it defines 0"):
        catalogue.load(["tcp.connect"])


def test_a_missing_dependency_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An action whose import needs a module that is not there is not called unknown."""
    monkeypatch.delitem(sys.modules, "breakfix.actions.tcp.connect", raising=False)
    monkeypatch.setitem(sys.modules, "socket", None)

    with pytest.raises(UsageError, match=r"the action tcp\.connect cannot be imported.*socket"):
        catalogue.load(["tcp.connect"])


def definition(**declaration: Any) -> dict[str, Any]:
    """An entry of a published schema."""
    return {
        "type": "object",
        "description": "Fill a disk\nup.\n\nSlowly.",
        "properties": {"size": {"type": "string"}},
        "examples": [{"size": "1GiB"}],
        catalogue.KEYWORD: {"phases": ["inject"], "serves": ["docker"], **declaration},
    }


def test_what_is_declared_is_read_from_the_schema() -> None:
    """A schema says all of an action that validation needs; what declares no action is passed over."""
    schema = {"$defs": {"disk.fill": definition(lasting=True, claims=["disk"]), "Step": {}}}

    found = catalogue.declared(schema)

    assert list(found) == ["disk.fill"]
    spec = found["disk.fill"]
    assert spec.name == "disk.fill"
    assert spec.phases == ("inject",)
    assert spec.serves == ("docker",)
    assert spec.lasting is True
    assert spec.claims == ("disk",)
    assert spec.summary == "Fill a disk up."
    assert spec.doc.endswith("Slowly.")
    assert spec.parameters["properties"] == {"size": {"type": "string"}}
    assert spec.examples == ({"size": "1GiB"},)


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{", b"\xff"])
def test_a_broken_installation_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """Where the published schema is missing or broken: a usage error that says what to do."""
    path = tmp_path / "scenario.v1.json"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(catalogue, "schema_file", lambda name: path)

    with pytest.raises(UsageError, match="cannot be read.*Install breakfix again"):
        catalogue.published()
