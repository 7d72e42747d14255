"""When a series is over. Nothing in here looks at how long anything took."""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from breakfix.engine.trials.record import SeriesEnd, Trial

_BREAKING: Final = {
    2: "was refused",
    4: "was aborted",
    5: "could not be carried out",
    6: "left something behind",
}
"""The exit codes after which nothing more may be broken."""


class Repeating(Struct, frozen=True, kw_only=True):
    """What is asked: `times` trials with evidence, `up_to` in all."""

    times: int
    up_to: int
    stop_on: Literal["failed", "never"] = "never"


def end_after(asked: Repeating, trials: Sequence[Trial]) -> SeriesEnd | None:
    """Why there is no trial after these, of which there is at least one; None: there is one more.

    Whether to go on depends on failure only where `stop_on` says so, and then it ends the series: a
    trial is made up for where it has no evidence, never because of what it shows. To repeat until the
    result is liked would make any system pass.
    """
    last, number = trials[-1], len(trials)
    if last.exit_code in _BREAKING:
        why = f"Trial {number} {_BREAKING[last.exit_code]}"
        return SeriesEnd(kind="broken_off", why=why)
    if asked.stop_on == "failed" and last.exit_code == 1:
        return SeriesEnd(kind="failed", why=f"Trial {number} failed, and that ends the series")
    counted = sum(trial.evidence for trial in trials)
    if counted >= asked.times:
        return SeriesEnd(kind="complete", why=f"{counted} trials have evidence, as many as wanted")
    if number >= asked.up_to:
        why = f"Only {counted} of {number} trials have evidence, {asked.times} were wanted"
        return SeriesEnd(kind="short", why=f"{why}, and no more are allowed")
    return None
