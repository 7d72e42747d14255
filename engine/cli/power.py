"""What an expectation about earlier runs can tell at all, said before anything is run."""

from collections.abc import Iterator
from typing import Final

from breakfix import __version__
from breakfix.engine.errors import BreakfixError
from breakfix.engine.history.place import place
from breakfix.engine.model import Expectation, NotWorseThan, Scenario
from breakfix.engine.trend.row import RunRow

SPREAD: Final = 0.3
"""Taken for the spread of recovery times where too few earlier runs are known to tell it."""


def power_lines(scenario: Scenario, env: str, history: str = "") -> Iterator[str]:
    """For each expectation about earlier runs: how often it ends inconclusive where nothing has changed, and
    how many trials would do. It reads the history, and never raises for one that cannot be read."""
    trials = scenario.repeat.times if scenario.repeat is not None else 1
    for item in scenario.expect:
        if item.not_worse_than is not None:
            found = _reference(scenario, env, history, item)
            yield _line(item.not_worse_than, item, trials, found)


def _reference(
    scenario: Scenario, env: str, history: str, item: Expectation
) -> list[RunRow] | None:
    """The earlier runs; None where no history can be read."""
    from breakfix.engine.comparability import comparability
    from breakfix.engine.history.reference import metric_of, reference_runs
    from breakfix.engine.history.store import History

    try:
        where = place(history)
        if where is None or (where.file is not None and not where.file.exists()):
            return None
        key = comparability(scenario, env=env, version=__version__).key
        asked = item.not_worse_than or NotWorseThan()
        with History(where) as opened:
            return reference_runs(opened, key, asked, metric_of(item.metric))
    except BreakfixError:
        return None


def _line(
    asked: NotWorseThan, item: Expectation, trials: int, found: list[RunRow] | None
) -> str:
    from breakfix.engine.history.reference import metric_of
    from breakfix.engine.statistics.power import Design, outcomes, trials_needed
    from breakfix.engine.trend.against import spread_of

    known = spread_of(found, metric_of(item.metric)) if found else None
    count = len(found) if found else asked.runs
    spread = SPREAD if known is None else known
    design = Design(n=trials, reference_n=count, spread=spread, margin=asked.margin)
    share = outcomes(design).inconclusive
    enough = trials_needed(design)
    would = f"{enough} would do" if enough is not None else "no number of trials would do"
    if enough is not None and enough <= trials:
        would = f"{enough} are enough"
    said = (
        f"{item.metric}: {trials} trial{'' if trials == 1 else 's'} against {count} with "
        f"{100 * spread:.0f} % spread and margin {asked.margin:g} "
        f"end{'s' if trials == 1 else ''} inconclusive {100 * share:.0f} % of the time; {would}"
    )
    if not found:
        return f"{said} (no comparable run is known yet: so many earlier runs are assumed)"
    return said if known is not None else f"{said} (a spread of {100 * SPREAD:.0f} % is assumed)"
