"""What tests of reports share: records of journals, and series made of them."""

from collections.abc import Callable
from typing import Any

import pytest

from breakfix.engine.events import RunInvalid
from breakfix.engine.timeline import Record, Verdict, fold
from breakfix.engine.trials import SeriesEnd, SeriesRecord, add, ended, trial_of
from breakfix.engine.verdict import judge

Told = Callable[[Any], tuple[Record, Verdict]]


@pytest.fixture
def told() -> Told:
    """The record and the verdict of a journal."""

    def fold_and_judge(run: Any) -> tuple[Record, Verdict]:
        record = fold(run.lines)
        return record, judge(record)

    return fold_and_judge


@pytest.fixture
def series_of(told: Told) -> Callable[..., SeriesRecord]:
    """A complete series of some journals."""

    def made(*runs: Any) -> SeriesRecord:
        series = SeriesRecord(
            series_id="series-20261126-081502-cache_outage-9d04", scenario="cache_outage",
            file="cache.yaml", file_sha256="ab" * 32, command="breakfix run --repeat 3 cache.yaml",
            versions={"breakfix": "0.1.0"}, seed=7, began_wall_s=1_795_680_902.0,
            times=len(runs), up_to=len(runs), pause_s=0.0, stop_on="never",
        )  # fmt: skip
        for run in runs:
            series = add(series, trial_of(*told(run)))
        return ended(series, SeriesEnd(kind="complete", why="as many as wanted"))

    return made


def _never_mended(journal: Callable[[], Any]) -> Any:
    """The cache dies, and nobody mends it within the time of the verify step."""
    run = journal().begin().process(0.05).plan(expect=({"fault": "kill_cache", "restored_within": "5s"},))
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.attempt("kill_cache@cache", 0.95, 1.02, "succeeded")
    run.unit(1.03, "noticed", "running").sample(1.1, 1.2, "bad", "noticed", detail="status \x1b[31m503")
    run.sample(1.3, 1.35, "bad", "noticed").unit(1.4, "noticed", "succeeded")
    run.unit(1.41, "start_cache@cache", "running").repair(1.5, 1.6, ok=False, error="no <room> & \x00")
    run.unit(1.7, "start_cache@cache", "failed", "no <room> & \x00")
    run.unit(1.8, "whole", "blocked", "start_cache failed")
    run.sample(7.0, 7.1, "bad", "whole").unit(8.0, "kill_cache@cache", "succeeded")
    run.fault_ended(8.0, 8.1, "engine")
    return run.end(9.0)


@pytest.fixture
def never_mended(journal: Callable[[], Any]) -> Callable[[], Any]:
    """A run that fails: the repair fails, and the service stays bad."""
    return lambda: _never_mended(journal)


@pytest.fixture
def never_steady(journal: Callable[[], Any]) -> Callable[[], Any]:
    """A run that proves nothing: the steady state was not met, so nothing was broken."""
    def made() -> Any:
        run = journal().begin().plan(expect=({"fault": "kill_cache", "restored_within": "5s"},))
        run.add(1.0, RunInvalid(reason="The steady state was not met"))
        return run.end(1.1)

    return made
