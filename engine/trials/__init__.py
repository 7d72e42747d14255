"""A series of trials: what each of them gave, when the series is over, and what they say together.

Pure: from the records of runs to the record of their series.
"""

from breakfix.engine.trials.record import (
    METRICS,
    SCHEMA,
    MetricName,
    SeriesEnd,
    SeriesRecord,
    Trial,
    TrialTime,
)
from breakfix.engine.trials.rules import Repeating, end_after
from breakfix.engine.trials.summing import add, begun, duration_of, ended, longest, summed, trial_of

__all__ = [
    "METRICS",
    "SCHEMA",
    "MetricName",
    "Repeating",
    "SeriesEnd",
    "SeriesRecord",
    "Trial",
    "TrialTime",
    "add",
    "begun",
    "duration_of",
    "end_after",
    "ended",
    "longest",
    "summed",
    "trial_of",
]
