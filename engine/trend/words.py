"""A trend in words, the same in every format."""

from breakfix.engine.statistics import Bounds, Estimate, Ratio, Refusal
from breakfix.engine.trend.record import Change, LabelChange, MetricTrend
from breakfix.engine.values import format_seconds, in_one_unit


def sentence(found: MetricTrend) -> str:
    """``n=34; median 8.1 s [7.4, 9.0]; changed at run 27, x1.42 [1.21, 1.66]``."""
    summary = found.summary
    said = [f"n={summary.n}"]
    if summary.absorbed:
        said[0] += f" and {summary.absorbed} absorbed"
    if not summary.n:
        return said[0]
    said.append(_middle(found))
    if summary.censored:
        said.append(f"{summary.censored} not seen to the end")
    said += [change_in_words(change) for change in found.changes or ()]
    if found.changes and found.levels:
        level = found.levels[-1]
        now = (
            f"median {_estimate(level.median_s)}"
            if isinstance(level.median_s, Estimate)
            else level.median_s.why
        )
        said.append(f"since then n={level.n}, {now}")
    if found.changes == ():
        said.append("no change found")
    if found.rise is not None:
        said.append(f"rising since run {found.rise.since}, known since run {found.rise.known}")
    return "; ".join(said)


def change_in_words(change: Change) -> str:
    """``changed at run 27, x1.42 [1.21, 1.66] (version 1.4.1 -> 1.4.2)``."""
    labels = ", ".join(map(label_in_words, change.labels))
    tail = f" ({labels})" if labels else ""
    return f"changed at run {change.number}, {ratio_in_words(change.ratio)}{tail}"


def ratio_in_words(ratio: Ratio | Refusal) -> str:
    """``x1.42 [1.21, 1.66]``."""
    if isinstance(ratio, Refusal):
        return ratio.why
    point = "x?" if ratio.point is None else f"x{ratio.point:.2f}"
    high = "no upper bound" if ratio.high is None else f"{ratio.high:.2f}"
    return f"{point} [{ratio.low:.2f}, {high}]"


def label_in_words(change: LabelChange) -> str:
    """``version 1.4.1 -> 1.4.2``."""
    return f"{change.name} {change.before or 'none'} -> {change.after or 'none'}"


def _middle(found: MetricTrend) -> str:
    summary = found.summary
    if isinstance(summary.median_s, Estimate):
        return f"median {_estimate(summary.median_s)}"
    curve = summary.kaplan_meier
    if curve is None or isinstance(curve, Refusal):
        values = ", ".join(
            f"over {format_seconds(one.lower_s)}"
            if one.censored
            else format_seconds((one.lower_s + one.upper_s) / 2)
            for one in summary.values
        )
        if values:
            return f"too few for a median: {values}"
        mean = summary.geometric_mean_s
        if isinstance(mean, Estimate):
            return f"geometric mean {_estimate(mean)}; too few for an interval of the median"
        return summary.median_s.why
    median = "not reached" if curve.median is None else format_seconds(curve.median)
    bounds = curve.median_bounds
    ends = f" {_ends(bounds)}" if isinstance(bounds, Bounds) else ""
    return f"median {median}{ends} (Kaplan-Meier)"


def _estimate(found: Estimate) -> str:
    point, low, high = in_one_unit(found.point, found.low, found.high)
    return f"{point} [{low}, {high}]"


def _ends(bounds: Bounds) -> str:
    high = "no upper bound" if bounds.high is None else format_seconds(bounds.high)
    return f"[{format_seconds(bounds.low)}, {high}]"
