"""What a container is like, and what is said when it is not as it was."""

from typing import Any

import pytest

from breakfix.engine.ops import Outcome
from breakfix.engine.survey import fields_of
from breakfix.engine.timeline.certificate import survey_facts
from breakfix.engine.timeline.facts import RepairFacts

INSPECT: dict[str, Any] = {
    "Id": "0123456789abcdef",
    "State": {"Running": True, "Paused": False},
    "HostConfig": {"Memory": 0, "MemorySwap": 0, "NanoCpus": 0, "CpuQuota": 0, "PidsLimit": None},
    "NetworkSettings": {
        "Networks": {"front": {"IPAMConfig": None, "Aliases": ["web", "0123456789ab"]}}
    },
}


def fields(**host: Any) -> dict[str, str]:
    """The fields of the usual container with other limits."""
    return fields_of(Outcome(ok=True, code=200, data={**INSPECT, "HostConfig": host}))


@pytest.mark.parametrize(
    ("host", "field", "value"),
    [
        ({"Memory": 9223372036854771712, "MemorySwap": -1}, "memory", "unlimited"),
        ({"Memory": 0, "MemorySwap": 9223372036854771712}, "swap", "unlimited"),
        ({"Memory": 1 << 26, "MemorySwap": 1 << 27}, "swap", str(1 << 27)),
        ({"CpuQuota": -1}, "cpus", "unlimited"),
        ({"CpuQuota": 50000, "CpuPeriod": 100000}, "cpus", "0.5"),
        ({"NanoCpus": 500000000}, "cpus", "0.5"),
        ({"PidsLimit": -1}, "pids", "unlimited"),
        ({"PidsLimit": 20}, "pids", "20"),
        ({"CpusetCpus": ""}, "cpuset", "all"),
    ],
)
def test_each_limit_has_one_normal_form(host: dict[str, Any], field: str, value: str) -> None:
    """Never set and lifted again are the same."""
    assert fields(**host)[field] == value


def test_a_network_is_its_static_address_and_its_names() -> None:
    """A dynamic address is as good as another; the id is no name."""
    assert fields()["network front"] == "address dynamic; aliases web"


def test_what_cannot_be_asked_is_unknown() -> None:
    """And one that is not there is told apart."""
    assert fields_of(Outcome(ok=False, code=404)) == {"there": "no"}
    assert fields_of(Outcome(ok=False, error="no engine")) == {"unknown": "no engine"}


def repair(*, put_back: bool = False) -> RepairFacts:
    """A repair of web that succeeded, or its reversal."""
    return RepairFacts(
        unit="mend",
        step="mend",
        attempt=1,
        target="web",
        started_at_s=(1, 1),
        ok=True,
        put_back=put_back,
    )


@pytest.mark.parametrize(
    ("after", "repairs", "whys"),
    [
        ({}, [], []),
        ({"memory": "64"}, [], ["residue"]),
        ({"memory": "64"}, [repair()], ["residue"]),
        ({"id": "other"}, [repair()], ["repair"]),
        ({"id": "other"}, [repair(), repair(put_back=True)], ["residue"]),
        ({"cpuset": "0-1"}, [], []),
        ({"network front": ""}, [], ["residue"]),
    ],
)
def test_what_is_not_as_it_was_has_a_reason(
    after: dict[str, str], repairs: list[RepairFacts], whys: list[str]
) -> None:
    """What a repair that stays may change is told apart from what was left behind."""
    before = fields()
    now = {key: value for key, value in {**before, **after}.items() if value}
    facts = survey_facts(((0, 0), {"web": before}), ((9, 9), {"web": now}), repairs, [])
    assert facts is not None
    assert [change.why for change in facts.changes] == whys


def test_a_container_that_somebody_removed_is_not_ours() -> None:
    """No fault removes one."""
    facts = survey_facts(((0, 0), {"web": fields()}), ((9, 9), {"web": {"there": "no"}}), [], [])
    assert facts is not None
    assert [(change.field, change.why) for change in facts.changes] == [("there", "removed")]


def test_doubt_counts_as_residue() -> None:
    """A container that cannot be looked at again may be in any state."""
    facts = survey_facts(((0, 0), {"web": fields()}), ((9, 9), {"web": {"unknown": "gone"}}), [], [])
    assert facts is not None
    assert [change.why for change in facts.changes] == ["residue"]
