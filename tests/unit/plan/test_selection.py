"""What named targets resolve to."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.errors import PlanError
from breakfix.engine.plan.pick import choose, count_of
from breakfix.engine.run_plan import RunPlan

Make = Callable[..., RunPlan]
HIT = {"id": "hit", "inject": "x.pause", "target": "web"}
WEB = {"docker": {"labels": {"app": "web"}}}
SHARES = st.integers(1, 100).map(lambda percent: f"{percent}%")
PICKS = st.one_of(st.just("all"), st.integers(1, 50), SHARES)


@settings(deadline=None, max_examples=100)
@given(st.sets(st.text("abcdef", min_size=1), min_size=1, max_size=30), PICKS, st.integers(0, 99))
def test_the_same_seed_gives_the_same_pick(keys: set[str], pick: Any, seed: int) -> None:
    """Whatever the order in which targets were found; and only of those that were found."""
    chosen = choose("web", sorted(keys), pick, seed)
    assert chosen == choose("web", sorted(keys, reverse=True), pick, seed)
    assert set(chosen) <= keys
    assert len(chosen) == len(set(chosen)) == count_of(pick, len(keys)) >= 1


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 100), st.integers(1, 500))
def test_a_share_rounds_down_and_is_at_least_one(percent: int, total: int) -> None:
    """Exactly so, where binary fractions would lose one: 29 % of 100 is 29."""
    assert count_of(f"{percent}%", total) == max(1, percent * total // 100)


def test_other_seeds_pick_others() -> None:
    """The seed counts: over many, every target is picked some time."""
    picked = {choose("web", ["a", "b", "c", "d"], 1, seed) for seed in range(100)}
    assert picked == {("a",), ("b",), ("c",), ("d",)}


def test_half_of_three_is_one_in_words(plan: Make, world: Any) -> None:
    """The plan says what was found, what was picked, and how that came."""
    world.add("w1", "w2", "w3", app="web")
    chosen = plan([HIT], targets={"web": {**WEB, "pick": "50%"}}).sets["web"]
    assert chosen.found == ("w1", "w2", "w3")
    assert chosen.share == "50% of 3 -> 1"
    assert len(chosen.picked) == 1


def test_the_order_of_the_engine_does_not_matter(plan: Make, world: Any) -> None:
    """The same containers in another order give the same plan."""
    world.add("w1", "w2", "w3", app="web")
    targets = {"web": {**WEB, "pick": "50%"}}
    first = plan([HIT], targets=targets)
    world.reverse = True
    assert plan([HIT], targets=targets) == first


def test_the_rest_of_a_set_is_what_was_not_picked(plan: Make, world: Any) -> None:
    """`of` and `except: picked`."""
    world.add("w1", "w2", "w3", app="web")
    targets = {
        "web": {**WEB, "pick": 1},
        "rest": {"of": "web", "except": "picked", "pick": "all"},
    }
    made = plan([HIT, {"id": "ok", "verify": "x.look", "target": "rest"}], targets=targets)
    assert sorted((*made.sets["web"].picked, *made.sets["rest"].picked)) == ["w1", "w2", "w3"]
    assert len(made.sets["rest"].picked) == 2


def test_an_empty_set_is_an_error(plan: Make) -> None:
    """The message says what was looked for."""
    with pytest.raises(PlanError, match="no container with the label app=web"):
        plan([HIT], targets={"web": {**WEB, "pick": "all"}})


def test_an_empty_set_that_may_be_empty_has_no_units(plan: Make) -> None:
    """`on_empty: skip`: the step has no unit, and that is a remark."""
    made = plan([HIT], targets={"web": {**WEB, "pick": "all", "on_empty": "skip"}})
    assert made.units == ()
    assert made.warnings == ("target web is empty; the steps on it are skipped",)


def test_a_set_that_set_up_makes_is_shown_so(plan: Make, world: Any) -> None:
    """With set-up ahead, an empty set is none yet: one unit stands for what will come."""
    parts: dict[str, Any] = {
        "targets": {"web": {**WEB, "pick": "all"}},
        "setup": [{"run": ["up"]}],
    }
    made = plan([HIT], **parts)
    assert made.sets["web"].after_setup
    assert [(unit.id, unit.binding) for unit in made.units] == [("hit@<after setup>", None)]
    with pytest.raises(PlanError, match="web is empty"):
        plan([HIT], running=True, **parts)
    world.add("w1", app="web")
    assert [unit.id for unit in plan([HIT], running=True, **parts).units] == ["hit@w1"]


def test_only_what_is_used_is_resolved(plan: Make, world: Any) -> None:
    """An unused target is a warning, and its engine is not asked; the target of a probe is used."""
    world.add("w1", "db")
    made = plan(
        [{"id": "ok", "verify": "alive", "within": "1s"}],
        targets={
            "web": {"docker": {"name": "w1"}},
            "store": {"docker": {"name": "db"}},
        },
        probes={"alive": {"uses": "x.look", "target": "store"}},
    )
    assert list(made.sets) == ["store"]
    assert [selector.name for selector in world.asked] == ["db"]
    assert made.warnings == ("target web is not used by anything; it is not resolved",)


def test_the_target_of_a_ready_probe_is_used(plan: Make, world: Any) -> None:
    """A process target that waits for a probe on another target needs that one as well."""
    world.add("db")
    made = plan(
        [{"id": "ok", "verify": "x.look", "target": "shop"}],
        targets={
            "shop": {"process": {"command": ["serve"], "ready": "alive"}},
            "store": {"docker": {"name": "db"}},
        },
        probes={"alive": {"uses": "x.look", "target": "store"}},
    )
    assert list(made.sets) == ["shop", "store"]


def test_two_targets_of_one_name_are_refused(plan: Make, world: Any) -> None:
    """A key means one thing in a plan."""
    world.add("shop")
    targets = {
        "shop": {"process": {"command": ["serve"]}},
        "box": {"docker": {"name": "shop"}},
    }
    steps = [
        {"id": "a", "verify": "x.look", "target": "shop"},
        {"id": "b", "verify": "x.look", "target": "box"},
    ]
    with pytest.raises(PlanError, match="Two different targets are called shop"):
        plan(steps, targets=targets)
