"""What is not as it was, and why: the residue certificate of the containers and hosts of a run. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, Literal

from breakfix.engine.timeline.facts import (
    ChangeFacts,
    FaultFacts,
    Interval,
    ReboundFacts,
    RepairFacts,
    SurveyFacts,
)

Fields = Mapping[str, str]
Why = Literal["repair", "removed", "residue"]
REPAIRED_FIELDS: Final = frozenset({"running", "paused", "id"})
"""What a repair that stays may have changed on purpose."""
LIMIT_FIELDS: Final = frozenset({"cpus", "cpuset", "memory", "swap", "pids"})
"""What it may have set to another value than the fault did."""
HOST_FIELDS: Final = ("failed unit ", "time sync")
"""How the fields of a host begin that a repair may have changed on purpose."""
LEFT_FIELDS: Final = ("failed unit ", "folder ", "process ", "unit ")
"""How the fields of a host begin that only tell what is there."""
CLOCK_APART_S_MAX: Final = 2
"""The clocks of two machines are read one after the other, and some hosts tell whole seconds only."""


def survey_facts(
    before: tuple[Interval, Mapping[str, Fields]] | None,
    after: tuple[Interval, Mapping[str, Fields]] | None,
    repairs: Collection[RepairFacts],
    faults: Collection[FaultFacts],
    rebound: Collection[ReboundFacts] = (),
) -> SurveyFacts | None:
    """The two surveys held against each other; None where there was nothing to survey."""
    if before is None or not before[1]:
        return None
    put_back = {repair.unit for repair in repairs if repair.put_back and repair.ok}
    kept = {repair.target for repair in repairs if repair.ok and repair.unit not in put_back}
    # A repair without a target changed the container if a fault of it ended without our undo.
    healed = (
        {f.target for f in faults if f.ended_by not in (None, "engine")} if "" in kept else set()
    )
    allowed = dict.fromkeys(kept, REPAIRED_FIELDS)
    allowed |= dict.fromkeys(healed, REPAIRED_FIELDS | LIMIT_FIELDS)
    reborn = _Reborn(faults, rebound)
    found = [] if after is None else list(_changes(before[1], after[1], allowed, reborn))
    return SurveyFacts(
        before_at_s=before[0],
        after_at_s=after[0] if after is not None else None,
        targets=tuple(before[1]),
        changes=tuple(found),
    )


class _Reborn:
    """Which lives of hosts are known: those that steps have seen begin; and any, where an engine died between a
    fault that starts its host again and the look at it."""

    def __init__(self, faults: Iterable[FaultFacts], rebound: Collection[ReboundFacts]) -> None:
        self._seen = {(one.target, one.new) for one in rebound}
        causes = {(one.target, one.cause) for one in rebound}
        self._unseen = {
            fault.target
            for fault in faults
            if fault.rebinds and fault.left_to and (fault.target, fault.step) not in causes
        }

    def knows(self, target: str, life: str) -> bool:
        """Whether it is no wonder that a host leads that life."""
        return (target, life) in self._seen or target in self._unseen


def _changes(
    before: Mapping[str, Fields],
    after: Mapping[str, Fields],
    allowed: Mapping[str, frozenset[str]],
    reborn: _Reborn,
) -> Iterator[ChangeFacts]:
    for target, old in before.items():
        new = after.get(target, {"unknown": "it was not surveyed"})
        for field in _fields(old, new):
            was, now = old.get(field, ""), new.get(field, "")
            if was == now or _equivalent(field, was, now):
                continue
            if field == "boot" and reborn.knows(target, now):
                continue
            why = _why(field, allowed.get(target, frozenset()))
            yield ChangeFacts(target=target, field=field, before=was, after=now, why=why)


def _why(field: str, allowed: frozenset[str]) -> Why:
    if field == "there":
        # No fault and no repair removes a container: somebody else did.
        return "removed"
    on_purpose = field in allowed or (bool(allowed) and field.startswith(HOST_FIELDS))
    return "repair" if on_purpose else "residue"


def _fields(old: Fields, new: Fields) -> Iterable[str]:
    if "unknown" in old:
        return ()
    if "unknown" in new:
        return ("unknown",)
    if new.get("there") == "no":
        return ("there",)
    return dict.fromkeys([*old, *new])


def _equivalent(field: str, was: str, now: str) -> bool:
    if field == "clock":
        (was_s, was_slack_s), (now_s, now_slack_s) = _offset_s(was), _offset_s(now)
        return abs(was_s - now_s) <= CLOCK_APART_S_MAX + was_slack_s + now_slack_s
    if field.startswith(LEFT_FIELDS):
        # What was there before and is not now was left by nobody.
        return not now
    # An undo spells "all CPUs" out, since the engine takes no empty list.
    return field == "cpuset" and was == "all" and now.startswith("0-")


def _offset_s(clock: str) -> tuple[int, int]:
    """How far a clock is ahead, and how much either way that may be wrong.

    >>> _offset_s("+3600 s from ours"), _offset_s("-2 s from ours, give or take 5 s")
    ((3600, 0), (-2, 5))
    """
    found = re.fullmatch(r"([+-]\d+) s from ours(?:, give or take (\d+) s)?", clock)
    return (int(found[1]), int(found[2] or 0)) if found is not None else (0, 0)
