"""The published schemas: derived from the types, and of one mind with them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from breakfix.engine import catalogue
from breakfix.engine.document import read
from breakfix.engine.model import Step
from breakfix.engine.validate.explain import flaws

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "schemas" / "scenario.v1.json").read_text())


def test_nothing_that_is_derived_has_drifted() -> None:
    """`make derived` writes the schemas and the reference; what is committed is what it writes."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "derive.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["scenario", "journal", "record"])
def test_each_is_a_schema(name: str) -> None:
    """Valid by the dialect that it names."""
    schema = json.loads((ROOT / "schemas" / f"{name}.v1.json").read_text())
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda p: p.stem)
def test_editors_accept_the_shipped_scenarios(path: Path) -> None:
    """As they are written, expressions included."""
    errors = list(Draft202012Validator(SCHEMA).iter_errors(read(path).data))
    assert [error.message for error in errors] == []


def test_editors_know_the_parameters_of_an_action_by_its_name() -> None:
    """A wrong parameter of a step is found under `with`."""
    step = {"id": "a", "inject": "docker.limit_memory", "target": "t", "with": {"memory": "64"}}
    data = {"version": 1, "name": "x", "steps": [step]}
    paths = [list(e.absolute_path) for e in Draft202012Validator(SCHEMA).iter_errors(data)]
    assert ["steps", 0, "with", "memory"] in paths


def test_every_action_is_declared_in_it() -> None:
    """With its phases, kinds of target and examples."""
    specs = catalogue.declared()
    assert sorted(specs) == catalogue.built_in_names()
    assert all(spec.examples and spec.phases and spec.summary for spec in specs.values())


KEYS = st.sampled_from(
    ["id", "inject", "wait", "target", "with", "timeout", "within", "every", "consecutive", "is",
     "hold", "on_failure", "require", "allow", "when", "retry", "depends_on", "nope"]
)  # fmt: skip
SOME = st.sampled_from(
    ["a", "5s", "10", "1m30s", 5, 0, -1, 1.5, True, [], ["a"], {}, {"step": "a"}, "all", "50%", "101%",
     "good", "bad", "fail", "irreversible", ["oom"], {"until": "a", "at_most": "5s"}, {"attempts": 2}]
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(KEYS, SOME, max_size=6))
def test_types_and_schema_agree_on_steps(step: dict[str, Any]) -> None:
    """What converts has no flaw by the schema, and what has one does not convert."""
    try:
        msgspec.convert(step, Step)
    except msgspec.ValidationError:
        assert flaws("Step", step)
    else:
        assert flaws("Step", step) == []
