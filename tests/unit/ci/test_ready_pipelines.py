"""The pipelines, the action and the dashboard that are shipped use what there is, by its right name."""

import importlib
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from breakfix.engine.cli import COMMANDS
from breakfix.engine.timeline import fold
from breakfix.engine.verdict import judge
from breakfix.reports import openmetrics

ROOT = Path(__file__).parents[3]
PIPELINES = (ROOT / "docs/ci/github-actions.yml", ROOT / "docs/ci/gitlab-ci.yml")
ACTION = ROOT / "action.yml"
DASHBOARD = ROOT / "docs/grafana/breakfix.json"
CALL = re.compile(r"\bbreakfix ((?:validate|gate|run|report)\b[^\n|;&]*)")


def loaded(path: Path) -> Any:
    """A YAML file as plain data."""
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def scripts(node: Any) -> Iterator[str]:
    """Every shell script in a pipeline."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("run", "script", "before_script"):
                yield from [value] if isinstance(value, str) else value
            else:
                yield from scripts(value)
    elif isinstance(node, list):
        for item in node:
            yield from scripts(item)


def options(command: click.Command) -> set[str]:
    """The options that a command knows."""
    return {name for parameter in command.params for name in (*parameter.opts, "--help")}


@pytest.mark.parametrize("path", [*PIPELINES, ACTION], ids=lambda path: path.name)
def test_commands_and_options_of_a_pipeline_exist(path: Path) -> None:
    """Each call of breakfix names a command and options that are there; there is a call of the gate."""
    whole = "\n".join(scripts(loaded(path)))
    called = [shlex.split(call) for call in CALL.findall(whole)]
    assert "gate" in {words[0] for words in called}
    for name, *words in called:
        assert name in COMMANDS
        command = importlib.import_module(f"breakfix.engine.cli.{name}").command
        used = {word.partition("=")[0] for word in words if word.startswith("--") and word != "--"}
        assert used <= options(command), path
    gate = importlib.import_module("breakfix.engine.cli.gate").command
    assert set(re.findall(r"arguments\+?=\((--[a-z-]+)", whole)) <= options(gate)


def test_the_action_uses_its_own_inputs_and_steps() -> None:
    """Every input that is named is declared and used, and nothing of an input stands in a script."""
    action, text = loaded(ACTION), ACTION.read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(action["inputs"])
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    assert set(re.findall(r"steps\.([a-z-]+)\.", text)) <= {step.get("id") for step in steps}
    assert all("${{" not in step["run"] for step in steps if "run" in step)
    assert all(step["shell"] == "bash" for step in steps if "run" in step)


def test_artifacts_are_files_that_a_gate_writes() -> None:
    """GitLab is told of the right names."""
    from breakfix.engine.cli import gate

    job = loaded(PIPELINES[1])["resilience"]
    named = {Path(path).name for path in job["artifacts"]["reports"].values()}
    assert named <= set(gate._FILES)
    assert job["artifacts"]["when"] == "always"


def observed(journal: Callable[[], Any]) -> Any:
    """A run that has something of everything: an observer with an outage, a fault, a repair, a row."""
    use = {"uses": "http.get", "with": {"url": "http://127.0.0.1:1/"}}
    run = journal().begin().process(0.05).plan(
        expect=({"fault": "kill_cache", "restored_within": "9s"},),
        probes={"healthy": use},
        observe=["healthy"],
    )
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.attempt("kill_cache@cache", 0.95, 1.02, "succeeded")
    run.repair(1.5, 1.6).fault_ended(1.6, 1.7, "repair")
    run.observed(
        2.5,
        [("good", 0.5, 0.6), ("bad", 1.2, 1.3), ("good", 1.8, 1.9), ("good", 2.2, 2.3)],
    )
    return run.end(2.6)


def test_the_dashboard_asks_for_metrics_that_there_are(journal: Callable[[], Any]) -> None:
    """Names and labels of every expression, checked against what is exposed; every panel has a text."""
    record = fold(observed(journal).lines)
    families = openmetrics.families(openmetrics.measured([(record, judge(record))]))
    known: dict[str, set[str]] = {}
    for family in families:
        known[family.name] = {label for sample in family.samples for label in sample.labels}
        assert known[family.name], f"{family.name} has no sample to know its labels by"
        known |= {sample.name: known[family.name] for sample in family.samples}
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [one["query"]["query"] for one in dashboard["templating"]["list"] if one["type"] == "query"]
    assert len(asked) > 10
    for expression in asked:
        used = re.findall(r"(breakfix_\w+)(?:\{([^}]*)\})?", expression)
        assert used, expression
        for name, matchers in used:
            assert name in known, expression
            assert set(re.findall(r"(\w+)\s*=", matchers)) <= known[name], expression
    assert all(panel["title"] and panel["description"] for panel in dashboard["panels"])


def test_the_page_names_every_metric(journal: Callable[[], Any]) -> None:
    """docs/ci.md has each family with its labels, and none that is not there."""
    record = fold(observed(journal).lines)
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1:] for row in page.splitlines() if row.startswith("| `breakfix_")]
    told: dict[str, set[str]] = {}
    for names, labels, *_ in rows:
        for name in re.findall(r"`(breakfix_[^`]+)`", names):
            before, brace, rest = name.partition("{")
            middles, _, after = rest.partition("}")
            for one in [f"{before}{m}{after}" for m in middles.split(",")] if brace else [name]:
                told[one] = {"scenario", *filter(None, labels.strip().split(", "))}
    families = openmetrics.families(openmetrics.measured([(record, judge(record))]))
    assert told == {
        family.name: {label for sample in family.samples for label in sample.labels}
        | ({"le"} if family.type == "histogram" else set())
        for family in families
    }
