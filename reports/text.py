"""The report for a terminal or a file: plain text, coloured only where that was asked for."""

import math
from collections.abc import Iterator
from typing import Final

from breakfix.engine.timeline.facts import Interval, UnitFacts
from breakfix.engine.timeline.record import EpisodeFacts, Record, Verdict
from breakfix.reports import bands, observers, tables, wording
from breakfix.reports.axis import Row, at_work, axis_span, off_axis, rows
from breakfix.reports.fan_out import HEADS, SLOW_HEADS, FanOut, fan_outs
from breakfix.reports.lines import TONES, Piece, printed, table, titled

_PHASE_TONES: Final = {
    "inject": "magenta",
    "detect": "yellow",
    "remediate": "blue",
    "verify": "green",
}
_AXIS_CHARS: Final = 48
_AXIS_ROWS_MAX: Final = 24
_STEPS_MAX: Final = 60


def render(record: Record, verdict: Verdict, *, color: bool = False) -> str:
    """The whole report; it ends with a newline."""
    return printed(_lines(record, verdict), color=color)


def _lines(record: Record, verdict: Verdict) -> Iterator[list[Piece]]:
    name = record.run.scenario or "A run that never began"
    yield [(name, "bold"), (": ", ""), (verdict.verdict, f"bold {TONES[verdict.verdict]}")]
    yield [(f"{verdict.reason} {observers.people_saw(record)}".strip(), "")]
    for note in wording.notes(record, verdict):
        yield [("  also: ", "dim"), (note, "")]
    yield [(wording.certificate(record), "dim")]
    for episode in wording.detailed(record):
        yield from _episode(episode, record)
    yield from titled("Every episode", _episodes(record))
    yield from _expectations(verdict)
    yield from _axis(record)
    yield from titled("Observers", _observers(record))
    yield from titled("Outages", _outages(record))
    yield from _proofs(record)
    yield from _steps(record)
    for fan_out in fan_outs(record):
        yield from titled(f"{fan_out.step} on {fan_out.units} targets", _fan_out(fan_out))
    yield from titled("Guards", [[("  " + line, "")] for line in wording.guards(record)])
    yield from titled(
        "Set-up, teardown and errors", [[("  " + line, "")] for line in wording.trouble(record)]
    )
    yield from titled("How to repeat and check it", _source(record))


def _episodes(record: Record) -> Iterator[list[Piece]]:
    rows: list[list[Piece]] = [
        [(line.title, ""), (line.began, ""), (line.detected, ""), (line.restored, ""),
         (line.healed, "")]
        for line in tables.episode_lines(record)[:_STEPS_MAX]
    ]  # fmt: skip
    yield from table(rows, head=("fault", "began", "detected in", "restored in", "healed"))


def _episode(episode: EpisodeFacts, record: Record) -> Iterator[list[Piece]]:
    measured = episode.measured
    total = wording.restored(measured)
    parts = wording.parts(measured)
    yield []
    many = len(record.episodes)
    about = f"The worst of {many} episodes:" if many > 2 else "Recovery from"
    yield [(f"{about} {wording.episode_title(episode)}", "bold")]
    rows = [_figure(total.name, total, "bold")]
    rows += [_figure(f"  {part.name}", part) for part in parts]
    rows += [_figure(f"time {other.name}", other) for other in wording.other_figures(measured)]
    yield from table(rows)
    yield [("  " + wording.healer(measured), "")]


def _figure(name: str, figure: wording.Figure, style: str = "") -> list[Piece]:
    return [(name, ""), (f"{figure.value} {figure.ends}".strip(), style), (figure.note, "dim")]


def _expectations(verdict: Verdict) -> Iterator[list[Piece]]:
    rows = [
        [(row.verdict, TONES[row.verdict]), (wording.claim(row), ""), (row.observed, "")]
        for row in verdict.rows
    ]
    yield from titled("Expectations", table(rows))


