"""Rows about what an observer saw: each rule, and that nothing passes without samples."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breakfix.engine.events import Line
from breakfix.engine.timeline import Row, fold
from breakfix.engine.verdict import judge
from breakfix.engine.why import why_run

Story = Callable[..., Any]
Looks = Sequence[tuple[str, float, float]]
PROBES = {
    "healthy": {"uses": "http.get", "with": {"url": "http://127.0.0.1:1/"}, "every": "100ms"},
    "other": {"uses": "http.get", "with": {"url": "http://127.0.0.1:2/"}, "every": "100ms"},
}
STEPS = (
    {"id": "kill_cache", "inject": "process.kill", "target": "cache"},
    {"id": "start_cache", "remediate": "process.start", "target": "cache",
     "depends_on": ["kill_cache"]},
)  # fmt: skip
CLAIMS: tuple[dict[str, Any], ...] = (
    {"max_outage": "1s"},
    {"availability": "50%"},
    {"error_share": "50%"},
    {"latency": {"p50": "1s", "p90": "1s", "p99": "1s"}},
)
DURING = ("run", "faults", "repair", "after")


def looks(states: str, from_s: float = 0.0, every_s: float = 0.1, took_s: float = 0.01) -> Looks:
    """A sample for each letter: good, bad or blind (x)."""
    words = {"g": "good", "b": "bad", "x": "blind"}
    return [
        (words[state], from_s + index * every_s, from_s + index * every_s + took_s)
        for index, state in enumerate(states)
    ]


def run_of(journal: Story, samples: Looks, *rows: dict[str, Any], **scenario: Any) -> list[Line]:
    """The cache dies at 2 s, is mended from 4 s to 5 s, and the fault is seen gone at 6 s."""
    run = journal().begin().plan(STEPS, rows, observe=["healthy"], probes=PROBES, **scenario)
    run.observed(1.0, samples).inject(2.0).repair(4.0, 5.0).fault_ended(5.9, 6.0)
    lines: list[Line] = run.end(20.0).lines
    return lines


def row_of(journal: Story, samples: Looks, **row: Any) -> Row:
    """The one row that comes of a claim about `healthy`."""
    (found,) = judge(fold(run_of(journal, samples, {"probe": "healthy", **row}))).rows
    return found


# --- outages ---


@pytest.mark.parametrize(
    ("claim", "verdict"), [("700ms", "passed"), ("500ms", "inconclusive"), ("300ms", "failed")]
)
def test_an_outage_is_held_against_both_ends_of_its_interval(
    journal: Story, claim: str, verdict: str
) -> None:
    """Bad from 1.0 s to 1.4 s: out for 0.39 s to 0.61 s."""
    row = row_of(journal, looks("g" * 10 + "bbbbb" + "g" * 10), max_outage=claim)
    assert (row.about, row.expects, row.verdict) == ("healthy", "max_outage", verdict)
    assert row.observed_s == pytest.approx((0.39, 0.61))
    assert (row.samples, row.during, row.probe) == (25, "run", "healthy")


@pytest.mark.parametrize(("claim", "verdict"), [("10s", "inconclusive"), ("1s", "failed")])
def test_an_outage_that_is_not_over_is_censored(journal: Story, claim: str, verdict: str) -> None:
    """It took at least 1.99 s: longer than 1 s for sure, longer than 10 s perhaps."""
    row = row_of(journal, looks("g" * 10 + "b" * 21), max_outage=claim)
    assert (row.verdict, row.observed_s) == (verdict, None)
    assert row.at_least_s == pytest.approx(1.99)
    assert "not seen good again" in row.observed


def test_without_an_outage_the_samples_say_how_long_a_missed_one_was_at_most(
    journal: Story,
) -> None:
    """Looks every 100 ms tell of 200 ms, and not of 50 ms, nor of what a blind stretch hides."""
    row = row_of(journal, looks("g" * 30), max_outage="200ms")
    assert row.verdict == "passed"
    assert row.observed_s == pytest.approx((0.0, 0.11))
    assert "up to 110 ms may have been missed" in row.observed
    assert row_of(journal, looks("g" * 30), max_outage="50ms").verdict == "inconclusive"
    blind = row_of(journal, looks("g" * 10 + "x" * 20 + "g"), max_outage="1s")
    assert blind.verdict == "inconclusive"
    assert blind.observed_s == pytest.approx((0.0, 2.11))


@pytest.mark.parametrize(
    ("during", "ends"),
    [("run", (4.89, 5.11)), ("faults", (3.89, 4.0)), ("repair", (1.0, 1.0)), ("after", (1.0, 1.11))],
)
def test_an_outage_counts_as_far_as_it_lies_in_the_window(
    journal: Story, during: str, ends: tuple[float, float]
) -> None:
    """Bad from 2.1 s to 7.0 s; faults from 2 s to 6 s, the repair from 4 s to 5 s."""
    samples = looks("g" * 21 + "b" * 50 + "g" * 20)
    row = row_of(journal, samples, max_outage="30s", during=during)
    assert (row.verdict, row.during) == ("passed", during)
    assert row.observed_s == pytest.approx(ends)


def test_an_outage_with_an_end_beyond_the_window_is_not_censored_in_it(journal: Story) -> None:
    """Never good again: how long it was out while the repair ran is known all the same."""
    samples = looks("g" * 21 + "b" * 100)
    assert row_of(journal, samples, max_outage="2s", during="repair").verdict == "passed"
    assert row_of(journal, samples, max_outage="9s", during="after").verdict == "inconclusive"


# --- shares ---


@pytest.mark.parametrize(
    ("claim", "value", "verdict"),
    [
        ("availability", "90%", "passed"),
        ("availability", "95%", "inconclusive"),
        ("availability", "99%", "failed"),
        ("error_share", "10%", "passed"),
        ("error_share", "5%", "inconclusive"),
        ("error_share", "1%", "failed"),
    ],
)
def test_a_share_is_held_against_its_interval(
    journal: Story, claim: str, value: str, verdict: str
) -> None:
    """10 of 200 were bad: 95 % good, between 91 % and 97.3 %."""
    row = row_of(journal, looks("g" * 190 + "b" * 10), **{claim: value})
    assert row.verdict == verdict
    assert row.point_share == pytest.approx(0.95 if claim == "availability" else 0.05)
    low, high = row.observed_share or (0.0, 0.0)
    assert 0 <= low < (row.point_share or 0) < high <= 1
    assert row.bound_share == pytest.approx(float(value.rstrip("%")) / 100)


def test_few_samples_without_a_miss_prove_no_high_share(journal: Story) -> None:
    """The point is above the claim, the interval is not."""
    assert row_of(journal, looks("g" * 20), availability="99%").verdict == "inconclusive"
    assert row_of(journal, looks("g" * 381), availability="99%").verdict == "passed"


def test_blind_samples_do_not_count(journal: Story) -> None:
    """They are neither good nor bad."""
    row = row_of(journal, looks("g" * 40 + "x" * 40), availability="90%")
    assert (row.verdict, row.samples) == ("passed", 40)


# --- latency ---


@pytest.mark.parametrize(
    ("claim", "count", "verdict"),
    [
        ({"p50": "20ms"}, 10, "passed"),
        ({"p50": "5ms"}, 10, "failed"),
        ({"p99": "20ms"}, 100, "inconclusive"),
        ({"p99": "5ms"}, 100, "failed"),
        ({"p99": "20ms"}, 299, "passed"),
    ],
)
def test_a_percentile_passes_by_its_upper_bound_alone(
    journal: Story, claim: dict[str, str], count: int, verdict: str
) -> None:
    """Every good sample took 10 ms; 100 of them have no upper bound of p99."""
    row = row_of(journal, looks("g" * count), latency=claim)
    assert (row.verdict, row.expects) == (verdict, f"latency_{next(iter(claim))}")
    assert row.point_s == pytest.approx(0.01)
    assert (row.observed_s is None) == (claim.keys() == {"p99"} and count < 299)


def test_a_point_beyond_the_claim_decides_nothing_alone(journal: Story) -> None:
    """Three of ten took 1 s: p90 is 1 s, but may be less."""
    samples = [*looks("g" * 7), *looks("ggg", from_s=1.0, took_s=1.0)]
    row = row_of(journal, samples, latency={"p90": "500ms"})
    assert row.verdict == "inconclusive"
    assert row.point_s == pytest.approx(1.0)


# --- windows, observers, words ---


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("states", ["", "xxxx"])
def test_without_a_sample_that_shows_anything_nothing_was_measured(
    journal: Story, claim: dict[str, Any], states: str
) -> None:
    """Not even the run's: each row is inconclusive, and says why."""
    lines = run_of(journal, looks(states), {"probe": "healthy", **claim})
    for row in judge(fold(lines)).rows:
        assert (row.verdict, row.observed) == ("inconclusive", "nothing was measured")


