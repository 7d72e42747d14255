"""The series of ``breakfix run --repeat``: each trial as it comes, then what they say together."""

import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import click
from msgspec import structs

from breakfix import reports
from breakfix.engine.cli.history_options import warn_of_history
from breakfix.engine.cli.live import LiveView
from breakfix.engine.cli.push import pushed
from breakfix.engine.cli.report import show_series
from breakfix.engine.cli.scenario_options import Outputs
from breakfix.engine.home import new_series_id
from breakfix.engine.model import Repeat
from breakfix.engine.plan import WorldTargets
from breakfix.engine.run.historian import compare_series
from breakfix.engine.run.series import Listener, Series
from breakfix.engine.run.session import RunDone, RunRequest, run
from breakfix.engine.trials import SeriesRecord
from breakfix.engine.values import seconds
from breakfix.engine.verdict import heaviest


def execute(
    request: RunRequest,
    repeat: Repeat,
    command: str,
    outputs: Outputs,
    *,
    verbosity: int,
) -> NoReturn:
    """Make the trials; `command` makes them again. It ends with the heaviest of their exit codes."""
    report_dir = outputs.report_dir
    done: list[RunDone] = []

    def keep(number: int, one: RunDone) -> None:
        if report_dir is not None:
            reports.write_all(one.record, one.verdict, report_dir / f"trial-{number}")
        done.append(structs.replace(one, record=structs.replace(one.record, samples=())))

    series = make(request, repeat, command, keep, verbosity=verbosity)
    if report_dir is not None:
        reports.write_series(series, report_dir)
    with contextlib.suppress(OSError):
        show_series(series)
        if report_dir is not None:
            click.echo(f"The reports are in {report_dir}.")
    code = series.exit_code
    if outputs.gateway:
        runs = [(one.record, one.verdict) for one in done]
        code = heaviest([code, pushed(runs, outputs.gateway)])
    raise SystemExit(code)


def make(
    request: RunRequest,
    repeat: Repeat,
    command: str,
    keep: Callable[[int, RunDone], None],
    *,
    verbosity: int,
) -> SeriesRecord:
    """Make the trials, tell of each as it comes, and give it with its number to `keep`. Raises
    BreakfixError where one could not begin."""

    beginning = _beginning(request, repeat, command)
    request = structs.replace(request, series=beginning.series_id)

    def trial(listener: Listener) -> RunDone:
        with LiveView(verbosity=verbosity) as view:
            return run(request, WorldTargets(request.scenario), [view.on_line, listener])

    def after(series: SeriesRecord, done: RunDone) -> None:
        number = len(series.trials)
        warn_of_history(done)
        keep(number, done)
        if verbosity >= 0:
            # Whoever reads our output may have gone; the trials go on.
            with contextlib.suppress(OSError):
                told = f"{done.verdict.verdict}. {done.verdict.reason}"
                click.echo(f"Trial {number} ({done.run_id}): {told}", err=True)

    return Series(beginning, trial, after, partial(compare_series, request)).run()


def _beginning(request: RunRequest, repeat: Repeat, command: str) -> SeriesRecord:
    return SeriesRecord(
        series_id=new_series_id(request.scenario.name),
        scenario=request.scenario.name,
        file=request.file,
        file_sha256=request.file_sha256,
        command=command,
        versions=request.versions,
        seed=request.seed,
        env=request.env,
        no_faults=request.no_faults,
        began_wall_s=time.time(),
        times=repeat.times,
        up_to=repeat.at_most,
        pause_s=seconds(repeat.pause),
        stop_on=repeat.stop_on,
    )
