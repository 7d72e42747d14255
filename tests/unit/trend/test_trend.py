"""What a trend says of rows: changes, medians, time-outs, aborts, a fleet and its issues."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.drills import BEGAN_WALL_S, DAY_S, Drill, seeded, write

from breakfix.engine.history.journals import row_of_journal
from breakfix.engine.trend import RunRow, trend
from breakfix.engine.trend.record import KeyTrend, MetricTrend, TrendRecord
from breakfix.engine.trend.row import FaultRow
from breakfix.engine.trials import TrialTime

replace = msgspec.structs.replace
Rows = Callable[[Sequence[Drill]], list[RunRow]]


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    """The rows of drills, by way of their journals."""
    return lambda drills: [row_of_journal(write(drill, tmp_path / "runs")) for drill in drills]


def told(rows: Sequence[RunRow], days: float = 100.0) -> TrendRecord:
    """The trend of rows, so many days after the first."""
    return trend(rows, as_of_wall_s=BEGAN_WALL_S + days * DAY_S)


def restored(rows: Sequence[RunRow]) -> tuple[KeyTrend, MetricTrend]:
    """The only key of a trend, and its time to restore."""
    (key,) = told(rows).keys
    return key, key.metrics["time_to_restore_s"]


def test_a_planted_change_is_told_with_its_size_and_its_label(rows: Rows) -> None:
    """x1.5 from run 27 of 34 on, with a spread of 12 %, when version 1.4.2 came."""
    key, found = restored(rows(seeded(34)))
    assert found.changes is not None
    (change,) = found.changes
    assert abs(change.number - 27) <= 1
    assert change.run_id == key.runs[change.number - 1].run_id
    ratio: Any = change.ratio
    assert ratio.low < 1.5 < ratio.high and 1.2 < ratio.low
    assert [level.n for level in found.levels] == [change.number - 1, 35 - change.number]
    if change.number == 27:
        assert [(one.name, one.before, one.after) for one in change.labels] == [
            ("version", "1.4.1", "1.4.2")
        ]
        assert "(version 1.4.1 -> 1.4.2)" in found.sentence
    assert found.sentence.startswith("n=34; median ")
    assert f"; changed at run {change.number}, x{ratio.point:.2f} [" in found.sentence


def test_no_change_is_told_where_there_is_none(rows: Rows) -> None:
    """And that none was found."""
    _, found = restored(rows(seeded(34, change_at=None)))
    assert found.changes == ()
    assert found.sentence.endswith("; no change found")


def test_the_order_of_the_rows_is_no_matter(rows: Rows) -> None:
    """A database gives them in any."""
    made = rows(seeded(30, spread=0.2))
    shuffled = random.Random(3).sample(made, len(made))
    assert told(shuffled) == told(made)


def test_runs_of_different_keys_are_never_pooled(rows: Rows) -> None:
    """Twelve of each of two environments are two groups, and none of 24."""
    made = rows([*seeded(12, change_at=None), *(
        replace(drill, number=drill.number + 50, env="staging", restore_s=(drill.restore_s or 0) * 3)
        for drill in seeded(12, change_at=None)
    )])  # fmt: skip
    found = told(made)
    assert [len(key.runs) for key in found.keys] == [12, 12]
    assert [key.env for key in found.keys] == ["", "staging"]
    assert all(key.metrics["time_to_restore_s"].summary.n == 12 for key in found.keys)


def test_a_time_out_is_counted_and_never_dropped(rows: Rows) -> None:
    """Of 12 runs, 5 were not whole again: the median is that of Kaplan and Meier, above all that were."""
    drills = [Drill(number=n, restore_s=None if n % 12 < 5 else 8.0 + n / 10) for n in range(1, 13)]
    key, found = restored(rows(drills))
    assert found.summary.n == 12 and found.summary.censored == 5
    assert "(Kaplan-Meier)" in found.sentence and "5 not seen to the end" in found.sentence
    curve: Any = found.summary.kaplan_meier
    assert curve.median > sorted(d.restore_s for d in drills if d.restore_s)[3]
    assert not any(run.stopped for run in key.runs)


def test_an_abort_says_nothing_about_the_level(rows: Rows) -> None:
    """It is marked, counted as not seen to its end, and in no search for changes."""
    drills = [
        Drill(number=n, restore_s=None if n > 10 else 8.0 + n / 10, aborted=n > 10)
        for n in range(1, 21)
    ]
    key, found = restored(rows(drills))
    assert sum(run.stopped for run in key.runs) == 10
    assert found.summary.censored == 10
    assert found.changes is None and "needs n >= 12, and n is 10" in found.unsearched
    assert found.levels[-1].last == 10


def test_rehearsals_and_unfinished_runs_count_in_nothing(rows: Rows) -> None:
    """And it is said how many there were."""
    made = rows(seeded(4))
    found = told([
        made[0], replace(made[1], no_faults=True), replace(made[2], complete=False),
        replace(made[3], key=""),
    ])  # fmt: skip
    assert found.runs == 1
    assert found.skipped == {"rehearsals": 1, "unfinished": 1, "without a plan": 1}


def test_absorbed_runs_are_counted_apart(rows: Rows) -> None:
    """Never as zero."""
    made = rows(seeded(8, change_at=None))
    absorbed = TrialTime(missing="absorbed", why="the service was never seen bad")
    made[2] = replace(made[2], times={**made[2].times, "time_to_restore_s": absorbed})
    _, found = restored(made)
    assert found.summary.n == 7 and found.summary.absorbed == 1
    assert found.sentence.startswith("n=7 and 1 absorbed; ")


def test_the_more_keys_the_surer_a_change_has_to_be(rows: Rows) -> None:
    """Each p is adjusted for all searches of the trend; a clear change among 40 keys is still told."""
    made = rows(seeded(30))
    quiet = rows([replace(drill, number=drill.number + 100) for drill in seeded(30, change_at=None)])
    alone = told(made).keys[0].metrics["time_to_restore_s"].changes
    crowd = [replace(row, key=f"k{i}", run_id=f"{i}-{row.run_id}") for i in range(40) for row in quiet]
    found = told([*made, *crowd])
    changed = {key.key: key.metrics["time_to_restore_s"].changes for key in found.keys}
    among = changed.pop(made[0].key)
    assert alone and among
    assert among[0].p_adjusted > alone[0].p_adjusted
    assert among[0].p_adjusted <= 0.05
    assert sum(bool(one) for one in changed.values()) == 0


def test_a_label_that_changes_with_every_run_is_no_deploy(rows: Rows) -> None:
    """As the number of a build does."""
    drills = [replace(d, labels={**d.labels, "build": str(d.number)}) for d in seeded(30)]
    (key,) = told(rows(drills)).keys
    assert [change.name for change in key.deploys] == ["version"]


def test_the_matrix_tells_what_was_last_proven(rows: Rows) -> None:
    """A run that passed, with the effect seen; what came later and failed is told beside it."""
    good, late, unseen = rows(
        [Drill(number=1), Drill(number=5, restore_s=None), Drill(number=9, restore_s=8.0)]
    )
    unseen = replace(unseen, faults=(FaultRow(service="cache", action="process.kill", proved=False),))
    (cell,) = told([good, late, unseen], days=11).matrix
    assert (cell.service, cell.fault, cell.tries) == ("cache", "process.kill", 3)
    assert cell.proven_run == good.run_id
    assert cell.proven_days_ago == pytest.approx(10, abs=0.01)
    assert cell.newest_run == unseen.run_id
    (never,) = told([late], days=11).matrix
    assert never.proven_days_ago is None


def test_the_label_says_which_service_it_is(rows: Rows) -> None:
    """Where the targets of scenarios have other names."""
    (row,) = rows([Drill(number=1, labels={"service": "checkout"})])
    assert row.faults == (FaultRow(service="checkout", action="process.kill", proved=True),)


def test_issues_are_found_and_fixed(rows: Rows) -> None:
    """Found with the first run that fails, fixed with the first that does not; an aborted run shows nothing; one
    that comes back is found again."""
    drills = [
        Drill(number=1),
        Drill(number=2, restore_s=20.0),
        Drill(number=3, restore_s=21.0),
        Drill(number=4, restore_s=None, aborted=True),
        Drill(number=5),
        Drill(number=6, restore_s=30.0),
    ]
    made = rows(drills)
    found = told(made).issues
    assert (found.found, found.fixed) == (2, 1)
    first, second = found.items
    assert first.about == second.about == "row kill_cache restored_within"
    assert (first.found_run, first.fixed_run, first.runs) == (made[1].run_id, made[4].run_id, 2)
    assert (second.found_run, second.fixed_run) == (made[5].run_id, None)


def test_availability_is_that_of_the_worst_observer(rows: Rows) -> None:
    """Of each run; the run is what is counted, not the sample."""
    (key,) = told(rows(seeded(8))).keys
    assert key.availability is not None
    assert key.availability.n == 8 and key.availability.lowest == 0.5
    assert (key.availability.good, key.availability.samples) == (16, 32)


def test_an_empty_history_has_a_trend() -> None:
    """Of nothing."""
    found = told([])
    assert (found.runs, found.keys, found.matrix, found.issues.found) == (0, (), (), 0)
