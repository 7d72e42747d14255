"""From a journal to its record, a typed and versioned account of one run."""

from breakfix.engine.timeline.facts import Interval
from breakfix.engine.timeline.fold import fold
from breakfix.engine.timeline.record import SCHEMA, Record, Row, Verdict

__all__ = ["SCHEMA", "Interval", "Record", "Row", "Verdict", "fold"]
