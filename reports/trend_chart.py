"""The runs of one key as SVG: every trial on a log axis, levels, changes, deploys."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from breakfix.engine.statistics import Estimate
from breakfix.engine.trend.record import KeyTrend, MetricTrend, TrendRun
from breakfix.engine.trend.row import Metric
from breakfix.engine.trend.words import ratio_in_words
from breakfix.reports.lines import plain
from breakfix.reports.palette import data_file, light
from breakfix.reports.svg import without_roles
from breakfix.reports.trend_words import NAMES

RUNS_MAX: Final = 300
"""So many runs are drawn, the newest."""
_PLOT_PX, _LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 210, 62, 20, 42, 28
_CHAR_PX: Final = 6.2
_FIRST_TAG: Final = re.compile(r"<svg[^>]*>")
_SHORTEST_S: Final = 0.001
_COLORS: Final = {"passed": "verify", "failed": "bad"}


def chart(key: KeyTrend, metric: Metric, *, width_px: int = 880) -> str | None:
    """The chart for a page that has the palette's variables; None where no run has anything to show."""
    trend = key.metrics.get(metric)
    runs = key.runs[-RUNS_MAX:]
    if trend is None:
        return None
    points = list(_points(runs, metric))
    if not points:
        return None
    import vl_convert

    plot_px = width_px - _LEFT_PX - _RIGHT_PX
    first, last = runs[0].number, max(runs[-1].number, runs[0].number + 1)
    placed = [point for point in points if "at_s" in point]
    bottom_s, top_s = _domain(placed)
    spec: dict[str, Any] = json.loads(data_file("charts/trend.vl.json"))
    spec["width"], spec["height"] = plot_px, _PLOT_PX
    spec["padding"] = {
        "left": _LEFT_PX,
        "top": _TOP_PX,
        "right": _RIGHT_PX,
        "bottom": _BOTTOM_PX,
    }
    spec["layer"][0]["encoding"]["y"]["axis"]["values"] = _ticks(bottom_s, top_s)
    span = (first - 0.6, last + 0.6)
    shown = {run.number for run in runs}
    spec["datasets"] = {
        "span": [
            {"number": number, "at_s": at_s}
            for number, at_s in ((span[0], bottom_s), (span[1], top_s))
        ],
        "levels": list(_levels(trend, first)),
        "deploys": [{"at": number - 0.5} for number in _deployed(key) if number in shown],
        "changes": [
            {"at": change.number - 0.5} for change in trend.changes or () if change.number in shown
        ],
        "labels": list(_labels(key, trend, span, plot_px)),
        "ends": [
            {
                name: max(bottom_s, point[name]) if name != "color" else point[name]
                for name in ("number", "lower_s", "upper_s", "color")
            }
            for point in placed
            if point.get("upper_s", 0.0) > point.get("lower_s", 0.0)
        ],
        "points": placed,
        "floor": [point for point in points if "at_s" not in point],
    }
    svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    height_px = _PLOT_PX + _TOP_PX + _BOTTOM_PX
    opening = (
        f'<svg role="img" aria-label="{_summary(key, metric, len(points))}" width="{width_px}" '
        f'height="{height_px}" viewBox="0 0 {width_px} {height_px}">'
    )
    return _FIRST_TAG.sub(lambda _: opening, without_roles(svg), count=1)


def _summary(key: KeyTrend, metric: Metric, points: int) -> str:
    changes = len(key.metrics[metric].changes or ())
    return (
        f"{NAMES[metric]} of {points} runs on a logarithmic axis, {changes} changes; "
        "the texts and tables beside it say the same."
    )


