"""Runs what a gate has prepared, one file after the other, and writes the reports of each."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from breakfix import reports
from breakfix.engine.cli.gate_prepare import Ready, Refused
from breakfix.engine.cli.history_options import warn_of_history
from breakfix.engine.cli.live import LiveView
from breakfix.engine.cli.report import show, show_series
from breakfix.engine.cli.trials import make
from breakfix.engine.errors import BreakfixError
from breakfix.engine.gate import GateFile, GateWord
from breakfix.engine.model import Problem
from breakfix.engine.pinpoint import of_trials, pinpoint
from breakfix.engine.plan import WorldTargets
from breakfix.engine.run.series import BetweenRuns
from breakfix.engine.run.session import RunDone, run
from breakfix.engine.timeline.record import Record, Verdict
from breakfix.engine.trials import SeriesRecord, trial_of
from breakfix.engine.verdict import as_sentence
from breakfix.reports.gate import Shown
from breakfix.reports.junit import suite_of
from breakfix.reports.junit_xml import Suite

_ABORTED: Final = 4
_LEFT_BEHIND: Final = 6


class Ran(Struct, frozen=True, kw_only=True):
    """What came of one file. `stop` says why nothing after it may be run; empty where it may."""

    shown: Shown
    problems: tuple[Problem, ...] = ()
    stop: str = ""


def run_all(ready: Sequence[Ready], out: Path, pictures: str, *, verbosity: int) -> list[Ran]:
    """Every file in its order, each as often as is asked, and none again. What is left when one left
    something behind, or a signal or a halt came, is not run. Raises BreakfixError where a report cannot
    be written."""
    between = BetweenRuns()
    found: list[Ran] = []
    stop = ""
    with between.all_of_them():
        for one in ready:
            if stop:
                found.append(_without_run(one, "not_run", stop, 0))
            elif stop := between.pause(0.0):
                found.append(_without_run(one, "aborted", stop, _ABORTED))
            else:
                with between.one():
                    found.append(_ran(one, out, pictures, verbosity=verbosity))
                stop = found[-1].stop
    return found


def _ran(ready: Ready, out: Path, pictures: str, *, verbosity: int) -> Ran:
    """One file. What keeps it from being run is its own verdict, not the end of the gate."""
    keeping = _Keeping(ready, out, pictures)
    try:
        if ready.repeat.at_most > 1:
            series = make(ready.request, ready.repeat, ready.command, keeping.trial, verbosity=verbosity)
            return keeping.series(series, verbosity=verbosity)
        with LiveView(verbosity=verbosity) as view:
            done = run(ready.request, WorldTargets(ready.request.scenario), [view.on_line])
        warn_of_history(done)
        return keeping.single(done, verbosity=verbosity)
    except KeyboardInterrupt:
        return _without_run(ready, "aborted", "A signal came", _ABORTED, stop="A signal came")
    except (BreakfixError, OSError) as error:
        code = error.exit_code if isinstance(error, BreakfixError) else 5
        return _without_run(ready, "errored", str(error), code)


class _Keeping:
    """Writes the reports of one file's runs, and keeps of each what those of the gate are made from."""

    def __init__(self, ready: Ready, out: Path, pictures: str) -> None:
        self._ready = ready
        self._folder = out / ready.folder
        self._pictures = pictures
        self._runs: list[tuple[Record, Verdict]] = []
        self._suites: list[Suite] = []
        self._problems: list[tuple[Problem, ...]] = []
        self._signalled = False

    def trial(self, number: int, done: RunDone) -> None:
        """One trial of a series."""
        self._keep(done, self._folder / f"trial-{number}", number)

    def single(self, done: RunDone, *, verbosity: int) -> Ran:
        """The only run."""
        self._keep(done, self._folder, None)
        if verbosity >= 0 and done.verdict.exit_code:
            with contextlib.suppress(OSError):
                show(done.record, done.verdict)
        file = GateFile(
            file=str(self._ready.file),
            scenario=self._ready.request.scenario.name,
            verdict=done.verdict.verdict,
            reason=done.verdict.reason,
            exit_code=done.verdict.exit_code,
            folder=self._ready.folder,
            trials=(trial_of(done.record, done.verdict),),
            problems=self._ready.warnings,
        )
        return self._made(file, None)

    def series(self, series: SeriesRecord, *, verbosity: int) -> Ran:
        """All trials."""
        reports.write_series(series, self._folder)
        if verbosity >= 0 and series.exit_code:
            with contextlib.suppress(OSError):
                show_series(series)
        if series.ended is not None and series.ended.kind == "interrupted":
            self._signalled = True
        file = GateFile(
            file=series.file,
            scenario=series.scenario,
            verdict=series.verdict,
            reason=series.reason,
            exit_code=series.exit_code,
            folder=self._ready.folder,
            series_id=series.series_id,
            trials=series.trials,
            summaries=series.summaries,
            problems=self._ready.warnings,
        )
        return self._made(file, series)

    def _keep(self, done: RunDone, folder: Path, trial: int | None) -> None:
        reports.write_all(done.record, done.verdict, folder)
        self._suites.append(suite_of(done.record, done.verdict, trial=trial))
        self._runs.append((structs.replace(done.record, samples=()), done.verdict))
        self._problems.append(pinpoint(done.record, done.verdict))
        self._signalled = self._signalled or done.signalled

    def _made(self, file: GateFile, series: SeriesRecord | None) -> Ran:
        stop = ""
        if file.exit_code == _LEFT_BEHIND:
            stop = f"{file.scenario} left something behind, so nothing more is broken"
        elif self._signalled:
            stop = "A signal came"
        picture = ""
        if self._pictures and series is None and (self._folder / reports.PICTURE).is_file():
            picture = f"{self._pictures.rstrip('/')}/{file.folder}/{reports.PICTURE}"
        return Ran(
            shown=Shown(
                file=file,
                runs=tuple(self._runs),
                suites=tuple(self._suites),
                series=series,
                picture=picture,
            ),
            problems=of_trials(self._problems),
            stop=stop,
        )


def _without_run(ready: Ready, verdict: GateWord, reason: str, code: int, stop: str = "") -> Ran:
    """A file of which there is no run to tell of."""
    file = GateFile(
        file=str(ready.file),
        scenario=ready.request.scenario.name,
        verdict=verdict,
        reason=as_sentence(reason),
        exit_code=code,
        problems=ready.warnings,
    )
    problem = Problem(file=str(ready.file), line=1, column=1, message=f"{verdict}: {reason}")
    return Ran(shown=Shown(file=file), problems=(problem,) if code else (), stop=stop)


def refused(prepared: Sequence[Ready | Refused]) -> list[Ran]:
    """All files, where one of them cannot be run: then none is."""
    found = []
    for one in prepared:
        if isinstance(one, Ready):
            found.append(_without_run(one, "not_run", "Another file is refused", 0))
            continue
        errors = [problem for problem in one.problems if problem.severity == "error"]
        said = errors[0].message if errors else "it cannot be run"
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        file = GateFile(
            file=str(one.file),
            scenario=one.scenario,
            verdict="refused" if one.exit_code == 2 else "errored",
            reason=as_sentence(f"{said}{more}"),
            exit_code=one.exit_code,
            problems=one.problems,
        )
        found.append(Ran(shown=Shown(file=file), problems=one.problems))
    return found
