"""Units and the links between them."""

from collections.abc import Callable
from typing import Any

import pytest

from breakfix.engine.errors import PlanError
from breakfix.engine.run_plan import RunPlan

Make = Callable[..., RunPlan]
WEB = {"web": {"docker": {"labels": {"app": "web"}}, "pick": "all"}}


def edges(plan: RunPlan) -> list[tuple[str, str, str, int]]:
    """Links as tuples: unit, source, milestone, group."""
    return [(link.unit, link.source, link.milestone, link.group) for link in plan.links]


def test_a_step_has_one_unit_for_each_target_and_is_joined(plan: Make, world: Any) -> None:
    """What waits for a fan-out links to its join, which has the id of the step."""
    world.add("w1", "w2", app="web")
    made = plan(
        [
            {"id": "hit", "inject": "x.pause", "target": "web"},
            {"id": "seen", "detect": "x.look", "within": "5s", "depends_on": ["hit"]},
            {"id": "fix", "remediate": "x.start", "target": "web", "depends_on": ["seen"]},
        ],
        targets=WEB,
    )
    assert [unit.id for unit in made.units] == ["hit@w1", "hit@w2", "seen", "fix@w1", "fix@w2"]
    assert [unit.binding for unit in made.units] == ["w1", "w2", None, "w1", "w2"]
    assert edges(made) == [
        ("seen", "hit", "active", 0),
        ("fix@w1", "seen", "succeeded", 0),
        ("fix@w2", "seen", "succeeded", 0),
    ]


def test_each_target_pairs_the_units_of_equal_targets(plan: Make, world: Any) -> None:
    """With `each: target` a unit waits for the one on its own target alone."""
    world.add("w1", "w2", app="web")
    made = plan(
        [
            {"id": "hit", "inject": "x.pause", "target": "web"},
            {
                "id": "fix", "remediate": "x.start", "target": "web",
                "depends_on": [{"step": "hit", "each": "target", "after": "3s"}],
            },
        ],
        targets=WEB,
    )  # fmt: skip
    assert edges(made) == [("fix@w1", "hit@w1", "active", 0), ("fix@w2", "hit@w2", "active", 0)]
    assert {link.after_s for link in made.links} == {3.0}


def test_each_target_without_a_partner_is_refused(plan: Make, world: Any) -> None:
    """A unit whose partner does not exist would start at once: no plan is made."""
    world.add("w1", "w2", app="web")
    targets = {**WEB, "one": {"docker": {"name": "w1"}}}
    steps = [
        {"id": "hit", "inject": "x.pause", "target": "one"},
        {
            "id": "fix", "remediate": "x.start", "target": "web",
            "depends_on": [{"step": "hit", "each": "target"}],
        },
    ]  # fmt: skip
    with pytest.raises(PlanError, match="hit does not run on w2"):
        plan(steps, targets=targets)


def test_alternatives_share_a_group(plan: Make) -> None:
    """`any` gives links of one group; what is said beside it holds for those that do not say it."""
    made = plan(
        [
            {"id": "a", "wait": "1s"},
            {"id": "b", "wait": "1s"},
            {"id": "c", "wait": "1s"},
            {
                "id": "d",
                "wait": "0s",
                "depends_on": ["a", {"any": ["b", {"step": "c", "is": "failed"}], "after": "2s"}],
            },
        ]
    )
    assert edges(made) == [
        ("d", "a", "succeeded", 0),
        ("d", "b", "succeeded", 1),
        ("d", "c", "failed", 1),
    ]
    assert [link.after_s for link in made.links] == [0.0, 2.0, 2.0]


def test_units_of_runs_only_where_another_step_ended_so(plan: Make, world: Any) -> None:
    """`units` leaves out targets that the other step does not have, and links in pairs."""
    world.add("w1", "w2", app="web")
    targets = {**WEB, "one": {"docker": {"name": "w2"}}}
    made = plan(
        [
            {"id": "soft", "remediate": "x.start", "target": "one"},
            {
                "id": "hard", "remediate": "x.start", "target": "web",
                "units": {"of": "soft", "that": "failed"},
            },
        ],
        targets=targets,
    )  # fmt: skip
    assert edges(made) == [("hard@w2", "soft@w2", "failed", 0)]
    assert [unit.id for unit in made.units] == ["soft@w2", "hard@w2"]


def test_waves_are_numbered(plan: Make, world: Any) -> None:
    """A wave of 40% of five is two units."""
    world.add(*(f"w{i}" for i in range(5)), app="web")
    made = plan(
        [{"id": "hit", "inject": "x.pause", "target": "web", "fan_out": {"wave": "40%"}}],
        targets=WEB,
    )
    assert [unit.wave for unit in made.units] == [0, 0, 1, 1, 2]


def test_units_come_in_the_order_of_the_graph(plan: Make) -> None:
    """However the file is sorted, a step comes after what it waits for; else as in the file."""
    made = plan(
        [
            {"id": "z", "wait": "1s", "depends_on": ["y"]},
            {"id": "m", "wait": "1s"},
            {"id": "y", "wait": "1s"},
        ]
    )
    assert [unit.id for unit in made.units] == ["m", "y", "z"]


def test_a_cycle_is_refused_with_its_path(plan: Make) -> None:
    """Steps that wait for each other have no plan, and the message shows the circle."""
    steps = [
        {"id": "a", "wait": "1s", "depends_on": ["b"]},
        {"id": "b", "wait": "1s", "depends_on": ["a"]},
    ]
    with pytest.raises(PlanError, match="a -> b -> a|b -> a -> b"):
        plan(steps)


def test_until_counts_as_an_edge_of_a_cycle(plan: Make, world: Any) -> None:
    """A fault that ends with a step which waits for its end would never end by it."""
    world.add("w1")
    steps = [
        {
            "id": "hit", "inject": "x.pause", "target": "one",
            "hold": {"until": "after", "at_most": "9s"},
        },
        {"id": "after", "wait": "1s", "depends_on": [{"step": "hit", "is": "undone"}]},
    ]  # fmt: skip
    with pytest.raises(PlanError, match="wait for each other"):
        plan(steps, targets={"one": {"docker": {"name": "w1"}}})


def test_ten_thousand_units_have_links_in_proportion(plan: Make, world: Any) -> None:
    """Two steps on 5,000 targets each: one link for each unit of the second, not 25 million."""
    world.add(*(f"w{i:04}" for i in range(5000)), app="web")
    made = plan(
        [
            {"id": "hit", "inject": "x.pause", "target": "web", "fan_out": {"wave": 10}},
            {"id": "fix", "remediate": "x.start", "target": "web", "depends_on": ["hit"]},
        ],
        targets=WEB,
    )
    assert len(made.units) == 10_000
    assert len(made.links) == 5_000
