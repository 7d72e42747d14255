"""Plans as text and as graphs for tools that draw."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from breakfix.engine.run_plan import RunPlan
from breakfix.reports import plan_graph, plan_text

Make = Callable[..., RunPlan]


@pytest.fixture
def made(plan: Make, world: Any) -> RunPlan:
    """One of two containers is killed, noticed and started; then both are looked at."""
    world.add("w1", "w2", app="web")
    return plan(
        [
            {"id": "hit", "inject": "x.kill", "target": "one", "hold": "5s"},
            {"id": "seen", "detect": "x.look", "depends_on": ["hit"], "within": "9s"},
            {
                "id": "fix", "remediate": "x.start", "target": "one",
                "depends_on": [{"any": ["seen", {"step": "hit", "is": "failed", "after": "2s"}]}],
            },
            {"id": "whole", "verify": "x.look", "target": "web", "depends_on": ["fix"]},
            {"id": "rest", "wait": "1s", "depends_on": ["whole"]},
        ],
        targets={
            "one": {"docker": {"name": "w1"}},
            "web": {"docker": {"labels": {"app": "web"}}, "pick": "all"},
        },
        setup=[{"run": ["make", "up"]}],
        running=True,
    )  # fmt: skip


def test_the_text_shows_each_command_with_its_undo(made: RunPlan) -> None:
    """In order, as a person would type it, with what ends it if the engine dies."""
    text = plan_text.render(made)
    lines = [line.strip() for line in text.splitlines()]
    begin = lines.index("hit@w1: inject x.kill, at once")
    assert lines[begin + 1] == "does     docker kill --signal SIGKILL w1"
    assert "undo     docker start w1" in lines
    assert "holds    5s; if the engine dies: guardian only" in lines
    assert "fix@w1: remediate x.start, when seen has succeeded or 2 s after hit has failed" in lines
    assert "make up  (at most 1m)" in lines
    assert "web  all of 2 -> 2: w1, w2" in lines
    assert lines[-1] == f"Plan           {made.hash}"


def test_a_wide_step_is_shown_by_one_of_each_kind(plan: Make, world: Any) -> None:
    """Units that differ in the name of their target alone are shown once, with the names of the others."""
    world.add(*(f"w{i}" for i in range(25)), app="web")
    made = plan(
        [{"id": "hit", "inject": "x.kill", "target": "web", "fan_out": {"wave": 5}}],
        targets={"web": {"docker": {"labels": {"app": "web"}}, "pick": "all"}},
    )
    lines = [line.strip() for line in plan_text.render(made).splitlines()]
    begin = lines.index("hit: 25 units in 5 waves of at most 5")
    assert lines[begin + 1] == "hit@w0: inject x.kill, at once"
    assert "and alike on 24 more: w[1-24]" in lines
    assert "web  all of 25 -> 25: w[0-24]" in lines
    assert sum(line.startswith("hit@") for line in lines) == 1


def test_units_of_a_wide_step_that_differ_are_each_shown(plan: Make, world: Any) -> None:
    """Another command is another kind, and each kind has its first unit shown."""
    world.add(*(f"w{i}" for i in range(25)), app="web")
    made = plan(
        [{"id": "hit", "inject": "x.kill", "target": "web"}],
        targets={"web": {"docker": {"labels": {"app": "web"}}, "pick": "all"}},
    )
    units = tuple(
        msgspec.structs.replace(unit, unknown=("pid of it",)) if unit.binding == "w7" else unit
        for unit in made.units
    )
    text = plan_text.render(msgspec.structs.replace(made, units=units))
    assert "hit@w0: inject" in text and "hit@w7: inject" in text
    assert "and alike on 23 more: w[1-6,8-24]" in text


def test_a_wide_step_is_one_node(plan: Make, world: Any) -> None:
    """Links between its units and those of another wide step are one edge."""
    world.add(*(f"w{i}" for i in range(25)), app="web")
    made = plan(
        [
            {"id": "hit", "inject": "x.kill", "target": "web"},
            {
                "id": "fix", "remediate": "x.start", "target": "web",
                "depends_on": [{"step": "hit", "each": "target"}],
            },
            {"id": "rest", "wait": "1s", "depends_on": ["fix"]},
        ],
        targets={"web": {"docker": {"labels": {"app": "web"}}, "pick": "all"}},
    )  # fmt: skip
    lines = plan_graph.mermaid(made).splitlines()
    assert lines[1:6] == [
        '  n0["hit<br/>inject x.kill<br/>on 25 targets, all of them"]:::inject',
        '  n1["fix<br/>remediate x.start<br/>on 25 targets, all of them"]:::remediate',
        '  n2["rest<br/>wait 1s"]:::wait',
        '  n0 -->|"active"| n1',
        '  n1 -->|"succeeded"| n2',
    ]
    assert plan_graph.dot(made).count("->") == 2


def test_mermaid(made: RunPlan) -> None:
    """Units, a join where a step fans out, alternatives dotted."""
    lines = plan_graph.mermaid(made).splitlines()
    assert lines[0] == "flowchart TD"
    assert lines[1:7] == [
        '  n0["hit@w1<br/>inject x.kill"]:::inject',
        '  n1["seen<br/>detect x.look"]:::detect',
        '  n2["fix@w1<br/>remediate x.start"]:::remediate',
        '  n3["whole@w1<br/>verify x.look"]:::verify',
        '  n4["whole@w2<br/>verify x.look"]:::verify',
        '  n5(["whole<br/>all of 2"]):::verify',
    ]
    assert lines[8:16] == [
        "  n3 --> n5",
        "  n4 --> n5",
        '  n0 -->|"active"| n1',
        '  n1 -.->|"succeeded"| n2',
        '  n0 -.->|"failed + 2 s"| n2',
        '  n2 -->|"succeeded"| n3',
        '  n2 -->|"succeeded"| n4',
        '  n5 -->|"succeeded"| n6',
    ]


def test_dot(made: RunPlan) -> None:
    """The same graph for Graphviz."""
    lines = plan_graph.dot(made).splitlines()
    assert lines[0] == 'digraph "s" {'
    assert '  "whole" [label="whole\\nall of 2", shape=oval];' in lines
    assert '  "seen" -> "fix@w1" [label="succeeded", style=dashed];' in lines
    assert lines[-1] == "}"
    assert plan_graph.dot(made).count("->") == 8


def test_an_until_edge_is_drawn(plan: Make, world: Any) -> None:
    """What ends a fault is shown as such."""
    world.add("w1")
    made = plan(
        [
            {
                "id": "hit", "inject": "x.pause", "target": "one",
                "hold": {"until": "w", "at_most": "9s"},
            },
            {"id": "w", "wait": "1s", "depends_on": ["hit"]},
        ],
        targets={"one": {"docker": {"name": "w1"}}},
    )  # fmt: skip
    assert '  "w" -> "hit@w1" [label="ends, or after 9s", style=dashed];' in plan_graph.dot(made)


def test_an_empty_set_is_drawn_as_its_join(plan: Make) -> None:
    """What waits for a skipped step still has something to hang on."""
    made = plan(
        [
            {"id": "a", "verify": "x.look", "target": "web"},
            {"id": "b", "wait": "1s", "depends_on": [{"step": "a", "is": "finished"}]},
        ],
        targets={"web": {"docker": {"labels": {"app": "web"}}, "on_empty": "skip"}},
    )
    assert '"a" [label="a\\nskipped: its set is empty", shape=oval];' in plan_graph.dot(made)
    assert "a: skipped, its set is empty" in plan_text.render(made)
