"""Episodes: the largest sets of faults that overlap."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from msgspec import Struct

from breakfix.engine.timeline.evidence import During, Evidence
from breakfix.engine.timeline.facts import FaultFacts
from breakfix.engine.timeline.measure import measure
from breakfix.engine.timeline.record import EpisodeFacts, StepMeasured, UnitMeasured
from breakfix.engine.timeline.series import Outage


class Window(Struct, frozen=True, kw_only=True):
    """The faults of one episode, and the instants that belong to it: from its first command until
    the next episode's."""

    faults: tuple[FaultFacts, ...]
    from_s: float
    until_s: float


def episodes(evidence: Evidence, faults: Sequence[FaultFacts]) -> Iterator[EpisodeFacts]:
    """Measure each episode; the steps that expectations name also on their own."""
    for window in windows(faults, evidence.outages, evidence.end_s):
        during = evidence.during(window.from_s, window.until_s)
        by_step: dict[str, list[FaultFacts]] = {}
        for fault in window.faults:
            by_step.setdefault(fault.step, []).append(fault)
        whole = measure(evidence.scene(window.faults, during))
        yield EpisodeFacts(
            faults=tuple(fault.fault for fault in window.faults),
            steps=tuple(by_step),
            measured=whole,
            by_step=tuple(
                StepMeasured(
                    step=step,
                    measured=whole if len(by_step) == 1 else measure(evidence.scene(own, during)),
                    units=tuple(_units(evidence, own, during)) if step in evidence.shared else (),
                )
                for step, own in by_step.items()
                if step in evidence.expected
            ),
        )


def _units(
    evidence: Evidence, faults: Sequence[FaultFacts], during: During
) -> Iterator[UnitMeasured]:
    """Each fault of a step on its own."""
    apart = evidence.apart(during)
    for fault in faults:
        scene = evidence.scene([fault], apart(fault.target), fault.target)
        yield UnitMeasured(unit=fault.unit, measured=measure(scene))


def windows(faults: Sequence[FaultFacts], outages: Sequence[Outage], end_s: float) -> list[Window]:
    """Group faults from the command to the end; an outage that a fault was part of keeps it open
    until the last bad sample, or the first good one."""
    worked = {fault.unit for fault in faults if fault.active_at_s is not None}
    # An attempt without effect before one that had some broke nothing: it is no episode of its own.
    applied = sorted(
        (
            fault
            for fault in faults
            if fault.applied_at_s is not None
            and (fault.active_at_s is not None or fault.unit not in worked)
        ),
        key=_start,
    )
    bad = _merged(outages)
    starts = [start for start, _ in bad]
    groups: list[list[FaultFacts]] = []
    open_until_s = float("-inf")
    for fault in applied:
        until_s = end_s if fault.ended_at_s is None else fault.ended_at_s[1]
        last = bisect_left(starts, until_s) - 1
        if last >= 0 and bad[last][1] >= _start(fault):
            until_s = max(until_s, bad[last][1])
        if groups and _start(fault) <= open_until_s:
            groups[-1].append(fault)
        else:
            groups.append([fault])
        open_until_s = max(open_until_s, until_s)
    starts_s = [*(_start(group[0]) for group in groups), float("inf")]
    return [
        Window(faults=tuple(group), from_s=starts_s[index], until_s=starts_s[index + 1])
        for index, group in enumerate(groups)
    ]


def _start(fault: FaultFacts) -> float:
    return fault.applied_at_s[0] if fault.applied_at_s is not None else 0.0


def _merged(outages: Sequence[Outage]) -> list[tuple[float, float]]:
    """The spans in which something was seen bad, without overlaps."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted(
        (o.first_bad_ended_at_s, (o.facts.end_at_s or (0.0, o.facts.last_bad_at_s))[1])
        for o in outages
    ):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, max(start, end)))
    return merged
