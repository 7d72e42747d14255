"""The report for a terminal or a file: plain text, coloured only where that was asked for."""

from collections.abc import Iterator
from typing import Final

from breakfix.engine.timeline.facts import UnitFacts
from breakfix.engine.timeline.record import EpisodeFacts, Record, Verdict
from breakfix.reports import tables, wording
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
    yield [(verdict.reason, "")]
    for note in verdict.notes[:20]:
        yield [("  also: ", "dim"), (note, "")]
    yield [(wording.certificate(record), "dim")]
    for episode in wording.detailed(record):
        yield from _episode(episode, record)
    yield from titled("Every episode", _episodes(record))
    yield from _expectations(verdict)
    yield from _axis(record)
    yield from _proofs(record)
    yield from _steps(record)
    yield from titled("Outages", _outages(record))
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
    """A bar for each step: `=` while it ran or its fault was active, `-` while that is not sure."""
    units = [unit for unit in record.units if unit.started_at_s is not None]
    units.sort(key=lambda unit: unit.started_at_s or (0.0, 0.0))
    if not units:
        return
    end_s = record.run.ended_at_s[1]
    first_s = min(unit.started_at_s[0] for unit in units if unit.started_at_s)
    last_s = max(max(unit.ended_at_s[1] if unit.ended_at_s else end_s for unit in units), first_s)
    per_char_s = (last_s - first_s) / _AXIS_CHARS or 1.0
    rows: list[list[Piece]] = []
    for unit in units[:_AXIS_ROWS_MAX]:
        sure, until = _span(unit, record, end_s)
        start = unit.started_at_s[0] if unit.started_at_s else first_s
        cells = [
            int((instant_s - first_s) / per_char_s) for instant_s in (start, sure, until)
        ]
        bar = " " * cells[0] + "=" * max(1, cells[1] - cells[0]) + "-" * max(0, cells[2] - cells[1])
        rows.append(
            [(wording.unit_name(unit, record), ""), (bar, _PHASE_TONES.get(unit.phase, "dim"))]
        )
    left = len(units) - len(rows)
    yield from titled(f"Time axis, {first_s:.2f} s to {last_s:.2f} s", table(rows))
    if left > 0:
        yield [(f"  and {left} more", "dim")]
    for episode in wording.detailed(record):
        yield [(f"  marks of {wording.episode_title(episode)}", "dim")]
        yield from table(
            [[(n, "bold"), (at, ""), (meaning, "dim")] for n, meaning, at in
             wording.marks(episode.measured)]
        )  # fmt: skip


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
    found = tables.step_lines(record)[:_STEPS_MAX]
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
    if len(record.units) > len(found):
        yield [(f"  and {len(record.units) - len(found)} more in the JSON record", "dim")]


def _outages(record: Record) -> Iterator[list[Piece]]:
    rows: list[list[Piece]] = [
        [(line.name, ""), (line.lasted, ""), (f"from {line.began}", ""), (f"to {line.ended}", "")]
        for line in tables.outages(record)[:_STEPS_MAX]
    ]
    yield from table(rows)


def _source(record: Record) -> Iterator[list[Piece]]:
    yield from table([[(name, "dim"), (value, "")] for name, value in wording.provenance(record)])
    for note in wording.not_observed(record):
        yield [("  " + note, "dim")]
