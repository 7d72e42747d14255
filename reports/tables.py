"""The tables of a report as lines of words, the same for every format."""

from collections import Counter
from typing import Final

from msgspec import Struct

from breakfix.engine.timeline.facts import FaultFacts, Interval, OutageFacts, UnitFacts
from breakfix.engine.timeline.record import Record
from breakfix.engine.timeline.words import at_instant, healed_in_words, with_interval
from breakfix.reports.fan_out import (
    SLOWEST,
    longest_first,
    median,
    outcomes,
    spread,
    wide_outages,
    wide_units,
    without,
)
from breakfix.reports.ranges import named
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
    """The units in the order of their start, a step on many targets as one line; those that never began
    come last."""
    late = (float("inf"), float("inf"))
    wide = wide_units(record)
    states = {step.id: step.state for step in record.steps}
    units = [unit for unit in record.units if unit.step not in wide]
    found = [
        (
            min((unit.started_at_s for unit in own if unit.started_at_s is not None), default=late),
            _wide_line(own, states.get(step, "")),
        )
        for step, own in wide.items()
    ]
    units.sort(key=lambda unit: unit.started_at_s or late)
    found += [(unit.started_at_s or late, _step_line(unit, record)) for unit in units[:ROWS_MAX]]
    return [line for _, line in sorted(found, key=lambda item: item[0])[:ROWS_MAX]]


def steps_left(record: Record) -> int:
    """How many lines of steps are not shown."""
    wide = wide_units(record)
    lines = len(wide) + sum(unit.step not in wide for unit in record.units)
    return max(0, lines - ROWS_MAX)


