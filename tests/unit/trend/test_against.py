"""A run held against earlier ones: passed, failed, or nobody can tell."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.drills import Drill, scenario, seeded, write

from breakfix.engine.compared import ComparedFacts
from breakfix.engine.events import Compared, Line, PlanMade
from breakfix.engine.history.journals import row_of_journal
from breakfix.engine.history.place import Place, place
from breakfix.engine.history.reference import Tried, compared
from breakfix.engine.history.store import History
from breakfix.engine.regressions import judged
from breakfix.engine.timeline import fold
from breakfix.engine.timeline.planned import ExpectFacts, NotWorseFacts
from breakfix.engine.trend import RunRow
from breakfix.engine.trend.against import spread_of
from breakfix.engine.trials import TrialTime
from breakfix.engine.verdict import judge

Rows = Callable[[Sequence[Drill]], list[RunRow]]
ASKED = NotWorseFacts(where={"branch": "main"}, runs=20, margin=1.25)
ROW = {"metric": "time_to_restore", "not_worse_than": {"where": {"version": "1.4.1"}, "runs": 20}}


@pytest.fixture
def history(tmp_path: Path) -> Place:
    """Thirty runs of version 1.4.1, and an aborted one."""
    found = place(str(tmp_path / "history.db"))
    assert found is not None
    drills = seeded(30, change_at=None)
    drills.append(
        Drill(number=31, restore_s=None, aborted=True, labels={"version": "1.4.1"})
    )
    with History(found) as opened:
        opened.put(row_of_journal(write(drill, tmp_path / "runs")) for drill in drills)
    return found


def trials(*restore_s: float | None, missing: Any = None) -> list[Tried]:
    """Trials with these times to restore."""
    return [
        Tried(
            run_id=f"new-{number}",
            times={
                "time_to_restore_s": TrialTime(missing=missing or "censored", at_least_s=60.0)
                if value is None
                else TrialTime(interval_s=(value - 0.05, value + 0.05))
            },
            stopped=False,
        )
        for number, value in enumerate(restore_s)
    ]


def held(
    where: Place | None, tried: Sequence[Tried], *rows: dict[str, Any], restored: bool = True
) -> tuple[ComparedFacts, ...]:
    """The drill's own row, then these, held against the history."""
    own = [{"fault": "kill_cache", "restored_within": "15s"}] if restored else []
    made = scenario(Drill(number=1), expect=[*own, *(rows or (ROW,))])
    from breakfix.engine.comparability import comparability

    key = comparability(made, env="", version="0.1.0").key
    return compared(where, made, key, tried)


def verdict_of(found: ComparedFacts, **row: Any) -> str:
    """What the row comes to."""
    return judged(ExpectFacts(metric="time_to_restore", **row), ASKED, found).verdict


def test_as_quick_as_before_passes(history: Place) -> None:
    """Twelve trials around 8 s against twenty."""
    (found,) = held(history, trials(*[8.0 + i / 10 for i in range(-6, 6)]))
    assert (found.row, found.n, found.reference_n) == (1, 12, 20)
    assert found.high is not None and found.high <= 1.25
    assert verdict_of(found) == "passed"
    assert len(found.runs) == 20 and found.runs[-1].endswith(f"{30:04x}")


def test_slower_than_the_margin_fails(history: Place) -> None:
    """Six trials of 14 s."""
    (found,) = held(history, trials(*[14.0 + i / 5 for i in range(6)]))
    assert found.low is not None and found.low > 1.25
    assert found.p_worse is not None and found.p_worse < 0.01
    assert verdict_of(found) == "failed"


@pytest.mark.parametrize(
    ("said", "verdict"), [(None, "inconclusive"), ("pass", "passed"), ("fail", "failed")]
)
def test_too_few_to_tell_is_inconclusive_unless_said(
    history: Place, said: Any, verdict: str
) -> None:
    """Nothing found is never a pass by itself."""
    (found,) = held(history, trials(9.0, 8.8))
    row = judged(ExpectFacts(metric="time_to_restore", inconclusive=said), ASKED, found)
    assert row.verdict == verdict
    assert ("inconclusive, and that is to" in row.observed) is (said is not None)


