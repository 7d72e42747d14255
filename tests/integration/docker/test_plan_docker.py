"""Plans of real containers: previews of every action, and which changes count as drift."""

import secrets
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from breakfix.engine import catalogue
from breakfix.engine.action import Fault, Repair
from breakfix.engine.errors import PlanError, PreconditionError
from breakfix.engine.model import Scenario
from breakfix.engine.ops import Identity
from breakfix.engine.plan import WorldTargets, drift, make
from breakfix.engine.run_plan import RunPlan

pytestmark = pytest.mark.docker

Container = Callable[..., Identity]
ALLOW = ["irreversible", "host_wide", "all_replicas", "oom", "unbounded", "docker_socket"]


def planned(step: dict[str, Any], **targets: Any) -> RunPlan:
    """A plan of one step in the world as it is."""
    file = {"version": 1, "name": "s", "targets": targets, "steps": [step]}
    scenario = msgspec.convert(file, Scenario)
    actions = catalogue.load({step.get("inject") or step.get("remediate") or step["verify"]})
    return make(scenario, WorldTargets(scenario), actions, seed=1, inputs={})


def steps_of_docker() -> list[dict[str, Any]]:
    """A step for each example of each fault and repair that serves containers."""
    found = []
    for name, action in catalogue.load(catalogue.names()).items():
        if "docker" in action.serves and issubclass(action, Fault | Repair):
            phase = "inject" if issubclass(action, Fault) else "remediate"
            for example in action.examples:
                step = {"id": "it", phase: name, "target": "one", "with": example, "allow": ALLOW}
                found.append(step)
    return found


def test_no_preview_changes_with_a_restart(container: Container, docker_engine: Any) -> None:
    """Whatever the action: a container that was restarted since is no drift."""
    one = container()
    target = {"docker": {"name": one.name}}
    before: dict[str, RunPlan] = {}
    for step in steps_of_docker():
        try:
            before[str(step)] = planned(step, one=target)
        except (PlanError, PreconditionError):
            continue  # An example may ask for what this container does not have.
    assert before
    docker_engine.call("POST", f"/containers/{one.object_id}/restart", t="0")
    for step in steps_of_docker():
        if str(step) in before:
            now = planned(step, one=target)
            assert drift(now, before[str(step)]) == [], step
            assert now.hash == before[str(step)].hash
            assert all(unit.preview is not None for unit in now.units), step


def test_a_container_made_again_is_drift(container: Container, docker_engine: Any) -> None:
    """The same name, another container: the plan no longer holds."""
    one = container()
    step = {"id": "it", "inject": "docker.pause", "target": "one"}
    target = {"docker": {"name": one.name}}
    before = planned(step, one=target)
    docker_engine.call("DELETE", f"/containers/{one.object_id}", force="true")
    container(name=one.name)
    changes = drift(planned(step, one=target), before)
    assert any("another one now" in text and one.object_id[:60] in text for text in changes)


def test_containers_are_found_by_labels_stopped_ones_too(
    container: Container, docker_engine: Any
) -> None:
    """A set holds what carries the label, in the order of names, whether it runs or not."""
    label = secrets.token_hex(4)
    members = [container(Labels={"bfx": label}) for _ in range(3)]
    container()
    docker_engine.call("POST", f"/containers/{members[0].object_id}/stop", t="0")
    made = planned(
        {"id": "it", "verify": "docker.state", "target": "web"},
        web={"docker": {"labels": {"bfx": label}}, "pick": "all"},
    )
    assert made.sets["web"].found == tuple(sorted(member.name for member in members))
    assert made.bindings[members[1].name].identity.object_id == members[1].object_id
