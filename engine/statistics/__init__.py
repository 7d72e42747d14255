"""What a few trials allow one to say: estimates with their intervals, or a refusal in words.

Pure. Values are independent trials of one kind; `effective_n` tells how far samples of one series
are from that.
"""

from breakfix.engine.statistics.estimates import (
    Bounds,
    Estimate,
    MaximumOnly,
    QuantileBound,
    Ratio,
    Refusal,
    Survival,
)
from breakfix.engine.statistics.location import geometric_mean, median_interval
from breakfix.engine.statistics.quantile import quantile_bound
from breakfix.engine.statistics.ratio import ratio_interval
from breakfix.engine.statistics.series import effective_n
from breakfix.engine.statistics.share import wilson
from breakfix.engine.statistics.summary import Duration, Summary, summarise
from breakfix.engine.statistics.survival import kaplan_meier

__all__ = [
    "Bounds",
    "Duration",
    "Estimate",
    "MaximumOnly",
    "QuantileBound",
    "Ratio",
    "Refusal",
    "Summary",
    "Survival",
    "effective_n",
    "geometric_mean",
    "kaplan_meier",
    "median_interval",
    "quantile_bound",
    "ratio_interval",
    "summarise",
    "wilson",
]
