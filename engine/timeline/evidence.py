"""What the samples and repairs of a run show, ready to be cut into episodes."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from heapq import merge
from typing import TypeVar

from msgspec import Struct

from breakfix.engine.model import Step
from breakfix.engine.timeline.collect import Collected
from breakfix.engine.timeline.facts import FaultFacts, RepairFacts, UnitFacts
from breakfix.engine.timeline.lineage import ALL, Lineage
from breakfix.engine.timeline.measure import Scene
from breakfix.engine.timeline.quorum import Merged, looks, merged
from breakfix.engine.timeline.series import (
    Outage,
    Poll,
    Series,
    SeriesKey,
    key_of,
    poll_of,
    wanted_of,
)
from breakfix.engine.values import needed

T = TypeVar("T")
Keyed = TypeVar("Keyed", Outage, Poll)


class During(Struct, frozen=True, kw_only=True):
    """What happened in a stretch of the run."""

    outages: list[Outage]
    polls: list[Poll]
    repairs: list[RepairFacts]


class Evidence:
    """The polls, outages and repairs of a run, each in the order of its time."""

    def __init__(
        self, seen: Collected, units: Sequence[UnitFacts], steps: Mapping[str, Step]
    ) -> None:
        plan = seen.plan
        self.end_s = seen.last_s
        self.lineage = Lineage(plan.scenario.steps if plan is not None else None)
        rows = plan.scenario.expect if plan is not None else ()
        self.shared = {row.fault for row in rows if row.units is not None}
        self.expected = {row.fault for row in plan.scenario.expect} if plan is not None else set()
        self.polls = sorted(_polls(seen, units, steps, self.lineage), key=_decided_s)
        quorums = plan.scenario.quorums if plan is not None else ()
        self.merged: dict[str, Merged] = {
            quorum.id: merged(quorum, seen.observed) for quorum in quorums
        }
        outages = _outages(seen, units, steps, self.lineage)
        outages += [outage for one in self.merged.values() for outage in one.outages]
        self.outages = sorted(outages, key=lambda outage: outage.first_bad_ended_at_s)
        self.repairs = sorted(
            (repair for repair in seen.lives.repairs.values() if not repair.put_back), key=_began_s
        )
        alone = {one.probe for one in plan.scenario.observers} if plan is not None else set()
        self._looks = sorted(
            [
                sample.at_s
                for probe in alone
                for sample in seen.observed.get(probe, ())
                if sample.state == "good"
            ]
            + [look for quorum in quorums for look in looks(quorum, seen.observed)]
        )
        self._needed = {step.id: partial(needed, step.require) for step in steps.values()}

    def during(self, from_s: float, until_s: float) -> During:
        """What was decided in a stretch of the run, its end not included."""

        def cut(items: list[T], instant_s: Callable[[T], float]) -> list[T]:
            first = bisect_left(items, from_s, key=instant_s)
            return items[first : bisect_left(items, until_s, key=instant_s)]

        return During(
            outages=cut(self.outages, lambda outage: outage.first_bad_ended_at_s),
            polls=cut(self.polls, _decided_s),
            repairs=cut(self.repairs, _began_s),
        )

    def apart(self, during: During) -> Callable[[str], During]:
        """The same, cut once by what was looked at: for a target, what looked at it and what looked at none
        alone."""
        outages = _by_target(during.outages)
        polls = _by_target(during.polls)
        return lambda target: During(
            outages=_with_common(outages, target),
            polls=_with_common(polls, target),
            repairs=during.repairs,
        )

    def scene(
        self, faults: Sequence[FaultFacts], during: During, only_target: str = ""
    ) -> Scene:
        """Some faults with what is downstream of them. With `only_target`, of what looked at a target of
        its own, that at this one."""
        mask = 0
        for fault in faults:
            mask |= self.lineage.bit(fault.step)
        return Scene(
            faults=faults,
            outages=[
                outage
                for outage in during.outages
                if outage.mask & mask and _is_about(outage.key, only_target)
            ],
            polls=[
                poll
                for poll in during.polls
                if poll.mask & mask and _is_about(poll.key, only_target)
            ],
            repairs=[r for r in during.repairs if self.lineage.upstream(r.step) & mask],
            needed=self._needed,
            looks=self._looks,
        )


def _by_target(items: Sequence[Keyed]) -> dict[str, list[tuple[int, Keyed]]]:
    """By the target that they are about (empty: none alone), each with its place."""
    found: dict[str, list[tuple[int, Keyed]]] = {}
    for place, item in enumerate(items):
        found.setdefault(item.key[2], []).append((place, item))
    return found


def _with_common(apart: Mapping[str, list[tuple[int, Keyed]]], target: str) -> list[Keyed]:
    common, own = apart.get("", []), apart.get(target, []) if target else []
    return [item for _, item in merge(common, own, key=lambda pair: pair[0])]


def _is_about(key: SeriesKey, target: str) -> bool:
    return not target or key[2] in ("", target)


def _decided_s(poll: Poll) -> float:
    return poll.met.at_s[1] if poll.met is not None else poll.over_at_s


def _began_s(repair: RepairFacts) -> float:
    return repair.started_at_s[0]


def _polls(
    seen: Collected, units: Sequence[UnitFacts], steps: Mapping[str, Step], lineage: Lineage
) -> list[Poll]:
    """The detect and verify units that took samples of their own."""
    found = []
    for unit in units:
        step = steps.get(unit.step)
        samples = seen.samples_of.get(unit.unit)
        if step is not None and samples and step.phase in ("detect", "verify"):
            found.append(poll_of(step, unit, samples, lineage))
    return found


def _outages(
    seen: Collected, units: Sequence[UnitFacts], steps: Mapping[str, Step], lineage: Lineage
) -> list[Outage]:
    """The outages of every series of samples."""
    by_unit = {unit.unit: unit for unit in units}
    series: dict[tuple[str, str, str], Series] = {}
    for name, samples in seen.samples_of.items():
        unit = by_unit.get(name)
        step_id = unit.step if unit is not None else name
        step = steps.get(step_id)
        inverted = step is not None and (step.phase, wanted_of(step, samples)) in (
            ("detect", "good"),
            ("verify", "bad"),
        )
        for sample in samples:
            key = key_of(step, sample.probe, unit.target if unit is not None else "")
            one = series.setdefault(key, Series(key))
            one.add(sample, step_id)
            one.mask |= lineage.upstream(step_id)
            one.inverted = one.inverted or inverted
    _add_observed(seen, series)
    return [outage for one in series.values() for outage in one.outages()]


def _add_observed(seen: Collected, series: dict[SeriesKey, Series]) -> None:
    """Observers look at what the steps with the same probe look at, and at any fault."""
    plan = seen.plan
    for observer in plan.scenario.observers if plan is not None else ():
        key = (observer.probe, "", _only_target(seen, observer.probe))
        one = series.setdefault(key, Series(key))
        one.mask, one.observed = ALL, True
        one.rise, one.fall = observer.rise, observer.fall
        for sample in seen.observed.get(observer.probe, ()):
            one.add(sample, "")


def _only_target(seen: Collected, probe: str) -> str:
    """The target that a probe looks at, where that is one."""
    plan = seen.plan
    use = plan.scenario.probes.get(probe) if plan is not None else None
    if plan is None or use is None or use.target is None or use.target not in plan.sets:
        return ""
    picked = plan.sets[use.target].picked
    return picked[0] if len(picked) == 1 else ""
