"""Faults and repairs on containers, as data: parameters and facts in, ops and checks out.

Each file of cases/ is named by its action and holds a list of ``{case, params, facts, plan | error}``;
``facts`` is what differs from cases/facts.json. In a plan, the target stands as its name.
"""

import importlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breakfix.engine.action import (
    Action,
    DockerFacts,
    Fault,
    Probe,
    Repair,
)
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Plan

CASES = Path(__file__).parent / "cases"
FACTS = json.loads((CASES / "facts.json").read_text())
FOLDER = Path(__file__).parents[4] / "actions" / "docker"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
ALL = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['case']}")
    for path in sorted(CASES.glob("*.json"))
    if path.stem != "facts"
    for case in json.loads(path.read_text())
]


def action_of(name: str) -> type[Action]:
    """The one class of an action's file."""
    module = importlib.import_module(f"breakfix.actions.docker.{name}")
    (found,) = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Action) and item.__module__ == module.__name__
    ]
    return found


def merged(one: Any, other: Any) -> Any:
    """`one`, with what `other` says of it."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **{key: merged(one.get(key), value) for key, value in other.items()}}
    return other


def named(value: Any) -> Any:
    """Data in which each target is its name."""
    if isinstance(value, dict):
        return {
            key: item["name"] if key == "target" else named(item) for key, item in value.items()
        }
    return [named(item) for item in value] if isinstance(value, list | tuple) else value


def plan_of(action: Action, facts: DockerFacts) -> Plan:
    """What it plans."""
    assert isinstance(action, Fault | Repair)
    return action.plan(facts)


@pytest.mark.parametrize(("name", "case"), ALL)
def test_a_case(name: str, case: dict[str, Any]) -> None:
    """The plan, or the refusal with its fix, is what the case says."""
    facts = msgspec.convert(merged(FACTS, case["facts"]), DockerFacts)
    action = msgspec.convert(case["params"], action_of(name))
    if "error" in case:
        with pytest.raises(PreconditionError) as refused:
            plan_of(action, facts)
        assert str(refused.value) == case["error"]
    else:
        assert named(msgspec.to_builtins(plan_of(action, facts))) == case["plan"]


@pytest.mark.parametrize("name", NAMES)
def test_an_action_has_cases(name: str) -> None:
    """Every fault and repair of the folder has a file of them; a probe is tested by its samples."""
    kind = action_of(name)
    assert issubclass(kind, Probe) or (CASES / f"{name}.json").is_file()


@pytest.mark.parametrize("name", [name for name in NAMES if issubclass(action_of(name), Fault)])
def test_a_fault_can_be_proved_and_undone(name: str) -> None:
    """Its first example has apply, effect, undo and gone; effects and ends are reads, and all of it
    survives its way into the journal."""
    kind = action_of(name)
    plan = plan_of(msgspec.convert(kind.examples[0], kind), msgspec.convert(FACTS, DockerFacts))
    assert plan.apply
    assert plan.effect
    assert plan.undo
    assert plan.gone
    assert all(check.op.changes == "no" for check in (*plan.effect, *plan.gone))
    assert all(check.asked for check in (*plan.effect, *plan.gone))
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("kill", {"signal": "SIGSTOP"}),
        ("kill", {"via": "magic"}),
        ("stop", {"grace": 5}),
        ("limit_cpu", {}),
        ("limit_cpu", {"cpus": 0.5, "cpuset": "0"}),
        ("limit_cpu", {"cpus": 0}),
        ("limit_cpu", {"cpuset": "a"}),
        ("limit_memory", {"memory": "64"}),
        ("limit_memory", {"memory": "1MiB"}),
        ("limit_pids", {"pids_count": 0}),
        ("exec", {"argv": []}),
        ("exec", {"argv": ["a"], "undo": ["b"]}),
        ("exec", {"argv": ["a"], "check": ["b"]}),
        ("state", {"state": "asleep"}),
        ("event", {}),
        ("logs", {"pattern": "("}),
        ("stats", {}),
        ("stats", {"cpus_max": 1, "over": "1ms"}),
    ],
)
def test_wrong_parameters_are_refused(name: str, wrong: dict[str, Any]) -> None:
    """A parameter that cannot be meant is an error before anything runs."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, action_of(name))