def _axis(record: Record) -> Iterator[list[Piece]]:
    """A bar for each step: `=` while it ran or its fault was active, `-` while that is not sure; and a
    band for each observer."""
    span = axis_span(record)
    first_s, last_s = span
    everything = rows(record)
    drawn: list[list[Piece]] = [
        [
            (row.label, ""),
            (
                _bar(row.units[0], record, span) if row.total == 1 else _crowd(row, record, span),
                _PHASE_TONES.get(row.phase, "dim"),
            ),
        ]
        for row in everything[:_AXIS_ROWS_MAX]
    ]
    left = len(everything) - len(drawn)
    observed = list(_bands(record, span))
    title = f"Time axis, {first_s:.2f} s to {last_s:.2f} s"
    yield from titled(title, table([*drawn, *observed]))
    if left > 0:
        yield [(f"  and {left} more steps", "dim")]
    if any(row.total > 1 for row in everything[:_AXIS_ROWS_MAX]):
        yield [("  steps on many targets: 1 to 9 tenths of them at work, = all", "dim")]
    if observed:
        legend = ", ".join(f"{char} {meaning}" for char, meaning in bands.LEGEND)
        for said in (f"observers: {legend}", bands.left_out(record), off_axis(record)):
            if said:
                yield [("  " + said, "dim")]
    for episode in wording.detailed(record):
        yield [(f"  marks of {wording.episode_title(episode)}", "dim")]
        yield from table(
            [[(n, "bold"), (at, ""), (meaning, "dim")] for n, meaning, at in
             wording.marks(episode.measured)]
        )  # fmt: skip


def _bar(unit: UnitFacts, record: Record, span: Interval) -> str:
    """The bar of a unit, cut at the ends of the axis."""
    per_char_s = (span[1] - span[0]) / _AXIS_CHARS
    start_s = unit.started_at_s[0] if unit.started_at_s else span[0]
    begin, sure, until = (
        min(_AXIS_CHARS, int((instant_s - span[0]) / per_char_s))
        for instant_s in (start_s, *_span(unit, record, record.run.ended_at_s[1]))
    )
    return " " * begin + "=" * max(1, sure - begin) + "-" * max(0, until - sure)


def _crowd(row: Row, record: Record, span: Interval) -> str:
    """For each character, how many tenths of a step's units were at work."""
    found = at_work(row, record, span, _AXIS_CHARS)
    tenths = (math.ceil(share * 10 - 0.5) if share else 0 for share in found)
    return "".join(
        " " if not share else "=" if number > 9 else str(max(1, number))
        for share, number in zip(found, tenths, strict=True)
    ).rstrip()


def _bands(record: Record, span: Interval) -> Iterator[list[Piece]]:
    down = bands.outages_of(record)
    watched = [one for one in bands.shown(record) if one.spans]
    if watched:
        yield [("observers", "dim"), ("", "")]
    for one in watched:
        own = down.get(one.probe, [])
        band = bands.characters(one, own, record, span, _AXIS_CHARS)
        yield [(one.probe, ""), (band, "red" if own else "green")]


def _span(unit: UnitFacts, record: Record, end_s: float) -> tuple[float, float]:
    """Until when it surely went on, and until when it may have."""
    if unit.phase == "inject":
        ends = [fault.ended_at_s for fault in record.faults if fault.unit == unit.unit]
        known = [end or (end_s, end_s) for end in ends]
        if known:
            return max(end[0] for end in known), max(end[1] for end in known)
    return (unit.ended_at_s or (end_s, end_s))[0], (unit.ended_at_s or (end_s, end_s))[1]


def _proofs(record: Record) -> Iterator[list[Piece]]:
    lines: list[list[Piece]] = []
    for proof in tables.proofs(record)[:_STEPS_MAX]:
        seen = "; ".join(f"{asked}: measured {was}" for asked, was in proof.evidence)
        at = f", seen at {proof.seen}" if proof.seen else ""
        lines.append([(f"  {proof.fault} ", "bold"), (f"{seen or 'no effect was seen'}{at}", "")])
        lines.append([(f"    over {proof.ended}", "dim")])
        if proof.problem:
            lines.append([(f"    {proof.problem}", "red")])
        if proof.manual:
            lines.append([("    by hand: ", ""), (proof.manual, "bold")])
    yield from titled("Proof of effect", lines)


