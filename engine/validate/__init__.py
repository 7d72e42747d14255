"""From a file to a scenario, or to every problem of it."""

from breakfix.engine.validate.check import Checked, check, load

__all__ = ["Checked", "check", "load"]
