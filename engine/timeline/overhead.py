"""The engine's own time: what is left when everything that it waited for is taken away."""

from collections.abc import Sequence
from statistics import median

from breakfix.engine.timeline.collect import Collected
from breakfix.engine.timeline.facts import Overhead, UnitFacts

Span = tuple[float, float]


def overhead(seen: Collected, units: Sequence[UnitFacts]) -> Overhead | None:
    """None where no unit began."""
    begun = [unit for unit in units if unit.started_at_s is not None]
    if not begun:
        return None
    spans = [
        (unit.started_at_s[0], unit.ended_at_s[1] if unit.ended_at_s else seen.last_s)
        for unit in begun
        if unit.started_at_s is not None
    ]
    first_s = min(start for start, _ in spans)
    last_s = max(max(end for _, end in spans), first_s)
    busy = _merged([*spans, *_elsewhere(seen)])
    delays = [unit.queue_wait_s[1] for unit in begun if unit.queue_wait_s is not None]
    return Overhead(
        before_steps_s=_idle_s(busy, 0.0, first_s),
        between_steps_s=_idle_s(busy, first_s, last_s),
        after_steps_s=_idle_s(busy, last_s, seen.last_s),
        start_delay_median_s=median(delays) if delays else 0.0,
        start_delay_max_s=max(delays, default=0.0),
    )


def _elsewhere(seen: Collected) -> list[Span]:
    """Commands, starting and ending processes, and undos outside of their units."""
    spans = [
        *seen.gone_spans,
        *(
            (command.started_at_s[0], command.ended_at_s[1])
            for command in seen.commands.values()
            if command.started_at_s is not None and command.ended_at_s is not None
        ),
        *(
            (fault.ending_at_s[0], fault.ended_at_s[1])
            for fault in seen.lives.faults.values()
            if fault.ending_at_s is not None and fault.ended_at_s is not None
        ),
    ]
    for process in seen.processes.values():
        ready = process.ready_at_s or process.started_at_s
        if ready is not None:
            spans.append((process.intended_at_s[0], ready[1]))
    return spans


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif end > start:
            merged.append((start, end))
    return merged


def _idle_s(busy: list[Span], from_s: float, until_s: float) -> float:
    """How much of a time none of the spans, which do not overlap, covers."""
    covered = sum(
        max(0.0, min(end, until_s) - max(start, from_s)) for start, end in busy
    )
    return max(0.0, until_s - from_s - covered)
