"""Claims, blast radius, critical path and the worst case."""

from collections.abc import Callable
from typing import Any

import pytest

from breakfix.engine.errors import PlanError
from breakfix.engine.plan import radius_bounds
from breakfix.engine.run_plan import RunPlan

Make = Callable[..., RunPlan]
ONE = {"one": {"docker": {"name": "w1"}}}
WEB = {"docker": {"labels": {"app": "web"}}, "pick": "all"}


def fault(name: str, action: str = "x.pause", target: str = "one", **more: Any) -> dict[str, Any]:
    """An inject step."""
    return {"id": name, "inject": action, "target": target, **more}


# --- claims ---


def test_two_faults_that_nothing_orders_may_not_claim_the_same(plan: Make, world: Any) -> None:
    """Both are named, and what they both want."""
    world.add("w1")
    with pytest.raises(PlanError, match="a and b both take state of w1"):
        plan([fault("a"), fault("b")], targets=ONE)


def test_different_claims_go_together(plan: Make, world: Any) -> None:
    """One takes the state, one the CPU."""
    world.add("w1")
    plan([fault("a"), fault("b", "x.limit")], targets=ONE)


def test_a_lasting_fault_must_have_ended(plan: Make, world: Any) -> None:
    """That it is active is not enough; that it is undone is."""
    world.add("w1")
    with pytest.raises(PlanError, match="both take state"):
        plan([fault("a", hold="5s"), fault("b", depends_on=["a"])], targets=ONE)
    ended = [{"step": "a", "is": "undone"}]
    plan([fault("a", hold="5s"), fault("b", depends_on=ended)], targets=ONE)


def test_an_instant_fault_only_must_have_taken_effect(plan: Make, world: Any) -> None:
    """A kill is over when it is proved."""
    world.add("w1")
    plan([fault("a", "x.kill"), fault("b", "x.kill", depends_on=["a"])], targets=ONE)


def test_a_repair_in_between_ends_a_fault(plan: Make, world: Any) -> None:
    """A repair on the same target, after the fault and before the next, is an end of it."""
    world.add("w1")
    repair = {"id": "fix", "remediate": "x.start", "target": "one", "depends_on": ["a"]}
    plan([fault("a"), repair, fault("b", depends_on=["fix"])], targets=ONE)


def test_an_alternative_orders_only_if_all_do(plan: Make, world: Any) -> None:
    """`any` of the end of a fault and something else says nothing of the fault."""
    world.add("w1")
    loose = [{"any": [{"step": "a", "is": "undone"}, "w"]}]
    firm = [{"any": [{"step": "a", "is": "undone"}, "v"]}]
    wait = {"id": "w", "wait": "1s"}
    after = {"id": "v", "wait": "1s", "depends_on": [{"step": "a", "is": "finished"}]}
    with pytest.raises(PlanError, match="both take state"):
        plan([fault("a", hold="5s"), wait, fault("b", depends_on=loose)], targets=ONE)
    plan([fault("a", hold="5s"), after, fault("b", depends_on=firm)], targets=ONE)


def test_a_join_that_does_not_wait_for_all_orders_nothing(plan: Make, world: Any) -> None:
    """With `require: any`, the fault on this target may still be open; paired, it is not."""
    world.add("w1", "w2", app="web")
    first = fault("a", target="web", hold="5s", require="any")
    join, each = {"step": "a", "is": "undone"}, {"step": "a", "is": "undone", "each": "target"}
    with pytest.raises(PlanError, match="both take state"):
        plan([first, fault("b", target="web", depends_on=[join])], targets={"web": WEB})
    plan([first, fault("b", target="web", depends_on=[each])], targets={"web": WEB})


def test_a_long_chain_of_faults_is_in_order(plan: Make, world: Any) -> None:
    """Hundreds of faults on one target, one after the other."""
    world.add("w1")
    steps = [fault("f0", hold="1s")]
    for i in range(1, 300):
        ended = [{"step": f"f{i - 1}", "is": "undone"}]
        steps.append(fault(f"f{i}", hold="1s", depends_on=ended))
    assert len(plan(steps, targets=ONE).units) == 300


# --- blast radius ---


