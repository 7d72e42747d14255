"""Several observed probes as one: it is down while at least so many of them are.

The ends of each member's outages are bounds, so there are two stretches of each: the one in which it may
have been down, and the one in which it surely was. Where enough members may have been down, and for some
of it surely were, the quorum had an outage.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from operator import itemgetter

import msgspec
from msgspec import Struct

from breakfix.engine.model import Quorum
from breakfix.engine.timeline.facts import Interval, OutageFacts, SampleFacts
from breakfix.engine.timeline.lineage import ALL
from breakfix.engine.timeline.series import Outage, Series


class Bounds(Struct, frozen=True, kw_only=True):
    """When an outage began, and when it ended; the latest end is infinite where it was not seen."""

    began_s: Interval
    ended_s: Interval
    bad_samples: int = 0


class Merged(Struct, frozen=True, kw_only=True):
    """The outages of a quorum, and the stretches in which it may have had one that is not among them."""

    outages: list[Outage]
    doubts: list[Interval]


def merged(quorum: Quorum, observed: Mapping[str, Sequence[SampleFacts]]) -> Merged:
    """The outages of a quorum, from the samples of its probes."""
    members = [list(_bounds(quorum, probe, observed.get(probe, ()))) for probe in quorum.probes]
    found, doubts = merge(members, quorum.quorum)
    return Merged(outages=[_outage(quorum.id, bounds) for bounds in found], doubts=doubts)


def _bounds(quorum: Quorum, probe: str, samples: Iterable[SampleFacts]) -> Iterator[Bounds]:
    series = Series((probe, "", ""))
    series.rise, series.fall = quorum.rise, quorum.fall
    for sample in samples:
        series.add(sample, "")
    for outage in series.outages():
        facts = outage.facts
        yield Bounds(
            began_s=facts.start_at_s,
            ended_s=facts.end_at_s or (facts.last_bad_at_s, math.inf),
            bad_samples=facts.bad_samples,
        )


def _outage(name: str, bounds: Bounds) -> Outage:
    open_ = math.isinf(bounds.ended_s[1])
    return Outage(
        facts=OutageFacts(
            probe=name,
            target="",
            observer=name,
            steps=(),
            start_at_s=bounds.began_s,
            end_at_s=None if open_ else bounds.ended_s,
            last_bad_at_s=bounds.ended_s[0],
            duration_s=None
            if open_
            else (
                max(0.0, bounds.ended_s[0] - bounds.began_s[1]),
                bounds.ended_s[1] - bounds.began_s[0],
            ),
            bad_samples=bounds.bad_samples,
        ),
        first_bad_ended_at_s=bounds.began_s[1],
        mask=ALL,
        key=(name, "", ""),
        observed=True,
    )


# --- bounds ---


def merge(
    members: Sequence[Sequence[Bounds]], quorum: int
) -> tuple[list[Bounds], list[Interval]]:
    """The outages of the quorum in order, and the stretches in which others may have been.

    Each member's outages are in order and apart from each other, however their bounds overlap. What is
    found holds a true outage of the quorum: it began within `began_s` and ended within `ended_s`. Where
    members took turns and nothing tells whether the quorum was good in between, the longest stretch that
    is certain stands for all.
    """
    tight = [[_tight(one) for one in own] for own in members]
    perhaps = [span for own in tight for span in _joined((b.began_s[0], b.ended_s[1]) for b in own)]
    sure = _sure(tight, quorum)
    breaks = _breaks(tight, at_least(perhaps, quorum + 1))
    found: list[Bounds] = []
    doubts: list[Interval] = []
    for stretch in at_least(perhaps, quorum):
        inside = _between(sure, stretch)
        if not inside:
            doubts.append(stretch)
            continue
        parts = list(_parts(stretch, inside, _between(breaks, stretch)))
        for ends, certain in parts:
            longest = max(certain, key=lambda span: span[1] - span[0])
            found.append(
                Bounds(
                    began_s=(ends[0], longest[0]),
                    ended_s=(longest[1], ends[1]),
                    bad_samples=sum(_bad_samples(own, ends) for own in tight),
                )
            )
        # What lies between two parts, and before and behind them, may have been an outage of its own.
        known = [(min(map(min, certain)), max(map(max, certain))) for _, certain in parts]
        if parts[0][0][0] > stretch[0]:
            doubts.append((stretch[0], known[0][0]))
        doubts += [(one[1], other[0]) for one, other in pairwise(known)]
        if parts[-1][0][1] < stretch[1]:
            doubts.append((known[-1][1], stretch[1]))
    return found, doubts


def _tight(one: Bounds) -> Bounds:
    """It ended not before it began."""
    return Bounds(
        began_s=(one.began_s[0], min(one.began_s[1], one.ended_s[1])),
        ended_s=(max(one.ended_s[0], one.began_s[0]), one.ended_s[1]),
        bad_samples=one.bad_samples,
    )


def _sure(members: Sequence[Sequence[Bounds]], quorum: int) -> list[Interval]:
    """The stretches in which the quorum was surely down, in order. One that ends before it begins is an
    instant somewhere in between."""
    whole = [(b.began_s[1], b.ended_s[0]) for own in members for b in own]
    proper = [span for span in whole if span[0] <= span[1]]
    others = at_least(proper, quorum - 1)
    instants = [
        span
        for span in whole
        if span[0] > span[1] and (quorum == 1 or _held((span[1], span[0]), others))
    ]
    return sorted([*at_least(proper, quorum), *instants], key=min)


def _breaks(members: Sequence[Sequence[Bounds]], more: Sequence[Interval]) -> list[Interval]:
    """The stretches in each of which the quorum was good at some instant: a member was, between two of
    its outages, and all others together were too few. `more`: when more than the quorum may have been
    down."""
    found = []
    for own in members:
        for one, other in pairwise(own):
            from_s = max(one.ended_s[0], other.began_s[0])
            until_s = min(one.ended_s[1], other.began_s[1])
            if from_s < until_s and not _touched((from_s, until_s), more):
                found.append((from_s, until_s))
    return sorted(found)


def _parts(
    stretch: Interval, sure: Sequence[Interval], breaks: Sequence[Interval]
) -> Iterator[tuple[Interval, list[Interval]]]:
    """What breaks leave of a stretch: each part from its earliest begin until its latest end, and what is
    certain in it."""
    by_end = sorted(breaks, key=itemgetter(1))
    ends = [one[1] for one in by_end]
    begins = list(accumulate((one[0] for one in by_end), max))
    from_ = [one[0] for one in breaks]
    until = list(accumulate((one[1] for one in reversed(breaks)), min))[::-1]

    def earliest_s(span: Interval) -> float:
        count = bisect_right(ends, min(span))
        return begins[count - 1] if count else stretch[0]

    def latest_s(span: Interval) -> float:
        index = bisect_left(from_, max(span))
        return until[index] if index < len(until) else stretch[1]

    part: list[Interval] = []
    for span in sure:
        if part and earliest_s(span) >= max(part[-1]):
            yield (earliest_s(part[0]), latest_s(part[-1])), part
            part = []
        part.append(span)
    yield (earliest_s(part[0]), latest_s(part[-1])), part


def _bad_samples(own: Sequence[Bounds], ends: Interval) -> int:
    first = bisect_left(own, ends[0], key=lambda one: one.ended_s[1])
    last = bisect_right(own, ends[1], key=lambda one: one.began_s[0])
    return sum(one.bad_samples for one in own[first:last])


# --- stretches ---


def at_least(spans: Iterable[Interval], count: int) -> list[Interval]:
    """The stretches that so many spans cover, their ends included.

    >>> at_least([(0.0, 4.0), (1.0, 2.0), (2.0, 3.0)], 2)
    [(1.0, 3.0)]
    """
    events = sorted((at_s, end) for span in spans for end, at_s in enumerate(span))
    found: list[Interval] = []
    level, from_s = 0, 0.0
    for at_s, end in events:
        if not end:
            level += 1
            from_s = at_s if level == count else from_s
        else:
            if level == count:
                found.append((from_s, at_s))
            level -= 1
    return found


def _joined(spans: Iterable[Interval]) -> list[Interval]:
    return at_least(spans, 1)


def _between(spans: Sequence[Interval], stretch: Interval) -> Sequence[Interval]:
    """Those that begin in a stretch; no two stretches touch, so that none belongs to two."""
    first = bisect_left(spans, stretch[0], key=min)
    return spans[first : bisect_right(spans, stretch[1], key=min)]


def _touched(span: Interval, stretches: Sequence[Interval]) -> bool:
    index = bisect_left(stretches, span[0], key=itemgetter(1))
    return index < len(stretches) and stretches[index][0] <= span[1]


def _held(span: Interval, stretches: Sequence[Interval]) -> bool:
    index = bisect_left(stretches, span[1], key=itemgetter(1))
    return index < len(stretches) and stretches[index][0] <= span[0]


# --- samples ---


def states(
    quorum: Quorum, samples: Sequence[SampleFacts], merged: Merged
) -> list[SampleFacts]:
    """The samples of the members in their order, each with what was known of the quorum then: bad in an
    outage, else good where enough members could look by their latest sample, else blind."""
    latest: dict[str, str] = {}
    enough = len(quorum.probes) - quorum.quorum + 1
    outages = iter(merged.outages)
    outage = next(outages, None)
    found = []
    for sample in samples:
        latest[sample.probe] = sample.state
        while outage is not None and _until_s(outage) < sample.at_s[0]:
            outage = next(outages, None)
        if outage is not None and sample.at_s[1] >= outage.facts.start_at_s[1]:
            state = "bad"
        else:
            looked = sum(state in ("good", "bad") for state in latest.values())
            state = "good" if looked >= enough else "blind"
        found.append(msgspec.structs.replace(sample, state=state))
    return found


def _until_s(outage: Outage) -> float:
    return math.inf if outage.facts.end_at_s is None else outage.facts.end_at_s[0]


def looks(quorum: Quorum, observed: Mapping[str, Sequence[SampleFacts]]) -> Iterator[Interval]:
    """The shortest stretches in which so many members were seen good that the quorum was not down."""
    enough = len(quorum.probes) - quorum.quorum + 1
    latest: dict[str, Interval] = {}
    samples = [one for probe in quorum.probes for one in observed.get(probe, ())]
    for sample in sorted(samples, key=lambda one: one.at_s):
        if sample.state != "good":
            latest.pop(sample.probe, None)
            continue
        latest[sample.probe] = sample.at_s
        if len(latest) >= enough:
            newest = sorted(latest.values(), reverse=True)[:enough]
            yield newest[-1][0], max(end for _, end in newest)
