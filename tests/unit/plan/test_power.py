"""What an expectation about earlier runs can show is said before anything is run."""

from pathlib import Path
from typing import Any

import pytest
from tests.drills import Drill, scenario, seeded, write

from breakfix.engine.cli.power import power_lines
from breakfix.engine.history.journals import row_of_journal
from breakfix.engine.history.place import place
from breakfix.engine.history.store import History


def lines(history: str, **changes: Any) -> list[str]:
    """What is said of a drill that must be no worse than earlier ones."""
    row = {"metric": "time_to_restore", "not_worse_than": {"runs": 20, "margin": 1.25}}
    made = scenario(Drill(number=1), expect=[row], **changes)
    return list(power_lines(made, "", history))


def test_without_a_history_a_usual_spread_is_assumed(tmp_path: Path) -> None:
    """5 trials against 20 with 30 %: more than half of them end inconclusive, and that is said."""
    (line,) = lines(str(tmp_path / "none.db"), repeat={"times": 5})
    assert line.startswith("time_to_restore: 5 trials against 20 with 30 % spread and margin 1.25 end")
    percent = int(line.partition("inconclusive ")[2].partition(" %")[0])
    assert 55 <= percent <= 60
    assert "would do" in line and "are assumed" in line
    assert not (tmp_path / "none.db").exists()


def test_what_is_known_is_taken(tmp_path: Path) -> None:
    """The spread and the number of the runs that would be compared with."""
    where = place(str(tmp_path / "history.db"))
    assert where is not None
    with History(where) as history:
        history.put(
            row_of_journal(write(drill, tmp_path / "runs"))
            for drill in seeded(14, change_at=None, spread=0.12, version=_version())
        )
    (line,) = lines(str(tmp_path / "history.db"), repeat={"times": 6})
    assert "6 trials against 14 with " in line and "assumed" not in line
    spread = int(line.partition("against 14 with ")[2].partition(" %")[0])
    assert 7 <= spread <= 18


def _version() -> str:
    from breakfix import __version__

    return __version__


@pytest.mark.parametrize("times", [1])
def test_a_single_run_shows_next_to_nothing(tmp_path: Path, times: int) -> None:
    """And that is said, too."""
    (line,) = lines(str(tmp_path / "none.db"), repeat={"times": times})
    assert "1 trial against 20" in line and "ends inconclusive" in line


def test_a_scenario_without_such_a_row_has_nothing_to_say(tmp_path: Path) -> None:
    """No line."""
    assert list(power_lines(scenario(Drill(number=1)), "", str(tmp_path / "none.db"))) == []
