"""Two runs side by side as one HTML file that loads nothing."""

from breakfix.engine.trend.comparison import Comparison
from breakfix.reports import comparison_words as words
from breakfix.reports.page import page


def render(found: Comparison) -> str:
    """The page. All texts of the runs are escaped."""
    return page("comparison.html.j2", found=found, words=words)
