"""The marks and durations of an episode, and who healed the service.

Without observers, t2, t7 and t8 come from the samples that the steps took themselves; with them, from
both.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from breakfix.engine.timeline.facts import FaultFacts, Interval, RepairFacts
from breakfix.engine.timeline.intervals import first_of, last_of, not_before, since
from breakfix.engine.timeline.record import (
    HealedBy,
    ImpactFrom,
    Marks,
    Measured,
    Metrics,
    MissingFacts,
    PartFacts,
    PartName,
)
from breakfix.engine.timeline.series import Outage, Poll, SeriesKey

_FOREIGN_ENDS: Final[tuple[HealedBy, ...]] = ("engine", "expiry")
_ENDS_IN_ORDER: Final[tuple[HealedBy, ...]] = ("restart", "other", "self")


class Scene(Struct, frozen=True, kw_only=True):
    """What has to do with some faults, in the time that is theirs. `needed` gives for a step and a
    number of its units how many of them had to succeed."""

    faults: Sequence[FaultFacts]
    outages: Sequence[Outage]
    polls: Sequence[Poll]
    repairs: Sequence[RepairFacts]
    needed: Mapping[str, Callable[[int], int]]
    looks: Sequence[Interval] = ()
    """The good samples of all observers, in the order of their start; of a quorum, the stretches in which
    enough of its members were seen good."""


def measure(scene: Scene) -> Measured:
    """Fold a scene into marks, durations and the healer."""
    applied = [f.applied_at_s for f in scene.faults if f.applied_at_s is not None]
    t0 = first_of(applied)
    t1 = first_of(f.active_at_s for f in scene.faults if f.active_at_s is not None)
    t9 = None
    ends = [f.ended_at_s for f in scene.faults]
    if all(end is not None for end in ends):
        t9 = last_of(end for end in ends if end is not None)
    t2, impact_from = _impact(scene, t0)
    t3, hit = _detected(scene)
    t8 = _restored(scene, t2)
    t7 = _mitigated(scene, t2, t8)
    if t2 is not None:
        healed_by, why = _healer(scene, t2, t7)
    elif _looked_and_fine(scene, t1, t9):
        healed_by, why = "absorbed", "the service was never seen bad"
    else:
        healed_by, why = None, "nobody saw the service while the fault was there"
    t5, t6 = _repaired(scene, t2, t7)
    marks = Marks(
        t0=t0, t1=t1, t2=t2, t3=t3, t3_first_hit=hit, t5=t5, t6=t6, t7=t7, t8=t8, t9=t9
    )
    return Measured(
        marks=marks,
        metrics=_metrics(scene, marks, healed_by),
        parts=_parts(marks),
        healed_by=healed_by,
        healed_why=why,
        impact_from=impact_from,
    )


# --- marks ---


def _impact(scene: Scene, t0: Interval | None) -> tuple[Interval | None, ImpactFrom]:
    """t2: the earliest first bad sample. An occurrence that a detect step saw proves that something
    was wrong by the time it arrived. Neither can be before the command."""
    begun_s = t0[0] if t0 is not None else 0.0
    starts = [outage.facts.start_at_s for outage in scene.outages]
    seen = [
        (begun_s, poll.hit.occurred_at_s or poll.hit.at_s[1])
        for poll in scene.polls
        if poll.phase == "detect" and poll.hit is not None and poll.hit.state == "seen"
    ]
    first = first_of([*starts, *seen])
    if first is None:
        return None, "nothing"
    return not_before(first, begun_s), "sample" if starts else "occurrence"


def _detected(scene: Scene) -> tuple[Interval | None, Interval | None]:
    """t3: the first detect step of which enough units have seen what they waited for."""
    found: list[tuple[Interval, Interval]] = []
    for step, polls in _by_step(scene, "detect").items():
        met = sorted(
            (poll.met.at_s, poll.hit.at_s)
            for poll in polls
            if poll.met is not None and poll.hit is not None
        )
        if (need := scene.needed[step](len(polls))) <= len(met):
            found.append(met[need - 1])
    if not found:
        return None, None
    first = min(found)
    return first


def _restored(scene: Scene, t2: Interval | None) -> Interval | None:
    """t8: everything that was bad has been good for its streak; where no state was seen bad, the
    first verify step to be met for each thing that is verified."""
    if t2 is None:
        return None
    affected: dict[SeriesKey, float] = {}
    for outage in scene.outages:
        began_s = outage.first_bad_ended_at_s
        affected[outage.key] = min(began_s, affected.get(outage.key, began_s))
    per_key: dict[SeriesKey, list[Interval]] = defaultdict(list)
    open_keys: set[SeriesKey] = set()
    for step, polls in _by_step(scene, "verify").items():
        by_key: dict[SeriesKey, list[Poll]] = defaultdict(list)
        for poll in polls:
            by_key[poll.key].append(poll)
        for key, same in by_key.items():
            met = sorted(
                poll.met.at_s
                for poll in same
                if poll.met is not None and poll.met.at_s[1] >= affected.get(key, t2[0])
            )
            need = scene.needed[step](len(same))
            if need <= len(met):
                per_key[key].append(met[need - 1])
            else:
                open_keys.add(key)
    verified = {*per_key, *open_keys}
    for key, outage in {o.key: o for o in scene.outages if o.observed}.items():
        # Where nobody verified what an observer looks at, its rise is the streak.
        if key in verified:
            continue
        if outage.facts.end_at_s is None:
            open_keys.add(key)
        else:
            per_key[key] = [outage.facts.end_at_s]
    wanted = {key for key in affected if key in per_key or key in open_keys}
    if not wanted:
        wanted = set(per_key) | open_keys
    if not wanted or any(key not in per_key for key in wanted):
        return None
    return last_of(min(per_key[key]) for key in wanted)


def _mitigated(scene: Scene, t2: Interval | None, t8: Interval | None) -> Interval | None:
    """t7: the first good sample after the last bad one before t8, of all that was bad."""
    if t2 is None:
        return None
    last: dict[SeriesKey, Outage] = {}
    for outage in scene.outages:
        if t8 is None or outage.first_bad_ended_at_s <= t8[0] or outage.key not in last:
            last[outage.key] = outage
    verified = {poll.key for poll in scene.polls if poll.phase == "verify"}
    ends = [o.facts.end_at_s for o in last.values() if o.facts.end_at_s or o.key in verified]
    if ends:
        known = [end for end in ends if end is not None]
        whole = last_of(known) if len(known) == len(ends) else None
    else:
        # Nobody looked again at what was bad: what was verified instead tells.
        last_bad_s = max((o.facts.last_bad_at_s for o in last.values()), default=t2[0])
        whole = first_of(
            (last_bad_s, poll.first_good.at_s[1])
            for poll in scene.polls
            if poll.phase == "verify"
            and poll.first_good is not None
            and poll.first_good.at_s[1] >= max(last_bad_s, t2[1])
        )
    return None if whole is None else not_before(whole, t2[0])


def _repaired(
    scene: Scene, t2: Interval | None, t7: Interval | None
) -> tuple[Interval | None, Interval | None]:
    """t5 and t6: from the first attempt of a repair to the end of the last that succeeded, among
    those that began before the service was good again."""
    in_time = [r for r in scene.repairs if t7 is None or r.started_at_s[0] <= t7[1]]
    ended = [r.ended_at_s for r in in_time if r.ok and r.ended_at_s is not None]
    return first_of(r.started_at_s for r in in_time), last_of(ended)


def _healer(scene: Scene, t2: Interval, t7: Interval | None) -> tuple[HealedBy | None, str]:
    """Who healed the service, which is not who ended the fault."""
    if t7 is None:
        return None, "the service was not seen good again"
    ended = [
        fault.ended_by
        for fault in scene.faults
        if fault.ended_at_s is not None and fault.ended_at_s[0] < t7[1]
    ]
    for by in _FOREIGN_ENDS:
        if by in ended:
            how = "undone by the engine" if by == "engine" else "over by its own time"
            return by, f"the fault was {how} before the service was seen good"
    healers = [
        r for r in scene.repairs
        if r.ok and r.ended_at_s is not None
        and r.ended_at_s[1] >= t2[0] and r.started_at_s[0] <= t7[1]
    ]  # fmt: skip
    if healers:
        names = ", ".join(dict.fromkeys(repair.step for repair in healers))
        return "repair", f"{names} succeeded before the service was seen good"
    for by in _ENDS_IN_ORDER:
        if by in ended:
            return by, f"the fault ended by {by} before the service was seen good"
    return "self", "the service was seen good again with nothing done about the fault"


def _looked_and_fine(scene: Scene, t1: Interval | None, t9: Interval | None) -> bool:
    """A step looked while the fault was there, and saw the service good."""
    if t1 is not None and t9 is not None:
        # A whole look within the time that the fault was surely there.
        first = bisect_left(scene.looks, t1[1], key=lambda at_s: at_s[0])
        if first < len(scene.looks) and scene.looks[first][1] <= t9[0]:
            return True
    until_s = float("inf") if t9 is None else t9[1]
    return t1 is not None and any(
        poll.first_good is not None
        and poll.first_good.at_s[1] >= t1[0]
        and poll.first_good.at_s[0] <= until_s
        for poll in scene.polls
    )


# --- durations ---


def _metrics(scene: Scene, marks: Marks, healed_by: HealedBy | None) -> Metrics:
    t1, t2, t3 = marks.t1, marks.t2, marks.t3
    pairs: dict[str, tuple[Interval | None, Interval | None]] = {
        "time_to_impact_s": (t2, t1),
        "time_to_detect_s": (t3, t2),
        "time_to_detect_from_effect_s": (t3, t1),
        "time_to_acknowledge_s": (marks.t4, t3),
        "time_to_mitigate_s": (marks.t7, t2),
        "time_to_restore_s": (marks.t8, t2),
    }
    values: dict[str, Interval] = {}
    missing: dict[str, MissingFacts] = {}
    for name, (later, earlier) in pairs.items():
        if later is not None and earlier is not None:
            values[name] = since(later, earlier)
        else:
            missing[name] = _why_missing(name, scene, marks, healed_by)
    return Metrics(**values, missing=missing)


def _why_missing(
    name: str, scene: Scene, marks: Marks, healed_by: HealedBy | None
) -> MissingFacts:
    if name == "time_to_acknowledge_s":
        return MissingFacts(reason="not_measured", why="no acknowledgement is asked for")
    if marks.t1 is None and name in ("time_to_impact_s", "time_to_detect_from_effect_s"):
        return MissingFacts(reason="not_measured", why="the fault was not seen effective")
    base = marks.t1 if name == "time_to_detect_from_effect_s" else marks.t2
    if base is None and healed_by == "absorbed":
        return MissingFacts(reason="absorbed", why="the service was never seen bad")
    if base is None:
        return MissingFacts(reason="not_measured", why="no probe saw the service bad")
    if name in ("time_to_detect_s", "time_to_detect_from_effect_s"):
        return _censored(scene, "detect", base, "it was not detected")
    if name == "time_to_mitigate_s":
        return _censored(scene, "", base, "the service was not seen good again")
    return _censored(scene, "verify", base, "the service was not seen good for long enough")


def _censored(scene: Scene, phase: str, base: Interval, why: str) -> MissingFacts:
    """It lasted at least until the last thing that shows that it had not happened yet: the end of a
    step that waited for it in vain, or (of the service) the last bad sample."""
    polls = [poll for poll in scene.polls if poll.phase == phase]
    shown = [poll.over_at_s for poll in polls if poll.met is None and poll.over]
    if phase != "detect":
        shown += [outage.facts.last_bad_at_s for outage in scene.outages]
    if phase == "detect" and not polls:
        return MissingFacts(reason="not_measured", why="no detect step waited for it")
    if not shown:
        return MissingFacts(reason="censored", why=why, at_least_s=0.0)
    return MissingFacts(
        reason="censored", why=why, at_least_s=max(0.0, max(shown) - base[1])
    )


def _parts(marks: Marks) -> tuple[PartFacts, ...]:
    """Cut the time to restore at the marks in between that lie in order."""
    if marks.t2 is None or marks.t8 is None:
        return ()
    parts: list[PartFacts] = []
    at, since_mark = marks.t2, "t2"
    cuts: tuple[tuple[PartName, str, Interval | None], ...] = (
        ("noticed", "t3", marks.t3),
        ("waiting", "t5", marks.t5),
        ("repair", "t6", marks.t6),
        ("confirmed", "t8", marks.t8),
    )
    for name, mark, instant in cuts:
        if instant is None or instant[1] < at[0] or instant[1] > marks.t8[1]:
            continue
        if name == "repair" and since_mark != "t5":
            continue
        parts.append(
            PartFacts(
                name=name, from_mark=since_mark, to_mark=mark, duration_s=since(instant, at)
            )
        )
        at, since_mark = instant, mark
    return tuple(parts)


def _by_step(scene: Scene, phase: str) -> dict[str, list[Poll]]:
    steps: dict[str, list[Poll]] = defaultdict(list)
    for poll in scene.polls:
        if poll.phase == phase:
            steps[poll.step].append(poll)
    return steps
