"""Expectations about earlier runs: no worse than they, by more than a margin.

A run passes only when the whole interval of the ratio is within the margin, and fails only when all of it is
outside: that nothing was found is never a pass (non-inferiority).
"""

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from breakfix.engine.compared import ComparedFacts
from breakfix.engine.timeline.planned import ExpectFacts, NotWorseFacts
from breakfix.engine.timeline.record import Judged, Record, Row

ALPHA: Final = 0.05
"""So often a row may fail where it should not."""
NAMES: Final = {
    "time_to_detect": "time to detect",
    "time_to_mitigate": "time to mitigate",
    "time_to_restore": "time to restore",
}


def regression_rows(record: Record, expect: ExpectFacts) -> Iterator[Row]:
    """The row of an expectation that says ``not_worse_than``; none in a trial of a series, which is compared
    as a whole."""
    asked = expect.not_worse_than
    if asked is None or record.plan is None:
        return
    index = record.plan.expect.index(expect)
    found = next((one for one in record.compared if one.row == index), None)
    if found is None:
        found = ComparedFacts(row=index, against="", why="it was not held against earlier runs")
    if not found.by_series:
        yield judged(expect, asked, found)


def judged(expect: ExpectFacts, asked: NotWorseFacts, found: ComparedFacts) -> Row:
    """What a comparison comes to."""
    verdict: Judged = "inconclusive"
    if found.absorbed or (found.high is not None and found.high <= asked.margin):
        verdict = "passed"
    elif found.low is not None and found.low > asked.margin:
        sure = found.p_worse is None or found.p_worse <= ALPHA
        verdict = "failed" if sure else "inconclusive"
    observed = in_words(found)
    if verdict == "inconclusive" and expect.inconclusive is not None:
        verdict = "passed" if expect.inconclusive == "pass" else "failed"
        observed += f"; inconclusive, and that is to {expect.inconclusive}"
    row = Row(
        about=NAMES.get(expect.metric or "", "time to restore"),
        expects="not_worse_than",
        wanted=wanted(asked),
        verdict=verdict,
        observed=observed,
        bound_ratio=asked.margin,
        point_ratio=found.point,
        samples=found.n,
        reference_n=found.reference_n,
    )
    if found.low is None:
        return row
    return structs.replace(row, observed_ratio=(found.low, found.high))


def wanted(asked: NotWorseFacts) -> str:
    """``x1.25 of the last 20 runs with branch=main``."""
    labels = ", ".join(f"{name}={value}" for name, value in asked.where.items())
    runs = "run" if asked.runs == 1 else f"{asked.runs} runs"
    return f"x{asked.margin:g} of the last {runs}" + (f" with {labels}" if labels else "")


def in_words(found: ComparedFacts) -> str:
    """``x1.08 [0.91, 1.21], 5 against 20``."""
    counted = f"{found.n} against {found.reference_n}"
    if found.low is None:
        return found.why
    high = "no upper bound" if found.high is None else f"{found.high:.2f}"
    point = "" if found.point is None else f"x{found.point:.2f} "
    return f"took {point}[{found.low:.2f}, {high}], {counted}"
