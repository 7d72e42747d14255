"""Holding runs against the history: the earlier runs that an expectation or a gate is about."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from msgspec import Struct

from breakfix.engine.compared import ComparedFacts
from breakfix.engine.errors import BreakfixError
from breakfix.engine.history.place import Place
from breakfix.engine.history.store import Choice, History
from breakfix.engine.model import Expectation, NotWorseThan, Scenario
from breakfix.engine.trend.against import adjusted, held_against, usable
from breakfix.engine.trend.row import Metric, RunRow
from breakfix.engine.trials import Trial, TrialTime

_METRICS: Final[dict[str, Metric]] = {
    "time_to_detect": "time_to_detect_s",
    "time_to_mitigate": "time_to_mitigate_s",
    "time_to_restore": "time_to_restore_s",
}
_LOOK_AT: Final = 20
"""So many times as many runs as are wanted are looked at: some have no time."""


class Tried(Struct, frozen=True, kw_only=True):
    """What a run gives to a comparison; `stopped`: it was aborted or erred."""

    run_id: str
    times: dict[Metric, TrialTime]
    stopped: bool


def tried(trial: Trial) -> Tried:
    """What a trial gives to a comparison."""
    return Tried(
        run_id=trial.run_id,
        times=dict(trial.times.items()),
        stopped=trial.verdict in ("aborted", "errored"),
    )


def metric_of(name: str | None) -> Metric:
    """The metric that an expectation names, as records call it."""
    return _METRICS[name or "time_to_restore"]


def reference_runs(
    history: History,
    key: str,
    asked: NotWorseThan,
    metric: Metric,
    but: Collection[str] = (),
) -> list[RunRow]:
    """The newest comparable runs that carry the labels and have a time, the oldest first; without those of
    `but`."""
    choice = Choice(key=key, labels=asked.where, newest=asked.runs * _LOOK_AT + len(but))
    found = [row for row in history.rows(choice) if row.run_id not in but and usable(row, metric)]
    return found[-asked.runs :]


def regression_items(scenario: Scenario) -> Iterator[tuple[int, Expectation, NotWorseThan]]:
    """The expectations about earlier runs, each with its index in the file."""
    for index, item in enumerate(scenario.expect):
        if item.not_worse_than is not None:
            yield index, item, item.not_worse_than


def compared(
    where: Place | None,
    scenario: Scenario,
    key: str,
    trials: Sequence[Tried],
) -> tuple[ComparedFacts, ...]:
    """Every expectation about earlier runs, held against them; nothing where there is none. `trials` are the
    run, or those of a series. It never raises: where there is no history, each says why."""
    items = list(regression_items(scenario))
    if not items:
        return ()
    if where is None:
        why = "no history is kept (`--history none`)"
        return tuple(ComparedFacts(row=index, against="", why=why) for index, _, _ in items)
    try:
        with History(where) as history:
            return adjusted(
                [_one(history, key, index, item, trials) for index, item, _ in items]
            )
    except BreakfixError as error:
        return tuple(
            ComparedFacts(row=index, against=where.shown, why=error.message.rstrip("."))
            for index, _, _ in items
        )


def _one(
    history: History, key: str, index: int, item: Expectation, trials: Sequence[Tried]
) -> ComparedFacts:
    metric = metric_of(item.metric)
    asked = item.not_worse_than or NotWorseThan()
    own = {trial.run_id for trial in trials}
    reference = reference_runs(history, key, asked, metric, own)
    times = [(trial.times[metric], trial.stopped) for trial in trials if metric in trial.times]
    return held_against(index, (metric, asked.margin), times, reference, history.place.shown)
