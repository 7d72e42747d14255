"""The time axis of a run as SVG: steps, active faults, outages, samples and marks; under them a band
for each observer."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from breakfix.engine.timeline.facts import FaultFacts, Interval, ObserverFacts, UnitFacts
from breakfix.engine.timeline.record import Record
from breakfix.reports import bands
from breakfix.reports.axis import Row, at_work, axis_span, rows
from breakfix.reports.fan_out import faults_of, outage_spans, shares, wide_outages
from breakfix.reports.palette import data_file, light, variables
from breakfix.reports.svg import without_roles
from breakfix.reports.wording import detailed

ROWS_MAX: Final = 36
_SAMPLES_MAX: Final = 2000
_BARS_MAX: Final = 600
_CELLS: Final = 240
"""A row of many units is drawn in so many parts."""

_ROW_PX: Final = 24
_CHAR_PX: Final = 7.6
_RIGHT_PX, _TOP_PX, _BOTTOM_PX = 30, 30, 28
_LABEL_PX_MAX: Final = {False: 190, True: 104}
_OBSERVERS: Final = "observers"
_MARKS: Final = ("t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9")
_PHASE_ROLE: Final = {
    "inject": "fault",
    "detect": "detect",
    "remediate": "repair",
    "verify": "verify",
}
_SAMPLE_ROLE: Final = {
    "good": "verify",
    "unseen": "verify",
    "bad": "bad",
    "seen": "detect",
    "blind": "wait",
}
_FIRST_TAG: Final = re.compile(r"<svg[^>]*>")


def time_axis(record: Record, *, width_px: int = 880, narrow: bool = False) -> str | None:
    """The chart for a page that has the palette's variables; None where no step began and nobody looked."""
    drawn = _draw(record, width_px, narrow=narrow, background=False)
    if drawn is None:
        return None
    body, height_px = drawn
    return _FIRST_TAG.sub(
        f'<svg role="img" aria-label="{_summary(record)}" width="{width_px}" height="{height_px}" '
        f'viewBox="0 0 {width_px} {height_px}">',
        body,
        count=1,
    )


def standalone(record: Record, *, width_px: int = 880) -> str | None:
    """The chart as an SVG file of its own, light or dark as its reader is."""
    drawn = _draw(record, width_px, narrow=False, background=True)
    if drawn is None:
        return None
    body, height_px = drawn
    from breakfix.reports.palette import chart_css

    style = (
        f"<style>svg {{ {variables(dark=False)} }} "
        f"@media (prefers-color-scheme: dark) {{ svg {{ {variables(dark=True)} }} }}\n"
        f"{chart_css('svg')}</style>"
    )
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{_summary(record)}" width="{width_px}" height="{height_px}" '
        f'viewBox="0 0 {width_px} {height_px}">{style}'
    )
    return _FIRST_TAG.sub(lambda _: opening, body, count=1)


def _summary(record: Record) -> str:
    steps = len([unit for unit in record.units if unit.started_at_s is not None])
    return (
        f"Time axis: {steps} steps, {len(record.faults)} faults, {len(record.outages)} outages, "
        f"{len(record.observers)} observers; the tables of this report hold the same."
    )


def _draw(
    record: Record, width_px: int, *, narrow: bool, background: bool
) -> tuple[str, int] | None:
    span = axis_span(record)
    drawn = list(_rows(record, span))
    watched = [one for one in bands.shown(record) if one.spans]
    if not drawn and not watched:
        return None
    import vl_convert

    labels = [label for label, _, _ in drawn]
    if watched:
        labels += [_OBSERVERS, *(observer.probe for observer in watched)]
    label_px = min(_LABEL_PX_MAX[narrow], max(map(len, labels)) * _CHAR_PX + 20)
    plot_px = width_px - label_px - _RIGHT_PX
    chars = int((label_px - 16) / _CHAR_PX)
    spec: dict[str, Any] = json.loads(data_file("charts/timeline.vl.json"))
    spec["width"], spec["height"] = plot_px, len(labels) * _ROW_PX
    spec["padding"] = {
        "left": label_px,
        "top": _TOP_PX,
        "right": _RIGHT_PX,
        "bottom": _BOTTOM_PX,
    }
    if not background:
        spec["background"] = None
    marks = list(_marks(record, span))
    spec["datasets"] = {
        "span": [{"at_s": instant_s} for instant_s in span],
        "rows": [
            {
                "row": index,
                "label": _cut(label, chars),
                "color": light("muted" if index == len(drawn) else "ink"),
            }
            for index, label in enumerate(labels)
        ],
        "bars": [
            {"row": index, **bar} for index, (_, bars, _) in enumerate(drawn) for bar in bars
        ],
        "crowds": [
            {"row": index, **bar} for index, (_, _, crowd) in enumerate(drawn) for bar in crowd
        ],
        **_observed(watched, record, span, len(drawn) + 1),
        "samples": list(_samples(record, len(drawn), span)),
        "marks": [
            {"at_s": (pair[0] + pair[1]) / 2, "lower_s": pair[0], "upper_s": pair[1]}
            for _, pair in marks
        ],
        "labels": _labels(marks, span, plot_px),
    }
    svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return without_roles(svg), len(labels) * _ROW_PX + _TOP_PX + _BOTTOM_PX


