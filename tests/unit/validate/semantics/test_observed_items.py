"""What an item of `observe` can get wrong, and what a quorum makes known."""

from typing import Any

import msgspec
import pytest

from breakfix.engine.model import Scenario
from breakfix.engine.plan.resolve import used_targets
from breakfix.engine.validate.semantics import Finding, findings

SHOP: dict[str, Any] = {"id": "shop", "quorum": 2, "probes": ["a", "b", "c"]}


def scenario(*observe: Any, **row: Any) -> Scenario:
    """Three probes, each of a target of its own."""
    data: dict[str, Any] = {
        "version": 1,
        "name": "x",
        "targets": {f"on_{name}": {"process": {"command": ["sleep", "1"]}} for name in "abc"},
        "probes": {
            name: {"uses": "process.running", "target": f"on_{name}", "every": every}
            for name, every in zip("abc", ("200ms", "1s", "500ms"), strict=True)
        },
        "observe": list(observe),
        "steps": [{"id": "dwell", "wait": "1s"}],
        "expect": [row] if row else [],
    }
    return msgspec.convert(data, Scenario)


def found(*observe: Any, **row: Any) -> list[Finding]:
    """The findings that are about observers or expectations."""
    told = findings(scenario(*observe, **row), {})
    return [one for one in told if one.place[0] in ("observe", "expect")]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{**SHOP, "probe": "a"}], "an observer of one probe has no `id`"),
        ([{"probe": "a", "quorum": 2}], "an observer of one probe has no `quorum`"),
        ([{"rise": 2}], "what this observer looks with is not said"),
        ([{"id": "shop", "probes": ["a", "b"]}], "this quorum has no `quorum`"),
        ([{"id": "shop", "quorum": 1}], "this quorum has no `probes`"),
        ([{"probes": ["a"]}], "this quorum has no `id` and no `quorum`"),
        ([{**SHOP, "quorum": 4}], "a quorum of 4 can never be reached: it has 3 probes"),
        ([{**SHOP, "probes": ["a", "b", "a"]}], "the probe 'a' stands twice"),
        ([{**SHOP, "probes": ["a", "b", "d"]}], "there is no probe 'd'"),
        ([SHOP, {**SHOP, "quorum": 1}], "the id 'shop' stands twice"),
        ([{**SHOP, "id": "a"}], "'a' is the name of a probe"),
    ],
)
def test_an_item_is_one_probe_or_a_whole_quorum(items: list[Any], message: str) -> None:
    """What is neither is said, where it stands."""
    told = found(*items)
    assert message in [one.message for one in told]
    assert all(one.place[0] == "observe" for one in told)


def test_the_members_of_a_quorum_are_used() -> None:
    """Their targets are resolved, and there is nothing to say of them."""
    assert found(SHOP, "a", {"probe": "b", "fall": 2}) == []
    assert used_targets(scenario(SHOP)) == ("on_a", "on_b", "on_c")
    assert [one.message for one in findings(scenario(SHOP), {})] == []


def test_expectations_name_the_id() -> None:
    """Its slowest probe tells what it can measure; a member alone is not observed."""
    assert found(SHOP, probe="shop", max_outage="10s", availability="99%") == []
    (coarse,) = found(SHOP, probe="shop", max_outage="5s")
    assert coarse.message == "shop looks every 1s, too seldom to tell 5s"
    (alone,) = found(SHOP, probe="a", max_outage="10s")
    assert alone.message == "nothing measures max_outage: a is not observed"
