"""The report as one HTML file that loads nothing: it can be kept, sent and printed."""

from breakfix.engine.timeline.record import Record, Verdict
from breakfix.reports import bands, chart, observers, tables, wording
from breakfix.reports.axis import off_axis
from breakfix.reports.palette import chart_css, data_file, variables

_WIDE_PX, _NARROW_PX = 880, 358


def render(record: Record, verdict: Verdict) -> str:
    """The page, with everything that it needs in it. All texts of the run are escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FunctionLoader(lambda name: data_file(f"templates/{name}")),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
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
        shown=len(chart.shown_units(record)),
        style=data_file("templates/report.css"),
        light=variables(dark=False),
        dark=variables(dark=True),
        chart_css=chart_css(".axis"),
    )
