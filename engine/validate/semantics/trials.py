"""Trials that can never be made up for."""

from collections.abc import Iterator

from breakfix.engine.model import Scenario
from breakfix.engine.validate.semantics.finding import Finding


def findings(scenario: Scenario) -> Iterator[Finding]:
    """A bound of all trials below the number that is wanted."""
    repeat = scenario.repeat
    if repeat is not None and repeat.at_most < repeat.times:
        yield Finding(
            place=("repeat", "up_to"),
            message=f"{repeat.times} trials are wanted, and no more than {repeat.at_most} are made",
            hint="`up_to` is at least `times`",
        )
