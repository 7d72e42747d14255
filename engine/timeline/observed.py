"""What each observer saw, before, during and after the faults, and while repairs ran."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from breakfix.engine.model import Observer, Quorum
from breakfix.engine.run_plan import RunPlan
from breakfix.engine.statistics.estimates import QuantileBound
from breakfix.engine.statistics.quantile import quantile_bound
from breakfix.engine.statistics.share import wilson
from breakfix.engine.timeline.collect import Collected
from breakfix.engine.timeline.facts import (
    FaultFacts,
    Interval,
    ObserverFacts,
    Open,
    RepairFacts,
    SampleFacts,
    SpanFacts,
    WindowFacts,
    WindowName,
)
from breakfix.engine.timeline.quorum import Merged, states
from breakfix.engine.values import seconds

Part = tuple[WindowName, float, float]
"""A part of the run, from one instant until another, which is not in it."""
_PERCENTILES: Final = (0.5, 0.9, 0.99)


def observer_facts(
    seen: Collected, faults: Sequence[FaultFacts], merged: Mapping[str, Merged]
) -> Iterator[ObserverFacts]:
    """Every observer of the plan, also one that saw nothing; quorums, by their id in `merged`, behind."""
    plan = seen.plan
    parts = windows(faults, seen.lives.repairs.values(), seen.last_s)
    for observer in plan.scenario.observers if plan is not None else ():
        samples = sorted(seen.observed.get(observer.probe, ()), key=lambda one: one.at_s)
        yield _facts(observer, plan, samples, parts)
    for quorum in plan.scenario.quorums if plan is not None else ():
        yield _of_a_quorum(quorum, seen, merged[quorum.id], parts)


def _facts(
    observer: Observer,
    plan: RunPlan | None,
    samples: Sequence[SampleFacts],
    parts: Iterable[Part],
) -> ObserverFacts:
    use = plan.scenario.probes.get(observer.probe) if plan is not None else None
    bad = next((sample for sample in samples if sample.state == "bad"), None)
    return ObserverFacts(
        probe=observer.probe,
        every_s=seconds(use.every) if use is not None else 0.0,
        rise=observer.rise,
        fall=observer.fall,
        on_no_data=observer.on_no_data,
        windows=tuple(
            _window(part, samples, _gap_s(samples, part[1], part[2])) for part in parts
        ),
        spans=tuple(_spans(samples)),
        first_bad=bad.detail if bad is not None else "",
    )


def _of_a_quorum(
    quorum: Quorum, seen: Collected, merged: Merged, parts: Iterable[Part]
) -> ObserverFacts:
    by_member = [
        sorted(seen.observed.get(probe, ()), key=lambda one: one.at_s) for probe in quorum.probes
    ]
    samples = sorted((one for own in by_member for one in own), key=lambda one: one.at_s)
    probes = seen.plan.scenario.probes if seen.plan is not None else {}
    first_s = merged.outages[0].facts.start_at_s[0] if merged.outages else math.inf
    bad = next((one for one in samples if one.state == "bad" and one.at_s[1] >= first_s), None)

    def gap_s(from_s: float, until_s: float) -> float:
        unseen = [_gap_s(own, from_s, until_s) for own in by_member]
        doubtful = [_length_s(doubt, from_s, min(until_s, seen.last_s)) for doubt in merged.doubts]
        return max(unseen + doubtful)

    return ObserverFacts(
        probe=quorum.id,
        every_s=max(
            (seconds(probes[probe].every) for probe in quorum.probes if probe in probes), default=0.0
        ),
        rise=quorum.rise,
        fall=quorum.fall,
        on_no_data=quorum.on_no_data,
        windows=tuple(_window(part, samples, gap_s(part[1], part[2])) for part in parts),
        spans=tuple(_spans(states(quorum, samples, merged))),
        first_bad=f"{bad.probe}: {bad.detail}" if bad is not None else "",
        quorum=quorum.quorum,
        members=quorum.probes,
    )


def _length_s(stretch: Interval, from_s: float, until_s: float) -> float:
    """Of the part of it that lies in a part of the run."""
    return round(max(0.0, min(stretch[1], until_s) - max(stretch[0], from_s)), 9)


def windows(
    faults: Iterable[FaultFacts], repairs: Iterable[RepairFacts], end_s: float
) -> tuple[Part, ...]:
    """The whole run; before the first fault, from there until the last one was gone, and after that;
    from the begin of the first repair to the end of the last. A repair that was put back counts not."""
    found: list[Part] = [("run", 0.0, math.inf)]
    applied = [fault for fault in faults if fault.applied_at_s is not None]
    if applied:
        first_s = min(fault.applied_at_s[0] for fault in applied if fault.applied_at_s is not None)
        last_s = max(fault.ended_at_s[1] if fault.ended_at_s else end_s for fault in applied)
        found += [("before", 0.0, first_s), ("faults", first_s, last_s)]
    own = [repair for repair in repairs if not repair.put_back]
    if own:
        from_s = min(repair.started_at_s[0] for repair in own)
        until_s = max(repair.ended_at_s[1] if repair.ended_at_s else end_s for repair in own)
        found.append(("repair", from_s, until_s))
    if applied:
        found.append(("after", last_s, math.inf))
    return tuple(found)


def _window(part: Part, looked: Sequence[SampleFacts], gap_s: float) -> WindowFacts:
    name, from_s, until_s = part
    samples = [one for one in looked if from_s <= one.at_s[0] < until_s]
    good = [sample for sample in samples if sample.state == "good"]
    bad = sum(sample.state == "bad" for sample in samples)
    times_s = sorted(sample.at_s[1] - sample.at_s[0] for sample in good)
    p50_s, p90_s, p99_s = (_percentile(times_s, share) for share in _PERCENTILES)
    total = len(good) + bad
    return WindowFacts(
        window=name,
        from_s=from_s,
        until_s=until_s if math.isfinite(until_s) else None,
        good=len(good),
        bad=bad,
        blind=len(samples) - total,
        availability=wilson(len(good), total) if total else None,
        p50_s=p50_s,
        p90_s=p90_s,
        p99_s=p99_s,
        p50_bounds_s=_bounds(times_s, 0.5),
        p90_bounds_s=_bounds(times_s, 0.9),
        p99_bounds_s=_bounds(times_s, 0.99),
        gap_s=gap_s if total else None,
    )


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share of all does not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _bounds(ordered: Sequence[float], share: float) -> Open | None:
    """What the true percentile lies between. The lower end is the upper one of the values turned round."""
    if not ordered:
        return None
    above = quantile_bound(ordered, share)
    below = quantile_bound([-value for value in ordered], 1 - share)
    return (
        max(0.0, -below.high) if isinstance(below, QuantileBound) else 0.0,
        above.high if isinstance(above, QuantileBound) else None,
    )


def _gap_s(looked: Sequence[SampleFacts], from_s: float, until_s: float) -> float:
    """The longest time within a part of the run that lay between two samples that show something. Before
    the observer began and after its last sample nothing is a gap, but at the ends of a part."""
    seen = [one.at_s for one in looked if one.state in ("good", "bad")]
    longest_s, next_s = 0.0, until_s
    for began_s, ended_s in reversed(seen):
        if math.isfinite(next_s):
            longest_s = max(longest_s, min(next_s, until_s) - max(began_s, from_s))
        # Samples overlap: a later one may have had its answer before an earlier one.
        next_s = min(next_s, ended_s)
    if from_s > 0 and math.isfinite(next_s):
        longest_s = max(longest_s, min(next_s, until_s) - from_s)
    return round(longest_s, 9)


def _spans(samples: Sequence[SampleFacts]) -> Iterator[SpanFacts]:
    """Rows of samples that say the same."""
    begin = 0
    for index in range(1, len(samples) + 1):
        if index < len(samples) and samples[index].state == samples[begin].state:
            continue
        row = samples[begin:index]
        yield SpanFacts(
            state=row[0].state, from_s=row[0].at_s[0], to_s=row[-1].at_s[1], samples=len(row)
        )
        begin = index
