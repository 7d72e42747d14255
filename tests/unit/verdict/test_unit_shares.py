"""A share of the units of a fault has to keep a claim, each judged on its own."""

from typing import Any

import pytest

from breakfix.engine.timeline import fold
from breakfix.engine.verdict import judge

STEPS: tuple[dict[str, Any], ...] = (
    {"id": "kill", "inject": "process.kill", "target": "cache"},
    {
        "id": "noticed", "detect": "healthy", "target": "cache", "within": "20s",
        "consecutive": 2,
        "depends_on": [{"step": "kill", "each": "target"}],
    },
)  # fmt: skip
TARGETS = ("a", "b", "c")
DETECTED_S = {"a": 1.7, "b": 2.0, "c": 12.0}
"""When each is seen bad for the second time; all were killed at 1 s."""


def row(journal: Any, **expect: Any) -> Any:
    """The one row of an expectation about three units."""
    made = journal().begin().plan(
        STEPS,
        [{"fault": "kill", **expect}],
        units={"kill": TARGETS, "noticed": TARGETS},
    )
    for target in TARGETS:
        made.inject(1.0, f"kill@{target}")
    for target in TARGETS:
        unit, seen_s = f"noticed@{target}", DETECTED_S[target]
        made.unit(1.1, unit, "running", due_at_s=1.1)
        made.sample(1.2, 1.21, "good", unit)
        made.sample(1.5, 1.51, "bad", unit)
        made.sample(seen_s, seen_s + 0.01, "bad", unit)
        made.unit(seen_s + 0.01, unit, "succeeded")
    (found,) = judge(fold(made.lines)).rows
    return found


@pytest.mark.parametrize(
    ("units", "verdict", "need"), [("67%", "passed", 2), ("34%", "passed", 1), ("100%", "failed", 3)]
)
def test_so_many_units_have_to_keep_it(journal: Any, units: str, verdict: str, need: int) -> None:
    """Two of three are noticed in time; the worst of all is shown."""
    found = row(journal, detected_within="5s", units=units)
    assert (found.verdict, found.units) == (verdict, (2, need))
    assert found.observed.startswith(f"2 of 3 units, {need} had to; the worst: took ")


def test_without_a_share_all_of_them_are_one(journal: Any) -> None:
    """The worst counts: the step has noticed when all of its units have."""
    found = row(journal, detected_within="5s")
    assert (found.verdict, found.units) == ("failed", None)