def test_more_of_a_set_than_allowed_is_refused(plan: Make, world: Any) -> None:
    """Two of three at one time are more than half, which is one."""
    world.add("w1", "w2", "w3", app="web")
    with pytest.raises(PlanError, match=r"hit may break 2 of 3 .*50% allows 1"):
        plan(
            [fault("hit", target="web")],
            targets={"web": {**WEB, "pick": 2}},
            limits={"blast_radius": "50%"},
        )


def test_waves_keep_within_the_radius(plan: Make, world: Any) -> None:
    """A wave is over before the next; where a probe opens the next one, faults add up."""
    world.add("w1", "w2", "w3", app="web")
    parts: dict[str, Any] = {
        "targets": {"web": WEB},
        "limits": {"blast_radius": "34%"},
        "probes": {"ok": {"uses": "x.look"}},
    }
    made = plan([fault("hit", target="web", fan_out={"wave": 1})], **parts)
    assert made.blast == {"web": "1 of 3 at one time (33%), 1 allowed"}
    gate = {"wave": 1, "next_when": {"probe": "ok"}}
    with pytest.raises(PlanError, match="3 of 3"):
        plan([fault("hit", target="web", fan_out=gate)], **parts)


def test_steps_add_up_unless_they_are_ordered(plan: Make, world: Any) -> None:
    """Two steps on parts of a set count for the whole set."""
    world.add("w1", "w2", app="web")
    parts: dict[str, Any] = {
        "targets": {
            "web": {**WEB, "pick": 1},
            "rest": {"of": "web", "except": "picked", "pick": "all"},
        },
        "limits": {"blast_radius": "50%"},
    }
    first = fault("a", target="web", hold="5s")
    with pytest.raises(PlanError, match=r"a, b may break 2 of 2"):
        plan([first, fault("b", target="rest")], **parts)
    ended = [{"step": "a", "is": "undone"}]
    made = plan([first, fault("b", target="rest", depends_on=ended)], **parts)
    assert made.blast == {"web": "1 of 2 at one time (50%), 1 allowed"}


def test_two_faults_on_one_target_are_one_target(plan: Make, world: Any) -> None:
    """A paused container with limited CPU is one broken container, also before others."""
    world.add("w1", "w2", app="web")
    first, limited = fault("a", hold="5s"), fault("b", "x.limit", hold="5s")
    over = [{"step": "a", "is": "undone"}, {"step": "b", "is": "undone"}]
    third = fault("c", target="two", depends_on=over)
    made = plan(
        [first, limited, third, {"id": "ok", "verify": "x.look", "target": "web"}],
        targets={**ONE, "two": {"docker": {"name": "w2"}}, "web": WEB},
        limits={"blast_radius": "50%"},
    )
    assert made.blast["web"] == "1 of 2 at one time (50%), 1 allowed"


def test_a_single_target_has_no_radius(plan: Make, world: Any) -> None:
    """All of one is what was asked for."""
    world.add("w1")
    made = plan([fault("hit")], targets=ONE, limits={"blast_radius": "1%"})
    assert made.blast == {"one": "1 of 1 at one time (100%)"}


def test_the_radius_at_run_time(plan: Make, world: Any) -> None:
    """Of all that were found, whichever are picked, so many may be under a fault at one time."""
    world.add("w1", "w2", "w3", "w4", "db", app="web")
    made = plan(
        [fault("hit", target="web", fan_out={"wave": 1})],
        targets={"web": {"docker": {"labels": {"app": "web"}}, "pick": 4}},
        limits={"blast_radius": "40%"},
    )
    assert radius_bounds(made) == [(frozenset({"w1", "w2", "w3", "w4", "db"}), 2)]


# --- time ---


def test_the_critical_path_is_the_longest_chain(plan: Make) -> None:
    """Of two branches the longer one counts, with the delay of its edge."""
    made = plan(
        [
            {"id": "a", "wait": "10s"},
            {"id": "b", "wait": "20s"},
            {"id": "c", "wait": "1s", "depends_on": ["a", "b"]},
            {"id": "d", "wait": "1s", "depends_on": [{"step": "a", "after": "30s"}]},
        ]
    )
    assert made.critical_path == ("a", "d")
    assert made.worst_s == pytest.approx(41.0)


