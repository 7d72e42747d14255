"""The report of a series of trials as one HTML file that loads nothing."""

from breakfix.engine.trials import SeriesRecord
from breakfix.reports import series_words
from breakfix.reports.page import page


def render(series: SeriesRecord) -> str:
    """The page, with everything that it needs in it. All texts of the runs are escaped."""
    return page("series.html.j2", series=series, words=series_words)
