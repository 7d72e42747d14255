"""Rows about earlier runs that cannot be judged."""

from collections.abc import Iterator
from typing import Final

from breakfix.engine.document.positions import Place
from breakfix.engine.model import Expectation, Scenario
from breakfix.engine.validate.semantics.finding import Finding

_KEYS: Final = ("metric", "not_worse_than", "inconclusive")
_MEASURED_BY: Final = {
    "time_to_detect": ({"detect"}, "a detect step"),
    "time_to_mitigate": ({"detect", "verify"}, "a detect or verify step, or an observer"),
    "time_to_restore": ({"detect", "verify"}, "a verify step or an observer"),
}


def about_earlier_runs(row: Expectation) -> bool:
    """Whether a row has any of their keys."""
    return any(getattr(row, key) is not None for key in _KEYS)


def findings(scenario: Scenario, row: Expectation, index: int) -> Iterator[Finding]:
    """Half of a row, a row that says more than one thing, and times that nothing measures."""
    place: Place = ("expect", index)
    if row.metric is None or row.not_worse_than is None:
        missing = "metric" if row.metric is None else "not_worse_than"
        message = f"a row about earlier runs needs `{missing}`"
        hint = "write {metric: time_to_restore, not_worse_than: {runs: 20, margin: 1.25}}"
        yield Finding(place=place, message=message, hint=hint)
        return
    for key in ("fault", "probe", "units"):
        if getattr(row, key) is not None:
            message = f"a row about earlier runs has no `{key}`: it is about the worst episode"
            yield Finding(place=(*place, key), message=message)
    if row.during != "run":
        message = "a row about earlier runs has no `during`"
        yield Finding(place=(*place, "during"), message=message)
    phases = {step.phase for step in scenario.steps}
    if "inject" not in phases:
        yield Finding(place=place, message="nothing is injected: there is no episode")
        return
    wanted, words = _MEASURED_BY[row.metric]
    if not phases & wanted and (row.metric == "time_to_detect" or not scenario.observe):
        message = f"nothing measures {row.metric}: {words} would"
        yield Finding(place=(*place, "metric"), message=message)
