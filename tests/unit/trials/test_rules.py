"""When a series is over: by evidence and by count, never because a result is not liked."""

from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.timeline.record import VerdictWord
from breakfix.engine.trials import METRICS, Repeating, Trial, TrialTime, end_after

CODES = {"passed": 0, "failed": 1, "inconclusive": 3, "invalid": 3, "aborted": 4, "errored": 5}
MEASURED = {name: TrialTime(interval_s=(1.0, 2.0)) for name in METRICS}


def trial(verdict: VerdictWord, *, evidence: bool | None = None, code: int | None = None) -> Trial:
    """One trial."""
    return Trial(
        run_id="x",
        verdict=verdict,
        reason="so it was",
        exit_code=CODES[verdict] if code is None else code,
        evidence=verdict != "invalid" if evidence is None else evidence,
        times=MEASURED,
    )


HARMLESS: tuple[VerdictWord, ...] = ("passed", "failed", "inconclusive", "invalid")
harmless = st.lists(
    st.builds(trial, st.sampled_from(HARMLESS)), min_size=1, max_size=20
)
asked = st.builds(
    lambda times, more: Repeating(times=times, up_to=times + more),
    st.integers(1, 10),
    st.integers(0, 10),
)


def made(asked: Repeating, would_be: list[Trial]) -> list[Trial]:
    """The trials of a series, which come in this order."""
    done: list[Trial] = []
    for one in would_be:
        done.append(one)
        if end_after(asked, done) is not None:
            break
    return done


@settings(deadline=None)
@given(asked, harmless)
def test_it_never_goes_on_because_a_verdict_is_unfavourable(
    asked: Repeating, would_be: list[Trial]
) -> None:
    """With every pass and failure swapped, the series has as many trials."""
    other: dict[str, Any] = {"passed": "failed", "failed": "passed"}
    swapped = [
        msgspec.structs.replace(
            trial(other.get(one.verdict, one.verdict)), evidence=one.evidence
        )
        for one in would_be
    ]
    assert len(made(asked, would_be)) == len(made(asked, swapped))


@settings(deadline=None)
@given(asked, harmless)
def test_it_stops_at_its_numbers(asked: Repeating, would_be: list[Trial]) -> None:
    """Never more than `up_to` trials, never more than `times` of them with evidence; it ends only where
    one of the two is reached, and says which."""
    done = made(asked, would_be)
    counted = sum(one.evidence for one in done)
    assert len(done) <= asked.up_to and counted <= asked.times
    end = end_after(asked, done)
    if end is None:
        assert len(done) == len(would_be)
    elif end.kind == "complete":
        assert counted == asked.times
    else:
        assert end.kind == "short" and len(done) == asked.up_to


@settings(deadline=None)
@given(asked, harmless, st.sampled_from([("aborted", 4), ("errored", 2), ("errored", 5), ("errored", 6)]))
def test_nothing_is_broken_after_an_abort_an_error_or_residue(
    asked: Repeating, before: list[Trial], bad: tuple[Any, int]
) -> None:
    """Whatever came before, and however many are still wanted."""
    last = trial(bad[0], code=bad[1])
    end = end_after(asked, [*before, last])
    assert end is not None and end.kind == "broken_off" and end.exit_code == 0


def test_a_failure_ends_it_only_where_that_is_asked() -> None:
    """`stop_on: failed`, and only for a failed one."""
    many = Repeating(times=9, up_to=9)
    stopping = msgspec.structs.replace(many, stop_on="failed")
    assert end_after(many, [trial("failed")]) is None
    end = end_after(stopping, [trial("passed"), trial("failed")])
    assert end is not None and end.kind == "failed"
    for verdict in ("passed", "inconclusive", "invalid"):
        assert end_after(stopping, [trial(verdict)]) is None


def test_every_verdict_has_a_rule() -> None:
    """None is left out."""
    assert set(CODES) == set(get_args(VerdictWord))
