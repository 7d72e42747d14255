"""A run as JUnit XML: a test case for its verdict, for each row of `expect` and for each step.

JUnit knows no doubt. What is inconclusive or invalid is an error with its reason, never a pass and never
a failure of the system; a run that proves nothing must not look green.
"""

from collections.abc import Iterator
from typing import Final

from breakfix.engine.timeline.facts import StepFacts, UnitFacts
from breakfix.engine.timeline.record import Record, Row, Verdict
from breakfix.engine.trials import SeriesRecord, Trial
from breakfix.engine.verdict import Finding, findings
from breakfix.reports import wording
from breakfix.reports.junit_xml import Case, Outcome, Suite, document

_LINES_MAX: Final = 50


def render(record: Record, verdict: Verdict) -> str:
    """The XML of one run."""
    return document([suite_of(record, verdict)])


def render_series(series: SeriesRecord) -> str:
    """The XML of a series from its file alone: a test case for each trial."""
    return document([series_suite(series)])


def series_suite(series: SeriesRecord) -> Suite:
    """The suite of a series: a test case for each trial, and one for what they are together."""
    trials = [_trial(series, number, trial) for number, trial in enumerate(series.trials, 1)]
    return Suite(
        name=f"{series.scenario}.trials",
        cases=[
            *trials,
            *(_row(f"{series.scenario}.trials", row, "") for row in series.rows),
            _series_end(series),
        ],
        properties=[
            ("breakfix.series", series.series_id),
            ("breakfix.verdict", series.verdict),
            ("breakfix.exit_code", str(series.exit_code)),
            ("breakfix.seed", str(series.seed)),
            ("breakfix.file", series.file),
            ("breakfix.file_sha256", series.file_sha256),
            ("breakfix.command", series.command),
            *((f"version.{name}", value) for name, value in series.versions.items()),
        ],
        began_wall_s=series.began_wall_s,
        output=series.reason,
    )


def suite_of(record: Record, verdict: Verdict, *, trial: int | None = None) -> Suite:
    """The suite of a run. Its names are the same in every run of a file, so that a CI system can follow
    each case; those of a trial have its number."""
    name = record.run.scenario or "breakfix"
    if trial is not None:
        name = f"{name}.trial-{trial}"
    units = _by_step(record)
    found = _weighing(record, verdict)
    worthless = verdict.reason if verdict.verdict == "invalid" else ""
    run = record.run
    return Suite(
        name=name,
        cases=[
            _whole(name, record, verdict),
            *(_row(name, row, worthless) for row in verdict.rows),
            *(
                _step(name, step, units.get(step.id, []), found.get(step.id, []))
                for step in record.steps
            ),
        ],
        properties=list(_properties(record, verdict)),
        began_wall_s=run.started_wall_s,
        time_s=run.ended_at_s[1],
        output="\n".join([verdict.reason, *_notes(verdict), wording.certificate(record)]),
    )


def _properties(record: Record, verdict: Verdict) -> Iterator[tuple[str, str]]:
    run = record.run
    found = {
        "run": run.run_id,
        "scenario": run.scenario,
        "verdict": verdict.verdict,
        "exit_code": str(verdict.exit_code),
        "seed": "" if run.seed is None else str(run.seed),
        "plan_hash": record.plan.hash if record.plan is not None else "",
        "file": run.file,
        "file_sha256": run.file_sha256,
        "env": run.env,
        "command": run.command,
        "journal_head": run.head,
    }
    yield from ((f"breakfix.{name}", value) for name, value in found.items() if value)
    yield from ((f"version.{name}", value) for name, value in run.versions.items())


def _whole(name: str, record: Record, verdict: Verdict) -> Case:
    """The run as a whole: residue, errors, aborts and missing evidence belong to no step alone."""
    return Case(
        group=f"{name}.run",
        name="verdict",
        outcome=_outcome(verdict.exit_code),
        kind=verdict.verdict,
        message=verdict.reason,
        text="\n".join([*_notes(verdict), wording.certificate(record)]),
        time_s=record.run.ended_at_s[1],
    )


def _notes(verdict: Verdict) -> Iterator[str]:
    yield from verdict.notes[:_LINES_MAX]
    if len(verdict.notes) > _LINES_MAX:
        yield f"And {len(verdict.notes) - _LINES_MAX} more reasons."


