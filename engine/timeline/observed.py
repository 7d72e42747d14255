"""What each observer saw, before, during and after the faults."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from breakfix.engine.model import Observer, RunPlan
from breakfix.engine.statistics.share import wilson
from breakfix.engine.timeline.collect import Collected
from breakfix.engine.timeline.facts import (
    FaultFacts,
    ObserverFacts,
    SampleFacts,
    SpanFacts,
    WindowFacts,
    WindowName,
)
from breakfix.engine.values import seconds

_PERCENTILES: Final = (0.5, 0.9, 0.99)


def observer_facts(seen: Collected, faults: Sequence[FaultFacts]) -> Iterator[ObserverFacts]:
    """Every observer of the plan, also one that saw nothing."""
    plan = seen.plan
    for observer in plan.scenario.observers if plan is not None else ():
        samples = sorted(seen.observed.get(observer.probe, ()), key=lambda one: one.at_s)
        yield _facts(observer, plan, samples, faults, seen.last_s)


def _facts(
    observer: Observer,
    plan: RunPlan | None,
    samples: Sequence[SampleFacts],
    faults: Sequence[FaultFacts],
    end_s: float,
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
            _window(name, [one for one in samples if from_s <= one.at_s[0] < until_s])
            for name, from_s, until_s in windows(faults, end_s)
        ),
        spans=tuple(_spans(samples)),
        first_bad=bad.detail if bad is not None else "",
    )


def windows(
    faults: Iterable[FaultFacts], end_s: float
) -> tuple[tuple[WindowName, float, float], ...]:
    """The whole run; before the first fault, from there until the last one was gone, and after that."""
    applied = [fault for fault in faults if fault.applied_at_s is not None]
    whole: tuple[WindowName, float, float] = ("run", 0.0, math.inf)
    if not applied:
        return (whole,)
    first_s = min(fault.applied_at_s[0] for fault in applied if fault.applied_at_s is not None)
    last_s = max(fault.ended_at_s[1] if fault.ended_at_s else end_s for fault in applied)
    return (
        whole,
        ("before", 0.0, first_s),
        ("faults", first_s, last_s),
        ("after", last_s, math.inf),
    )


def _window(name: WindowName, samples: Sequence[SampleFacts]) -> WindowFacts:
    good = [sample for sample in samples if sample.state == "good"]
    bad = sum(sample.state == "bad" for sample in samples)
    times_s = sorted(sample.at_s[1] - sample.at_s[0] for sample in good)
    p50_s, p90_s, p99_s = (_percentile(times_s, share) for share in _PERCENTILES)
    total = len(good) + bad
    return WindowFacts(
        window=name,
        good=len(good),
        bad=bad,
        blind=len(samples) - total,
        availability=wilson(len(good), total) if total else None,
        p50_s=p50_s,
        p90_s=p90_s,
        p99_s=p99_s,
    )


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share of all does not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


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
