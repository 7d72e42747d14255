"""Samples as series: one for each thing that is looked at, and the outages that they show."""

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from breakfix.engine.model import Step
from breakfix.engine.timeline.facts import OutageFacts, SampleFacts, UnitFacts
from breakfix.engine.timeline.lineage import Lineage
from breakfix.engine.values import seconds

Wanted = Literal["good", "bad", "seen", "unseen"]
SeriesKey = tuple[str, str, str]


class Outage(Struct, frozen=True, kw_only=True):
    """An outage with the faults that its steps are downstream of. `observed` says that an observer looks
    at the same thing."""

    facts: OutageFacts
    first_bad_ended_at_s: float
    mask: int
    key: SeriesKey
    observed: bool = False


class Poll(Struct, frozen=True, kw_only=True):
    """What the samples of one detect or verify unit came to.

    `hit` is the first sample that was as wanted, `met` the one that completed the streak;
    `first_good` the first one that was good while the step itself ran.
    """

    unit: str
    step: str
    phase: Literal["detect", "verify"]
    key: SeriesKey
    mask: int
    hit: SampleFacts | None
    met: SampleFacts | None
    first_good: SampleFacts | None
    occurred: bool
    """Its probe tells of occurrences."""
    over_at_s: float
    """When it ended; of one that did not, its last sample's end."""
    over: bool
    blind: bool
    """It took samples, and none of them could be taken."""


def wanted_of(step: Step, samples: Iterable[SampleFacts]) -> Wanted:
    """The state that a step waits for; whether its probe tells of states or of occurrences is seen
    from its samples."""
    if step.is_ is not None:
        return step.is_
    occurrence = any(sample.state in ("seen", "unseen") for sample in samples)
    if step.phase == "detect":
        return "seen" if occurrence else "bad"
    return "unseen" if occurrence else "good"


def key_of(step: Step | None, probe: str, target: str) -> SeriesKey:
    """What a sample looked at: a named probe, or an action with its parameters."""
    if step is None or step.uses != probe or "." not in probe:
        return (probe, "", target)
    return (probe, msgspec.json.encode(step.with_, order="deterministic").decode(), target)


def poll_of(
    step: Step, unit: UnitFacts, samples: list[SampleFacts], lineage: Lineage
) -> Poll:
    """Judge the samples of a unit as the run did: in the order of their start."""
    own = sorted((sample for sample in samples if not sample.armed), key=lambda s: s.at_s)
    wanted = wanted_of(step, samples)
    needed, stays_s = step.consecutive or 1, seconds(step.stays) if step.stays else 0.0
    hit = met = None
    since_s, count = 0.0, 0
    for sample in own:
        if sample.state != wanted:
            count = 0
            continue
        hit = hit or sample
        since_s = since_s if count else sample.at_s[0]
        count += 1
        if count >= needed and sample.at_s[1] - since_s >= stays_s:
            met = sample
            break
    probe = samples[0].probe if samples else step.uses
    final = unit.ended_at_s
    last_s = max((sample.at_s[1] for sample in samples), default=0.0)
    return Poll(
        unit=unit.unit,
        step=step.id,
        phase="detect" if step.phase == "detect" else "verify",
        key=key_of(step, probe, unit.target),
        mask=lineage.upstream(step.id),
        hit=hit,
        met=met,
        first_good=next((sample for sample in own if sample.state == "good"), None),
        occurred=wanted in ("seen", "unseen"),
        over_at_s=final[1] if final is not None else last_s,
        over=final is not None,
        blind=bool(own) and all(sample.state == "blind" for sample in own),
    )


class Series:
    """All samples that looked at one thing, whoever took them."""

    def __init__(self, key: SeriesKey) -> None:
        self.key = key
        self._samples: list[tuple[SampleFacts, str]] = []
        self.mask = 0
        self.rise = self.fall = 1
        """So many good samples in a row end an outage, so many bad ones are one."""
        self.observed = False
        """An observer looks at it."""
        self.inverted = False
        """The steps that use it wait for good where others wait for bad."""

    def add(self, sample: SampleFacts, step: str) -> None:
        """A sample that a step took."""
        self._samples.append((sample, step))

    def outages(self) -> list[Outage]:
        """Each row of `fall` bad samples until one of `rise` good ones, in the order of their start. Blind
        samples prove nothing, and break a row that is not long enough yet.

        Samples that overlap cannot be put in order: a good one ends an outage only if it surely came
        after every bad one of it, that is, began when they were over.
        """
        bad_state = "good" if self.inverted else "bad"
        found: list[Outage] = []
        row: list[SampleFacts] = []
        bad: list[SampleFacts] = []
        goods: list[SampleFacts] = []
        after: list[SampleFacts] = []
        over_s = 0.0
        steps: dict[str, None] = {}
        for sample, step in sorted(self._samples, key=lambda item: item[0].at_s):
            if sample.state == bad_state:
                if bad and len(after) >= self.rise and _first_end(after) <= sample.at_s[0]:
                    found.append(self._outage(bad, after, goods, tuple(steps)))
                    row, bad, steps = [], [], {}
                after = []
                row.append(sample)
                steps[step] = None
                if bad or len(row) >= self.fall:
                    bad += row
                    over_s = max(over_s, *(one.at_s[1] for one in row))
                    row = []
                continue
            if not bad:
                row, steps = [], {}
            if sample.state not in ("good", "bad"):
                after = after if len(after) >= self.rise else []
                continue
            goods.append(sample)
            if bad and sample.at_s[0] >= over_s:
                after.append(sample)
        if bad:
            ended = after if len(after) >= self.rise else []
            found.append(self._outage(bad, ended, goods, tuple(steps)))
        return found

    def _outage(
        self,
        bad: list[SampleFacts],
        after: list[SampleFacts],
        goods: list[SampleFacts],
        steps: tuple[str, ...],
    ) -> Outage:
        first = min(bad, key=lambda one: one.at_s[1])
        last_bad_s = bad[-1].at_s[0]
        first_bad_ended_s = first.at_s[1]
        last_good_s = next(
            (one.at_s[0] for one in reversed(goods) if one.at_s[1] <= first.at_s[0]), 0.0
        )
        started = (last_good_s, first_bad_ended_s)
        ended = (last_bad_s, max(last_bad_s, _first_end(after))) if after else None
        duration = None
        if ended is not None:
            duration = (max(0.0, ended[0] - started[1]), max(0.0, ended[1] - started[0]))
        return Outage(
            facts=OutageFacts(
                probe=self.key[0],
                target=self.key[2],
                observer=self.key[0] if self.observed else "",
                steps=tuple(step for step in steps if step),
                start_at_s=started,
                end_at_s=ended,
                last_bad_at_s=last_bad_s,
                duration_s=duration,
                bad_samples=len(bad),
            ),
            first_bad_ended_at_s=first_bad_ended_s,
            mask=self.mask,
            key=self.key,
            observed=self.observed,
        )


def _first_end(samples: Iterable[SampleFacts]) -> float:
    return min(sample.at_s[1] for sample in samples)
