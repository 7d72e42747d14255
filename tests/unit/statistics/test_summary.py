"""The summary of several trials."""

import pytest

from breakfix.engine.statistics import (
    Bounds,
    Duration,
    Estimate,
    Refusal,
    Survival,
    geometric_mean,
    median_interval,
    summarise,
    wilson,
)


def exact(*values_s: float) -> list[Duration]:
    """Durations without any uncertainty."""
    return [Duration(lower_s=value_s, upper_s=value_s) for value_s in values_s]


def test_two_trials_are_a_list() -> None:
    """Below three the values stand for themselves, and every number is refused in words."""
    durations = exact(8.0, 9.0)
    summary = summarise(durations)
    assert summary.values == tuple(durations)
    assert isinstance(summary.geometric_mean_s, Refusal)
    assert isinstance(summary.median_s, Refusal)
    assert summary.geometric_mean_s.why == "n too small: a summary needs n >= 3, and n is 2"
    assert summary.kaplan_meier is None


def test_six_trials_have_both_intervals() -> None:
    """Exact durations give what the values alone give, and are no longer listed."""
    values_s = [7.0, 8.0, 8.5, 9.0, 11.0, 16.0]
    summary = summarise(exact(*values_s))
    assert summary.values == ()
    assert summary.geometric_mean_s == geometric_mean(values_s)
    assert summary.median_s == median_interval(values_s)
    assert isinstance(summary.median_s, Estimate)


def test_five_trials_have_a_mean_and_no_median_interval() -> None:
    """Each number has its own least n, and says it."""
    summary = summarise(exact(7.0, 8.0, 8.5, 9.0, 11.0))
    assert isinstance(summary.geometric_mean_s, Estimate)
    assert isinstance(summary.median_s, Refusal)
    assert summary.median_s.needed == 6


def test_what_was_measured_within_bounds_widens_the_intervals() -> None:
    """The intervals hold those of the values at either end of what was measured."""
    lowers_s, uppers_s = [7.0, 8.0, 8.5, 9.0, 11.0, 16.0], [7.5, 9.0, 8.6, 9.0, 13.0, 16.2]
    ends = zip(lowers_s, uppers_s, strict=True)
    summary = summarise([Duration(lower_s=low, upper_s=high) for low, high in ends])
    for found, of in [
        (summary.geometric_mean_s, geometric_mean),
        (summary.median_s, median_interval),
    ]:
        assert isinstance(found, Estimate)
        for values_s in (lowers_s, uppers_s):
            inner = of(values_s)
            assert isinstance(inner, Estimate)
            assert found.low <= inner.low
            assert found.high >= inner.high
        assert found.low < found.point < found.high


def test_a_duration_that_can_be_zero_has_no_logarithm() -> None:
    """The mean is refused with what to do about it; the median does without."""
    durations = [Duration(lower_s=0.0, upper_s=0.4), *exact(0.3, 0.4, 0.5, 0.6, 0.7)]
    summary = summarise(durations)
    assert isinstance(summary.geometric_mean_s, Refusal)
    assert "1 of 6 durations can have been zero" in summary.geometric_mean_s.why
    assert "sample more often" in summary.geometric_mean_s.why
    assert isinstance(summary.median_s, Estimate)
    assert (summary.median_s.low, summary.median_s.high) == (0.0, 0.7)


def test_a_trial_without_an_end_is_never_left_out() -> None:
    """One time-out sends the summary to the Kaplan-Meier curve, and the rest says why."""
    durations = [*exact(7.0, 8.0, 8.5, 9.0, 11.0), Duration(lower_s=60, upper_s=0, censored=True)]
    summary = summarise(durations)
    assert (summary.n, summary.censored) == (6, 1)
    for refused in (summary.geometric_mean_s, summary.median_s):
        assert isinstance(refused, Refusal)
        assert refused.why.startswith("1 of 6 did not end while anybody looked")
    curve = summary.kaplan_meier
    assert isinstance(curve, Survival)
    assert curve.median == 8.5
    assert curve.restricted_mean == pytest.approx((7 + 8 + 8.5 + 9 + 11 + 60) / 6)
    assert isinstance(curve.median_bounds, Bounds)
    assert (curve.median_bounds.low, curve.median_bounds.high) == (7.0, None)


def test_absorbed_faults_are_counted_apart() -> None:
    """A fault without an impact has no duration of zero; the share of those with one is told."""
    summary = summarise(exact(7.0, 8.0, 9.0), absorbed=17)
    assert (summary.n, summary.absorbed) == (3, 17)
    share = summary.share_with_impact
    assert isinstance(share, Estimate)
    assert (share.n, share.point) == (20, 0.15)
    assert (share.low, share.high) == wilson(3, 20)
    assert isinstance(summary.geometric_mean_s, Estimate)
    assert summary.geometric_mean_s.n == 3


def test_no_trial_has_no_share() -> None:
    """Nothing at all gives refusals everywhere, and trials that were all absorbed a share of 0."""
    nothing = summarise([])
    assert isinstance(nothing.share_with_impact, Refusal)
    assert isinstance(nothing.geometric_mean_s, Refusal)
    absorbed = summarise([], absorbed=5).share_with_impact
    assert isinstance(absorbed, Estimate)
    assert (absorbed.point, absorbed.low) == (0.0, 0.0)
    assert absorbed.high < 0.5


def test_bounds_in_the_wrong_order_are_a_mistake() -> None:
    """A lower bound above the upper one is no measurement."""
    with pytest.raises(ValueError, match="lower bound above the upper one"):
        summarise([Duration(lower_s=2.0, upper_s=1.0)])
    with pytest.raises(ValueError, match="is not a share"):
        summarise(exact(1.0, 2.0), absorbed=-1)