def _outcome(exit_code: int) -> Outcome:
    if exit_code == 0:
        return "passed"
    return "failure" if exit_code == 1 else "error"


def _row(name: str, row: Row, worthless: str) -> Case:
    """An expectation. Its time is what was observed, where that is a time: CI systems draw it."""
    outcome: Outcome = "passed"
    if row.verdict != "passed":
        outcome = "failure" if row.verdict == "failed" else "error"
    message = row.observed
    if worthless:
        outcome, message = "skipped", f"not judged, the run is invalid: {worthless}"
    observed_s = row.observed_s or (row.at_least_s or 0.0, row.at_least_s or 0.0)
    return Case(
        group=f"{name}.expect",
        name=wording.claim(row),
        outcome=outcome,
        kind=row.verdict,
        message=message,
        text=f"{wording.claim(row)}: {row.observed}",
        time_s=0.0 if row.bound_s is None else sum(observed_s) / 2,
    )


def _by_step(record: Record) -> dict[str, list[UnitFacts]]:
    found: dict[str, list[UnitFacts]] = {}
    for unit in record.units:
        found.setdefault(unit.step, []).append(unit)
    return found


def _weighing(record: Record, verdict: Verdict) -> dict[str, list[Finding]]:
    """What weighs in the verdict, by the step that it is about, the heaviest first."""
    steps = {unit.unit: unit.step for unit in record.units}
    steps |= {fault.fault: fault.step for fault in record.faults}
    found: dict[str, list[Finding]] = {}
    for finding in findings(record, verdict.rows):
        about, name = finding.about
        if about in ("step", "unit", "repair", "fault"):
            found.setdefault(name if about == "step" else steps.get(name, name), []).append(finding)
    return found


def _step(name: str, step: StepFacts, units: list[UnitFacts], own: list[Finding]) -> Case:
    outcome, kind, message = _judged(step, own)
    return Case(
        group=f"{name}.steps",
        name=step.id,
        outcome=outcome,
        kind=kind,
        message=message,
        text="\n".join(_told(units)),
        time_s=_lasted_s(units),
    )


def _judged(step: StepFacts, own: list[Finding]) -> tuple[Outcome, str, str]:
    """By what weighs in the verdict, the heaviest first; else by the state."""
    if own:
        return _outcome(own[0].exit_code), own[0].verdict, own[0].reason
    if step.state == "succeeded":
        return "passed", "", ""
    if step.state in ("errored", "running", "cancelling"):
        return "error", step.state, step.reason or f"the step was {step.state} at the end"
    left = step.reason or "it never began"
    if step.state == "failed":
        why = "its failure does not weigh (on_failure: continue)"
        if step.on_failure == "fail":
            why = "it proves nothing in this run"
        left = f"{why}: {left}"
    return "skipped", step.state, f"{step.state}: {left}"


def _told(units: list[UnitFacts]) -> Iterator[str]:
    """A line for each unit that did not succeed."""
    bad = [unit for unit in units if unit.state != "succeeded"]
    for unit in bad[:_LINES_MAX]:
        yield f"{unit.unit}: {unit.state} {unit.reason}".strip()
    if len(bad) > _LINES_MAX:
        yield f"and {len(bad) - _LINES_MAX} more"


def _lasted_s(units: list[UnitFacts]) -> float:
    """From the first start to the last end."""
    starts = [unit.started_at_s[0] for unit in units if unit.started_at_s is not None]
    ends = [unit.ended_at_s[1] for unit in units if unit.ended_at_s is not None]
    return max(0.0, max(ends) - min(starts)) if starts and ends else 0.0


def _trial(series: SeriesRecord, number: int, trial: Trial) -> Case:
    restored = trial.times["time_to_restore_s"]
    pair = restored.interval_s or (restored.at_least_s or 0.0, restored.at_least_s or 0.0)
    return Case(
        group=f"{series.scenario}.trials",
        name=f"trial {number}",
        outcome=_outcome(trial.exit_code),
        kind=trial.verdict,
        message=trial.reason,
        text=f"run {trial.run_id}",
        time_s=sum(pair) / 2,
    )


def _series_end(series: SeriesRecord) -> Case:
    """The series as a whole: it may be short of trials, or without an end."""
    return Case(
        group=f"{series.scenario}.trials",
        name="verdict",
        outcome=_outcome(series.exit_code),
        kind=series.verdict,
        message=series.reason,
    )
