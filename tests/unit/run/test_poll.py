"""Polls: the grid, the streak, and what ends them."""

import itertools
from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.action import Observation
from breakfix.engine.run.poll import Goal, PollResult, Streak, Taken, poll

GOAL = Goal(wants=True, consecutive=1, stays_s=0.0, within_s=1.0, every_s=0.01, timeout_s=0.01)


def sample(holds: bool | None, at_s: float = 0.0) -> Taken:
    """A sample that took no time."""
    return Taken(
        observation=Observation(holds=holds, detail=""), started_at_s=at_s, ended_at_s=at_s
    )


def goal(**changes: object) -> Goal:
    """The usual goal with changes."""
    import msgspec

    return msgspec.structs.replace(GOAL, **changes)


def run(wanted: Goal, answers: Sequence[bool | None]) -> PollResult:
    """Poll a probe that gives these answers, the last one for ever."""
    given_out: list[int] = []

    async def main() -> PollResult:
        start = anyio.current_time()

        async def take(due_at_s: float) -> Taken:
            given_out.append(1)
            return sample(
                answers[min(len(given_out), len(answers)) - 1], anyio.current_time() - start
            )

        return await poll(wanted, take, lambda: anyio.current_time() - start)

    return anyio.run(main)


def test_the_streak_must_be_unbroken() -> None:
    """Good, bad, good, good: the second of two in a row is the fourth sample."""
    result = run(goal(consecutive=2, within_s=60.0), [True, False, True, True])
    assert (result.met, result.samples) == (True, 4)


def test_a_blind_sample_breaks_a_streak_and_meets_nothing() -> None:
    """Neither good nor bad: the count begins anew."""
    result = run(goal(consecutive=2, within_s=60.0), [True, None, True, True])
    assert (result.met, result.samples) == (True, 4)


def test_only_blind_samples_are_said_to_be_blind() -> None:
    """A poll that never saw anything did not fail: it was blind."""
    result = run(goal(within_s=0.05), [None])
    assert (result.met, result.blind) == (False, True)


def test_one_sample_is_taken_even_without_time() -> None:
    """`within` bounds when samples begin; the first one always does."""
    assert run(goal(within_s=0.0), [True]).met


def test_an_occurrence_that_must_not_be_seen_fails_at_once() -> None:
    """A verify step over an occurrence does not wait for its time to end."""
    wanted = goal(wants=False, fails_at_once=True, stays_s=60.0, within_s=60.0)
    result = run(wanted, [False, True])
    assert (result.met, result.samples) == (False, 2)


def test_a_hanging_sample_does_not_shift_the_grid() -> None:
    """While the first sample hangs, the following ones begin when they are due."""
    started: list[float] = []

    async def main() -> PollResult:
        start = anyio.current_time()
        release = anyio.Event()

        async def take(due_at_s: float) -> Taken:
            started.append(due_at_s)
            if len(started) == 1:
                await release.wait()
            elif len(started) == 4:
                release.set()
            return sample(True, due_at_s)

        return await poll(
            goal(timeout_s=10.0, within_s=60.0, consecutive=3),
            take,
            lambda: anyio.current_time() - start,
        )

    assert anyio.run(main).met
    steps = [round(later - earlier, 6) for earlier, later in itertools.pairwise(started)]
    assert steps == [0.01] * len(steps)


def test_stays_asks_for_a_span_of_time() -> None:
    """A streak that is long enough in samples but too short in time is not enough."""
    streak = Streak(goal(stays_s=2.0))
    assert streak.feed(sample(True, 0.0)) is None
    assert streak.feed(sample(True, 1.9)) is None
    assert streak.feed(sample(True, 2.0)) is True


@settings(deadline=None)
@given(st.lists(st.sampled_from([True, False, None]), max_size=40), st.integers(1, 5))
def test_met_exactly_when_there_was_such_a_streak(answers: list[bool | None], count: int) -> None:
    """Whatever the samples: reached if and only if that many good ones came in a row."""
    streak = Streak(goal(consecutive=count))
    met = any(streak.feed(sample(answer, float(i))) for i, answer in enumerate(answers))
    text = "".join("g" if answer else "x" for answer in answers)
    assert met == ("g" * count in text)


@pytest.mark.parametrize("within_s", [0.0, 0.03])
def test_a_poll_ends_when_its_time_is_over(within_s: float) -> None:
    """It fails, and says what it saw last."""
    result = run(goal(within_s=within_s), [False])
    assert not result.met
    assert result.last is not None
