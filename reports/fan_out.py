"""Steps on many targets, told as a whole: how long their units took, which were the slowest, and which went
wrong and why. Every single unit is in the JSON record."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from breakfix.engine.timeline.facts import FaultFacts, Interval, OutageFacts, UnitFacts
from breakfix.engine.timeline.record import Record
from breakfix.engine.timeline.words import at_instant, with_interval
from breakfix.reports.ranges import named

T = TypeVar("T")
WIDE: Final = 20
"""A step with more units than this is told as a whole, in reports, plans and while it runs."""

SLOWEST: Final = 10
GROUPS_MAX: Final = 20
_NAME: Final = re.compile(r"\w(?:[\w.-]*\w)?")
"""What may be the name of a target, without the dot or the port behind it."""

_ADDRESS: Final = re.compile(r"<target> \([^\s()]*[.:][^\s()]*\)")

TARGET: Final = "<target>"
"""Stands for the name of a target in what is said of several."""

QUANTILES: Final = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
HEADS: Final = ("time", "units", "shortest", *(name for name, _ in QUANTILES), "longest")
SLOW_HEADS: Final = ("slowest", "took", "start", "queue", "run", "check", "undo", "outcome")
_STATES: Final = (
    "succeeded", "failed", "errored", "cancelled", "blocked", "skipped", "pending", "running",
    "cancelling",
)  # fmt: skip
_FINE: Final = frozenset({"succeeded", "skipped"})


class TimingLine(Struct, frozen=True, kw_only=True):
    """One of the times of units: how many have it, and how it is spread."""

    name: str
    units: str
    spread: tuple[str, ...]
    """Shortest, percentiles, longest."""


class SlowLine(Struct, frozen=True, kw_only=True):
    """One of the slowest units. `took` is what its own work took: run, check and undo."""

    target: str
    took: str
    start: str
    wait: str
    run: str
    check: str
    undo: str
    state: str


class GroupLine(Struct, frozen=True, kw_only=True):
    """Units of which the same is said."""

    what: str
    count: int
    targets: str
    why: str


class FanOut(Struct, frozen=True, kw_only=True):
    """One step on many targets."""

    step: str
    phase: str
    uses: str
    units: int
    outcome: str
    began: str
    timings: tuple[TimingLine, ...]
    slowest: tuple[SlowLine, ...]
    failures: tuple[GroupLine, ...]
    left: int
    """So many units went wrong in other ways than those shown."""


def wide_units(record: Record) -> dict[str, list[UnitFacts]]:
    """The units of each step that is told as a whole."""
    by_step: dict[str, list[UnitFacts]] = defaultdict(list)
    for unit in record.units:
        by_step[unit.step].append(unit)
    return {step: units for step, units in by_step.items() if len(units) > WIDE}


def fan_outs(record: Record) -> list[FanOut]:
    """The steps on many targets, in the order in which they began."""
    return [_fan_out(step, units, record) for step, units in wide_units(record).items()]


def _fan_out(step: str, units: Sequence[UnitFacts], record: Record) -> FanOut:
    begun = [unit.started_at_s for unit in units if unit.started_at_s is not None]
    slow = sorted(
        (unit for unit in units if took_s(unit) is not None),
        key=lambda unit: (took_s(unit) or (0.0, 0.0))[::-1],
        reverse=True,
    )
    failures, left = alike(
        (unit for unit in units if unit.state not in _FINE),
        what=lambda unit: unit.state,
        target=lambda unit: unit.target,
        why=lambda unit: unit.reason,
    )
    needed = next((one.needed for one in record.steps if one.id == step), len(units))
    outcome = outcomes(units)
    return FanOut(
        step=step,
        phase=units[0].phase,
        uses=units[0].uses,
        units=len(units),
        outcome=outcome if needed == len(units) else f"{outcome}; {needed} had to succeed",
        began=f"from {at_instant(min(begun))} to {at_instant(max(begun))}" if begun else "never",
        timings=tuple(_timings(units)),
        slowest=tuple(_slow_line(unit) for unit in slow[:SLOWEST]),
        failures=tuple(failures),
        left=left,
    )


def outcomes(units: Iterable[UnitFacts]) -> str:
    """How many units came to what: ``492 succeeded, 8 failed``."""
    counts = Counter(unit.state for unit in units)
    return ", ".join(f"{counts[state]} {state}" for state in _STATES if counts[state])


def took_s(unit: UnitFacts) -> Interval | None:
    """What the work of a unit took, without waiting for a slot and without holding its fault."""
    parts = [part for part in (unit.run_s, unit.check_s, unit.undo_s) if part is not None]
    return (sum(p[0] for p in parts), sum(p[1] for p in parts)) if parts else None


def _timings(units: Sequence[UnitFacts]) -> Iterable[TimingLine]:
    named_times: tuple[tuple[str, Callable[[UnitFacts], Interval | None]], ...] = (
        ("start delay", lambda unit: unit.queue_wait_s),
        ("run", lambda unit: unit.run_s),
        ("check", lambda unit: unit.check_s),
        ("undo", lambda unit: unit.undo_s),
    )
    for name, of in named_times:
        times = [time for unit in units if (time := of(unit)) is not None]
        if times:
            yield TimingLine(name=name, units=str(len(times)), spread=spread(times))


def spread(times: Sequence[Interval]) -> tuple[str, ...]:
    """Shortest, percentiles (the nearest rank: times that were measured) and longest, in words."""
    lower, upper = (sorted(time[end] for time in times) for end in (0, 1))
    ranks = [0, *(_rank(len(times), part) for _, part in QUANTILES), len(times) - 1]
    return tuple(with_interval((lower[rank], upper[rank])) for rank in ranks)


def median(times: Iterable[Interval | None]) -> str:
    """``p50`` of those that were measured, in words; empty where none was."""
    measured = [time for time in times if time is not None]
    return f"p50 {spread(measured)[1]}" if measured else ""


def _rank(count: int, part: float) -> int:
    return max(0, math.ceil(count * part - 1e-9) - 1)


def _slow_line(unit: UnitFacts) -> SlowLine:
    def words(pair: Interval | None) -> str:
        return "" if pair is None else with_interval(pair)

    return SlowLine(
        target=unit.target or unit.unit,
        took=words(took_s(unit)),
        start="" if unit.started_at_s is None else at_instant(unit.started_at_s),
        wait=words(unit.queue_wait_s),
        run=words(unit.run_s),
        check=words(unit.check_s),
        undo=words(unit.undo_s),
        state=unit.state,
    )


# --- what is alike ---


def alike(
    items: Iterable[T],
    *,
    what: Callable[[T], str],
    target: Callable[[T], str],
    why: Callable[[T], str],
) -> tuple[list[GroupLine], int]:
    """Items of which the same is said, but for the name of their target, together; the largest groups, and
    how many items are in none of them."""
    groups: dict[tuple[str, str], list[T]] = defaultdict(list)
    for item in items:
        groups[what(item), without(target(item), why(item))].append(item)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    lines = [
        GroupLine(
            what=said,
            count=len(members),
            targets=named((target(member) for member in members), most=6),
            why=reason if len(members) > 1 else why(members[0]),
        )
        for (said, reason), members in ordered[:GROUPS_MAX]
    ]
    return lines, sum(len(members) for _, members in ordered[GROUPS_MAX:])


def without(name: str, text: str) -> str:
    """A text with the name of a target taken out, and the address that stands behind it.

    >>> without("db-1", "db-1 (10.0.0.1:22) refuses, db-10 does not: /tmp/x-db-1")
    '<target> refuses, db-10 does not: /tmp/x-<target>'
    """
    if not name or name not in text:
        return text
    parts, at = [], 0
    while (found := text.find(name, at)) >= 0:
        end = found + len(name)
        # Neither host-1 in host-10, nor eb-1 in web-1.
        alone = not text[found - 1 : found].isalnum() and not text[end : end + 1].isalnum()
        parts += [text[at:found], TARGET if alone else name]
        at = end
    return _ADDRESS.sub(TARGET, "".join([*parts, text[at:]]))


def together(texts: Iterable[str], targets: Collection[str]) -> list[str]:
    """Sentences; those that are alike but for the name of a target as one, with the names behind it.

    >>> together(["db-1 refuses", "db-2 refuses", "the end"], {"db-1", "db-2"})
    ['<target> refuses (2 times: db-[1-2])', 'the end']
    """
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for text in texts:
        name = next((found for found in _NAME.findall(text) if found in targets), "")
        groups[without(name, text)].append((name, text))
    return [
        members[0][1]
        if len(members) == 1
        else f"{said} ({len(members)} times: {named((name for name, _ in members))})"
        for said, members in groups.items()
    ]


# --- over time ---


def unit_spans(
    units: Sequence[UnitFacts], faults: dict[str, list[FaultFacts]], end_s: float
) -> list[Interval]:
    """When each unit was at work, in the middle of what is known; of an inject unit, when its faults were
    there."""
    spans = []
    for unit in units:
        pairs = (
            [(fault.applied_at_s, fault.ended_at_s) for fault in faults.get(unit.unit, ())]
            if unit.phase == "inject"
            else [(unit.started_at_s, unit.ended_at_s)]
        )
        spans += [
            (_middle(a), end_s if b is None else _middle(b)) for a, b in pairs if a is not None
        ]
    return spans


def faults_of(record: Record) -> dict[str, list[FaultFacts]]:
    """The faults of each unit."""
    found: dict[str, list[FaultFacts]] = defaultdict(list)
    for fault in record.faults:
        found[fault.unit].append(fault)
    return found


def shares(spans: Iterable[Interval], total: int, axis: Interval, cells: int) -> list[float]:
    """For each of so many parts of the axis, the share of `total` that was there on average; what was there
    for a moment only has a share above 0 all the same."""
    width_s = (axis[1] - axis[0]) / cells
    whole = [0.0] * (cells + 1)
    found = [0.0] * cells
    for from_s, to_s in spans:
        first, last = (from_s - axis[0]) / width_s, (to_s - axis[0]) / width_s
        first, last = max(0.0, first), min(float(cells), last)
        if first > last or first >= cells:
            continue
        a, b = int(first), min(cells - 1, int(last))
        if a == b:
            found[a] += max(last - first, 1e-6)
            continue
        found[a] += a + 1 - first
        found[b] += last - b
        whole[a + 1] += 1
        whole[b] -= 1
    running = 0.0
    for index in range(cells):
        running += whole[index]
        found[index] = min(1.0, (found[index] + running) / total)
    return found


def _middle(pair: Interval) -> float:
    return (pair[0] + pair[1]) / 2


# --- outages ---


def wide_outages(record: Record) -> dict[str, list[OutageFacts]]:
    """The outages of each probe that was seen bad on many targets, which no observer looks at."""
    by_probe: dict[str, list[OutageFacts]] = defaultdict(list)
    for outage in record.outages:
        if not outage.observer and outage.target:
            by_probe[outage.probe].append(outage)
    return {probe: found for probe, found in by_probe.items() if len(found) > WIDE}


def outage_spans(outages: Iterable[OutageFacts], end_s: float) -> list[Interval]:
    """When each outage was, in the middle of what is known."""
    return [
        (_middle(one.start_at_s), _middle(one.end_at_s) if one.end_at_s is not None else end_s)
        for one in outages
    ]


def longest_first(outages: Iterable[OutageFacts]) -> list[OutageFacts]:
    """The outages from the longest on; those that did not end before all others."""
    return sorted(
        outages,
        key=lambda one: (one.duration_s is not None, -(one.duration_s or (0.0, 0.0))[1]),
    )
