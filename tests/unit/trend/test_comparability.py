"""Runs may be compared exactly when what decides their times is the same."""

from typing import Any

import pytest
from tests.drills import STEPS, Drill, scenario

from breakfix.engine.comparability import Comparability, comparability, differences

DRILL = Drill(number=1)


def key(changes: dict[str, Any] | None = None, env: str = "", version: str = "1.2.3") -> Comparability:
    """That of the drill, with other parts."""
    return comparability(scenario(DRILL, **(changes or {})), env=env, version=version)


def steps(**fields: Any) -> list[dict[str, Any]]:
    """The steps, the first of them with other fields."""
    return [{**STEPS[0], **fields}, *STEPS[1:]]


def renamed() -> list[dict[str, Any]]:
    """The same steps under other ids, in another order of the file."""
    ids = {"kill_cache": "a", "noticed": "b", "start": "c", "whole": "d"}
    found = [
        {**step, "id": ids[step["id"]], "depends_on": [ids[i] for i in step.get("depends_on", [])]}
        for step in STEPS
    ]
    return found[::-1]


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "another text", "labels": {"team": "shop"}},
        {"expect": [], "guards": [{"id": "g", "probe": "healthy", "max_outage": "9s"}]},
        {"name": "another_name"},
        {"steps": steps(description="why")},
        {"steps": renamed(), "expect": []},
        {"steps": [*STEPS[:3], {**STEPS[3], "within": "300s"}]},
        {"probes": {"healthy": {"uses": "http.get", "with": {"url": "http://10.0.0.9:8080/health"},
                                "every": "100ms"}}},
        {"targets": {"cache": {"process": {"command": ["cache"], "cwd": "/builds/7"}}}},
        {"setup": [{"run": ["docker", "run", "shop:1.4.3"]}]},
        {"limits": {"deadline": "1h"}, "allowed_on": ["ci"]},
    ],
)  # fmt: skip
def test_what_only_says_names_or_expects_does_not_count(changes: dict[str, Any]) -> None:
    """Nor does where something is."""
    assert key(changes) == key()


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"steps": steps(inject="process.pause")}, ("faults", "repairs", "probes")),
        ({"steps": steps(**{"with": {"signal": "SIGTERM"}})}, ("faults", "repairs", "probes")),
        ({"steps": [*STEPS[:2], {**STEPS[2], "remediate": "process.restart"}, STEPS[3]]},
         ("repairs", "probes")),
        ({"steps": [*STEPS[:3], {**STEPS[3], "consecutive": 5}]}, ("probes",)),
        ({"targets": {"cache": {"process": {"command": ["redis"]}}}},
         ("targets", "faults", "repairs", "probes")),
        ({"targets": {"cache": {"process": {"command": ["cache"]}},
                      "load": {"process": {"command": ["wrk", "-c", "10"]}}}}, ("load",)),
        ({"limits": {"concurrency": 2}}, ("load",)),
        ({"probes": {"healthy": {"uses": "http.get", "with": {"url": "http://x/health"},
                                 "every": "1s"}}}, ("repairs", "probes")),
        ({"probes": {"healthy": {"uses": "http.get", "with": {"url": "http://x/ready"},
                                 "every": "100ms"}}}, ("repairs", "probes")),
        ({"observe": [{"probe": "healthy", "fall": 3}]}, ("probes",)),
    ],
)  # fmt: skip
def test_what_decides_the_times_counts(changes: dict[str, Any], parts: tuple[str, ...]) -> None:
    """And the parts tell what differs."""
    assert differences(key(changes), key()) == parts
    assert key(changes).key != key().key


def test_places_and_versions_tell_runs_apart() -> None:
    """The environment, and the major version of the engine, not the minor one."""
    assert differences(key(env="ci"), key()) == ("env",)
    assert key(version="1.9.0") == key(version="1.2.3")
    assert differences(key(version="2.0.0"), key()) == ("engine",)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"docker": {"name": "shop-web-1"}}, {"docker": {"name": "shop-web-22"}}, True),
        ({"docker": {"name": "shop-web-1"}}, {"docker": {"name": "shop-db-1"}}, False),
        ({"docker": {"compose": {"project": "a", "service": "web"}}, "pick": "all"},
         {"docker": {"compose": {"project": "b", "service": "web"}}, "pick": "all"}, True),
        ({"docker": {"labels": {"app": "web"}}, "pick": 1},
         {"docker": {"labels": {"app": "web"}}, "pick": "50%"}, False),
        ({"ssh": {"hosts": ["db-1", "db-2"]}}, {"ssh": {"hosts": ["db-3", "db-7", "db-9"]}}, True),
        ({"ssh": {"hosts": ["db-1"]}}, {"ssh": {"hosts": ["web-1"]}}, False),
    ],
)  # fmt: skip
def test_a_target_counts_by_its_class(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    """Not by which one of its class it is."""
    keys = [key({"targets": {"cache": target}}) for target in (one, other)]
    assert (keys[0] == keys[1]) is same


def test_a_graph_that_turns_in_a_circle_has_a_key() -> None:
    """No validated scenario has one, but a journal may say anything."""
    circle = [
        {"id": "a", "wait": "1s", "depends_on": ["b"]},
        {"id": "b", "wait": "1s", "depends_on": ["a"]},
        {"id": "c", "inject": "process.kill", "target": "cache", "depends_on": ["a", "gone"]},
    ]
    assert key({"steps": circle, "expect": []}).key
