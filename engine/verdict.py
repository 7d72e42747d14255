"""What a run proves. Every reason that weighs is a finding; the heaviest one is the verdict.

The order of weight (exit codes): 6 something was left behind > 5 our side failed > 4 aborted >
2 refused before any effect > 1 the system failed > 3 inconclusive or invalid > 0 passed.
A pass needs evidence: a verify step with samples, and each fault seen effective.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from msgspec import Struct

from breakfix.engine import errors
from breakfix.engine.expectations import in_words, rows
from breakfix.engine.timeline.facts import GuardFacts, ObserverFacts, StepFacts
from breakfix.engine.timeline.record import Record, Row, Verdict, VerdictWord
from breakfix.engine.timeline.words import healed_in_words, with_interval

__all__ = ["Finding", "Verdict", "findings", "heaviest", "judge"]

About = Literal[
    "run", "fault", "process", "repair", "survey", "error", "unit", "step", "command",
    "takeover", "cancel", "invalid", "row", "guard",
]  # fmt: skip
"""What a finding is about: of a row its index, of an error its message, else an id."""

_WEIGHT: Final = (0, 3, 1, 2, 4, 5, 6)
"""Exit codes from the lightest to the heaviest."""

_ABORTS: Final = ("signal", "deadline", "halt", "guardian")
_UNOVER: Final = ("pending", "running", "cancelling")

_EXIT_CODES: Final = {
    name: kind.exit_code
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.BreakfixError)
}


class Finding(Struct, frozen=True, kw_only=True):
    """One reason for a verdict, as a sentence without its full stop."""

    verdict: VerdictWord
    exit_code: int
    reason: str
    about: tuple[About, str] = ("run", "")


def judge(record: Record) -> Verdict:
    """The verdict over a record; it never raises."""
    judged = judged_rows(record)
    found = findings(record, judged)
    first = found[0]
    return Verdict(
        verdict=first.verdict,
        reason=as_sentence(first.reason),
        exit_code=first.exit_code,
        rows=judged,
        notes=tuple(as_sentence(finding.reason) for finding in found[1:]),
    )


def judged_rows(record: Record) -> tuple[Row, ...]:
    """The expectations against what was observed; a rehearsal has none."""
    return () if record.run.no_faults else tuple(rows(record))


def findings(record: Record, judged: tuple[Row, ...]) -> list[Finding]:
    """Every reason that weighs, the heaviest first; there is at least one. It never raises."""
    worthless = bool(record.invalid or _tripped_at_rest(record))
    found = [*_left_behind(record), *_our_side(record), *_aborted(record), *_no_evidence(record)]
    if not worthless:
        # Where the run was invalid, what it saw proves nothing against the system either.
        found += [*_tripped(record), *_failed_steps(record), *_stopped_waves(record)]
        found += _still_down(record)
        found += _failed_rows(judged)
    found = _unique(found)
    if not found:
        found = [Finding(verdict="passed", exit_code=0, reason=_why_passed(record, judged))]
    # The sort is stable: of equal weight, the first that was found is told first.
    found.sort(key=lambda finding: _WEIGHT.index(finding.exit_code), reverse=True)
    return found


def heaviest(codes: Iterable[int]) -> int:
    """The exit code of several things together; of none, 0.

    >>> heaviest([0, 3, 1, 0])
    1
    """
    return max(codes, key=_WEIGHT.index, default=0)


def as_sentence(reason: str) -> str:
    """A reason with its full stop."""
    text = reason.strip() or "No reason was given"
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _unique(found: list[Finding]) -> list[Finding]:
    return list({finding.reason: finding for finding in reversed(found)}.values())[::-1]


# --- 6: residue ---


def _left_behind(record: Record) -> Iterator[Finding]:
    for fault in record.faults:
        if fault.state == "residue":
            yield _residue(
                f"Fault {fault.fault} could not be undone: {fault.residue_why}"
                + (f"; by hand: {fault.manual}" if fault.manual else ""),
                ("fault", fault.fault),
            )
        elif fault.state != "ended":
            yield _residue(
                f"Fault {fault.fault} was never seen gone; run `breakfix recover`",
                ("fault", fault.fault),
            )
    for process in record.processes:
        if process.gone_at_s is None:
            yield _residue(
                f"Processes of target {process.target} were not seen gone; run `breakfix recover`",
                ("process", process.mark),
            )
    for repair in record.repairs:
        if repair.put_back and not repair.ok:
            yield _residue(
                f"Repair {repair.unit} could not be put back: {repair.error}",
                ("repair", repair.unit),
            )
    for change in record.survey.changes if record.survey is not None else ():
        if change.why == "residue":
            yield _residue(
                f"{change.target} is not as it was: {change.field} was {change.before or 'not there'}, "
                f"is {change.after or 'not there'}",
                ("survey", change.target),
            )
    if record.run.residue:
        yield _residue("The journal's last writer says that something was left behind")


def _residue(reason: str, about: tuple[About, str] = ("run", "")) -> Finding:
    return Finding(verdict="errored", exit_code=6, reason=reason, about=about)


# --- 5 and 2: our side ---


def _our_side(record: Record) -> Iterator[Finding]:
    for error in record.errors:
        code = _EXIT_CODES.get(error.kind, 5)
        refused = code == 2 and error.before_effect
        yield Finding(
            verdict="errored",
            exit_code=2 if refused else 5,
            reason=error.message,
            about=("error", error.message),
        )
    for unit in record.units:
        if unit.state == "errored" and not record.errors:
            yield _error(
                f"Step {unit.unit} could not be carried out: {unit.reason}", ("unit", unit.unit)
            )
    for command in record.teardown:
        if command.ok is False:
            yield _error(
                f"Teardown command {' '.join(command.command)} failed: {command.error}",
                ("command", str(command.index)),
            )
    if record.taken_over:
        roles = list(dict.fromkeys(w.role for w in record.writers if w.role != "engine"))
        ended = [fault for fault in record.faults if fault.left_to is not None]
        yield _error(
            f"The engine died; {' and '.join(roles)} took over and ended {len(ended)} faults",
            ("takeover", ""),
        )
    elif late := [fault.fault for fault in record.faults if fault.left_to is not None]:
        yield _error(
            f"Fault {_some(late)} was left behind by the run and ended later",
            ("fault", late[0]),
        )
    if record.errors or record.cancelled or record.invalid or record.taken_over:
        return
    stuck = [unit.unit for unit in record.units if unit.state in _UNOVER]
    if stuck:
        yield _error(f"The journal stops while {_some(stuck)} had not ended: the engine died")
    elif record.plan is None:
        yield _error("The journal stops before there was a plan: the engine died")


def _error(reason: str, about: tuple[About, str] = ("run", "")) -> Finding:
    return Finding(verdict="errored", exit_code=5, reason=reason, about=about)


# --- 4: aborted ---


def _aborted(record: Record) -> Iterator[Finding]:
    trips = [guard.trip for guard in record.guards if guard.trip is not None]
    tripped_s = min((trip.at_s[0] for trip in trips), default=float("inf"))
    for guard in record.guards:
        if guard.trip is not None and guard.trip.kind == "blind":
            reason = f"Guard {guard.id} was blind, so the run was stopped: {guard.trip.why}"
            yield Finding(verdict="aborted", exit_code=4, reason=reason, about=("guard", guard.id))
    for cancel in record.cancelled:
        # After its trip a guard had stopped the run already; the sampling process may signal that, too.
        if cancel.source in _ABORTS and cancel.at_s[0] < tripped_s:
            reason = f"The run was stopped: {cancel.why}"
            yield Finding(
                verdict="aborted", exit_code=4, reason=reason, about=("cancel", cancel.why)
            )
            return
        if cancel.source == "error" and not record.errors:
            yield _error(f"The run was stopped: {cancel.why}", ("cancel", cancel.why))


# --- 3: no evidence ---


def _no_evidence(record: Record) -> Iterator[Finding]:
    for reason in record.invalid:
        yield _invalid(reason, ("invalid", reason))
    for guard in _tripped_at_rest(record):
        why = guard.trip.why if guard.trip is not None else ""
        yield _invalid(
            f"Guard {guard.id} tripped before anything was broken: {why}", ("guard", guard.id)
        )
    for step in record.steps:
        own: tuple[About, str] = ("step", step.id)
        if step.phase == "inject" and step.state == "failed" and step.on_failure == "fail":
            yield _invalid(f"The effect of {step.id} was not seen: {step.reason}", own)
        if step.phase in ("detect", "verify") and step.state == "failed" and step.blind:
            yield _invalid(f"Step {step.id} could not look: {step.reason}", own)
        if step.stopped_blind and step.on_failure == "fail":
            yield _invalid(f"Nobody could tell whether {step.id} may go on: {step.stopped}", own)
        if step.phase == "verify" and step.blocked_by:
            yield _invalid(f"Step {step.id} was never reached: {step.blocked_by} went wrong", own)
    injects = [step for step in record.steps if step.phase == "inject"]
    active = any(fault.active_at_s is not None for fault in record.faults)
    if injects and not active and not record.run.no_faults:
        yield _invalid("No fault was seen effective" + _why_not(injects), _first_of(injects))
    if record.observers_lost:
        yield _invalid(f"The observers did not look to the end: {record.observers_lost}")
    for observer in record.observers:
        if not _seen_of(observer) and observer.on_no_data == "invalid":
            yield _invalid(f"Observer {observer.probe} has no sample that shows anything")
    yield from _unverified(record)


def _seen_of(observer: ObserverFacts) -> list[str]:
    """The states that it saw, one after the other, without the blind."""
    return [span.state for span in observer.spans if span.state != "blind"]


def _unverified(record: Record) -> Iterator[Finding]:
    """A verify step counts by its samples, not by its state."""
    looked = {
        sample.unit for sample in record.samples if not sample.armed and sample.state != "blind"
    }
    units = [unit for unit in record.units if unit.phase == "verify"]
    for unit in units:
        if unit.state == "succeeded" and unit.unit not in looked:
            yield _invalid(
                f"Step {unit.unit} has no sample that shows anything", ("unit", unit.unit)
            )
    if any(unit.unit in looked for unit in units):
        return
    verifies = [step for step in record.steps if step.phase == "verify"]
    if verifies:
        yield _invalid("Nothing was verified" + _why_not(verifies), _first_of(verifies))
    elif not any(_seen_of(observer) for observer in record.observers):
        yield _invalid("There is no verify step or observer, so nothing shows that all is well")


def _invalid(reason: str, about: tuple[About, str] = ("run", "")) -> Finding:
    return Finding(verdict="invalid", exit_code=3, reason=reason, about=about)


def _why_not(steps: list[StepFacts]) -> str:
    """Why the first of some steps did not come about."""
    first = next((step for step in steps if step.reason), None)
    return f": {first.id} was {first.state} ({first.reason})" if first is not None else ""


def _first_of(steps: list[StepFacts]) -> tuple[About, str]:
    """The step that `_why_not` tells of."""
    return ("step", next((step for step in steps if step.reason), steps[0]).id)


def _tripped_at_rest(record: Record) -> list[GuardFacts]:
    """The guards that tripped before anything was broken or repaired."""
    return [
        guard
        for guard in record.guards
        if guard.trip is not None and guard.trip.kind == "tripped" and guard.trip.before_effect
    ]


# --- 1: the system failed ---


def _tripped(record: Record) -> Iterator[Finding]:
    for guard in record.guards:
        if guard.trip is not None and guard.trip.kind == "tripped":
            safe = guard.time_to_safe_s
            tail = f"; all faults were gone {with_interval(safe)} later" if safe is not None else ""
            yield Finding(
                verdict="failed",
                exit_code=1,
                reason=f"Guard {guard.id} tripped: {guard.trip.why}{tail}",
                about=("guard", guard.id),
            )


def _failed_steps(record: Record) -> Iterator[Finding]:
    failed = [
        step
        for step in record.steps
        if step.state == "failed"
        and step.on_failure == "fail"
        and step.phase != "inject"
        and not (step.blind and step.phase in ("detect", "verify"))
    ]
    for step in failed:
        unreached = [other.id for other in record.steps if other.blocked_by == step.id]
        tail = f"; so {_some(unreached)} could not begin" if unreached else ""
        yield Finding(
            verdict="failed",
            exit_code=1,
            reason=f"{_what_failed(step)}: {step.reason}{tail}",
            about=("step", step.id),
        )


def _stopped_waves(record: Record) -> Iterator[Finding]:
    for step in record.steps:
        if step.stopped and not step.stopped_blind and step.on_failure == "fail":
            yield Finding(
                verdict="failed",
                exit_code=1,
                reason=f"No further wave of {step.id} began: {step.stopped}",
                about=("step", step.id),
            )


def _still_down(record: Record) -> Iterator[Finding]:
    for observer in record.observers:
        seen = _seen_of(observer)
        if seen and seen[-1] == "bad":
            reason = f"Observer {observer.probe} still saw it bad at the end: {observer.first_bad}"
        elif not seen and observer.on_no_data == "fail":
            reason = f"Observer {observer.probe} has no sample that shows anything"
        else:
            continue
        yield Finding(verdict="failed", exit_code=1, reason=reason)


def _what_failed(step: StepFacts) -> str:
    if step.units > 1:
        return f"Step {step.id} failed ({step.needed} of its {step.units} had to succeed)"
    return f"Step {step.id} failed"


def _failed_rows(judged: tuple[Row, ...]) -> Iterator[Finding]:
    for index, row in enumerate(judged):
        if row.verdict == "failed":
            yield Finding(
                verdict="failed", exit_code=1, reason=in_words(row), about=("row", str(index))
            )
    for index, row in enumerate(judged):
        if row.verdict == "inconclusive":
            yield Finding(
                verdict="inconclusive", exit_code=3, reason=in_words(row), about=("row", str(index))
            )


# --- 0 ---


def _why_passed(record: Record, judged: tuple[Row, ...]) -> str:
    if record.run.no_faults:
        return "The rehearsal went through: nothing was broken, and every probe was as it must be"
    if not record.episodes:
        return "Every verify step was met; nothing was broken"
    worst = max(
        record.episodes,
        key=lambda e: (e.measured.metrics.time_to_restore_s or (0.0, 0.0))[1],
    ).measured
    restored = worst.metrics.time_to_restore_s
    healed = healed_in_words(worst.healed_by)
    held = f"; {len(judged)} of {len(judged)} expectations hold" if judged else ""
    if restored is None:
        return f"Every verify step was met{held}"
    many = f"the worst of {len(record.episodes)} episodes" if len(record.episodes) > 1 else "it"
    return f"Whole again after {with_interval(restored)}: {many} was {healed}{held}"


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