def _points(runs: Sequence[TrendRun], metric: Metric) -> Iterator[dict[str, Any]]:
    """What each run shows. Without ``at_s`` it has no place on the axis, and stands below."""
    for run in runs:
        time = run.times.get(metric)
        if time is None:
            continue
        color = light("muted" if run.stopped else _COLORS.get(run.verdict, "detect"))
        point: dict[str, Any] = {"number": run.number, "color": color}
        if time.interval_s is not None:
            lower_s, upper_s = time.interval_s
            middle_s = max(_SHORTEST_S, (lower_s + upper_s) / 2)
            kind = "stopped" if run.stopped else "measured"
            yield {
                **point, "kind": kind, "at_s": middle_s,
                "lower_s": max(_SHORTEST_S, lower_s), "upper_s": max(_SHORTEST_S, upper_s),
            }  # fmt: skip
        elif time.missing == "censored" and time.at_least_s:
            kind = "stopped" if run.stopped else "censored"
            yield {**point, "kind": kind, "at_s": max(_SHORTEST_S, time.at_least_s)}
        elif run.stopped:
            yield {**point, "kind": "stopped"}
        elif time.missing == "absorbed":
            yield {**point, "kind": "absorbed"}


def _domain(points: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """The ends of the log axis: a little beyond all points, a factor of four at least."""
    lows = [point.get("lower_s", point["at_s"]) for point in points]
    highs = [point.get("upper_s", point["at_s"]) for point in points]
    middles = [point["at_s"] for point in points]
    if not points:
        return 1.0, 10.0
    # One very wide interval must not squeeze the others: it is cut at the edge.
    bottom_s = max(min(lows), min(middles) / 3) / 1.25
    top_s = min(max(highs), max(middles) * 3) * 1.2
    if top_s / bottom_s < 4:
        middle_s = math.sqrt(bottom_s * top_s)
        bottom_s, top_s = middle_s / 2, middle_s * 2
    return bottom_s, top_s


def _ticks(bottom_s: float, top_s: float) -> list[float]:
    """Round values on the axis, seven at most: 1, 2 and 5 of each power of ten, and minutes and hours."""
    powers = [m * 10.0**e for e in range(-3, 2) for m in (1, 2, 5)]
    steps = [*powers, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 18000.0, 36000.0]
    steps += [36000.0 * 10**e for e in range(1, 6)]
    found = [round(step, 6) for step in steps if bottom_s <= step <= top_s]
    while len(found) > 7:
        found = found[::2]
    return found


def _levels(trend: MetricTrend, first: int) -> Iterator[dict[str, Any]]:
    for level in trend.levels:
        if level.last < first:
            continue
        median = level.median_s
        known = isinstance(median, Estimate)
        yield {
            "first": max(level.first, first) - 0.5,
            "last": level.last + 0.5,
            "median_s": median.point if known and isinstance(median, Estimate) else None,
            "low_s": median.low if known and isinstance(median, Estimate) else None,
            "high_s": median.high if known and isinstance(median, Estimate) else None,
        }


def _deployed(key: KeyTrend) -> dict[int, str]:
    """The runs from which on a label is another one, with what it is then."""
    found: dict[int, str] = {}
    for change in key.deploys:
        text = change.after or f"no {change.name}"
        found[change.number] = f"{found[change.number]}, {text}" if change.number in found else text
    return found


def _labels(
    key: KeyTrend, trend: MetricTrend, span: tuple[float, float], plot_px: float
) -> Iterator[dict[str, Any]]:
    """Texts above the plot: deploys in the lower line, changes in the upper. What would overlap the one
    before it is left out; the tables have it."""
    per_px = (span[1] - span[0]) / plot_px
    deploys = [(number, text) for number, text in sorted(_deployed(key).items())]
    changes = [(change.number, ratio_in_words(change.ratio)) for change in trend.changes or ()]
    for line, texts, color in ((-4, deploys, "muted"), (-22, changes, "bad")):
        free = span[0]
        for number, text in texts:
            # A control character would end the drawing, and this process with it.
            text = plain(text)
            at, cut = number - 0.5, text if len(text) <= 34 else f"{text[:33]}\u2026"
            width = len(cut) * _CHAR_PX * per_px
            begin = at if at + width <= span[1] else at - width
            if number < span[0] or begin < free:
                continue
            free = begin + width + 6 * per_px
            yield {
                "at": at, "line": line, "label": cut, "color": light(color),
                "align": "left" if begin == at else "right",
            }  # fmt: skip
