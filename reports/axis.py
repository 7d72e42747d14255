"""What the time axis of a run shows: the part with its steps, faults and outages, and a row for each unit;
for a step on many targets, one for all of it. Warm-up and cool-down may be much longer than the rest; of
them it shows an edge."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from breakfix.engine.timeline.facts import Interval, OutageFacts, UnitFacts
from breakfix.engine.timeline.record import Record
from breakfix.reports.fan_out import faults_of, shares, unit_spans, wide_units
from breakfix.reports.wording import unit_name

_ROOM: Final = 0.02
_EDGE: Final = 0.1
"""How much of warm-up and cool-down is shown, as a share of all else."""

_REACH: Final = 3
"""An outage apart from all steps is shown where it is not further away than so many times their
length."""


class Row(Struct, frozen=True, kw_only=True):
    """A row of the axis: a unit that began, or all that began of a step on `total` targets."""

    label: str
    phase: str
    units: tuple[UnitFacts, ...]
    total: int = 1


def rows(record: Record) -> list[Row]:
    """A row for everything that began, in the order of its start."""
    wide = wide_units(record)
    found = [
        Row(label=unit_name(unit, record), phase=unit.phase, units=(unit,))
        for unit in record.units
        if unit.started_at_s is not None and unit.step not in wide
    ]
    for step, units in wide.items():
        if begun := tuple(unit for unit in units if unit.started_at_s is not None):
            label = f"{step} ({len(units)})"
            found.append(Row(label=label, phase=units[0].phase, units=begun, total=len(units)))
    return sorted(found, key=_start)


def at_work(row: Row, record: Record, span: Interval, cells: int) -> list[float]:
    """For each of so many parts of the axis, the share of a wide row's units that was at work."""
    spans = unit_spans(row.units, faults_of(record), record.run.ended_at_s[1])
    return shares(spans, row.total, span, cells)


def _start(row: Row) -> Interval:
    return min(unit.started_at_s for unit in row.units if unit.started_at_s is not None)


def axis_span(record: Record) -> Interval:
    """The instants at the two ends, with a little room."""
    first_s, last_s = _steps(record) or _looked(record) or (0.0, record.run.ended_at_s[1])
    last_s = max(last_s, first_s + 0.001)
    reach_s = _REACH * (last_s - first_s)
    lowest_s, highest_s = first_s - reach_s, last_s + reach_s
    for outage in _observed(record):
        from_s, to_s = ends(outage, record)
        if from_s <= last_s and to_s >= first_s and outage.end_at_s is not None:
            # It overlaps the steps: all of it belongs to what they did.
            first_s, last_s = min(first_s, from_s), max(last_s, to_s)
        elif from_s <= highest_s and to_s >= lowest_s:
            first_s = min(first_s, max(from_s, lowest_s))
            last_s = max(last_s, min(to_s, highest_s))
    length_s = last_s - first_s
    looked = _looked(record) or (first_s, last_s)
    from_s = max(first_s - _EDGE * length_s, min(looked[0], first_s))
    to_s = min(last_s + _EDGE * length_s, max(looked[1], last_s))
    room_s = (to_s - from_s) * _ROOM
    return (max(0.0, from_s - room_s), to_s + room_s)


def ends(outage: OutageFacts, record: Record) -> Interval:
    """From when on and until when it may have lasted; one that was not seen to end, until the run
    did."""
    ended = outage.end_at_s
    return outage.start_at_s[0], ended[1] if ended is not None else record.run.ended_at_s[1]


def off_axis(record: Record) -> str:
    """What the observers saw that lies outside, as a sentence; empty where nothing does."""
    looked = _looked(record)
    if looked is None:
        return ""
    from_s, to_s = axis_span(record)
    if looked[0] >= from_s and looked[1] <= to_s:
        return ""
    said = f"The observers looked from {looked[0]:.1f} s to {looked[1]:.1f} s."
    cut = sum(_cut(ends(outage, record), (from_s, to_s)) for outage in _observed(record))
    if cut:
        what = "1 outage lies" if cut == 1 else f"{cut} outages lie"
        said += f" {what} beyond this axis, or on its edge: see the list of outages."
    return said


def _cut(pair: Interval, span: Interval) -> bool:
    return pair[0] < span[0] or pair[1] > span[1]


def _observed(record: Record) -> Iterable[OutageFacts]:
    return (outage for outage in record.outages if outage.observer)


def _looked(record: Record) -> Interval | None:
    """From the first to the last sample of any observer."""
    spans = [span for observer in record.observers for span in observer.spans]
    if not spans:
        return None
    return min(span.from_s for span in spans), max(span.to_s for span in spans)


def _steps(record: Record) -> Interval | None:
    """From the first step to the end of the last step or fault."""
    starts = [unit.started_at_s[0] for unit in record.units if unit.started_at_s is not None]
    starts += [fault.applied_at_s[0] for fault in record.faults if fault.applied_at_s is not None]
    if not starts:
        return None
    found = [unit.ended_at_s[1] for unit in record.units if unit.ended_at_s is not None]
    found += [fault.ended_at_s[1] for fault in record.faults if fault.ended_at_s is not None]
    last_s = max([*found, *starts])
    if any(unit.started_at_s and not unit.ended_at_s for unit in record.units):
        last_s = max(last_s, record.run.ended_at_s[1])
    return min(starts), last_s
