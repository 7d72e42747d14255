"""What observers saw as a band over time: for the chart as rows of data, for the text as characters.

An outage has two bounds. It surely lasted from its first bad sample to its last one; it may have
lasted from the good sample before to the good one after.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from breakfix.engine.timeline.facts import Interval, ObserverFacts, OutageFacts, SpanFacts
from breakfix.engine.timeline.record import Record
from breakfix.reports.axis import ends
from breakfix.reports.palette import light

BANDS_MAX: Final = 12
LEGEND: Final = (
    ("#", "surely down"),
    ("~", "perhaps down"),
    ("x", "bad"),
    (".", "good"),
    ("?", "could not look"),
)
"""The characters of a band in the text, the heaviest first."""

_ROLES: Final = {"good": "verify", "unseen": "verify", "bad": "bad", "seen": "bad", "blind": "muted"}
_CHARS: Final = {"good": ".", "unseen": ".", "bad": "x", "seen": "x", "blind": "?"}
_WORST: Final = ("good", "unseen", "blind", "seen", "bad")
_PIECES_MAX: Final = 600
"""A band is drawn of so many pieces, or twice as many: more than that cannot be told apart."""


class Bounds(Struct, frozen=True, kw_only=True):
    """An outage on the axis: when it surely went on (None: it was seen by one sample alone, or lies
    outside), and when it may have."""

    sure: Interval | None
    perhaps: Interval


def shown(record: Record) -> tuple[ObserverFacts, ...]:
    """The observers that get a band, in the order of the file: all, or those that saw the worst."""
    if len(record.observers) <= BANDS_MAX:
        return record.observers
    down = outages_of(record)

    def badness(observer: ObserverFacts) -> tuple[bool, float, int, int]:
        own = down.get(observer.probe, [])
        samples = {
            state: sum(span.samples for span in observer.spans if span.state == state)
            for state in ("bad", "blind")
        }
        longest_s = max((outage.duration_s[1] for outage in own if outage.duration_s), default=0.0)
        unended = any(outage.end_at_s is None for outage in own)
        return unended, longest_s, samples["bad"], samples["blind"]

    worst = sorted(record.observers, key=badness, reverse=True)[:BANDS_MAX]
    names = {observer.probe for observer in worst}
    return tuple(observer for observer in record.observers if observer.probe in names)


def left_out(record: Record) -> str:
    """How many observers are not shown, as a sentence; empty where all are."""
    left = len(record.observers) - len(shown(record))
    if left <= 0:
        return ""
    return (
        f"These {BANDS_MAX} saw the worst; {left} of {len(record.observers)} observers are not shown "
        "here, and are in the JSON record."
    )


def outages_of(record: Record) -> dict[str, list[OutageFacts]]:
    """The outages that each observer saw."""
    found: dict[str, list[OutageFacts]] = {}
    for outage in record.outages:
        if outage.observer:
            found.setdefault(outage.observer, []).append(outage)
    return found


def bounds(outage: OutageFacts, record: Record, span: Interval) -> Bounds | None:
    """The two bounds of an outage, cut at the ends of the axis; None where it lies outside."""
    perhaps = clipped(ends(outage, record), span)
    if perhaps is None:
        return None
    ended_s = outage.last_bad_at_s if outage.end_at_s is None else outage.end_at_s[0]
    return Bounds(sure=clipped((outage.start_at_s[1], ended_s), span), perhaps=perhaps)


def clipped(pair: Interval, span: Interval) -> Interval | None:
    """The part of a stretch that is on the axis."""
    from_s, to_s = max(pair[0], span[0]), min(pair[1], span[1])
    return (from_s, to_s) if from_s < to_s else None


def condensed(spans: Sequence[SpanFacts], span: Interval) -> list[SpanFacts]:
    """The spans on the axis; those too short to be told apart become one that says the worst."""
    least_s = (span[1] - span[0]) / _PIECES_MAX
    found: list[SpanFacts] = []
    for one in spans:
        cut = clipped((one.from_s, one.to_s), span)
        if cut is None:
            continue
        piece = msgspec.structs.replace(one, from_s=cut[0], to_s=cut[1])
        if found and piece.to_s - found[-1].from_s < least_s:
            last = found[-1]
            found[-1] = SpanFacts(
                state=max(last.state, piece.state, key=_WORST.index),
                from_s=last.from_s,
                to_s=piece.to_s,
                samples=last.samples + piece.samples,
            )
        else:
            found.append(piece)
    return found


def looks(observer: ObserverFacts, span: Interval) -> Iterator[dict[str, Any]]:
    """The ribbon of an observer for the chart."""
    for piece in condensed(observer.spans, span):
        yield {
            "from_s": piece.from_s,
            "to_s": piece.to_s,
            "kind": {"verify": "good", "bad": "bad"}.get(_ROLES[piece.state], "blind"),
            "color": light(_ROLES[piece.state]),
        }


def downs(
    outages: Sequence[OutageFacts], record: Record, span: Interval
) -> Iterator[dict[str, Any]]:
    """The outages of an observer for the chart: each upper bound, and the lower one in it."""
    least_s = (span[1] - span[0]) / _PIECES_MAX
    last_s = float("-inf")
    for outage in outages:
        both = bounds(outage, record, span)
        if both is None or both.perhaps[1] < last_s + least_s:
            continue
        last_s = both.perhaps[1]
        yield {"from_s": both.perhaps[0], "to_s": both.perhaps[1], "sure": False}
        if both.sure is not None:
            yield {"from_s": both.sure[0], "to_s": both.sure[1], "sure": True}


def characters(
    observer: ObserverFacts, outages: Sequence[OutageFacts], record: Record, span: Interval, width: int
) -> str:
    """The band as so many characters of `LEGEND`; a blank where there was no sample."""
    per_char_s = (span[1] - span[0]) / width
    cells = [" "] * width
    weight = {char: index for index, (char, _) in enumerate(reversed(LEGEND), start=1)}
    weight[" "] = 0

    def put(char: str, pair: Interval) -> None:
        first = int((pair[0] - span[0]) / per_char_s)
        last = int((pair[1] - span[0]) / per_char_s)
        for index in range(max(0, first), min(width, last + 1)):
            if weight[char] > weight[cells[index]]:
                cells[index] = char

    for piece in condensed(observer.spans, span):
        put(_CHARS[piece.state], (piece.from_s, piece.to_s))
    for outage in outages:
        both = bounds(outage, record, span)
        if both is not None:
            put("~", both.perhaps)
            if both.sure is not None:
                put("#", both.sure)
    return "".join(cells)
