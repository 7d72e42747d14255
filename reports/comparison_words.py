"""What the reports say about two runs side by side, in the same words in every format."""

from typing import Final

from msgspec import Struct

from breakfix.engine.timeline.words import with_interval
from breakfix.engine.trend.comparison import (
    Claim,
    Comparison,
    FaultSide,
    LookSide,
    Side,
    StepSide,
    TimePair,
)
from breakfix.engine.values import format_seconds
from breakfix.reports.trend_words import NAMES, NOTHING, percent, trial_time
from breakfix.reports.wording import day_and_time

_PARTS: Final = {
    "targets": "the targets",
    "faults": "the faults",
    "repairs": "the repairs",
    "load": "the load",
    "probes": "the probes",
    "env": "the environment",
    "engine": "the engine's major version",
    "plan": "the plan, which one of them never had",
}
ROWS_MAX: Final = 200


class Pair(Struct, frozen=True, kw_only=True):
    """A line: what it is about, and each run's side. `differs` where they do; `note` is what the two say
    together."""

    name: str
    first: str
    second: str
    note: str = ""
    differs: bool = False


class Table(Struct, frozen=True, kw_only=True):
    """Lines of one sort; `more` says how many equal ones are left out."""

    title: str
    rows: tuple[Pair, ...]
    more: int = 0


def title(found: Comparison) -> str:
    """The scenarios of both."""
    first, second = found.first.scenario, found.second.scenario
    return f"{first}: two runs" if first == second else f"{first} and {second}"


def comparable(found: Comparison) -> str:
    """Whether the times of one may be held against those of the other."""
    if not found.differs:
        return "They may be compared: the same targets, faults, repairs, load and probes."
    parts = ", ".join(_PARTS.get(part, part) for part in found.differs)
    return f"Their times may not be compared: not the same are {parts}."


def caution(found: Comparison) -> str:
    """What two runs cannot show."""
    return (
        "One run against one run shows what happened, not what is usual; "
        "`breakfix trend` and `not_worse_than` hold many against many."
    )


def sides(found: Comparison) -> Table:
    """What both are."""
    one, other = found.first, found.second
    return _table(
        "The runs",
        [
            _pair("run", one.run_id, other.run_id, differs=False),
            _pair("began", day_and_time(one.began_wall_s), day_and_time(other.began_wall_s), differs=False),
            _pair("verdict", _verdict(one), _verdict(other), differs=one.verdict != other.verdict),
            _pair("reason", one.reason, other.reason, differs=False),
            _pair("environment", one.env, other.env),
            _pair("labels", _named(one.labels), _named(other.labels)),
            _pair("versions", _named(one.versions), _named(other.versions)),
            _pair("lasted", format_seconds(one.lasted_s), format_seconds(other.lasted_s), differs=False),
        ],
    )  # fmt: skip


def tables(found: Comparison) -> list[Table]:
    """Everything else that there is to show."""
    made = [
        _table("Times", [_time(pair) for pair in found.times]),
        _table(
            "Expectations",
            [
                _pair(
                    f"{pair.about} {pair.expects.replace('_', ' ')}"
                    + (f" ({pair.during})" if pair.during not in (None, "run") else ""),
                    _claim(pair.first),
                    _claim(pair.second),
                    differs=_word(pair.first) != _word(pair.second),
                )
                for pair in found.claims
            ],
        ),
        _table(
            "Faults",
            [
                _pair(f"{pair.step} ({pair.action})", _fault(pair.first), _fault(pair.second))
                for pair in found.faults
            ],
        ),
        _table(
            "Observers",
            [
                _pair(pair.probe, _look(pair.first), _look(pair.second), differs=False)
                for pair in found.looks
            ],
        ),
        _table(
            "Steps",
            [
                _pair(
                    f"{pair.id} ({pair.phase})",
                    _step(pair.first),
                    _step(pair.second),
                    differs=_state(pair.first) != _state(pair.second),
                )
                for pair in found.steps
            ],
        ),
    ]
    return [table for table in made if table.rows]


def _table(name: str, rows: list[Pair]) -> Table:
    """Of very many lines those that differ come first."""
    kept = [row for row in rows if row.first != NOTHING or row.second != NOTHING]
    if len(kept) <= ROWS_MAX:
        return Table(title=name, rows=tuple(kept))
    ordered = sorted(kept, key=lambda row: not row.differs)
    return Table(title=name, rows=tuple(ordered[:ROWS_MAX]), more=len(kept) - ROWS_MAX)


def _pair(name: str, first: str, second: str, *, differs: bool | None = None) -> Pair:
    told = (first or NOTHING, second or NOTHING)
    return Pair(
        name=name,
        first=told[0],
        second=told[1],
        differs=told[0] != told[1] if differs is None else differs,
    )


def _verdict(side: Side) -> str:
    return f"{side.verdict} (exit code {side.exit_code})" if side.complete else "unfinished"


def _named(values: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _time(pair: TimePair) -> Pair:
    note = ""
    surely = False
    if pair.ratio is not None:
        low, high = pair.ratio
        ends = f"{low:.2f}, " + ("no upper bound" if high is None else f"{high:.2f}")
        surely = low > 1 or (high is not None and high < 1)
        note = f"x[{ends}]" + ("" if surely else ", which may be the same")
    return Pair(
        name=NAMES[pair.metric],
        first=trial_time(pair.first),
        second=trial_time(pair.second),
        note=note,
        differs=surely,
    )


def _claim(claim: Claim | None) -> str:
    return "" if claim is None else f"{claim.verdict}: {claim.observed} (wanted {claim.wanted})"


def _word(claim: Claim | None) -> str:
    return "" if claim is None else claim.verdict


def _fault(side: FaultSide | None) -> str:
    if side is None:
        return ""
    ended = f", ended by {', '.join(side.ended_by)}" if side.ended_by else ""
    evidence = "; ".join(f"{name}: {value}" for name, value in side.evidence.items())
    return f"{side.proved} of {side.applied} seen effective{ended}" + (
        f" ({evidence})" if evidence else ""
    )


def _look(side: LookSide | None) -> str:
    if side is None:
        return ""
    if not side.samples:
        return "saw nothing"
    said = f"{percent(side.good / side.samples)} % good of {side.samples} samples"
    if side.longest_s is None:
        return f"{said}; no outage"
    low, high = side.longest_s
    longest = f"at least {format_seconds(low)}" if high is None else with_interval((low, high))
    return f"{said}; {side.outages} outage{'' if side.outages == 1 else 's'}, the longest {longest}"


def _step(side: StepSide | None) -> str:
    if side is None:
        return ""
    took = f" in {with_interval(side.took_s)}" if side.took_s is not None else ""
    units = f", {side.units} units" if side.units > 1 else ""
    return f"{side.state}{took}{units}" + (f": {side.reason}" if side.reason else "")


def _state(side: StepSide | None) -> str:
    return "" if side is None else side.state
