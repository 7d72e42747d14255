"""The report of a trend as one HTML file that loads nothing."""

from typing import Final

from msgspec import Struct

from breakfix.engine.trend.record import KeyTrend, TrendRecord
from breakfix.engine.trend.row import Metric
from breakfix.reports import trend_words as words
from breakfix.reports.page import page
from breakfix.reports.trend_chart import RUNS_MAX, chart

CHARTS_MAX: Final = 12
"""So many groups are shown at length: those with changes first, then those with the newest runs."""
TABLE_MAX: Final = 200
RUNS_LISTED_MAX: Final = 50
COLUMNS_MAX: Final = 8


class Shown(Struct, frozen=True, kw_only=True):
    """A group with its chart, wide and narrow."""

    key: KeyTrend
    wide: str
    narrow: str
    drawn: str
    """Which of its runs are drawn, where that is not all of them."""


def render(record: TrendRecord) -> str:
    """The page, with everything that it needs in it. All texts of the runs are escaped."""
    ordered = sorted(record.keys, key=lambda key: (_changed(key), words.newest(key)), reverse=True)
    return page(
        "trend.html.j2",
        record=record,
        words=words,
        shown=[_shown(key) for key in ordered[:CHARTS_MAX]],
        others=ordered[CHARTS_MAX : CHARTS_MAX + TABLE_MAX],
        left_out=max(0, len(ordered) - CHARTS_MAX - TABLE_MAX),
        wide_matrix=len(words.matrix_columns(record)) <= COLUMNS_MAX,
        table_max=TABLE_MAX,
        runs_listed_max=RUNS_LISTED_MAX,
    )


def _changed(key: KeyTrend) -> bool:
    return any(metric.changes or metric.rise for metric in key.metrics.values())


def _shown(key: KeyTrend) -> Shown:
    metric: Metric = next(iter(key.metrics), "time_to_restore_s")
    drawn = f"the newest {RUNS_MAX} of {len(key.runs)} runs" if len(key.runs) > RUNS_MAX else ""
    return Shown(
        key=key,
        wide=chart(key, metric) or "",
        narrow=chart(key, metric, width_px=390) or "",
        drawn=drawn,
    )
