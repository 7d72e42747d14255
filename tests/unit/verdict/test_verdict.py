"""Verdicts and exit codes, from journals by hand: the heaviest counts, and no pass is empty."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breakfix.engine.events import (
    CancelRequested,
    CommandEnded,
    FaultActive,
    FaultEnded,
    FaultIntended,
    FaultResidue,
    GuardTripped,
    Line,
    MarkGone,
    MarkIntended,
    RepairEnded,
    RunEnded,
    RunErrored,
    RunInvalid,
    SampleTaken,
)
from breakfix.engine.timeline import Verdict, fold
from breakfix.engine.verdict import judge

Story = Callable[..., Any]
STEPS: tuple[dict[str, Any], ...] = (
    {"id": "kill_cache", "inject": "process.kill", "target": "cache"},
    {"id": "noticed", "detect": "healthy", "depends_on": ["kill_cache"], "within": "10s"},
    {"id": "start_cache", "remediate": "process.start", "target": "cache",
     "depends_on": ["noticed"]},
    {"id": "whole", "verify": "healthy", "depends_on": ["start_cache"], "within": "20s"},
)  # fmt: skip


def with_step(step_id: str, **keys: Any) -> tuple[dict[str, Any], ...]:
    """The steps, one of them with other keys."""
    return tuple({**step, **keys} if step["id"] == step_id else step for step in STEPS)


def verdict_of(run: Any) -> Verdict:
    """The verdict over the lines of a builder."""
    return judge(fold(run.lines))


def test_a_whole_run_passes_with_its_evidence(story: Story) -> None:
    """Noticed, mended, verified, every expectation held."""
    verdict = verdict_of(story())
    assert (verdict.verdict, verdict.exit_code) == ("passed", 0)
    assert [row.verdict for row in verdict.rows] == ["passed"] * 3
    assert "2.18 s [2.05, 2.32]" in verdict.reason
    assert "healed by the repair" in verdict.reason


@pytest.mark.parametrize(
    ("bound", "row", "word", "code"),
    [
        ("2.32s", "passed", "passed", 0),
        ("2.2s", "inconclusive", "inconclusive", 3),
        ("2s", "failed", "failed", 1),
    ],
)
def test_an_interval_is_compared_with_both_ends(
    story: Story, bound: str, row: str, word: str, code: int
) -> None:
    """It took between 2.05 s and 2.32 s: a bound between the two decides nothing."""
    verdict = verdict_of(story(expect=({"fault": "kill_cache", "restored_within": bound},)))
    assert verdict.rows[0].verdict == row
    assert (verdict.verdict, verdict.exit_code) == (word, code)


def test_who_healed_must_be_who_was_expected(story: Story) -> None:
    """Healed by a repair where a restart was expected: failed."""
    verdict = verdict_of(story(expect=({"fault": "kill_cache", "healed_by": "restart"},)))
    assert (verdict.verdict, verdict.exit_code) == ("failed", 1)
    assert "healed by the repair" in verdict.reason


def test_an_expectation_of_the_run_takes_the_worst_episode(story: Story) -> None:
    """Without a fault named, it is about the run."""
    (row,) = verdict_of(story(expect=({"restored_within": "1s"},))).rows
    assert (row.about, row.verdict, row.episode) == ("the run", "failed", 0)


def censored(journal: Story, bound: str) -> Verdict:
    """Bad from 1.2 s on, and not good until the verification gave up at 4.2 s."""
    steps = with_step("whole", on_failure="continue")
    run = journal().begin().plan(steps, ({"fault": "kill_cache", "restored_within": bound},))
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.sample(1.1, 1.2, "bad", "noticed").unit(1.3, "noticed", "succeeded")
    run.repair(1.5, 1.6).unit(1.7, "start_cache@cache", "succeeded")
    run.sample(2.0, 2.1, "bad", "whole").unit(4.2, "whole", "failed", "not good within 3 s")
    run.fault_ended(4.3, 4.4, "engine").unit(4.5, "kill_cache@cache", "succeeded")
    return verdict_of(run.end(5.0))


def test_a_censored_value_fails_only_above_its_bound(journal: Story) -> None:
    """It took at least 3 s: more than 2 s for sure, more than 10 s perhaps."""
    assert censored(journal, "2s").verdict == "failed"
    low = censored(journal, "10s")
    assert (low.verdict, low.exit_code) == ("inconclusive", 3)
    assert low.rows[0].at_least_s == pytest.approx(3.0)


def test_a_failed_step_says_what_it_kept_from_beginning(journal: Story) -> None:
    """Nobody noticed: the run has failed, and the reason names what was never reached."""
    run = journal().begin().plan(STEPS).sample(0.8, 0.9, "good", "noticed", armed=True)
    run.inject(1.0).sample(1.1, 1.2, "good", "noticed")
    run.unit(11.0, "noticed", "failed", "healthy was not bad within 10 s: status 200")
    run.unit(11.0, "start_cache@cache", "blocked", "needs noticed succeeded, it is failed")
    run.unit(11.0, "whole", "blocked", "needs start_cache succeeded, it is blocked")
    run.fault_ended(11.1, 11.2, "engine").unit(11.3, "kill_cache@cache", "succeeded")
    verdict = verdict_of(run.end(12.0))
    assert (verdict.verdict, verdict.exit_code) == ("failed", 1)
    assert "healthy was not bad within 10 s" in verdict.reason
    assert "start_cache" in verdict.reason and "whole" in verdict.reason
    assert any("never reached" in note for note in verdict.notes)


def test_a_failed_repair_fails_the_run(journal: Story) -> None:
    """A repair that did not repair is a failure of the system, not of the tool."""
    run = journal().begin().plan(STEPS).sample(0.8, 0.9, "good", "noticed", armed=True)
    run.inject(1.0).sample(1.1, 1.2, "bad", "noticed").unit(1.3, "noticed", "succeeded")
    run.repair(1.5, 1.6, ok=False, error="no").unit(1.7, "start_cache@cache", "failed", "no")
    run.unit(1.7, "whole", "blocked", "needs start_cache succeeded, it is failed")
    run.fault_ended(1.8, 1.9, "engine").unit(2.0, "kill_cache@cache", "succeeded")
    verdict = verdict_of(run.end(3.0))
    assert (verdict.verdict, verdict.exit_code) == ("failed", 1)


def test_without_a_verify_sample_nothing_passes(story: Story) -> None:
    """The same run without the samples of its verify step proves nothing."""
    run = story(expect=())
    run.lines = [
        line for line in run.lines
        if not (isinstance(line.event, SampleTaken) and line.event.unit == "whole")
    ]  # fmt: skip
    verdict = verdict_of(run)
    assert (verdict.verdict, verdict.exit_code) == ("invalid", 3)
    assert "whole" in verdict.reason


def test_a_scenario_without_verification_is_invalid(journal: Story) -> None:
    """A run of waits alone ends with 3."""
    run = journal().begin().plan(({"id": "pause", "wait": "1s"},))
    verdict = verdict_of(run.unit(1.0, "pause", "succeeded").end(2.0))
    assert (verdict.verdict, verdict.exit_code) == ("invalid", 3)


def test_a_fault_that_was_not_seen_effective_is_invalid(journal: Story) -> None:
    """Whatever was verified, it was not verified under the fault."""
    steps = (STEPS[0], {"id": "whole", "verify": "healthy", "within": "9s"})
    run = journal().begin().plan(steps).inject(1.0, active=False)
    run.fault_ended(1.5, 1.6, "engine")
    run.unit(1.7, "kill_cache@cache", "failed", "the process still runs")
    run.sample(2.0, 2.1, "good", "whole").unit(2.2, "whole", "succeeded")
    verdict = verdict_of(run.end(3.0))
    assert (verdict.verdict, verdict.exit_code) == ("invalid", 3)
    assert "the process still runs" in verdict.reason


def test_a_condition_that_held_before_makes_all_else_worthless(journal: Story) -> None:
    """The run was invalid: what failed in it is not held against the system."""
    run = journal().begin().plan(STEPS)
    run.sample(0.8, 0.9, "bad", "noticed", armed=True)
    run.add(1.0, RunInvalid(reason="what noticed waits for held before the fault"))
    run.add(1.0, CancelRequested(why="invalid", source="invalid"))
    run.unit(1.1, "whole", "failed", "no")
    verdict = verdict_of(run.end(2.0))
    assert (verdict.verdict, verdict.exit_code) == ("invalid", 3)
    assert "held before" in verdict.reason


def test_a_probe_that_was_blind_all_along_is_no_failure(journal: Story) -> None:
    """Our side could not look: invalid, not failed."""
    run = journal().begin().plan(({"id": "whole", "verify": "healthy", "within": "9s"},))
    run.sample(1.0, 1.1, "blind", "whole", detail="no such host")
    run.unit(9.0, "whole", "failed", "every sample of healthy was blind: no such host")
    verdict = verdict_of(run.end(10.0))
    assert (verdict.verdict, verdict.exit_code) == ("invalid", 3)


def test_a_failure_that_may_continue_is_left_to_the_expectations(journal: Story) -> None:
    """`on_failure: continue` reports, and does not judge."""
    steps = (
        {"id": "first", "verify": "healthy", "within": "1s", "on_failure": "continue"},
        {"id": "second", "verify": "healthy", "within": "9s"},
    )
    run = journal().begin().plan(steps)
    run.sample(1.0, 1.1, "bad", "first").unit(2.0, "first", "failed", "not good within 1 s")
    run.sample(3.0, 3.1, "good", "second").unit(3.2, "second", "succeeded")
    assert verdict_of(run.end(4.0)).verdict == "passed"


@pytest.mark.parametrize("source", ["signal", "deadline", "halt", "guardian"])
def test_a_run_that_was_stopped_is_aborted(story: Story, source: Any) -> None:
    """Stopped and clean: 4."""
    run = story()
    run.lines = run.lines[:-2]
    run.add(3.5, CancelRequested(why="SIGTERM", source=source))
    verdict = verdict_of(run.end(3.6))
    assert (verdict.verdict, verdict.exit_code) == ("aborted", 4)
    assert "SIGTERM" in verdict.reason


@pytest.mark.parametrize(
    ("kind", "after_effect", "code"),
    [
        ("DriftError", False, 2),
        ("PreconditionError", False, 2),
        ("PreconditionError", True, 5),
        ("EngineUnavailable", False, 5),
        ("unexpected", False, 5),
    ],
)
def test_our_own_errors(journal: Story, kind: str, after_effect: bool, code: int) -> None:
    """A refusal before the first effect is 2; anything else that goes wrong on our side 5."""
    run = journal().begin().plan(STEPS)
    if after_effect:
        run.inject(1.0).fault_ended(1.5, 1.6, "engine")
    run.add(2.0, RunErrored(message="it went wrong", kind=kind))
    verdict = verdict_of(run.end(3.0))
    assert (verdict.verdict, verdict.exit_code) == ("errored", code)
    assert verdict.reason == "it went wrong."


def test_residue_outweighs_everything(story: Story) -> None:
    """What could not be undone gives 6, with the command for people."""
    run = story()
    run.lines = [line for line in run.lines if not isinstance(line.event, FaultEnded)]
    run.add(
        3.7,
        FaultResidue(fault="kill_cache@cache#1", why="still paused", manual="docker unpause c"),
    )
    run.add(3.8, CancelRequested(why="SIGINT", source="signal"))
    verdict = verdict_of(run)
    assert verdict.exit_code == 6
    assert "docker unpause c" in verdict.reason
    assert any("SIGINT" in note for note in verdict.notes)


def test_an_open_fault_or_process_is_residue(journal: Story) -> None:
    """What nobody saw gone counts as left behind."""
    assert verdict_of(journal().begin().plan(STEPS).inject(1.0)).exit_code == 6
    assert verdict_of(journal().begin().process(0.1)).exit_code == 6


def test_a_repair_that_was_not_put_back_is_residue(story: Story) -> None:
    """Putting back is an undo, and its failure is one too."""
    run = story()
    run.add(
        3.7,
        RepairEnded(
            unit="start_cache@cache", attempt=0, started_at_s=3.6, ended_at_s=3.7, ok=False,
            error="gone", put_back=True,
        ),
    )  # fmt: skip
    assert verdict_of(run).exit_code == 6


def test_the_death_of_the_engine_is_an_error_however_clean(story: Story) -> None:
    """The guardian undid everything: 5, and the reason says who did it."""
    run = story()
    run.lines = [line for line in run.lines if line.at_s < 2.0]
    run.writer(2.0, "guardian").fault_ended(2.1, 2.2, "engine", writer="guardian")
    verdict = verdict_of(run.end(2.3, by="guardian"))
    assert (verdict.verdict, verdict.exit_code) == ("errored", 5)
    assert "guardian" in verdict.reason


def test_a_failed_teardown_is_an_error(story: Story) -> None:
    """What teardown was to remove may be there still."""
    run = story()
    run.add(3.7, CommandEnded(stage="teardown", index=0, ok=False, error="no luck"))
    verdict = verdict_of(run)
    assert (verdict.verdict, verdict.exit_code) == ("errored", 5)
    assert "no luck" in verdict.reason


def test_a_rehearsal_judges_its_probes_alone(journal: Story) -> None:
    """Nothing was broken: expectations about faults are not asked, probes must be quiet."""
    run = journal().begin(no_faults=True).plan(STEPS, ({"restored_within": "1s"},))
    run.unit(1.0, "kill_cache@cache", "skipped", "--no-faults")
    run.sample(1.1, 1.2, "good", "noticed").unit(1.3, "noticed", "succeeded")
    run.unit(1.3, "start_cache@cache", "skipped", "--no-faults")
    run.sample(1.4, 1.5, "good", "whole").unit(1.6, "whole", "succeeded")
    verdict = verdict_of(run.end(2.0))
    assert (verdict.verdict, verdict.exit_code, verdict.rows) == ("passed", 0, ())
    assert "rehearsal" in verdict.reason


def test_an_empty_journal_is_an_error() -> None:
    """Nothing at all proves nothing at all."""
    assert judge(fold([])).exit_code == 5


def evident(lines: list[Line]) -> bool:
    """Read from the events themselves: a verification by a sample, each fault begun seen effective
    or none begun, and everything that was open closed again."""
    events = [line.event for line in lines]
    verified = any(
        isinstance(e, SampleTaken) and e.unit == "whole" and not e.armed and e.state != "blind"
        for e in events
    )
    begun = {e.fault for e in events if isinstance(e, FaultIntended)}
    active = {e.fault for e in events if isinstance(e, FaultActive)}
    over = {e.fault for e in events if isinstance(e, FaultEnded)}
    marks = {e.mark for e in events if isinstance(e, MarkIntended)}
    gone = {e.mark for e in events if isinstance(e, MarkGone)}
    return verified and bool(active) and begun <= over and marks <= gone


@settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_nothing_passes_without_evidence(story: Story, data: st.DataObject) -> None:
    """Whichever events of a good run are missing: where it still passes, the evidence is there."""
    lines = story().lines
    dropped = data.draw(st.sets(st.integers(0, len(lines) - 1), max_size=12))
    left = [line for index, line in enumerate(lines) if index not in dropped]
    if judge(fold(left)).verdict == "passed":
        assert evident(left)


def test_the_verdict_is_the_same_before_and_after_the_end_is_written(story: Story) -> None:
    """The engine judges before it writes the last event, the report after it."""
    lines = story().lines
    assert isinstance(lines[-1].event, RunEnded)
    assert judge(fold(lines[:-1])) == judge(fold(lines))


# --- guards ---

GUARDS = [{"id": "quiet", "probe": "healthy", "consecutive": 3}]


def guarded(journal: Story, at_s: float, kind: Any = "tripped", stop: Any = "guard") -> Any:
    """A fault from 1 s on, a guard that stops the run at some time, the fault gone between 4.3 s and 4.4 s."""
    run = journal().begin().plan(STEPS, guards=GUARDS)
    trip = GuardTripped(
        guard="quiet", probe="healthy", kind=kind, why="as seen", after_at_s=at_s, before_at_s=at_s + 0.1
    )
    if at_s < 1.0:
        return run.add(at_s + 0.1, trip).add(at_s + 0.1, CancelRequested(why="x", source=stop))
    run.inject(1.0).add(at_s + 0.1, trip).add(at_s + 0.1, CancelRequested(why="x", source=stop))
    return run.fault_ended(4.3, 4.4, "engine").unit(4.5, "kill_cache@cache", "cancelled")


def test_a_tripped_guard_is_the_failure_of_the_system(journal: Story) -> None:
    """1, with the time until the last fault was gone."""
    run = guarded(journal, 3.0).end(5.0)
    verdict = verdict_of(run)
    assert (verdict.verdict, verdict.exit_code) == ("failed", 1)
    assert verdict.reason.startswith("Guard quiet tripped: as seen; all faults were gone 1.3")
    (guard,) = fold(run.lines).guards
    assert list(guard.time_to_safe_s or ()) == pytest.approx([1.2, 1.4])


def test_the_signal_of_the_sampling_process_does_not_abort(journal: Story) -> None:
    """A slow engine gets SIGTERM after the trip: it stops for the guard all the same. One before counts."""
    late = guarded(journal, 3.0).add(4.6, CancelRequested(why="SIGTERM", source="signal")).end(5.0)
    assert verdict_of(late).exit_code == 1
    early = guarded(journal, 3.0)
    interrupted = CancelRequested(why="SIGINT", source="signal")
    early.lines.insert(-4, Line(seq=0, at_s=2.0, prev="0" * 64, event=interrupted))
    assert verdict_of(early.end(5.0)).exit_code == 4


def test_a_blind_guard_aborts(journal: Story) -> None:
    """4: nobody could tell how the system was."""
    verdict = verdict_of(guarded(journal, 3.0, "blind", "guard_blind").end(5.0))
    assert (verdict.verdict, verdict.exit_code) == ("aborted", 4)
    assert "Guard quiet was blind" in verdict.reason


def test_a_guard_that_trips_before_the_first_fault_makes_the_run_invalid(journal: Story) -> None:
    """3: the system was bad before it was touched."""
    verdict = verdict_of(guarded(journal, 0.5).end(5.0))
    assert (verdict.verdict, verdict.exit_code) == ("invalid", 3)
    assert "before anything was broken" in verdict.reason


def test_a_guard_without_a_trip_says_nothing(journal: Story) -> None:
    """It is in the record, and no more. A trip without an open fault has no time to safe."""
    record = fold(journal().begin().plan(STEPS, guards=GUARDS).lines)
    assert [(guard.id, guard.tolerance, guard.trip) for guard in record.guards] == [
        ("quiet", "consecutive 3", None)
    ]
    over = fold(guarded(journal, 4.6).lines).guards[0]
    assert over.trip is not None
    assert (over.time_to_safe_s, over.trip.open_faults) == (None, 0)
