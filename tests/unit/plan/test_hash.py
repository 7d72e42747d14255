"""The hash of a plan, and what has drifted since."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breakfix.engine.action import NoFacts, ProcessFacts
from breakfix.engine.errors import DriftError, UsageError
from breakfix.engine.plan import drift, load, save, slim
from breakfix.engine.run_plan import RunPlan

Make = Callable[..., RunPlan]
HIT = {"id": "hit", "inject": "x.kill", "target": "web", "with": {"signal": "SIGTERM", "count": 2}}
WEB = {"web": {"docker": {"labels": {"app": "web", "tier": "a"}}, "pick": 1}}


@pytest.fixture
def planned(plan: Make, world: Any) -> RunPlan:
    """A plan for one of two containers."""
    world.add("w1", "w2", app="web", tier="a")
    return plan([HIT], targets=WEB)


def other_of(planned: RunPlan) -> str:
    """The container that was not picked."""
    (picked,) = planned.sets["web"].picked
    return "w1" if picked == "w2" else "w2"


def test_the_order_of_keys_does_not_matter(plan: Make, planned: RunPlan) -> None:
    """The same scenario written in another order has the same hash; so have other descriptions."""
    turned = dict(reversed(HIT.items())) | {"with": {"count": 2, "signal": "SIGTERM"}}
    targets = {"web": {"pick": 1, "docker": {"labels": {"tier": "a", "app": "web"}}}}
    again = plan([turned | {"description": "words"}], targets=targets, description="more words")
    assert again.hash == planned.hash
    assert len(planned.hash) == 64


def test_a_restart_is_no_drift(plan: Make, planned: RunPlan, world: Any) -> None:
    """Another pid, other times, another state that the step is not first to meet: the same plan."""
    world.lives = {"w1": 2, "w2": 3}
    again = plan([HIT], targets=WEB)
    assert again.units != planned.units
    assert again.hash == planned.hash
    assert drift(again, planned) == []


def test_another_container_of_the_same_name_is_drift(
    plan: Make, planned: RunPlan, world: Any
) -> None:
    """The message has both ids."""
    (picked,) = planned.sets["web"].picked
    world.ids[picked] = "another"
    changes = drift(plan([HIT], targets=WEB), planned)
    assert any("another one now" in text and f"id-of-{picked}" in text for text in changes)


def test_a_container_that_is_not_picked_may_be_replaced(
    plan: Make, planned: RunPlan, world: Any
) -> None:
    """Only what is touched counts."""
    world.ids[other_of(planned)] = "another"
    assert plan([HIT], targets=WEB).hash == planned.hash


def test_each_change_is_told(plan: Make, planned: RunPlan, world: Any) -> None:
    """Seed, steps, members and limits, each by its name."""
    world.add("w3", app="web", tier="a")
    more = [HIT | {"with": {"signal": "SIGINT"}}, {"id": "w", "wait": "1s"}]
    changes = drift(plan(more, seed=2, targets=WEB, limits={"concurrency": 3}), planned)
    text = "\n".join(changes)
    for part in ("step hit has changed", "step w is new", "limits has changed", "the seed was 1"):
        assert part in text
    assert "target web was 1 of 2 -> 1" in text
    assert plan([HIT], targets=WEB, inputs={}).hash != planned.hash


def test_what_came_with_set_up_is_no_drift(plan: Make, world: Any) -> None:
    """A plan of before covers the selector of a set that was empty; the rest still counts."""
    parts: dict[str, Any] = {"targets": WEB, "setup": [{"run": ["up"]}]}
    before = plan([HIT], **parts)
    world.add("w1", "w2", app="web", tier="a")
    after = plan([HIT], running=True, **parts)
    assert after.hash != before.hash
    assert drift(after, before) == []
    changed = plan([HIT], running=True, **parts, limits={"concurrency": 3})
    assert drift(changed, before) == ["limits has changed"]


def test_a_process_that_was_started_is_no_drift(plan: Make, world: Any) -> None:
    """Mark and pid are of one run: a plan made before it still holds."""
    steps = [{"id": "hit", "inject": "x.stop", "target": "shop"}]
    parts: dict[str, Any] = {"targets": {"shop": {"process": {"command": ["serve"]}}}}
    before = plan(steps, **parts)
    facts: ProcessFacts = world.process("shop")
    identity = msgspec.structs.replace(facts.identity, object_id="feed", incarnation="7@8")
    world.processes["shop"] = msgspec.structs.replace(facts, identity=identity, running=True)
    after = plan(steps, running=True, **parts)
    assert after.units[0].unknown == ()
    assert after.hash == before.hash


def test_a_plan_file_comes_back_as_it_was(planned: RunPlan, tmp_path: Path) -> None:
    """All but the facts: they hold the environment of containers."""
    file = tmp_path / "plan.json"
    save(planned, file)
    back = load(file)
    assert back.units == planned.units
    assert back.scenario == planned.scenario
    assert drift(planned, back) == []
    assert all(binding.facts == NoFacts() for binding in back.bindings.values())
    assert "hunter2" not in file.read_text(encoding="utf-8")
    save(back, file)
    assert load(file) == back


def test_a_broken_plan_file_is_refused(tmp_path: Path) -> None:
    """One sentence, with the file's name; so is one that is not there."""
    file = tmp_path / "plan.json"
    with pytest.raises(UsageError, match="cannot be read"):
        load(file)
    file.write_bytes(b'{"scenario": \xff')
    with pytest.raises(UsageError, match=r"plan\.json is not a plan"):
        load(file)
    with pytest.raises(UsageError, match="cannot be written"):
        save(load_any(), tmp_path / "no" / "plan.json")


def load_any() -> RunPlan:
    """The smallest plan."""
    scenario = {"version": 1, "name": "s", "steps": [{"id": "w", "wait": "0s"}]}
    fields = {
        "scenario": scenario, "seed": 1, "inputs": {}, "bindings": {}, "sets": {}, "units": [],
        "links": [], "critical_path": [], "worst_s": 0, "blast": {}, "warnings": [],
        "dead_man": {}, "hash": "",
    }  # fmt: skip
    return msgspec.convert(fields, RunPlan)


def test_a_journal_holds_the_slim_plan(planned: RunPlan) -> None:
    """No facts, no previews, no prints; but the hash of the whole. It cannot be compared."""
    thin = slim(planned)
    assert thin.hash == planned.hash
    assert [unit.id for unit in thin.units] == [unit.id for unit in planned.units]
    assert all(unit.preview is None for unit in thin.units)
    assert thin.prints == {}
    assert "hunter2" not in msgspec.json.encode(thin).decode()
    with pytest.raises(DriftError):
        drift(planned, thin)
