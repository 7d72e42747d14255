"""The report as one HTML file that loads nothing: it can be kept, sent and printed."""

from breakfix.engine.timeline.record import Record, Verdict
from breakfix.reports import bands, chart, observers, tables, wording
from breakfix.reports.axis import off_axis, rows
from breakfix.reports.fan_out import HEADS, QUANTILES, SLOW_HEADS, fan_outs
from breakfix.reports.page import page

_WIDE_PX, _NARROW_PX = 880, 358


def render(record: Record, verdict: Verdict) -> str:
    """The page, with everything that it needs in it. All texts of the run are escaped."""
    return page(
        "report.html.j2",
        record=record,
        verdict=verdict,
        words=wording,
        tables=tables,
        observers=observers,
        left_out=bands.left_out(record),
        off_axis=off_axis(record),
        saw=observers.people_saw(record),
        banded=any(observer.spans for observer in record.observers),
        wide=chart.time_axis(record, width_px=_WIDE_PX),
        narrow=chart.time_axis(record, width_px=_NARROW_PX, narrow=True),
        shown=len(chart.shown_rows(record)),
        begun=len(rows(record)),
        fan_outs=fan_outs(record),
        heads=HEADS,
        quantiles=[name for name, _ in QUANTILES],
        slow_heads=SLOW_HEADS,
    )
