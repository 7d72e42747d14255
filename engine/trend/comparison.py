"""Two runs side by side: what is the same, what is not, and whether they may be compared at all. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeVar

from msgspec import Struct

from breakfix.engine.comparability import differences
from breakfix.engine.events import EndedBy, StepState
from breakfix.engine.timeline.facts import During, Interval, Open, ShareInterval
from breakfix.engine.timeline.intervals import since
from breakfix.engine.timeline.record import Expects, Judged, Record, Row, Verdict, VerdictWord
from breakfix.engine.trend.row import METRICS, Metric, row_of
from breakfix.engine.trials import TrialTime

SCHEMA: Final = "breakfix/comparison/v1"
T = TypeVar("T")


class _Part(Struct, frozen=True, kw_only=True):
    """A part of the comparison."""


class Side(_Part, frozen=True, kw_only=True):
    """One of the two runs. `lasted_s` is from its first to its last line."""

    run_id: str
    scenario: str
    began_wall_s: float
    lasted_s: float
    complete: bool
    verdict: VerdictWord
    exit_code: int
    reason: str
    env: str
    versions: dict[str, str]
    labels: dict[str, str]
    key: str


class TimePair(_Part, frozen=True, kw_only=True):
    """One time of both. `ratio`: how many times as long the second took, within what both can have been; None
    where one of them has no value."""

    metric: Metric
    first: TrialTime
    second: TrialTime
    ratio: Open | None = None


class Claim(_Part, frozen=True, kw_only=True):
    """What an expectation came to in one run."""

    wanted: str
    verdict: Judged
    observed: str


class ClaimPair(_Part, frozen=True, kw_only=True):
    """An expectation of either run; None where the other has none like it."""

    about: str
    expects: Expects
    during: During | None = None
    first: Claim | None = None
    second: Claim | None = None


class StepSide(_Part, frozen=True, kw_only=True):
    """What came of a step in one run. `took_s` is from the start of its first unit to the end of its last."""

    uses: str
    state: StepState
    reason: str
    units: int
    took_s: Interval | None = None


class StepPair(_Part, frozen=True, kw_only=True):
    """A step of either run."""

    id: str
    phase: str
    first: StepSide | None = None
    second: StepSide | None = None


class FaultSide(_Part, frozen=True, kw_only=True):
    """The faults of one kind on one target set in one run: how many were applied, how many of them were seen
    effective, and who ended them. `evidence` is of the first that has any."""

    applied: int
    proved: int
    ended_by: tuple[EndedBy, ...]
    evidence: dict[str, str]


class FaultPair(_Part, frozen=True, kw_only=True):
    """The faults of an inject step of either run."""

    step: str
    action: str
    first: FaultSide | None = None
    second: FaultSide | None = None


class LookSide(_Part, frozen=True, kw_only=True):
    """What an observer saw in one run: the share of its samples that were good, and its longest outage (None:
    there was none)."""

    good: int
    samples: int
    availability: ShareInterval | None = None
    outages: int = 0
    longest_s: Open | None = None


class LookPair(_Part, frozen=True, kw_only=True):
    """An observer of either run."""

    probe: str
    first: LookSide | None = None
    second: LookSide | None = None


class Comparison(_Part, frozen=True, kw_only=True):
    """Two runs side by side. They may be compared where `differs` is empty; else it has the parts in which what
    they did is not the same: ``targets``, ``faults``, ``repairs``, ``load``, ``probes``, ``env``, ``engine``."""

    schema: Literal["breakfix/comparison/v1"] = "breakfix/comparison/v1"
    first: Side
    second: Side
    differs: tuple[str, ...] = ()
    times: tuple[TimePair, ...] = ()
    claims: tuple[ClaimPair, ...] = ()
    steps: tuple[StepPair, ...] = ()
    faults: tuple[FaultPair, ...] = ()
    looks: tuple[LookPair, ...] = ()


def compare(first: tuple[Record, Verdict], second: tuple[Record, Verdict]) -> Comparison:
    """Both runs, part by part."""
    rows = (row_of(*first), row_of(*second))
    records = (first[0], second[0])
    return Comparison(
        first=_side(*first),
        second=_side(*second),
        differs=_differs(*records),
        times=tuple(
            TimePair(metric=metric, first=one, second=other, ratio=_ratio(one, other))
            for metric in METRICS
            for one, other in [(rows[0].times[metric], rows[1].times[metric])]
            if not one.missing == other.missing == "not_measured"
        ),
        claims=tuple(
            ClaimPair(about=key[0], expects=key[1], during=key[2], first=one, second=other)
            for key, one, other in _paired(_claims(first[1]), _claims(second[1]))
        ),
        steps=tuple(
            StepPair(id=key[0], phase=key[1], first=one, second=other)
            for key, one, other in _paired(*map(_steps, records))
        ),
        faults=tuple(
            FaultPair(step=key[0], action=key[1], first=one, second=other)
            for key, one, other in _paired(*map(_faults, records))
        ),
        looks=tuple(
            LookPair(probe=key, first=one, second=other)
            for key, one, other in _paired(*map(_looks, records))
        ),
    )


K = TypeVar("K")


def _paired(first: Mapping[K, T], second: Mapping[K, T]) -> Iterator[tuple[K, T | None, T | None]]:
    """Those of the first in its order, then those that only the second has."""
    for key in dict.fromkeys([*first, *second]):
        yield key, first.get(key), second.get(key)


def _side(record: Record, verdict: Verdict) -> Side:
    run = record.run
    return Side(
        run_id=run.run_id,
        scenario=run.scenario,
        began_wall_s=run.started_wall_s or 0.0,
        lasted_s=run.ended_at_s[1],
        complete=run.complete,
        verdict=verdict.verdict,
        exit_code=verdict.exit_code,
        reason=verdict.reason,
        env=run.env,
        versions=run.versions,
        labels=run.labels,
        key=record.comparable.key if record.comparable is not None else "",
    )


def _differs(first: Record, second: Record) -> tuple[str, ...]:
    if first.comparable is None or second.comparable is None:
        return ("plan",)
    return differences(first.comparable, second.comparable)


def _ratio(one: TrialTime, other: TrialTime) -> Open | None:
    """From the quickest that the second can have been over the slowest of the first, to the other way round."""
    if one.interval_s is not None and other.interval_s is not None and one.interval_s[1] > 0:
        high = other.interval_s[1] / one.interval_s[0] if one.interval_s[0] > 0 else None
        return other.interval_s[0] / one.interval_s[1], high
    if one.interval_s is not None and other.missing == "censored" and one.interval_s[1] > 0:
        return (other.at_least_s or 0.0) / one.interval_s[1], None
    if one.missing == "censored" and other.interval_s is not None and one.at_least_s:
        return 0.0, other.interval_s[1] / one.at_least_s
    return None


def _claims(verdict: Verdict) -> dict[tuple[str, Expects, During | None], Claim]:
    def claim(row: Row) -> Claim:
        return Claim(wanted=row.wanted, verdict=row.verdict, observed=row.observed)

    return {(row.about, row.expects, row.during): claim(row) for row in verdict.rows}


def _steps(record: Record) -> dict[tuple[str, str], StepSide]:
    took: dict[str, Interval] = {}
    for unit in record.units:
        if unit.started_at_s is None or unit.ended_at_s is None:
            continue
        known = took.get(unit.step, (unit.started_at_s[0], unit.ended_at_s[1]))
        took[unit.step] = (min(known[0], unit.started_at_s[0]), max(known[1], unit.ended_at_s[1]))
    return {
        (step.id, step.phase): StepSide(
            uses=step.uses,
            state=step.state,
            reason=step.reason,
            units=step.units,
            took_s=_length(took.get(step.id)),
        )
        for step in record.steps
    }


def _length(span: Interval | None) -> Interval | None:
    return since((span[1], span[1]), (span[0], span[0])) if span is not None else None


def _faults(record: Record) -> dict[tuple[str, str], FaultSide]:
    found: dict[tuple[str, str], FaultSide] = {}
    nothing = FaultSide(applied=0, proved=0, ended_by=(), evidence={})
    for fault in record.faults:
        place = (fault.step, fault.action)
        known = found.get(place, nothing)
        enders = dict.fromkeys(known.ended_by)
        if fault.ended_by is not None:
            enders[fault.ended_by] = None
        found[place] = FaultSide(
            applied=known.applied + (fault.applied_at_s is not None),
            proved=known.proved + (fault.active_at_s is not None),
            ended_by=tuple(enders),
            evidence=known.evidence or fault.evidence,
        )
    return found


def _looks(record: Record) -> dict[str, LookSide]:
    found = {}
    for observer in record.observers:
        window = next((one for one in observer.windows if one.window == "run"), None)
        if window is None:
            continue
        outages = [one for one in record.outages if one.observer == observer.probe]
        lengths = [
            one.duration_s or (max(0.0, one.last_bad_at_s - one.start_at_s[1]), None)
            for one in outages
        ]
        found[observer.probe] = LookSide(
            good=window.good,
            samples=window.good + window.bad,
            availability=window.availability,
            outages=len(outages),
            longest_s=max(
                lengths, key=lambda one: (one[1] is None, one[1] or 0.0, one[0]), default=None
            ),
        )
    return found
