"""What many runs say together: from the rows of a history to trends, a fleet's matrix and its issues.

Pure. Runs are never held against runs of another key (`breakfix.engine.comparability`).
"""

from breakfix.engine.trend.comparison import Comparison, compare
from breakfix.engine.trend.fold import TOLD, trend
from breakfix.engine.trend.record import TrendRecord
from breakfix.engine.trend.row import METRICS, Metric, RunRow, row_of

__all__ = [
    "METRICS",
    "TOLD",
    "Comparison",
    "Metric",
    "RunRow",
    "TrendRecord",
    "compare",
    "row_of",
    "trend",
]
