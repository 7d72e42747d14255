"""From samples to outages: their ends are bounds of the true ones, whatever the samples were."""

import math

from hypothesis import given
from hypothesis import strategies as st

from breakfix.engine.timeline.facts import SampleFacts
from breakfix.engine.timeline.series import Outage, Series


def series(*states: str, rise: int = 1, fall: int = 1) -> list[Outage]:
    """Outages of samples a second apart, each a tenth of a second long."""
    one = Series(("p", "", ""))
    one.rise, one.fall = rise, fall
    for index, state in enumerate(states):
        at_s = (float(index), index + 0.1)
        one.add(SampleFacts(probe="p", unit="", state=state, at_s=at_s), "s")  # type: ignore[arg-type]
    return one.outages()


def spans(found: list[Outage]) -> list[tuple[float, float | None]]:
    """The upper bound of each beginning and the lower bound of each end."""
    return [
        (o.facts.start_at_s[1], o.facts.end_at_s[0] if o.facts.end_at_s else None)
        for o in found
    ]


def test_an_outage_lies_between_the_good_samples_around_it() -> None:
    """It began after the last good one began, and ended before the first good one was over."""
    (found,) = series("good", "bad", "bad", "good")
    assert found.facts.start_at_s == (0.0, 1.1)
    assert found.facts.end_at_s == (2.0, 3.1)
    assert found.facts.duration_s is not None
    assert [round(end, 6) for end in found.facts.duration_s] == [0.9, 3.1]


def test_fall_wants_bad_samples_in_a_row() -> None:
    """Fewer are no outage; enough of them begin with the first."""
    assert series("good", "bad", "good", "bad", "good", fall=2) == []
    (found,) = series("good", "bad", "bad", "good", fall=2)
    assert found.facts.start_at_s == (0.0, 1.1)


def test_rise_wants_good_samples_in_a_row() -> None:
    """A single good one does not end an outage; enough of them end it with the first."""
    found = series("good", "bad", "good", "bad", "good", "good", rise=2)
    assert spans(found) == [(1.1, 3.0)]
    assert spans(series("bad", "good", rise=2)) == [(0.1, None)]


def test_a_blind_sample_breaks_a_row() -> None:
    """It proves nothing, also not that the row goes on."""
    assert series("good", "bad", "blind", "bad", "good", fall=2) == []
    assert spans(series("bad", "good", "blind", "good", rise=2)) == [(0.1, None)]
    assert spans(series("bad", "blind", "bad", "good")) == [(0.1, 2.0)]


@given(
    st.floats(0.0, 20.0),
    st.floats(0.0, 20.0),
    st.floats(0.05, 3.0),
    st.lists(st.tuples(st.floats(0.0, 0.4), st.floats(0.0, 1.0)), min_size=5, max_size=40),
)
def test_the_true_outage_lies_within_the_bounds(
    begin_s: float, length_s: float, every_s: float, jitter: list[tuple[float, float]]
) -> None:
    """Each sample is late and long as it pleases, and looks at one instant between its ends."""
    one = Series(("p", "", ""))
    end_s = begin_s + length_s
    for index, (late_s, share) in enumerate(jitter):
        started_s = index * every_s + late_s
        looked_s = started_s + share * late_s
        state = "bad" if begin_s <= looked_s < end_s else "good"
        at_s = (started_s, started_s + late_s)
        one.add(SampleFacts(probe="p", unit="", state=state, at_s=at_s), "s")  # type: ignore[arg-type]
    for outage in one.outages():
        low_s, high_s = outage.facts.start_at_s
        assert low_s <= begin_s <= high_s or math.isclose(begin_s, high_s)
        if outage.facts.end_at_s is not None:
            low_s, high_s = outage.facts.end_at_s
            assert low_s <= end_s <= high_s