def test_a_window_that_the_run_never_had_was_not_measured(journal: Story) -> None:
    """No repair ran: nothing is known of that time."""
    rows = ({"probe": "healthy", "max_outage": "9s", "during": "repair"},)
    run = journal().begin().plan(STEPS, rows, observe=["healthy"], probes=PROBES)
    run.observed(1.0, looks("g" * 90)).inject(2.0).fault_ended(5.9, 6.0)
    (row,) = judge(fold(run.end(20.0).lines)).rows
    assert (row.verdict, row.observed) == ("inconclusive", "nothing was measured")


def test_a_latency_without_a_good_sample_was_not_measured(journal: Story) -> None:
    """What is bad has no time to answer in."""
    row = row_of(journal, looks("bbbb"), latency={"p50": "1s"})
    assert (row.verdict, row.point_s) == ("inconclusive", None)
    assert row.observed.startswith("nothing was measured")


def test_a_row_about_the_run_takes_the_worst_observer(journal: Story) -> None:
    """`other` was out, `healthy` was not; a third that saw nothing would be no pass either."""
    rows = ({"max_outage": "300ms"}, {"availability": "50%"})
    run = journal().begin().plan(STEPS, rows, observe=["healthy", "other"], probes=PROBES)
    run.observed(1.0, looks("g" * 80)).observed(1.0, looks("g" * 40 + "b" * 40 + "g"), "other")
    run.inject(2.0).fault_ended(5.9, 6.0)
    outage, availability = judge(fold(run.end(20.0).lines)).rows
    assert (outage.about, outage.probe, outage.verdict) == ("the run", "other", "failed")
    assert (availability.probe, availability.verdict) == ("other", "inconclusive")
    assert outage.observed.startswith("other: out for ")


