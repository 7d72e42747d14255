"""The end of a run and of a series towards the history: held against earlier runs, then written down.

The history is imported here and nowhere earlier: its imports take a while, and nothing of a run may wait for
them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from breakfix.engine.comparability import comparability
from breakfix.engine.compared import ComparedFacts
from breakfix.engine.errors import BreakfixError
from breakfix.engine.events import Compared
from breakfix.engine.history.place import place
from breakfix.engine.journal import Journal
from breakfix.engine.regressions import judged
from breakfix.engine.timeline import Record, Row, Verdict
from breakfix.engine.timeline.planned import ExpectFacts, NotWorseFacts
from breakfix.engine.trials import SeriesRecord, Trial, trial_of

if TYPE_CHECKING:
    from breakfix.engine.run.session import RunRequest


def hold_against_history(
    request: "RunRequest", record: Record, verdict: Verdict, journal: Journal
) -> bool:
    """Journal what comes of each expectation about earlier runs; False: there is none. It never raises."""
    rows = [i for i, item in enumerate(request.scenario.expect) if item.not_worse_than is not None]
    if not rows or request.no_faults or record.comparable is None:
        return False
    if request.series:
        found = tuple(ComparedFacts(row=row, against="", by_series=True) for row in rows)
    else:
        found = _compared(request, record.comparable.key, [trial_of(record, verdict)])
    for one in found:
        journal.note(Compared(found=one))
    return True


def compare_series(request: "RunRequest", series: SeriesRecord) -> tuple[Row, ...]:
    """What a whole series comes to, held against earlier runs; it never raises."""
    items = {i: item for i, item in enumerate(request.scenario.expect) if item.not_worse_than}
    if not items or request.no_faults or not series.trials:
        return ()
    version = request.versions.get("breakfix", "")
    key = comparability(request.scenario, env=request.env, version=version).key
    rows = []
    for found in _compared(request, key, series.trials):
        item = items[found.row]
        asked = item.not_worse_than
        assert asked is not None
        rows.append(
            judged(
                ExpectFacts(metric=item.metric, inconclusive=item.inconclusive),
                NotWorseFacts(where=asked.where, runs=asked.runs, margin=asked.margin),
                found,
            )
        )
    return tuple(rows)


def _compared(
    request: "RunRequest", key: str, trials: Sequence[Trial]
) -> tuple[ComparedFacts, ...]:
    from breakfix.engine.history.reference import compared, tried

    try:
        where = place(request.against or request.history)
    except BreakfixError as error:
        items = enumerate(request.scenario.expect)
        rows = [index for index, item in items if item.not_worse_than is not None]
        why = error.message.rstrip(".")
        return tuple(ComparedFacts(row=row, against=request.history, why=why) for row in rows)
    return compared(where, request.scenario, key, [tried(trial) for trial in trials])


def remember(request: "RunRequest", record: Record, verdict: Verdict, journal: Path) -> str:
    """Write the run into the history. Gives why that could not be; it never raises."""
    try:
        where = place(request.history)
    except BreakfixError as error:
        return str(error)
    if where is None:
        return ""
    from breakfix.engine.history import keeping

    return keeping.remember(where, record, verdict, journal)
