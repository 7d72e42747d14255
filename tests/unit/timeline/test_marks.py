"""Marks, durations and the healer of an episode, from journals by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from breakfix.engine.timeline import fold
from breakfix.engine.timeline.record import Measured

Story = Callable[..., Any]

DETECT_BY_EVENT = (
    {"id": "kill_cache", "inject": "docker.kill", "target": "cache"},
    {"id": "noticed", "detect": "docker.event", "depends_on": ["kill_cache"], "within": "10s"},
    {"id": "start_cache", "remediate": "docker.start", "target": "cache",
     "depends_on": ["noticed"]},
    {"id": "whole", "verify": "healthy", "depends_on": ["start_cache"], "within": "20s"},
)  # fmt: skip


def only(run: Any) -> Measured:
    """What the one episode of a run measured."""
    (episode,) = fold(run.lines).episodes
    return episode.measured


def test_marks_lie_where_the_samples_prove_them(story: Story) -> None:
    """Each mark is the pair of instants between which it must have been."""
    marks = only(story()).marks
    assert marks.t0 == (1.0, 1.0)
    assert marks.t1 == pytest.approx((1.01, 1.02))
    assert marks.t2 == (1.10, 1.35), "last good began, first bad ended"
    assert marks.t3 == (1.60, 1.65), "the sample that completes the streak"
    assert marks.t3_first_hit == (1.30, 1.35)
    assert (marks.t5, marks.t6) == ((2.7, 2.7), (2.9, 2.9))
    assert marks.t7 == (3.00, 3.22), "last bad began, first good ended"
    assert marks.t8 == (3.40, 3.42)
    assert marks.t9 == (2.75, 2.95)


def test_durations_carry_both_ends(story: Story) -> None:
    """A duration is as uncertain as both of its marks together."""
    metrics = only(story()).metrics
    assert metrics.time_to_restore_s == pytest.approx((3.40 - 1.35, 3.42 - 1.10))
    assert metrics.time_to_detect_s == pytest.approx((0.25, 0.55))
    assert metrics.time_to_detect_from_effect_s == pytest.approx((0.58, 0.64))
    assert metrics.time_to_mitigate_s == pytest.approx((1.65, 2.12))
    assert metrics.time_to_impact_s == pytest.approx((0.08, 0.34))
    assert metrics.missing["time_to_acknowledge_s"].reason == "not_measured"


def test_parts_are_all_of_the_time_to_restore(story: Story) -> None:
    """The parts follow each other from t2 to t8."""
    parts = only(story()).parts
    assert [part.name for part in parts] == ["noticed", "waiting", "repair", "confirmed"]
    assert [part.from_mark for part in parts] == ["t2", "t3", "t5", "t6"]
    assert parts[-1].to_mark == "t8"


def test_an_armed_sample_is_the_last_good_one(journal: Story) -> None:
    """Without a good sample after the fault, the one before it bounds the outage, and an outage of
    the fault cannot begin before its command."""
    run = journal().begin().plan()
    run.sample(0.7, 0.8, "good", "noticed", armed=True).inject(1.0)
    run.unit(1.1, "noticed", "running").sample(1.2, 1.3, "bad", "noticed")
    measured = only(run)
    assert measured.marks.t2 == (1.0, 1.3)
    (outage,) = fold(run.lines).outages
    assert outage.start_at_s == (0.7, 1.3)
    assert outage.end_at_s is None


def test_repair_heals_only_before_the_service_is_good(story: Story) -> None:
    """A repair downstream that succeeded while the service was bad healed it."""
    assert only(story()).healed_by == "repair"


def test_a_repair_after_the_recovery_healed_nothing(journal: Story) -> None:
    """The service came back by itself; the repair came later."""
    run = journal().begin().plan()
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.sample(1.1, 1.2, "bad", "noticed").sample(1.3, 1.4, "bad", "noticed")
    run.sample(1.5, 1.6, "good", "whole").sample(1.7, 1.8, "good", "whole")
    run.repair(2.0, 2.1)
    assert only(run).healed_by == "self"


@pytest.mark.parametrize("by", ["engine", "expiry"])
def test_what_the_engine_ended_no_repair_has_healed(journal: Story, by: str) -> None:
    """Where the fault was over by the engine or by its time before the recovery, that healed it."""
    run = journal().begin().plan()
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.sample(1.1, 1.2, "bad", "noticed").sample(1.3, 1.4, "bad", "noticed")
    run.repair(1.5, 1.6).fault_ended(1.7, 1.8, by)
    run.sample(1.9, 2.0, "good", "whole").sample(2.1, 2.2, "good", "whole")
    assert only(run).healed_by == by


def test_a_restart_policy_heals_without_a_repair(journal: Story) -> None:
    """Nobody repaired; the fault ended by a restart, and that is what is told."""
    steps = (
        {"id": "kill_cache", "inject": "docker.kill", "target": "cache"},
        {"id": "noticed", "detect": "healthy", "depends_on": ["kill_cache"], "within": "9s"},
        {"id": "whole", "verify": "healthy", "depends_on": ["noticed"], "within": "9s"},
    )
    run = journal().begin().plan(steps)
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.sample(1.1, 1.2, "bad", "noticed").fault_ended(1.3, 1.4, "restart")
    run.sample(1.5, 1.6, "good", "whole")
    assert only(run).healed_by == "restart"


def test_an_absorbed_fault_has_no_times(journal: Story) -> None:
    """A service that was never seen bad has no time to restore, and not zero."""
    run = journal().begin().plan()
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.sample(1.1, 1.2, "good", "noticed").sample(1.3, 1.4, "good", "noticed")
    run.unit(11.0, "noticed", "failed", "healthy was not bad within 10 s")
    measured = only(run)
    assert measured.healed_by == "absorbed"
    assert measured.metrics.time_to_restore_s is None
    assert measured.metrics.missing["time_to_restore_s"].reason == "absorbed"
    assert measured.metrics.missing["time_to_detect_from_effect_s"].at_least_s == pytest.approx(
        11.0 - 1.02
    )


def test_a_look_after_the_end_does_not_make_a_fault_absorbed(journal: Story) -> None:
    """Nobody looked while the fault was there: that it did no harm is not known."""
    steps = (
        {"id": "kill_cache", "inject": "process.kill", "target": "cache"},
        {"id": "whole", "verify": "healthy", "depends_on": ["kill_cache"], "within": "9s"},
    )
    run = journal().begin().plan(steps).inject(1.0).fault_ended(1.5, 1.6, "engine")
    run.sample(2.0, 2.1, "good", "whole")
    measured = only(run)
    assert measured.healed_by is None
    assert measured.metrics.missing["time_to_restore_s"].reason == "not_measured"


def test_a_verification_in_vain_is_censored(journal: Story) -> None:
    """A service that was not seen good for long enough took at least until the step gave up."""
    run = journal().begin().plan()
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.sample(1.1, 1.2, "bad", "noticed").sample(1.3, 1.4, "bad", "noticed")
    run.repair(1.5, 1.6).sample(2.0, 2.1, "bad", "whole")
    run.unit(21.6, "whole", "failed", "healthy was not good within 20 s")
    missing = only(run).metrics.missing["time_to_restore_s"]
    assert missing.reason == "censored"
    assert missing.at_least_s == pytest.approx(21.6 - 1.2)


def test_an_occurrence_stands_in_for_the_first_bad_sample(journal: Story) -> None:
    """Where no state was sampled, what was reported by its arrival bounds t2 from above."""
    run = journal().begin().plan(DETECT_BY_EVENT).inject(1.0)
    run.sample(1.1, 1.2, "seen", "noticed", probe="docker.event", occurred_at_s=1.05)
    run.repair(1.5, 1.6).sample(1.7, 1.8, "good", "whole")
    measured = only(run)
    assert measured.impact_from == "occurrence"
    assert measured.marks.t2 == (1.0, 1.05)
    assert measured.marks.t3 == (1.1, 1.2)
    assert measured.marks.t8 == (1.7, 1.8)
    assert measured.healed_by == "repair"


def test_a_blind_sample_breaks_a_streak_and_bounds_nothing(journal: Story) -> None:
    """Neither good nor bad: it is skipped by outages and starts streaks anew."""
    run = journal().begin().plan()
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.sample(1.1, 1.2, "bad", "noticed").sample(1.3, 1.4, "blind", "noticed")
    run.sample(1.5, 1.6, "bad", "noticed").sample(1.7, 1.8, "bad", "noticed")
    measured = only(run)
    assert measured.marks.t3 == (1.7, 1.8)
    assert measured.marks.t2 == (1.0, 1.2)


def test_faults_apart_are_episodes_of_their_own(journal: Story) -> None:
    """Two faults that do not overlap are two episodes; each takes the samples of its time."""
    steps = (
        {"id": "first", "inject": "process.pause", "target": "cache"},
        {"id": "whole", "verify": "healthy", "depends_on": ["first"], "within": "9s"},
        {"id": "second", "inject": "process.pause", "target": "cache", "depends_on": ["whole"]},
        {"id": "again", "verify": "healthy", "depends_on": ["second"], "within": "9s"},
    )
    run = journal().begin().plan(steps, expect=({"fault": "second", "restored_within": "5s"},))
    run.inject(1.0, "first@cache").sample(1.1, 1.2, "bad", "whole")
    run.fault_ended(1.3, 1.4, "expiry", "first@cache").sample(1.5, 1.6, "good", "whole")
    run.inject(3.0, "second@cache").sample(3.1, 3.2, "bad", "again")
    run.fault_ended(3.3, 3.4, "expiry", "second@cache").sample(3.5, 3.6, "good", "again")
    first, second = fold(run.lines).episodes
    assert first.steps == ("first",)
    assert first.measured.marks.t8 == (1.5, 1.6)
    assert second.measured.marks.t2 == (3.0, 3.2)
    assert second.measured.marks.t8 == (3.5, 3.6)
    assert [item.step for item in second.by_step] == ["second"]


def test_overlapping_faults_are_one_episode(journal: Story) -> None:
    """A fault that begins while another is open belongs to the same episode; an expectation about
    one of them sees what is downstream of it alone."""
    steps = (
        {"id": "first", "inject": "process.pause", "target": "cache"},
        {"id": "seen_first", "detect": "healthy", "depends_on": ["first"], "within": "9s"},
        {"id": "second", "inject": "process.pause", "target": "cache"},
        {"id": "seen_second", "detect": "other", "depends_on": ["second"], "within": "9s"},
    )
    run = journal().begin().plan(
        steps,
        expect=({"fault": "second", "detected_within": "5s"},),
        probes={name: {"uses": "http.get"} for name in ("healthy", "other")},
    )
    run.inject(1.0, "first@cache").inject(1.5, "second@cache")
    run.sample(1.6, 1.7, "bad", "seen_first")
    run.sample(2.6, 2.7, "bad", "seen_second", probe="other")
    run.fault_ended(3.0, 3.1, "engine", "first@cache")
    run.fault_ended(3.0, 3.1, "engine", "second@cache")
    (episode,) = fold(run.lines).episodes
    assert episode.steps == ("first", "second")
    assert episode.measured.marks.t3 == (1.6, 1.7)
    (own,) = episode.by_step
    assert own.measured.marks.t0 == (1.5, 1.5)
    assert own.measured.marks.t3 == (2.6, 2.7)


def test_a_step_over_many_targets_is_detected_when_enough_are(journal: Story) -> None:
    """A step that asks for all of its units is detected with the last of them."""
    steps = (
        {"id": "kill", "inject": "docker.kill", "target": "cache"},
        {"id": "noticed", "detect": "docker.state", "target": "cache", "depends_on": ["kill"]},
    )
    run = journal().begin().plan(steps, units={"kill": ["a", "b"], "noticed": ["a", "b"]})
    run.inject(1.0, "kill@a").inject(1.0, "kill@b")
    run.sample(1.1, 1.2, "bad", "noticed@a", probe="docker.state")
    run.sample(2.1, 2.2, "bad", "noticed@b", probe="docker.state")
    assert only(run).marks.t3 == (2.1, 2.2)


def test_an_inverted_detection_is_an_outage_too(journal: Story) -> None:
    """Where a detect step waits for good, good is what is wrong."""
    steps = (
        {"id": "burn", "inject": "docker.exec", "target": "cache"},
        {"id": "hot", "detect": "healthy", "is": "good", "depends_on": ["burn"], "within": "9s"},
    )
    run = journal().begin().plan(steps)
    run.sample(0.8, 0.9, "bad", "hot", armed=True).inject(1.0, "burn@cache")
    run.sample(1.1, 1.2, "good", "hot")
    measured = only(run)
    assert measured.marks.t2 == (1.0, 1.2)
    assert measured.marks.t3 == (1.1, 1.2)