def _observed(
    observers: Sequence[ObserverFacts], record: Record, span: Interval, first_row: int
) -> dict[str, list[dict[str, Any]]]:
    """The data of the bands: what each observer saw, and its outages."""
    down = bands.outages_of(record)
    placed = list(enumerate(observers, start=first_row))
    return {
        "looks": [
            {"row": row, **look} for row, one in placed for look in bands.looks(one, span)
        ],
        "downs": [
            {"row": row, **bar}
            for row, one in placed
            for bar in bands.downs(down.get(one.probe, []), record, span)
        ],
    }


# --- rows and bars ---


def shown_rows(record: Record) -> list[Row]:
    """The rows that are drawn: the first by their start; waits give way to the others."""
    found = rows(record)
    if len(found) > ROWS_MAX:
        found = [row for row in found if row.phase != "wait"] or found
    return found[:ROWS_MAX]


Drawn = tuple[str, list[dict[str, Any]], list[dict[str, Any]]]
"""A row's label, its bars, and of a row of many units what tells how many of them were at work."""


def _rows(record: Record, span: Interval) -> Iterator[Drawn]:
    """A row for each probe with outages that no observer saw, and for each unit or wide step."""
    steps = shown_rows(record)
    if steps:
        yield from list(_outage_rows(record, span))[: ROWS_MAX // 3]
    faults = faults_of(record)
    end_s = record.run.ended_at_s[1]
    for row in steps:
        if row.total > 1:
            found = at_work(row, record, span, _CELLS)
            yield row.label, [], list(_crowd(_PHASE_ROLE.get(row.phase, "wait"), found, span))
            continue
        (unit,) = row.units
        yield row.label, _on_axis(_unit_bars(unit, faults.get(unit.unit, ()), end_s), span), []


def _outage_rows(record: Record, span: Interval) -> Iterator[Drawn]:
    end_s = record.run.ended_at_s[1]
    wide = wide_outages(record)
    for probe, found in wide.items():
        targets = len({outage.target for outage in found})
        down = shares(outage_spans(found, end_s), targets, span, _CELLS)
        yield f"{probe} bad ({targets})", [], list(_crowd("bad", down, span))
    narrow: dict[str, list[dict[str, Any]]] = {}
    for outage in record.outages:
        if outage.observer or (outage.target and outage.probe in wide):
            continue
        name = f"{outage.probe} bad" + (f" on {outage.target}" if outage.target else "")
        ended = outage.end_at_s or (outage.last_bad_at_s, end_s)
        narrow.setdefault(name, []).extend(_bars("bad", outage.start_at_s, ended))
    for name, bars in narrow.items():
        yield name, _blurred(_on_axis(bars, span), span), []


def _crowd(role: str, found: Sequence[float], span: Interval) -> Iterator[dict[str, Any]]:
    """Stretches in which the same share of a step's units was at work, in twentieths."""
    width_s = (span[1] - span[0]) / len(found)
    at = 0
    for share, cells in groupby(math.ceil(share * 20 - 1e-9) / 20 for share in found):
        length = len(list(cells))
        if share:
            from_s = span[0] + at * width_s
            yield {
                "from_s": from_s,
                "to_s": from_s + length * width_s,
                "color": light(role),
                "strength": 0.12 + 0.88 * share,
            }
        at += length


def _on_axis(bars: Iterable[dict[str, Any]], span: Interval) -> list[dict[str, Any]]:
    """What of the bars is on the axis; anything beyond would stretch it."""
    return [
        {**bar, "from_s": max(bar["from_s"], span[0]), "to_s": min(bar["to_s"], span[1])}
        for bar in bars
        if bar["from_s"] <= span[1] and bar["to_s"] >= span[0]
    ]


def _unit_bars(
    unit: UnitFacts, faults: Iterable[FaultFacts], end_s: float
) -> Iterator[dict[str, Any]]:
    if unit.phase == "inject":
        for fault in faults:
            if fault.applied_at_s is not None:
                yield from _bars("fault", fault.applied_at_s, fault.ended_at_s or (end_s, end_s))
        return
    started = unit.started_at_s or (0.0, 0.0)
    role = _PHASE_ROLE.get(unit.phase, "wait")
    thin = unit.phase in ("detect", "verify")
    for bar in _bars(role, started, unit.ended_at_s or (end_s, end_s)):
        yield {**bar, "thin": thin}


def _bars(role: str, started: Interval, ended: Interval) -> Iterator[dict[str, Any]]:
    """What is certain, and before and after it what may be."""
    color = light(role)
    sure = (started[1], max(started[1], ended[0]))
    yield {"from_s": sure[0], "to_s": sure[1], "color": color, "certain": True}
    if started[0] < started[1]:
        yield {"from_s": started[0], "to_s": started[1], "color": color, "certain": False}
    if sure[1] < ended[1]:
        yield {"from_s": sure[1], "to_s": ended[1], "color": color, "certain": False}


def _blurred(bars: list[dict[str, Any]], span: Interval) -> list[dict[str, Any]]:
    """Very many bars of one row: those that would touch become one, drawn as uncertain."""
    if len(bars) <= _BARS_MAX:
        return bars
    gap_s = (span[1] - span[0]) / _BARS_MAX
    merged: list[dict[str, Any]] = []
    for bar in sorted(bars, key=lambda item: item["from_s"]):
        if merged and bar["from_s"] - merged[-1]["to_s"] < gap_s:
            to_s = max(merged[-1]["to_s"], bar["to_s"])
            merged[-1] = {**merged[-1], "to_s": to_s, "certain": False}
        else:
            merged.append(bar)
    return merged


def _samples(record: Record, count: int, span: Interval) -> Iterator[dict[str, Any]]:
    """The samples of the units that have a row of their own, which are the last of `count` rows."""
    shown = shown_rows(record)
    first = count - len(shown)
    index = {
        row.units[0].unit: number
        for number, row in enumerate(shown, start=first)
        if row.total == 1
    }
    thin = len(record.samples) > _SAMPLES_MAX
    last: dict[str, str] = {}
    for sample in record.samples:
        row = index.get(sample.unit)
        same = last.get(sample.unit) == sample.state
        last[sample.unit] = sample.state
        if row is None or not span[0] <= sample.at_s[1] <= span[1] or (thin and same):
            continue
        yield {"row": row, "at_s": sample.at_s[1], "color": light(_SAMPLE_ROLE[sample.state])}


# --- the axis and its marks ---


def _marks(record: Record, span: Interval) -> Iterator[tuple[str, Interval]]:
    for episode in detailed(record):
        for name in _MARKS:
            pair = getattr(episode.measured.marks, name)
            if pair is not None and span[0] <= pair[1] and pair[0] <= span[1]:
                yield name, (max(pair[0], span[0]), min(pair[1], span[1]))


def _labels(
    marks: list[tuple[str, Interval]], span: Interval, plot_px: float
) -> list[dict[str, Any]]:
    """The names of marks; where two would overlap they stand together."""
    px_per_s = plot_px / (span[1] - span[0])
    groups: list[tuple[list[str], list[float]]] = []
    for name, pair in sorted(marks, key=lambda mark: sum(mark[1])):
        at_px = ((pair[0] + pair[1]) / 2 - span[0]) * px_per_s
        groups.append(([name], [at_px]))
        while len(groups) > 1 and _right_px(groups[-2]) + 5 > _left_px(groups[-1]):
            names, places = groups.pop()
            groups[-1][0].extend(names)
            groups[-1][1].extend(places)
    return [
        {"at_s": span[0] + _middle_px(group) / px_per_s, "label": _joined(group[0])}
        for group in groups
    ]


def _middle_px(group: tuple[list[str], list[float]]) -> float:
    return sum(group[1]) / len(group[1])


def _left_px(group: tuple[list[str], list[float]]) -> float:
    return _middle_px(group) - len(_joined(group[0])) * _CHAR_PX / 2


def _right_px(group: tuple[list[str], list[float]]) -> float:
    return _middle_px(group) + len(_joined(group[0])) * _CHAR_PX / 2


def _joined(names: list[str]) -> str:
    """``t0 t1``; of three or more in order, the first and the last with a dash between."""
    runs: list[list[int]] = []
    for number in (int(name[1:]) for name in names):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return " ".join(
        f"t{run[0]}\u2013t{run[-1]}" if len(run) > 2 else " ".join(f"t{n}" for n in run)
        for run in runs
    )


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[: max(1, chars - 1)]}\u2026"
