"""Why a run has its verdict and a step its state, from journals by hand; each line named proves it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pytest

from breakfix.engine.errors import UsageError
from breakfix.engine.events import (
    CancelRequested,
    FaultActive,
    FaultEnded,
    FaultResidue,
    Line,
    PlanMade,
    RunErrored,
    RunInvalid,
    SampleTaken,
)
from breakfix.engine.timeline import fold
from breakfix.engine.verdict import judge
from breakfix.engine.why import StepWhy, why_run, why_step

Story = Callable[..., Any]


def unit_text(why: StepWhy, index: int = 0) -> str:
    """All that is said of one unit."""
    return "\n".join(sentence.text for sentence in why.units[index].sentences)


def events_at(lines: Sequence[Line], seqs: Iterable[int]) -> list[Any]:
    """The events on some lines."""
    return [lines[seq - 1].event for seq in seqs]


# --- the run ---


def test_a_pass_is_proved(story: Story, linked: Story) -> None:
    """By the fault seen effective, the last sample of the verify step, and each expectation."""
    lines = linked(story().lines)
    why = why_run(lines)
    (ground,) = why.grounds
    assert (why.verdict, why.exit_code, why.run_state) == ("passed", 0, "ended")
    proofs = events_at(lines, ground.lines)
    assert any(isinstance(event, FaultActive) for event in proofs)
    assert any(isinstance(event, SampleTaken) and event.unit == "whole" for event in proofs)
    assert [held.row.verdict for held in why.held if held.row is not None] == ["passed"] * 3


def test_a_failed_expectation_names_its_samples(story: Story, linked: Story) -> None:
    """The observed value stands against the bound, with the first bad sample and the last good one."""
    lines = linked(story(expect=({"fault": "kill_cache", "restored_within": "1s"},)).lines)
    why = why_run(lines)
    (ground,) = why.grounds
    assert (ground.rule, ground.exit_code) == ("the system failed", 1)
    assert "within 1s: took 2.18 s [2.05, 2.32]" in ground.text
    states = [e.state for e in events_at(lines, ground.lines) if isinstance(e, SampleTaken)]
    assert states == ["bad", "good"]


def test_the_heaviest_ground_comes_first(all_wrong: Any) -> None:
    """Every ground is told, each with its own exit code and the line that proves it."""
    lines = all_wrong.lines
    why = why_run(lines)
    weights = [6, 5, 4, 2, 1, 3, 0]
    places = [weights.index(ground.exit_code) for ground in why.grounds]
    assert places == sorted(places)
    proofs = {type(e) for ground in why.grounds for e in events_at(lines, ground.lines)}
    assert {FaultResidue, RunErrored, CancelRequested, RunInvalid} <= proofs
    assert any("Does not count" in note.text for note in why.notes)


def test_it_agrees_with_the_verdict(
    story: Story, linked: Story, broken: Any, all_wrong: Any
) -> None:
    """The grounds are those of the verdict, in its order and its words."""
    for lines in (linked(story().lines), all_wrong.lines, broken.lines):
        verdict, why = judge(fold(lines)), why_run(lines)
        assert (why.verdict, why.exit_code) == (verdict.verdict, verdict.exit_code)
        assert [ground.text for ground in why.grounds] == [verdict.reason, *verdict.notes]


def test_a_run_that_just_stops(story: Story, linked: Story) -> None:
    """It has died, unless somebody still writes; every ground has its line all the same."""
    lines = linked(story().lines)[:15]
    assert why_run(lines).run_state == "died"
    assert why_run(lines, alive=True).run_state == "alive"
    assert why_run(lines).exit_code == 6
    assert all(ground.lines for ground in why_run(lines).grounds)


# --- a step ---


def test_why_it_started_when_it_did(story: Story, linked: Story) -> None:
    """The milestone that it waited for, on the line by which it held."""
    lines = linked(story().lines)
    (unit,) = why_step(lines, "noticed").units
    (awaited,) = unit.awaited
    assert (awaited.source, awaited.milestone, awaited.decisive) == ("kill_cache", "active", True)
    assert isinstance(lines[(awaited.line or 0) - 1].event, FaultActive)
    assert (unit.due_at_s, unit.started_at_s, unit.ended_at_s) == (1.02, 1.03, 1.66)


def test_the_last_of_several_dependencies_and_a_delay(journal: Story, linked: Story) -> None:
    """Which held last is told; a delay counts from the milestone."""
    steps = (
        {"id": "a", "wait": "1s"},
        {"id": "b", "wait": "2s"},
        {"id": "c", "wait": "0s", "depends_on": ["b", {"step": "a", "after": "5s"}]},
    )
    run = journal().begin().plan(steps)
    run.unit(0.2, "a", "running").unit(0.2, "b", "running")
    run.unit(1.2, "a", "succeeded").unit(2.2, "b", "succeeded")
    run.unit(6.2, "c", "running", due_at_s=6.2)
    why = why_step(linked(run.lines), "c")
    assert [(a.source, a.due_at_s, a.decisive) for a in why.units[0].awaited] == [
        ("b", 2.2, False),
        ("a", 6.2, True),
    ]
    assert (
        "a succeeded: held at 1.200 s, and 5 s after that is 6.200 s; this was the last"
        in unit_text(why)
    )


def test_alternatives(journal: Story, linked: Story) -> None:
    """Of `any`, the first to hold counts."""
    steps = (
        {"id": "a", "wait": "1s"},
        {"id": "b", "wait": "2s"},
        {"id": "c", "wait": "0s", "depends_on": [{"any": ["a", "b"]}]},
    )
    run = journal().begin().plan(steps)
    run.unit(0.2, "a", "running").unit(0.2, "b", "running").unit(1.2, "a", "succeeded")
    run.unit(1.2, "c", "running", due_at_s=1.2).unit(2.2, "b", "succeeded")
    why = why_step(linked(run.lines), "c")
    assert [(a.source, a.decisive) for a in why.units[0].awaited] == [("a", True), ("b", False)]
    assert "One of several that would do: a succeeded" in unit_text(why)


def test_a_wait_for_a_slot(journal: Story, linked: Story) -> None:
    """Whoever had the target is named, with the line on which it was over."""
    steps = [{"id": name, "wait": "1s", "target": "cache"} for name in ("one", "two")]
    run = journal().begin().plan(steps)
    run.unit(0.2, "one@cache", "running", due_at_s=0.2).unit(1.2, "one@cache", "succeeded")
    run.unit(1.21, "two@cache", "running", due_at_s=0.2)
    lines = linked(run.lines)
    (unit,) = why_step(lines, "two").units
    (queue,) = [sentence for sentence in unit.sentences if sentence.kind == "queue"]
    assert "cache takes 1 at a time: at work were one@cache until 1.200 s" in queue.text
    (event,) = events_at(lines, queue.lines)
    assert (event.unit, event.state) == ("one@cache", "succeeded")


def test_a_wait_for_a_fault_on_the_same_target(journal: Story, linked: Story) -> None:
    """A fault that is due while another one is open there names it."""
    steps = [
        {"id": n, "inject": "process.kill", "target": "cache"} for n in ("kill_cache", "again")
    ]
    run = journal().begin().process(0.05).plan(steps)
    run.unit(0.2, "kill_cache@cache", "running", due_at_s=0.2).inject(0.2).fault_ended(1.0, 1.1)
    run.unit(1.1, "kill_cache@cache", "succeeded")
    run.unit(1.2, "again@cache", "running", due_at_s=0.2)
    why = why_step(linked(run.lines), "again")
    assert "Fault kill_cache@cache#1 was open until 1.100 s, on the same target" in unit_text(why)


def test_blocked_leads_to_its_root_cause(linked: Story, broken: Any) -> None:
    """From dependency to dependency, down to the attempt that failed."""
    lines = linked(broken.lines)
    (unit,) = why_step(lines, "end").units
    (root,) = [sentence for sentence in unit.sentences if sentence.kind == "root"]
    assert root.text == "mend@cache failed at 0.910 s: ended with 2."
    (event,) = events_at(lines, root.lines)
    assert (event.unit, event.state) == ("mend@cache", "failed")
    depths = [sentence.depth for sentence in unit.sentences if sentence.depth]
    assert depths == sorted(depths)


def test_attempts_and_retries(linked: Story, broken: Any) -> None:
    """Each attempt with its error, and how long it waited before the next."""
    text = unit_text(why_step(linked(broken.lines), "mend"))
    assert "Attempt 1 failed after 70 ms: ended with 1; tried again 500 ms later." in text
    assert "Attempt 2 failed after 100 ms: ended with 2; no attempt was left." in text


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("steps.a.state == 'failed'", "did not hold: steps.a.state was 'succeeded'"),
        ("steps.a.result.pages > 3", "did not hold: steps.a.result.pages was 2"),
        ("steps.a.result.words", "could not be evaluated (there is no steps.a.result.words)"),
    ],
)
def test_skipped_tells_what_the_condition_read(
    journal: Story, linked: Story, when: str, said: str
) -> None:
    """The expression, and each name in it with its value at that moment."""
    steps = (
        {"id": "a", "wait": "1s"},
        {"id": "b", "wait": "0s", "when": when, "depends_on": ["a"]},
    )
    run = journal().begin().plan(steps).unit(0.2, "a", "running")
    run.unit(1.2, "a", "succeeded", result={"pages": 2}).unit(1.2, "b", "skipped", f"when: {when}")
    # What comes later was not read.
    lines = linked(run.unit(1.3, "a", "failed").lines)
    why = why_step(lines, "b")
    assert said in unit_text(why)
    last = why.units[0].sentences[-1]
    assert [(e.unit, e.state) for e in events_at(lines, last.lines)] == [
        ("a", "succeeded"),
        ("b", "skipped"),
    ]


def test_who_ended_a_fault(story: Story, linked: Story) -> None:
    """The repair that did it, on its own line; or the engine, with its reason."""
    lines = linked(story().lines)
    (unit,) = why_step(lines, "kill_cache").units
    (ended,) = [s for s in unit.sentences if "seen gone" in s.text]
    assert "the repair start_cache@cache ended it" in ended.text
    assert isinstance(events_at(lines, ended.lines)[-1], FaultEnded)
    run = story()
    run.lines = run.lines[:12]
    run.inject(1.0).fault_ended(3.0, 3.1, "engine", writer="guardian")
    text = unit_text(why_step(linked(run.lines), "kill_cache"))
    assert "Its end was asked for by the guardian at 3.000 s: all other steps are over." in text
    assert "it was undone by the guardian" in text


def test_what_was_never_begun_when_the_run_was_stopped(story: Story, linked: Story) -> None:
    """What it waits for, how that stands, and the request that stopped the run."""
    run = story()
    run.lines = run.lines[:14]
    run.add(1.4, CancelRequested(why="SIGINT", source="signal"))
    run.unit(1.4, "noticed", "cancelled", "the run was stopped")
    lines = linked(run.lines)
    text = unit_text(why_step(lines, "start_cache"))
    assert "Waits for noticed succeeded: open yet." in text
    assert "noticed was cancelled at 1.400 s: the run was stopped." in text
    assert "The run was stopped at 1.400 s (signal): SIGINT." in text


def test_each_unit_is_told(journal: Story, linked: Story) -> None:
    """A step on several targets, or one of its units alone."""
    steps = ({"id": "rest", "wait": "1s", "target": "cache", "require": 1},)
    run = journal().begin().plan(steps, units={"rest": ("a", "b")})
    run.unit(0.2, "rest@a", "running").unit(0.3, "rest@a", "succeeded")
    lines = linked(run.unit(0.2, "rest@b", "running").unit(0.3, "rest@b", "errored", "gone").lines)
    why = why_step(lines, "rest")
    assert [(unit.unit, unit.state) for unit in why.units] == [
        ("rest@a", "succeeded"),
        ("rest@b", "errored"),
    ]
    assert why.said[0].text == "1 of its 2 units succeeded; require: 1."
    assert [unit.unit for unit in why_step(lines, "rest@b").units] == ["rest@b"]


def test_a_later_wave(journal: Story) -> None:
    """A unit of the second wave was blocked by the failures of the first."""
    steps = (
        {"id": "rest", "wait": "1s", "target": "cache",
         "fan_out": {"wave": 1, "stop_after_failures": 1}},
    )  # fmt: skip
    run = journal().begin().plan(steps, units={"rest": ("a", "b")})
    (made,) = [line for line in run.lines if isinstance(line.event, PlanMade)]
    plan = made.event.plan
    waves = tuple(msgspec.structs.replace(unit, wave=i) for i, unit in enumerate(plan.units))
    run.lines[made.seq - 1] = msgspec.structs.replace(
        made, event=PlanMade(plan=msgspec.structs.replace(plan, units=waves))
    )
    run.unit(0.2, "rest@a", "running").unit(0.3, "rest@a", "errored", "it broke")
    run.unit(0.3, "rest@b", "blocked", "stopped after 1 failed")
    (unit,) = why_step(run.lines, "rest@b").units
    (root,) = [sentence for sentence in unit.sentences if sentence.kind == "root"]
    assert "rest@a could not be carried out, at 0.300 s: it broke" in root.text


def test_a_step_that_is_not_there(story: Story) -> None:
    """Bad input, with what may have been meant."""
    with pytest.raises(UsageError, match="no step 'notised'.*Did you mean noticed"):
        why_step(story().lines, "notised")


def test_a_run_without_a_plan(journal: Story) -> None:
    """Nothing can be said of its steps but that."""
    run = journal().begin().add(0.1, CancelRequested(why="SIGTERM", source="signal"))
    why = why_step(run.lines, "anything")
    assert why.units == ()
    assert "There is no plan" in why.said[0].text
    assert "SIGTERM" in why.said[1].text