def test_time_outs_polls_and_retries_are_counted(plan: Make, world: Any) -> None:
    """3 attempts of 10 s, pauses of 1.2 s and 2.4 s; a poll of 5 s with a last sample of 2 s."""
    world.add("w1")
    retry = {"attempts": 3, "backoff": "1s", "factor": 2, "jitter": "20%"}
    made = plan(
        [
            {
                "id": "fix", "remediate": "x.start", "target": "one",
                "timeout": "10s", "retry": retry,
            },
            {
                "id": "ok", "verify": "x.look", "within": "5s", "timeout": "2s",
                "depends_on": ["fix"],
            },
        ],
        targets=ONE,
    )  # fmt: skip
    assert [unit.worst_s for unit in made.units] == pytest.approx([33.6, 7.0])
    assert made.worst_s == pytest.approx(40.6)


def test_a_hold_until_ends_with_its_step_or_at_most(plan: Make, world: Any) -> None:
    """The fault ends at the earlier of both, and what waits for its end begins then."""
    world.add("w1")
    for wait, total in (("3s", 4.0), ("50s", 21.0)):
        hold = {"until": "w", "at_most": "20s"}
        made = plan(
            [
                fault("hit", hold=hold, timeout="0s"),
                {"id": "w", "wait": wait, "depends_on": ["hit"]},
                {"id": "z", "wait": "1s", "depends_on": [{"step": "hit", "is": "undone"}]},
            ],
            targets=ONE,
        )
        assert made.worst_s == pytest.approx(max(total, float(wait[:-1])))


def test_a_fault_without_hold_ends_when_all_else_is_over(plan: Make, world: Any) -> None:
    """What waits for its end begins after everything else."""
    world.add("w1")
    made = plan(
        [
            fault("hit", timeout="0s"),
            {"id": "w", "wait": "7s"},
            {"id": "z", "wait": "1s", "depends_on": [{"step": "hit", "is": "undone"}]},
        ],
        targets=ONE,
    )
    assert made.worst_s == pytest.approx(8.0)
    assert made.critical_path == ("w", "hit@w1", "z")


def test_waves_come_one_after_the_other(plan: Make, world: Any) -> None:
    """Three waves of faults that are held for 5 s, with nothing in between."""
    world.add("w1", "w2", "w3", app="web")
    hit = fault("hit", target="web", hold="5s", timeout="0s", fan_out={"wave": 1})
    made = plan([hit], targets={"web": WEB})
    assert made.worst_s == pytest.approx(15.0)
    assert made.critical_path == ("hit@w1", "hit@w2", "hit@w3")


def test_a_step_that_waits_for_all_waves_may_end_them(plan: Make, world: Any) -> None:
    """`until` a step that waits for the last wave: the bound of the hold is counted."""
    world.add("w1", "w2", app="web")
    hit = fault(
        "hit",
        target="web",
        hold={"until": "w", "at_most": "5s"},
        timeout="0s",
        fan_out={"wave": 1},
    )
    wait = {"id": "w", "wait": "1s", "depends_on": [{"step": "hit", "is": "active"}]}
    assert plan([hit, wait], targets={"web": WEB}).worst_s == pytest.approx(10.0)


def test_the_queue_for_slots_is_counted(plan: Make) -> None:
    """Four waits of 10 s with two slots take 20 s; the bound is one of them and half of the rest."""
    waits = [{"id": f"w{i}", "wait": "10s"} for i in range(4)]
    assert plan(waits, limits={"concurrency": 4}).worst_s == pytest.approx(10.0)
    assert plan(waits, limits={"concurrency": 2}).worst_s == pytest.approx(25.0)


def test_set_up_and_start_are_counted(plan: Make) -> None:
    """The deadline runs from the start of the run, not of the graph."""
    made = plan(
        [{"id": "ok", "verify": "alive", "within": "1s"}],
        targets={"shop": {"process": {"command": ["serve"], "ready": "alive"}}},
        probes={"alive": {"uses": "x.look", "target": "shop", "timeout": "1s"}},
        setup=[{"run": ["up"], "timeout": "20s"}],
    )
    assert made.worst_s == pytest.approx(20.0 + 30.0 + 2.0)


def test_a_worst_case_beyond_the_deadline_is_a_warning(plan: Make) -> None:
    """It may still be quick enough."""
    made = plan([{"id": "w", "wait": "2m"}], limits={"deadline": "1m"})
    assert made.warnings == ("the worst case, 2 m 0 s, is beyond the deadline of 1m",)
