"""When guards trip: the fold over samples, and the samples of several targets in their order."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.events import GuardTripped, SampleState
from breakfix.engine.model import Guard
from breakfix.engine.sampling.guard import GuardFold, Trip
from breakfix.engine.sampling.guarding import Guarding, joined

EVERY_S = 1.0
TOLERANCES: tuple[dict[str, Any], ...] = (
    {"max_outage": "3s"},
    {"consecutive": 3},
    {"min_good": "90%", "over": "5s"},
)
Samples = list[tuple[SampleState, float, float]]


def guard_of(**keys: Any) -> Guard:
    """A guard on a probe, as a file says it."""
    return msgspec.convert({"id": "g", "probe": "health", **keys}, Guard)


def fed(guard: Guard, samples: Samples) -> list[Trip]:
    """Every trip over some samples."""
    fold = GuardFold(guard, every_s=EVERY_S, begin_s=0.0)
    found = [fold.feed(*sample) for sample in samples]
    return [trip for trip in found if trip is not None]


def each_second(states: str) -> Samples:
    """``g``, ``b`` or ``?`` (blind), one sample a second, each taking a tenth of one."""
    names: dict[str, SampleState] = {"g": "good", "b": "bad", "?": "blind"}
    return [(names[letter], float(at), at + 0.1) for at, letter in enumerate(states)]


def test_max_outage_counts_what_is_certain() -> None:
    """From the end of the first bad sample (0.1 s) to the start of the latest: more than 3 s at 4 s."""
    (trip,) = fed(guard_of(max_outage="3s"), each_second("bbbbb"))
    assert trip.at_s == (4.0, 4.1)
    assert "at least 3.9 s" in trip.why and "longer than 3s" in trip.why
    assert fed(guard_of(max_outage="3s"), each_second("bbbbgbbbb")) == []


def test_blind_samples_do_not_end_an_outage() -> None:
    """They prove nothing; good ones end it."""
    assert len(fed(guard_of(max_outage="3s"), each_second("b??bb"))) == 1


def test_consecutive_is_broken_by_a_blind_sample() -> None:
    """Three in a row, and nothing else."""
    assert fed(guard_of(consecutive=3), each_second("bb?bbgbb")) == []
    (trip,) = fed(guard_of(consecutive=3), each_second("gbbb"))
    assert trip.at_s == (3.0, 3.1)


def test_min_good_waits_until_the_window_is_full() -> None:
    """Six samples span 5 s; with three bad ones of six not even the upper end reaches 90%."""
    guard = guard_of(min_good="90%", over="5s")
    assert fed(guard, each_second("bbbbb")) == []
    (trip,) = fed(guard, each_second("gggbbb"))
    assert trip.at_s == (5.0, 5.1)
    assert "3 of 6 samples within 5s" in trip.why
    assert fed(guard, each_second("ggggggggbg")) == []


def test_old_samples_leave_the_window() -> None:
    """What was bad long ago counts no more."""
    assert fed(guard_of(min_good="90%", over="5s"), each_second("bbb" + "g" * 30)) != []
    late = [t.at_s[0] for t in fed(guard_of(min_good="90%", over="5s"), each_second("bbb" + "g" * 30))]
    assert max(late) < 8


def test_blindness_is_after_three_intervals_or_as_written() -> None:
    """Since the last good or bad sample; `ignore` never trips."""
    samples = each_second("g????")
    trips = fed(guard_of(consecutive=9), samples)
    assert trips[0].kind == "blind"
    assert list(trips[0].at_s) == pytest.approx([3.1, 4.0])
    assert fed(guard_of(consecutive=9, blind={"after": "30s"}), samples) == []
    assert fed(guard_of(consecutive=9, blind={"then": "ignore"}), samples) == []


def test_silence_is_blindness_too() -> None:
    """Where no sample comes at all, from the beginning on; a fast probe is given a second."""
    fold = GuardFold(guard_of(consecutive=1), every_s=0.05, begin_s=10.0)
    assert fold.look(11.0) is None
    trip = fold.look(11.1)
    assert trip is not None and trip.kind == "blind"


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(TOLERANCES),
    st.lists(
        st.tuples(
            st.sampled_from(["good", "bad", "blind", "seen", "unseen"]),
            st.floats(-1e6, 1e6),
            st.floats(0, 1e3),
        ),
        max_size=40,
    ),
)
def test_no_trip_without_enough_bad_samples(
    tolerance: dict[str, Any], drawn: list[tuple[SampleState, float, float]]
) -> None:
    """Whatever the samples: it never raises, every trip is an interval, and so many bad ones came before."""
    samples = sorted(((state, at, at + took) for state, at, took in drawn), key=lambda s: s[1])
    fold = GuardFold(
        guard_of(**tolerance, blind={"then": "ignore"}), every_s=EVERY_S, begin_s=-1e6
    )
    least = {"max_outage": 2, "consecutive": 3, "min_good": 1}[next(iter(tolerance))]
    bad = 0
    for state, started_at_s, ended_at_s in samples:
        bad += state == "bad"
        trip = fold.feed(state, started_at_s, ended_at_s)
        if trip is not None:
            assert trip.kind == "tripped"
            assert bad >= least
            assert trip.at_s[0] <= trip.at_s[1]


# --- the samples of a probe on several targets, as they come ---


def guarding(*guards: Guard, timeout_s: float = 5.0) -> Guarding:
    """The guards of a probe that looks every second."""
    return Guarding(guards, every_s=EVERY_S, timeout_s=timeout_s, begin_s=0.0)


def kinds(trips: list[GuardTripped]) -> list[tuple[str, str]]:
    """Which guards tripped, and how."""
    return [(trip.guard, trip.kind) for trip in trips]


@pytest.mark.parametrize(
    ("require", "states", "state"),
    [
        ("all", "gg", "good"),
        ("all", "gb", "bad"),
        ("all", "g?", "blind"),
        ("any", "b?", "blind"),
        ("any", "bb", "bad"),
        (2, "ggb", "good"),
        (2, "gb?", "blind"),
        (2, "gbb", "bad"),
        ("50%", "gbbb", "bad"),
        ("50%", "ggbb", "good"),
        ("all", "", "blind"),
    ],
)
def test_a_share_of_the_targets_must_be_good(
    require: str | int, states: str, state: SampleState
) -> None:
    """Bad only where enough cannot be good any more, whatever the blind ones are."""
    names: dict[str, SampleState] = {"g": "good", "b": "bad", "?": "blind"}
    assert joined(require, [names[letter] for letter in states]) == state


def test_overlapping_samples_are_fed_in_the_order_of_their_start() -> None:
    """The slow bad sample between two good ones makes no row of three with what ended before it."""
    line = guarding(guard_of(consecutive=3, blind={"after": "60s"}))
    tickets = [line.begin(float(at)) for at in range(5)]
    for ticket in (0, 2, 3):
        line.end(tickets[ticket], ["bad"], 4.0)
    assert line.look(4.0) == []
    line.end(tickets[1], ["good"], 4.2)
    assert line.look(4.2) == []
    line.end(tickets[4], ["bad"], 4.3)
    assert kinds(line.look(4.3)) == [("g", "tripped")]
    assert line.look(99.0) == []


def test_a_sample_on_its_way_is_no_blindness_until_it_is_overdue() -> None:
    """A system that hangs is bad when the time-out says so; a probe that hangs beyond it is blind."""
    line = guarding(guard_of(consecutive=1))
    ticket = line.begin(0.5)
    assert line.look(7.0) == []
    late = line.look(8.0)
    assert kinds(late) == [("g", "blind")]
    line.end(ticket, ["bad"], 9.0)
    assert line.look(9.0) == []


def test_two_guards_of_one_probe_trip_on_their_own() -> None:
    """Each by its tolerance, each once."""
    quick, slow = guard_of(consecutive=1), guard_of(id="slow", consecutive=2)
    line = guarding(quick, slow)
    for at in range(3):
        line.end(line.begin(float(at)), ["bad"], at + 0.1)
    assert kinds(line.look(2.2)) == [("g", "tripped"), ("slow", "tripped")]
