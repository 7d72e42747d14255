"""The tables of a report as lines of words, the same for every format."""

from typing import Final

from msgspec import Struct

from breakfix.engine.timeline.facts import FaultFacts, Interval, OutageFacts
from breakfix.engine.timeline.record import Record
from breakfix.engine.timeline.words import at_instant, healed_in_words, with_interval
from breakfix.reports.wording import (
    episode_title,
    restored,
    safe_in_words,
    trip_in_words,
    unit_name,
)

ROWS_MAX: Final = 500
"""How many lines a table of a report has; the rest is in the JSON record."""


class StepLine(Struct, frozen=True, kw_only=True):
    """One unit, each measured time in words; empty where there was none."""

    name: str
    phase: str
    uses: str
    target: str
    due: str
    start: str
    wait: str
    attempts: str
    run: str
    check: str
    undo: str
    state: str
    reason: str


class ProofLine(Struct, frozen=True, kw_only=True):
    """What shows that a fault was there, and that it is gone."""

    fault: str
    action: str
    target: str
    evidence: tuple[tuple[str, str], ...]
    seen: str
    ended: str
    state: str
    problem: str
    manual: str


class EpisodeLine(Struct, frozen=True, kw_only=True):
    """One episode in short."""

    title: str
    began: str
    detected: str
    restored: str
    healed: str


class OutageLine(Struct, frozen=True, kw_only=True):
    """A stretch in which a probe was bad."""

    name: str
    seen_by: str
    lasted: str
    began: str
    ended: str
    bad_samples: str


class GuardLine(Struct, frozen=True, kw_only=True):
    """A guard, and whether it stopped the run."""

    name: str
    tolerates: str
    trip: str
    stopped: bool
    safe: str


def guard_lines(record: Record) -> list[GuardLine]:
    """Every guard."""
    return [
        GuardLine(
            name=guard.id,
            tolerates=f"{guard.probe}, {guard.tolerance}" if guard.tolerance else guard.probe,
            trip=trip_in_words(guard),
            stopped=guard.trip is not None,
            safe=safe_in_words(guard),
        )
        for guard in record.guards
    ]


def episode_lines(record: Record) -> list[EpisodeLine]:
    """Where there are more episodes than are told at length, all of them in short."""
    if len(record.episodes) <= 2:
        return []
    found = []
    for episode in record.episodes[:ROWS_MAX]:
        metrics = episode.measured.metrics
        detect = metrics.time_to_detect_s or metrics.time_to_detect_from_effect_s
        total = restored(episode.measured)
        found.append(
            EpisodeLine(
                title=episode_title(episode),
                began="" if episode.measured.marks.t0 is None
                else at_instant(episode.measured.marks.t0),
                detected="" if detect is None else with_interval(detect),
                restored=f"{total.value} {total.ends}".strip(),
                healed=healed_in_words(episode.measured.healed_by),
            )
        )  # fmt: skip
    return found


def step_lines(record: Record) -> list[StepLine]:
    """The units in the order of their start; those that never began come last."""
    late = (float("inf"), float("inf"))
    units = sorted(record.units, key=lambda unit: unit.started_at_s or late)
    return [
        StepLine(
            name=unit_name(unit, record),
            phase=unit.phase,
            uses=unit.uses,
            target=unit.target,
            due="" if unit.due_at_s is None else f"{unit.due_at_s:.3f} s",
            start="" if unit.started_at_s is None else at_instant(unit.started_at_s),
            wait=_brief(unit.queue_wait_s),
            attempts=str(len(unit.attempts) or ""),
            run=_brief(unit.run_s),
            check=_brief(unit.check_s),
            undo=_brief(unit.undo_s),
            state=unit.state,
            reason=unit.reason,
        )
        for unit in units[:ROWS_MAX]
    ]


def _brief(pair: Interval | None) -> str:
    return "" if pair is None else with_interval(pair)


def proofs(record: Record) -> list[ProofLine]:
    """Each fault with its evidence."""
    return [
        ProofLine(
            fault=fault.fault,
            action=fault.action,
            target=fault.target,
            evidence=tuple(fault.evidence.items()),
            seen="" if fault.active_at_s is None else at_instant(fault.active_at_s),
            ended=_ended(fault),
            state=fault.state,
            problem=fault.residue_why or fault.error,
            manual=fault.manual,
        )
        for fault in record.faults[:ROWS_MAX]
    ]


def _ended(fault: FaultFacts) -> str:
    if fault.state != "ended" or fault.ended_at_s is None:
        return f"not seen gone ({fault.state})"
    left = f", by the {fault.left_to}" if fault.left_to is not None else ""
    return f"by {fault.ended_by}{left}, at {at_instant(fault.ended_at_s)}"


def outages(record: Record) -> list[OutageLine]:
    """Each outage that the samples of observers and steps show."""
    return [
        OutageLine(
            name=outage.probe + (f" on {outage.target}" if outage.target else ""),
            seen_by=_seen_by(outage),
            lasted="" if outage.duration_s is None else with_interval(outage.duration_s),
            began=at_instant(outage.start_at_s),
            ended="not seen good again"
            if outage.end_at_s is None
            else at_instant(outage.end_at_s),
            bad_samples=str(outage.bad_samples),
        )
        for outage in record.outages[:ROWS_MAX]
    ]


def _seen_by(outage: OutageFacts) -> str:
    """Who took the bad samples."""
    steps = ", ".join(outage.steps[:3])
    if len(outage.steps) > 3:
        steps += f" and {len(outage.steps) - 3} more"
    named = f"step{'s' if len(outage.steps) > 1 else ''} {steps}" if steps else ""
    return " and ".join(
        part for part in (f"observer {outage.observer}" if outage.observer else "", named) if part
    )
