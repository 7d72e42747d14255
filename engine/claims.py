"""Claims about what an observer saw in a part of the run. Without samples, none of them ever passes."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from breakfix.engine.statistics.share import wilson
from breakfix.engine.timeline.facts import (
    During,
    ObserverFacts,
    OutageFacts,
    ShareInterval,
    WindowFacts,
)
from breakfix.engine.timeline.planned import ExpectFacts
from breakfix.engine.timeline.record import Expects, Judged, Record, Row
from breakfix.engine.timeline.words import with_interval
from breakfix.engine.values import format_seconds, fraction, seconds

_HEAVIER: Final[dict[Judged, int]] = {"failed": 2, "inconclusive": 1, "passed": 0}
_PERCENTILES: Final[dict[str, tuple[Expects, int]]] = {
    "p50": ("latency_p50", 5),
    "p90": ("latency_p90", 29),
    "p99": ("latency_p99", 299),
}
"""What each is called as a claim, and how many good samples an upper bound of it takes."""


class Scene(Struct, frozen=True, kw_only=True):
    """What one observer saw in the part of the run that a row is about; `window` is None where the run
    had no such part, or nothing was seen in it."""

    probe: str
    window: WindowFacts | None
    outages: Sequence[OutageFacts] = ()


def probe_rows(record: Record, expect: ExpectFacts) -> Iterator[Row]:
    """One row for each claim about a probe; where none is named, that of the worst observer."""
    judges = list(_judges(expect))
    if not judges:
        return
    scenes = [
        _scene(record, observer, expect.during)
        for observer in record.observers
        if expect.probe in (None, observer.probe)
    ] or [Scene(probe=expect.probe or "", window=None)]
    for judge in judges:
        found = worst([judge(scene) for scene in scenes])
        if found is not None:
            yield found


def worst(found: Sequence[Row]) -> Row | None:
    """The heaviest verdict; of equal ones, the longest time or the smallest share."""

    def badness(row: Row) -> tuple[int, float, float]:
        time_s = (row.observed_s or (0.0, row.at_least_s or 0.0))[1]
        return _HEAVIER[row.verdict], time_s, -(row.observed_share or (0.0, 0.0))[0]

    return max(found, key=badness, default=None)


def _judges(expect: ExpectFacts) -> Iterator[Callable[[Scene], Row]]:
    """What judges each claim of an expectation."""

    def blank(expects: Expects, wanted: str) -> Row:
        return Row(
            about=expect.probe or "the run", expects=expects, wanted=wanted,
            verdict="inconclusive", observed="nothing was measured", during=expect.during,
        )  # fmt: skip

    if expect.max_outage is not None:
        yield _judge(_max_outage, blank("max_outage", expect.max_outage))
    if expect.availability is not None:
        yield _judge(_availability, blank("availability", expect.availability))
    if expect.error_share is not None:
        yield _judge(_error_share, blank("error_share", expect.error_share))
    for name, at_most in expect.latency.items():
        if name in _PERCENTILES:
            yield _judge(_latency, blank(_PERCENTILES[name][0], at_most))


def _judge(
    rule: Callable[[Row, Scene, WindowFacts], Row], blank: Row
) -> Callable[[Scene], Row]:
    """The rule; but where there was no good or bad sample, the row that says so."""
    bounds: dict[str, float] = (
        {"bound_share": fraction(blank.wanted)}
        if blank.expects in ("availability", "error_share")
        else {"bound_s": seconds(blank.wanted)}
    )

    def judge(scene: Scene) -> Row:
        row = msgspec.structs.replace(blank, probe=scene.probe, **bounds)
        if scene.window is None:
            return _named(row)
        samples = scene.window.good + scene.window.bad
        return _named(rule(msgspec.structs.replace(row, samples=samples), scene, scene.window))

    return judge


def _named(row: Row) -> Row:
    """A row about the run says whose samples it was judged by."""
    if row.about == row.probe or not row.probe:
        return row
    return msgspec.structs.replace(row, observed=f"{row.probe}: {row.observed}")


def _scene(record: Record, observer: ObserverFacts, during: During) -> Scene:
    window = next(
        (one for one in observer.windows if one.window == during and one.good + one.bad), None
    )
    outages = [outage for outage in record.outages if outage.observer == observer.probe]
    return Scene(probe=observer.probe, window=window, outages=outages)


# --- outages ---


class _Out(Struct, frozen=True, kw_only=True):
    """How long an outage was within a part of the run; `at_most_s` is infinite where it did not end."""

    at_least_s: float
    at_most_s: float


def _max_outage(row: Row, scene: Scene, window: WindowFacts) -> Row:
    bound_s, gap_s = row.bound_s or 0.0, window.gap_s or 0.0
    outs = [out for outage in scene.outages if (out := _within(outage, window)) is not None]
    lower_s = max((out.at_least_s for out in outs), default=0.0)
    # What was not looked at may have been an outage too.
    upper_s = max([gap_s, *(out.at_most_s for out in outs)])
    verdict: Judged = "inconclusive"
    if lower_s > bound_s:
        verdict = "failed"
    elif upper_s <= bound_s:
        verdict = "passed"
    open_ = math.isinf(upper_s)
    return msgspec.structs.replace(
        row,
        verdict=verdict,
        observed=_out_in_words(outs, gap_s, row.samples),
        observed_s=None if open_ else (lower_s, upper_s),
        at_least_s=lower_s if open_ else None,
    )


def _within(outage: OutageFacts, window: WindowFacts) -> _Out | None:
    """The part of an outage that lies in a part of the run; None of one that lies outside."""
    from_s = window.from_s
    until_s = math.inf if window.until_s is None else window.until_s
    begun = outage.start_at_s
    ended = outage.end_at_s or (outage.last_bad_at_s, math.inf)
    if begun[0] >= until_s or ended[1] <= from_s:
        return None
    at_least_s = min(ended[0], until_s) - max(begun[1], from_s)
    at_most_s = min(ended[1], until_s) - max(begun[0], from_s)
    return _Out(at_least_s=max(0.0, round(at_least_s, 9)), at_most_s=_rounded(at_most_s))


def _rounded(value_s: float) -> float:
    return max(0.0, round(value_s, 9)) if math.isfinite(value_s) else math.inf


def _out_in_words(outs: Sequence[_Out], gap_s: float, samples: int) -> str:
    missed = f"up to {format_seconds(gap_s)} may have been missed"
    if not outs:
        return f"no outage in {samples} samples; {missed}"
    longest = max(outs, key=lambda out: (out.at_most_s, out.at_least_s))
    if math.isinf(longest.at_most_s):
        return f"out for at least {format_seconds(longest.at_least_s)}, and not seen good again"
    said = f"out for {with_interval((longest.at_least_s, longest.at_most_s))}"
    return f"{said}; {missed}" if gap_s > longest.at_most_s else said


# --- shares ---


def _availability(row: Row, scene: Scene, window: WindowFacts) -> Row:
    at_least = row.bound_share or 0.0
    low, high = wilson(window.good, window.good + window.bad)
    verdict: Judged = "inconclusive"
    if low >= at_least:
        verdict = "passed"
    elif high < at_least:
        verdict = "failed"
    return _shared(row, verdict, window.good, (low, high), "good")


def _error_share(row: Row, scene: Scene, window: WindowFacts) -> Row:
    at_most = row.bound_share or 0.0
    low, high = wilson(window.bad, window.good + window.bad)
    verdict: Judged = "inconclusive"
    if high <= at_most:
        verdict = "passed"
    elif low > at_most:
        verdict = "failed"
    return _shared(row, verdict, window.bad, (low, high), "bad")


def _shared(row: Row, verdict: Judged, count: int, ends: ShareInterval, what: str) -> Row:
    point = count / row.samples
    low, high = (_percent(end) for end in ends)
    said = f"{count} of {row.samples} samples {what}: {_percent(point)} [{low}, {high}]"
    return msgspec.structs.replace(
        row, verdict=verdict, observed=said, point_share=point, observed_share=ends
    )


def _percent(part: float) -> str:
    """Two decimals at most; near nothing and near all, three.

    >>> _percent(0.671875), _percent(0.99995), _percent(1.0)
    ('67.19%', '99.995%', '100%')
    """
    digits = 2 if 0.01 <= part <= 0.99 else 3
    return f"{100 * part:.{digits}f}".rstrip("0").rstrip(".") + "%"


# --- latency ---


def _latency(row: Row, scene: Scene, window: WindowFacts) -> Row:
    name = row.expects.removeprefix("latency_")
    point_s: float | None = getattr(window, f"{name}_s")
    bounds: tuple[float, float | None] | None = getattr(window, f"{name}_bounds_s")
    row = msgspec.structs.replace(row, samples=window.good)
    if point_s is None or bounds is None:
        return msgspec.structs.replace(
            row, observed=f"nothing was measured: none of {window.bad} samples was good"
        )
    bound_s, (lower_s, upper_s) = row.bound_s or 0.0, bounds
    verdict: Judged = "inconclusive"
    if lower_s > bound_s:
        verdict = "failed"
    elif upper_s is not None and upper_s <= bound_s:
        verdict = "passed"
    ends = f"[{format_seconds(lower_s)}, {'?' if upper_s is None else format_seconds(upper_s)}]"
    said = f"{name} of {window.good} good samples was {format_seconds(point_s)} {ends}"
    if upper_s is None:
        said += f"; an upper bound needs {_PERCENTILES[name][1]}"
    return msgspec.structs.replace(
        row,
        verdict=verdict,
        observed=said,
        point_s=point_s,
        observed_s=None if upper_s is None else (lower_s, upper_s),
        at_least_s=lower_s if upper_s is None else None,
    )