def test_a_failed_row_is_a_ground_for_the_verdict(journal: Story) -> None:
    """In words, and `why` names the line in which the observer told of it."""
    lines = run_of(
        journal, looks("g" * 30 + "b" * 30 + "g" * 30),
        {"probe": "healthy", "max_outage": "1s", "during": "faults"},
    )  # fmt: skip
    wanted = "healthy was expected to be out for at most 1s during the faults: out for "
    (ground,) = [one for one in why_run(lines).grounds if one.row is not None]
    assert ground.text.startswith(wanted)
    told = [line.seq for line in lines if type(line.event).__name__ == "ObserverSampled"]
    assert list(ground.lines) == told


SAMPLE = st.tuples(
    st.sampled_from(["good", "bad", "blind", "seen"]),
    st.floats(-1e9, 1e9) | st.floats(0, 10),
    st.floats(0, 1e3) | st.floats(0, 1),
).map(lambda drawn: (drawn[0], drawn[1], drawn[1] + drawn[2]))


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(samples=st.lists(SAMPLE, max_size=40), rise=st.integers(1, 3), fall=st.integers(1, 3))
def test_no_samples_raise_or_pass_without_evidence(
    journal: Story, samples: Looks, rise: int, fall: int
) -> None:
    """Whatever an observer told: a row that passes has a good or bad sample in its window."""
    rows = [
        {**claim, "during": during, **({} if about is None else {"probe": about})}
        for claim in CLAIMS
        for during in DURING
        for about in ("healthy", None)
        if about or "latency" not in claim
    ]
    run = journal().begin()
    observers = [{"probe": "healthy", "rise": rise, "fall": fall}]
    run.plan(STEPS, rows, observe=observers, probes=PROBES)
    run.observed(1.0, samples).inject(2.0).repair(4.0, 5.0).fault_ended(5.9, 6.0)
    parts = {"run": (0, 1e99), "faults": (2, 6), "repair": (4, 5), "after": (6, 1e99)}
    for row in judge(fold(run.end(20.0).lines)).rows:
        from_s, until_s = parts[row.during or ""]
        seen = [s for s, start_s, _ in samples if from_s <= start_s < until_s]
        if row.verdict == "passed":
            assert {"good", "bad"} & set(seen)
        if row.observed_s is not None:
            assert 0 <= row.observed_s[0] <= row.observed_s[1]


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_longest_outage_lies_in_the_interval_of_its_row(
    journal: Story, data: st.DataObject
) -> None:
    """Outages at known times, and samples at any pace of what was true at an instant of each."""
    edges = sorted(data.draw(st.lists(st.floats(1, 9), max_size=8, unique=True)))
    outages = list(zip(edges[::2], edges[1::2], strict=False))
    starts = [0.0, *sorted(data.draw(st.lists(st.floats(0.1, 9.5), max_size=40))), 10.0]
    samples = []
    for start_s in starts:
        took_s = data.draw(st.floats(0, 0.5))
        at_s = start_s + took_s * data.draw(st.floats(0, 1))
        out = any(begun_s <= at_s < ended_s for begun_s, ended_s in outages)
        samples.append(("bad" if out else "good", start_s, start_s + took_s))
    row = row_of(journal, samples, max_outage="1s")
    longest_s = max((ended_s - begun_s for begun_s, ended_s in outages), default=0.0)
    assert row.observed_s is not None
    # To the nanosecond, as all times of a record.
    assert row.observed_s[1] >= longest_s - 1e-8
    if row.verdict == "failed":
        # Two outages without a good sample between them are told as one.
        assert longest_s > 1 or len(outages) > 1