def _steps(record: Record) -> Iterator[list[Piece]]:
    everything = tables.step_lines(record)
    found = everything[:_STEPS_MAX]
    rows: list[list[Piece]] = [
        [
            (line.name, ""), (line.phase, _PHASE_TONES.get(line.phase, "dim")), (line.target, ""),
            (line.due, ""), (line.start, ""), (line.wait, ""), (line.attempts, ""),
            (line.run, ""), (line.check, ""), (line.undo, ""),
            (line.state, TONES.get(line.state, "dim")), (line.reason, ""),
        ]
        for line in found
    ]  # fmt: skip
    head = (
        "step", "phase", "target", "due", "start", "queue", "tries", "run", "check", "undo",
        "outcome", "reason",
    )  # fmt: skip
    yield from titled("Steps", table(rows, head=head))
    if left := len(everything) - len(found) + tables.steps_left(record):
        yield [(f"  and {left} more in the JSON record", "dim")]


def _fan_out(told: FanOut) -> Iterator[list[Piece]]:
    """A step on many targets: how it came out, its times, the slowest, and what went wrong."""
    yield [(f"  {told.phase} {told.uses}".rstrip(), _PHASE_TONES.get(told.phase, "dim")),
           (f": {told.outcome}; began {told.began}", "")]  # fmt: skip
    for group in told.failures:
        why = f": {group.why}" if group.why else ""
        yield [(f"  {group.count} {group.what} ", TONES.get(group.what, "dim")),
               (f"{group.targets}{why}", "")]  # fmt: skip
    if told.left:
        yield [(f"  and {told.left} more that went wrong, in the JSON record", "dim")]
    times: list[list[Piece]] = [
        [(line.name, ""), (line.units, ""), *((time, "") for time in line.spread)]
        for line in told.timings
    ]
    yield from table(times, head=HEADS)
    slow: list[list[Piece]] = [
        [(line.target, ""), (line.took, ""), (line.start, ""), (line.wait, ""), (line.run, ""),
         (line.check, ""), (line.undo, ""), (line.state, TONES.get(line.state, "dim"))]
        for line in told.slowest
    ]  # fmt: skip
    yield from table(slow, head=SLOW_HEADS)


def _observers(record: Record) -> Iterator[list[Piece]]:
    """Before, during and after the faults."""
    rows: list[list[Piece]] = [
        [
            (table.name if first else "", "bold"), (line.when, ""), (line.good, ""),
            (line.bad, "red" if line.bad != "0" else ""), (line.blind, ""), (line.availability, ""),
            (line.p50, ""), (line.p90, ""), (line.p99, ""), (line.longest, ""),
        ]
        for table in observers.observer_tables(record)
        for first, line in zip((True, False, False, False), table.windows, strict=False)
    ]  # fmt: skip
    head = (
        "observer", "when", "good", "bad", "blind", "availability", "p50", "p90", "p99",
        "longest outage",
    )  # fmt: skip
    yield from table(rows, head=head)
    for said in (bands.left_out(record), *observers.notes(record)):
        if said:
            yield [("  " + said, "dim")]


def _outages(record: Record) -> Iterator[list[Piece]]:
    rows: list[list[Piece]] = [
        [(line.name, ""), (line.lasted, ""), (line.began, ""), (line.ended, ""),
         (line.bad_samples, ""), (line.seen_by, "")]
        for line in tables.outages(record)[:_STEPS_MAX]
    ]  # fmt: skip
    yield from table(rows, head=("probe", "lasted", "began", "ended", "bad samples", "seen by"))
    left = tables.outages_left(record) + len(tables.outages(record)) - len(rows)
    if left > 0:
        yield [(f"  and {left} more in the JSON record", "dim")]


def _source(record: Record) -> Iterator[list[Piece]]:
    yield from table([[(name, "dim"), (value, "")] for name, value in wording.provenance(record)])
    for note in wording.not_observed(record):
        yield [("  " + note, "dim")]