def test_a_time_out_counts_as_longer_than_anything(history: Place) -> None:
    """All six timed out at 60 s: that failed, and is not a lack of data."""
    (found,) = held(history, trials(None, None, None, None, None, None))
    assert found.high is None and found.low is not None and found.low > 4
    assert verdict_of(found) == "failed"


def test_what_was_absorbed_is_not_worse(history: Place) -> None:
    """There was nothing to restore."""
    (found,) = held(history, trials(None, None, missing="absorbed"))
    assert found.absorbed and verdict_of(found) == "passed"


def test_only_runs_with_the_labels_count(history: Place) -> None:
    """Without one, there is nothing to compare with, and that is inconclusive."""
    row = {**ROW, "not_worse_than": {"where": {"version": "9"}}}
    (found,) = held(history, trials(8.0), row)
    assert found.why == "no earlier run to compare with" and verdict_of(found) == "inconclusive"


def test_no_history_is_inconclusive(tmp_path: Path) -> None:
    """None is kept, or it cannot be opened: said, and never raised."""
    (found,) = held(None, trials(8.0))
    assert "no history is kept" in found.why
    broken = place(str(tmp_path))
    (found,) = held(broken, trials(8.0))
    assert "cannot be opened" in found.why
    assert verdict_of(found) == "inconclusive"


def test_several_rows_share_the_chance_of_a_false_alarm(history: Place) -> None:
    """Holm: with more of them, each has to be surer to fail."""
    slow = trials(*[11.5 + i / 4 for i in range(4)])
    (alone,) = held(history, slow)
    many = held(history, slow, *[ROW] * 4)
    assert alone.p_worse is not None
    assert [one.p_worse for one in many] == [pytest.approx(min(1.0, 4 * alone.p_worse))] * 4
    unsure = msgspec.structs.replace(alone, low=1.3, p_worse=0.08)
    assert verdict_of(unsure) == "inconclusive"


def test_the_journal_alone_gives_the_same_verdict(history: Place, tmp_path: Path) -> None:
    """What was compared is in it, so that no report needs the history."""
    from tests.drills import events

    (found,) = held(history, trials(*[14.0 + i / 5 for i in range(6)]), restored=False)
    lines = [
        Line(seq=seq, at_s=at_s, prev="", event=event)
        for seq, (at_s, event) in enumerate(events(Drill(number=90)), 1)
    ]
    replace = msgspec.structs.replace
    asked = scenario(Drill(number=90), expect=[ROW])
    lines = [
        replace(line, event=PlanMade(plan=replace(line.event.plan, scenario=asked)))
        if isinstance(line.event, PlanMade)
        else line
        for line in lines
    ]
    without = judge(fold(lines))
    assert without.verdict == "inconclusive" and "not held against earlier runs" in without.reason
    lines.insert(-1, Line(seq=99, at_s=9.4, prev="", event=Compared(found=found)))
    with_it = judge(fold(lines))
    assert with_it.verdict == "failed"
    assert "no worse than x1.25 of the last 20 runs with version=1.4.1" in with_it.reason
    in_series = replace(found, by_series=True)
    lines[-2] = replace(lines[-2], event=Compared(found=in_series))
    assert judge(fold(lines)).verdict == "passed"


def test_the_spread_is_that_of_the_logs(history: Place) -> None:
    """Planted 12 %, of thirty runs."""
    with History(history) as opened:
        rows = [row for row in opened.rows() if row.verdict == "passed"]
    assert spread_of(rows, "time_to_restore_s") == pytest.approx(0.12, abs=0.04)
    assert spread_of(rows[:4], "time_to_restore_s") is None