def _step_line(unit: UnitFacts, record: Record) -> StepLine:
    return StepLine(
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


def _wide_line(units: list[UnitFacts], state: str) -> StepLine:
    """A step on many targets; its times are told below."""
    began = [unit.started_at_s for unit in units if unit.started_at_s is not None]
    return StepLine(
        name=units[0].step,
        phase=units[0].phase,
        uses=units[0].uses,
        target=f"{len(units)} targets",
        due="",
        start=at_instant(min(began)) if began else "",
        wait=median(unit.queue_wait_s for unit in units),
        attempts="",
        run=median(unit.run_s for unit in units),
        check=median(unit.check_s for unit in units),
        undo=median(unit.undo_s for unit in units),
        state=state,
        reason=outcomes(units),
    )


def _brief(pair: Interval | None) -> str:
    return "" if pair is None else with_interval(pair)


def proofs(record: Record) -> list[ProofLine]:
    """Each fault with its evidence. Those of a step on many targets of which the same is to be said are one
    line; what was left behind is told one by one, and first."""
    wide = wide_units(record)
    left = [fault for fault in record.faults if fault.state == "residue"]
    alone = [f for f in record.faults if f.state != "residue" and f.step not in wide]
    groups: dict[tuple[object, ...], list[FaultFacts]] = {}
    for fault in record.faults:
        if fault.state != "residue" and fault.step in wide:
            problem = without(fault.target, fault.residue_why or fault.error)
            asked = tuple(without(fault.target, one) for one in fault.evidence)
            key = (fault.step, asked, fault.ended_by, fault.left_to, problem)
            groups.setdefault((*key, fault.state), []).append(fault)
    found = [_proof(fault) for fault in left]
    found += [_proofs_together(faults) for faults in groups.values()]
    return (found + [_proof(fault) for fault in alone])[:ROWS_MAX]


def _proof(fault: FaultFacts) -> ProofLine:
    return ProofLine(
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


def _proofs_together(faults: list[FaultFacts]) -> ProofLine:
    """Faults of one step that were proved and ended in the same way."""
    first = faults[0]
    if len(faults) == 1:
        return _proof(first)
    seen = [fault.active_at_s for fault in faults if fault.active_at_s is not None]
    ended = [fault.ended_at_s for fault in faults if fault.ended_at_s is not None]
    over = f"not seen gone ({first.state})"
    if first.state == "ended" and ended:
        over = f"{_by(first)}, {_between(ended)}"
    return ProofLine(
        fault=f"{first.step} on {len(faults)} targets",
        action=first.action,
        target=named((fault.target for fault in faults), most=4),
        evidence=tuple(
            (without(first.target, asked), _most_common(number, faults))
            for number, asked in enumerate(first.evidence)
        ),
        seen=_between(seen) if seen else "",
        ended=over,
        state=first.state,
        problem=without(first.target, first.residue_why or first.error),
        manual="",
    )


def _most_common(number: int, faults: list[FaultFacts]) -> str:
    """What the check of this number measured on most of the targets, and how many other answers there were."""
    values = Counter(
        without(fault.target, list(fault.evidence.values())[number]) for fault in faults
    )
    (value, count), *others = values.most_common(4)
    if not others:
        return value
    said = "; ".join(f"{other} ({times})" for other, times in others[:2])
    more = len(values) - 3
    return f"{value} ({count}); {said}" + (f" and {more} other values" if more > 0 else "")


def _between(instants: list[Interval]) -> str:
    first, last = at_instant(min(instants)), at_instant(max(instants))
    return first if first == last else f"{first} to {last}"


def _ended(fault: FaultFacts) -> str:
    if fault.state != "ended" or fault.ended_at_s is None:
        return f"not seen gone ({fault.state})"
    return f"{_by(fault)}, at {at_instant(fault.ended_at_s)}"


def _by(fault: FaultFacts) -> str:
    left = f", by the {fault.left_to}" if fault.left_to is not None else ""
    return f"by {fault.ended_by}{left}"


def outages(record: Record) -> list[OutageLine]:
    """Each outage that the samples of observers and steps show; where a probe was bad on many targets, all of
    them together, and the longest."""
    wide = wide_outages(record)
    found = []
    for probe, own in wide.items():
        found.append(_outages_together(probe, own))
        found += [_outage(outage) for outage in longest_first(own)[:SLOWEST]]
    found += [
        _outage(outage)
        for outage in record.outages
        if outage.observer or outage.probe not in wide or not outage.target
    ]
    return found[:ROWS_MAX]


def outages_left(record: Record) -> int:
    """How many outages are not shown one by one."""
    together = len(wide_outages(record))
    return len(record.outages) - (len(outages(record)) - together)


def _outage(outage: OutageFacts) -> OutageLine:
    return OutageLine(
        name=outage.probe + (f" on {outage.target}" if outage.target else ""),
        seen_by=_seen_by(outage),
        lasted="" if outage.duration_s is None else with_interval(outage.duration_s),
        began=at_instant(outage.start_at_s),
        ended="not seen good again" if outage.end_at_s is None else at_instant(outage.end_at_s),
        bad_samples=str(outage.bad_samples),
    )


def _outages_together(probe: str, found: list[OutageFacts]) -> OutageLine:
    lasted = [outage.duration_s for outage in found if outage.duration_s is not None]
    unended = sum(outage.end_at_s is None for outage in found)
    said = f"p50 {spread(lasted)[1]}, longest {spread(lasted)[-1]}" if lasted else ""
    ended = [outage.end_at_s for outage in found if outage.end_at_s is not None]
    until = _between(ended) if ended else ""
    if unended:
        until = f"{until}; {unended} not seen good again" if until else "not seen good again"
    return OutageLine(
        name=f"{probe} on {len({outage.target for outage in found})} targets",
        seen_by=_seen_by(found[0]),
        lasted=said,
        began=_between([outage.start_at_s for outage in found]),
        ended=until,
        bad_samples=str(sum(outage.bad_samples for outage in found)),
    )


def _seen_by(outage: OutageFacts) -> str:
    """Who took the bad samples."""
    steps = ", ".join(outage.steps[:3])
    if len(outage.steps) > 3:
        steps += f" and {len(outage.steps) - 3} more"
    named = f"step{'s' if len(outage.steps) > 1 else ''} {steps}" if steps else ""
    return " and ".join(
        part for part in (f"observer {outage.observer}" if outage.observer else "", named) if part
    )
