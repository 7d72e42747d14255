"""Which units start, when, and which never do."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.model import Milestone, Scenario
from breakfix.engine.run_plan import Link, RunPlan, Unit
from breakfix.engine.schedule import Schedule, milestones_of


def make(steps: list[dict[str, Any]], units: list[tuple[str, str]], links: list[Link]) -> Schedule:
    """A schedule of units given as (id, step)."""
    scenario = msgspec.convert({"version": 1, "name": "s", "steps": steps}, Scenario)
    plan = RunPlan(
        scenario=scenario,
        seed=1,
        inputs={},
        bindings={},
        sets={},
        units=tuple(Unit(id=unit, step=step) for unit, step in units),
        links=tuple(links),
        critical_path=(),
        worst_s=0.0,
        blast={},
        warnings=(),
        dead_man={},
        hash="",
    )
    return Schedule(plan)


def edge(
    unit: str, source: str, milestone: Milestone = "succeeded", group: int = 0, after_s: float = 0.0
) -> Link:
    """A link, shorter to write."""
    return Link(unit=unit, source=source, milestone=milestone, group=group, after_s=after_s)


WAITS = [{"id": "a", "wait": "0s"}, {"id": "b", "wait": "0s"}, {"id": "c", "wait": "0s"}]


def test_a_unit_starts_when_its_last_dependency_allows_it() -> None:
    """Data flow, never layers: c starts when a and b are over, at the later of both."""
    schedule = make(
        WAITS, [("a", "a"), ("b", "b"), ("c", "c")], [edge("c", "a"), edge("c", "b", group=1)]
    )
    assert [ready.unit for ready in schedule.begin().ready] == ["a", "b"]
    assert schedule.reach("a", milestones_of("succeeded"), 1.0).ready == ()
    (ready,) = schedule.reach("b", milestones_of("succeeded"), 2.0).ready
    assert (ready.unit, ready.due_at_s) == ("c", 2.0)


def test_after_moves_the_due_instant() -> None:
    """`after: 30s` counts from the milestone."""
    schedule = make(WAITS, [("a", "a"), ("b", "b"), ("c", "c")], [edge("b", "a", after_s=30.0)])
    schedule.begin()
    (ready,) = schedule.reach("a", milestones_of("succeeded"), 1.5).ready
    assert ready.due_at_s == 31.5


def test_one_of_any_is_enough() -> None:
    """Alternatives share a group: the first that holds starts the unit, once."""
    schedule = make(WAITS, [("a", "a"), ("b", "b"), ("c", "c")], [edge("c", "a"), edge("c", "b")])
    schedule.begin()
    assert schedule.reach("a", milestones_of("failed"), 1.0).doomed == ()
    assert [r.unit for r in schedule.reach("b", milestones_of("succeeded"), 2.0).ready] == ["c"]


def test_a_failure_dooms_what_asked_for_success() -> None:
    """The doomed unit names the dependency that failed it."""
    schedule = make(WAITS, [("a", "a"), ("b", "b"), ("c", "c")], [edge("b", "a")])
    schedule.begin()
    (doomed,) = schedule.reach("a", milestones_of("failed"), 1.0).doomed
    assert (doomed.unit, doomed.source, doomed.milestone) == ("b", "a", "succeeded")


def test_a_skipped_step_counts_as_finished_and_not_as_failed() -> None:
    """What waits for the end starts; what asked for success or failure does not."""
    schedule = make(
        WAITS,
        [("a", "a"), ("b", "b"), ("c", "c")],
        [edge("b", "a", "finished"), edge("c", "a", "failed")],
    )
    schedule.begin()
    changes = schedule.reach("a", milestones_of("skipped"), 1.0)
    assert [r.unit for r in changes.ready] == ["b"]
    assert [d.unit for d in changes.doomed] == ["c"]


def test_a_join_applies_require() -> None:
    """Two of three are enough with `require: 2`, and the third failure changes nothing."""
    steps: list[dict[str, Any]] = [
        {"id": "a", "wait": "0s", "require": 2},
        {"id": "b", "wait": "0s"},
    ]
    schedule = make(steps, [("a@x", "a"), ("a@y", "a"), ("a@z", "a"), ("b", "b")], [edge("b", "a")])
    schedule.begin()
    assert not schedule.reach("a@x", milestones_of("succeeded"), 1.0).ready
    assert not schedule.reach("a@y", milestones_of("failed"), 2.0).ready
    assert [r.unit for r in schedule.reach("a@z", milestones_of("succeeded"), 3.0).ready] == ["b"]


def test_active_and_undone_are_told_apart() -> None:
    """A dependent of `undone` waits for the end of the fault, one of `active` does not."""
    schedule = make(
        WAITS,
        [("a", "a"), ("b", "b"), ("c", "c")],
        [edge("b", "a", "active"), edge("c", "a", "undone")],
    )
    schedule.begin()
    assert [r.unit for r in schedule.reach("a", {"active": True}, 1.0).ready] == ["b"]
    rest: dict[Milestone, bool] = {
        "undone": True,
        "succeeded": True,
        "failed": False,
        "finished": True,
    }
    assert [r.unit for r in schedule.reach("a", rest, 2.0).ready] == ["c"]


def test_a_step_without_units_counts_as_skipped() -> None:
    """An empty set that may be empty blocks what asked for its success."""
    schedule = make(WAITS[:2], [("b", "b")], [edge("b", "a", "finished")])
    assert [r.unit for r in schedule.begin().ready] == ["b"]


@settings(deadline=None, max_examples=60)
@given(
    st.integers(2, 12).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.sets(
                st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(
                    lambda p: p[0] < p[1]
                )
            ),
            st.lists(st.sampled_from(["succeeded", "failed", "skipped"]), min_size=n, max_size=n),
        )
    )
)
def test_every_unit_either_starts_or_is_doomed(
    case: tuple[int, set[tuple[int, int]], list[str]],
) -> None:
    """Whatever the graph and the outcomes, nothing is forgotten and nothing starts twice."""
    count, edges, outcomes = case
    steps = [{"id": f"s{i}", "wait": "0s"} for i in range(count)]
    links = [edge(f"s{b}", f"s{a}", group=a) for a, b in sorted(edges)]
    schedule = make(steps, [(f"s{i}", f"s{i}") for i in range(count)], links)
    seen: list[str] = []
    todo = [(ready.unit, outcomes[int(ready.unit[1:])]) for ready in schedule.begin().ready]
    while todo:
        unit, outcome = todo.pop()
        seen.append(unit)
        changes = schedule.reach(unit, milestones_of(outcome), 1.0)  # type: ignore[arg-type]
        todo += [(ready.unit, outcomes[int(ready.unit[1:])]) for ready in changes.ready]
        todo += [(doomed.unit, "blocked") for doomed in changes.doomed]
    assert sorted(seen) == sorted(f"s{i}" for i in range(count))
