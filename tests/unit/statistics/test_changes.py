"""Changes and rises: found where they are, not found where there is none, at the rates that are stated."""

import math

import numpy as np
import pytest

from breakfix.engine.statistics import Refusal
from breakfix.engine.statistics.change import Alarm, change_points, pulled_in, rise_alarm
from breakfix.engine.statistics.power import Design, Outcomes, outcomes, trials_needed
from breakfix.engine.statistics.several import benjamini_hochberg, holm

SPREAD = 0.15
SIGMA = math.sqrt(math.log1p(SPREAD**2))


def logs(n: int, seed: int, factor: float = 1.0, change_at: int = 27) -> list[float]:
    """The logs of n times around one second, `factor` times as long from number `change_at` on."""
    values = np.random.default_rng(seed).normal(0.0, SIGMA, n)
    values[change_at - 1 :] += math.log(factor)
    return [float(value) for value in values]


def places(values: list[float]) -> list[int]:
    """The numbers (from 1) of the runs with which a level begins."""
    found = change_points(values)
    assert not isinstance(found, Refusal)
    return [point.index + 1 for point in found]


def test_a_planted_change_is_found() -> None:
    """x1.5 at run 27 of 40 with a spread of 15 %: in at least 90 of 100 histories, within two runs, and
    nothing else beside it."""
    found = [places(logs(40, seed, 1.5)) for seed in range(40)]
    near = sum(any(abs(place - 27) <= 2 for place in one) for one in found)
    assert near >= 36
    assert sum(len(one) > 1 for one in found) <= 1


def test_no_change_is_found_where_there_is_none() -> None:
    """In no more than 1 of 100 histories, though the test looks at every place of them."""
    assert sum(bool(places(logs(40, seed))) for seed in range(1000, 1200)) <= 2


def test_long_histories_are_searched_in_windows() -> None:
    """Three levels in 160 runs: two changes, and no more."""
    values = logs(160, 3, 1.6, 60)
    values[109:] = [value - 2 * math.log(1.6) for value in values[109:]]
    found = places(values)
    assert len(found) == 2
    assert abs(found[0] - 60) <= 2 and abs(found[1] - 110) <= 2


def test_single_time_outs_neither_hide_a_change_nor_look_like_one() -> None:
    """One run in 17 takes seven times as long; x1.5 at run 60 of 100 is found, and nothing in a quiet history."""
    found = []
    for factor in (1.5, 1.0):
        hits = 0
        for seed in range(8):
            values = logs(100, seed, factor, 60)
            values[seed::17] = [math.log(7.0)] * len(values[seed::17])
            hits += bool(places(pulled_in(values)))
        found.append(hits)
    assert found == [8, 0]
    assert pulled_in([1.0, 1.0, 1.0, 9.0]) == [1.0, 1.0, 1.0, 9.0] and pulled_in([]) == []


def test_a_search_gives_the_same_each_time() -> None:
    """Its seed is fixed."""
    values = logs(60, 5, 1.5)
    assert change_points(values) == change_points(values)


def test_few_runs_are_not_searched() -> None:
    """Even the clearest change of eleven values is one of too few ways to choose them."""
    found = change_points([1.0] * 5 + [9.0] * 6)
    assert isinstance(found, Refusal) and found.needed == 12


def test_equal_values_have_no_change() -> None:
    """Whatever is divided by their spread."""
    assert change_points([1.0] * 30) == ()


def test_a_rise_is_known_soon_and_seldom_in_vain() -> None:
    """Of one standard deviation within 20 runs in 6 of 10 histories at least, within 40 in 8; of undisturbed
    histories of 60 runs, no more than 1 in 10 has a false alarm."""
    soon = later = false = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(0.0, 1.0, 80)
        false += rise_alarm([float(v) for v in values[:60]]) is not None
        values[40:] += 1.0
        alarm = rise_alarm([float(v) for v in values])
        soon += isinstance(alarm, Alarm) and alarm.at < 60
        later += isinstance(alarm, Alarm)
    assert soon >= 120
    assert later >= 160
    assert false <= 20


def test_a_rise_tells_since_when() -> None:
    """The last value at which the sum was zero comes right before."""
    values = [0.0, 1.0, -1.0, 0.5, -0.5] * 4 + [0.0] + [3.0] * 6
    alarm = rise_alarm(values)
    assert isinstance(alarm, Alarm)
    assert alarm.since == 21 and alarm.at in (22, 23, 24)


def test_a_rise_needs_a_baseline_with_a_spread() -> None:
    """Otherwise it is refused, in words."""
    for values, said in (([1.0] * 20, "n too small"), ([1.0] * 30, "are equal")):
        found = rise_alarm(values)
        assert isinstance(found, Refusal) and said in found.why


def test_the_power_of_a_gate() -> None:
    """5 trials against 20 with a spread of 30 % and a margin of 1.25 end inconclusive 57 times of 100; the
    number that would do is one that does, and one fewer does not."""
    design = Design(n=5, reference_n=20, spread=0.3, margin=1.25)
    assert outcomes(design).inconclusive == pytest.approx(0.57, abs=0.025)
    enough = trials_needed(design)
    assert enough is not None and 20 <= enough <= 32

    def share(n: int) -> float:
        return outcomes(Design(n=n, reference_n=20, spread=0.3, margin=1.25)).inconclusive

    assert share(enough) <= 0.22 <= share(enough - 5)


def test_what_is_slower_fails_and_what_is_not_passes() -> None:
    """At the margin itself, a gate passes and fails in 5 of 100 at the most."""
    at = outcomes(Design(n=12, reference_n=20, spread=0.3, margin=1.25, ratio=1.25))
    assert at.passed <= 0.06 and at.failed <= 0.06
    slow = outcomes(Design(n=12, reference_n=20, spread=0.3, margin=1.25, ratio=2.0))
    assert slow.failed > 0.9 and slow.passed == 0


def test_a_design_that_can_never_tell() -> None:
    """It is inconclusive always, and no number helps where there is nothing to compare with."""
    assert outcomes(Design(n=1, reference_n=5, spread=0.3, margin=1.25)) == Outcomes(
        passed=0.0, failed=0.0, inconclusive=1.0
    )
    assert trials_needed(Design(n=5, reference_n=0, spread=0.3, margin=1.25)) is None


def test_many_tests_are_adjusted() -> None:
    """Holm and Benjamini-Hochberg, by hand."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.5]) == pytest.approx(
        [0.04, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5]
    )
    assert holm([]) == [] and benjamini_hochberg([]) == []
