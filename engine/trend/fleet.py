"""What a history says of all services together: which faults they were last proven to bear, and which problems
were found and fixed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from breakfix.engine.trend.record import Cell, Issue, Issues
from breakfix.engine.trend.row import RunRow

_DAY_S: Final = 86_400.0


def matrix(rows: Sequence[RunRow], as_of_wall_s: float) -> Iterator[Cell]:
    """A cell for each kind of fault on each service, over all keys; `rows` are in the order of time."""
    tried: dict[tuple[str, str], list[tuple[RunRow, bool]]] = defaultdict(list)
    for row in rows:
        for fault in row.faults:
            tried[fault.service, fault.action].append((row, fault.proved))
    for (service, action), runs in sorted(tried.items()):
        proven = next(
            (row for row, proved in reversed(runs) if proved and row.verdict == "passed"), None
        )
        newest = runs[-1][0]
        yield Cell(
            service=service,
            fault=action,
            tries=len(runs),
            proven_days_ago=_days(proven, as_of_wall_s) if proven is not None else None,
            proven_run=proven.run_id if proven is not None else "",
            newest_run=newest.run_id,
            newest_verdict=newest.verdict,
        )


def _days(row: RunRow, as_of_wall_s: float) -> float:
    return max(0.0, (as_of_wall_s - row.ended_wall_s) / _DAY_S)


def issues(rows: Sequence[RunRow]) -> Issues:
    """What failed, and when it no longer did. Only a run that passed or failed can show that something is
    fixed: one that was stopped, or shows nothing, may not have come so far."""
    items: list[Issue] = []
    open_at: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.verdict not in ("passed", "failed"):
            continue
        failing = {problem.about: problem for problem in row.problems}
        for place in [place for place in open_at if place[0] == row.key]:
            if place[1] not in failing:
                at = open_at.pop(place)
                items[at] = msgspec.structs.replace(
                    items[at], fixed_run=row.run_id, fixed_wall_s=row.ended_wall_s
                )
        for about, problem in failing.items():
            place = (row.key, about)
            if place in open_at:
                known = items[open_at[place]]
                items[open_at[place]] = msgspec.structs.replace(known, runs=known.runs + 1)
                continue
            open_at[place] = len(items)
            items.append(
                Issue(
                    key=row.key,
                    scenario=row.scenario,
                    about=about,
                    text=problem.text,
                    found_run=row.run_id,
                    found_wall_s=row.ended_wall_s,
                    runs=1,
                )
            )
    fixed = sum(item.fixed_run is not None for item in items)
    return Issues(found=len(items), fixed=fixed, items=tuple(items))
