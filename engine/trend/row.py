"""One run as a row of the history: what comparisons, trends and lists need of its record. Pure."""

from collections.abc import Iterator
from typing import Final, Literal, get_args

from msgspec import Struct

from breakfix.engine.timeline.record import Record, Verdict, VerdictWord
from breakfix.engine.trials import TrialTime, longest, trial_of
from breakfix.engine.verdict import Finding, findings

Metric = Literal[
    "time_to_impact_s",
    "time_to_detect_s",
    "time_to_acknowledge_s",
    "time_to_mitigate_s",
    "time_to_restore_s",
]
METRICS: Final[tuple[Metric, ...]] = get_args(Metric)
SERVICE: Final = "service"
"""The label that says which service a scenario is about, where its targets have other names."""


class _Part(Struct, frozen=True, kw_only=True):
    """A part of a row."""


class FaultRow(_Part, frozen=True, kw_only=True):
    """A kind of fault on a service: `proved` where its effect was seen in this run."""

    service: str
    action: str
    proved: bool


class LookRow(_Part, frozen=True, kw_only=True):
    """What an observer saw in the whole run: how many samples were good, and bad."""

    probe: str
    good: int
    bad: int


class ProblemRow(_Part, frozen=True, kw_only=True):
    """Something that the system failed in. `about` is the same in every run that fails in it."""

    about: str
    text: str


class RunRow(_Part, frozen=True, kw_only=True):
    """One run. `key` is empty where there was no plan; of each metric, the longest of its episodes counts.

    `journal` says where its journal was; `journal_bytes` and `head` tell whether it is still the same."""

    run_id: str
    scenario: str
    key: str = ""
    parts: dict[str, str] = {}
    env: str = ""
    version: str = ""
    began_wall_s: float = 0.0
    """Seconds since the epoch, as `ended_wall_s`."""
    ended_wall_s: float = 0.0
    complete: bool = False
    verdict: VerdictWord
    exit_code: int
    reason: str
    evidence: bool
    no_faults: bool = False
    series: str = ""
    labels: dict[str, str] = {}
    times: dict[Metric, TrialTime] = {}
    faults: tuple[FaultRow, ...] = ()
    looks: tuple[LookRow, ...] = ()
    problems: tuple[ProblemRow, ...] = ()
    journal: str = ""
    journal_bytes: int = 0
    head: str = ""
    lines: int = 0


def row_of(
    record: Record, verdict: Verdict, *, journal: str = "", journal_bytes: int = 0
) -> RunRow:
    """The row of a run."""
    trial = trial_of(record, verdict)
    times: dict[Metric, TrialTime] = dict(trial.times.items())
    times["time_to_acknowledge_s"] = (
        longest(record.episodes, "time_to_acknowledge_s")
        if verdict.verdict != "invalid"
        else TrialTime(missing="not_measured", why="the run is invalid")
    )
    run = record.run
    began_s = run.started_wall_s or 0.0
    comparable = record.comparable
    return RunRow(
        run_id=run.run_id,
        scenario=run.scenario,
        key=comparable.key if comparable is not None else "",
        parts=comparable.parts if comparable is not None else {},
        env=run.env,
        version=run.versions.get("breakfix", ""),
        began_wall_s=began_s,
        ended_wall_s=began_s + run.ended_at_s[1],
        complete=run.complete,
        verdict=verdict.verdict,
        exit_code=verdict.exit_code,
        reason=verdict.reason,
        evidence=trial.evidence,
        no_faults=run.no_faults,
        series=run.series,
        labels=run.labels,
        times=times,
        faults=tuple(_faults(record)),
        looks=tuple(_looks(record)),
        problems=tuple(_problems(record, verdict)),
        journal=journal,
        journal_bytes=journal_bytes,
        head=run.head,
        lines=run.lines,
    )


def _faults(record: Record) -> Iterator[FaultRow]:
    """Each kind of fault on each service once: proved where any of them was."""
    found: dict[tuple[str, str], FaultRow] = {}
    for fault in record.faults:
        place = (_service(record, fault.target), fault.action)
        known = found.get(place)
        proved = fault.active_at_s is not None or (known is not None and known.proved)
        found[place] = FaultRow(service=place[0], action=place[1], proved=proved)
    yield from found.values()


def _service(record: Record, target: str) -> str:
    """What the label says; else the smallest target of the scenario that has it."""
    if said := record.run.labels.get(SERVICE):
        return said
    sets = record.plan.sets if record.plan is not None else ()
    holding = [item for item in sets if target in item.picked]
    smallest = min(holding, key=lambda item: len(item.picked), default=None)
    return smallest.name if smallest is not None else target or "this machine"


def _looks(record: Record) -> Iterator[LookRow]:
    for observer in record.observers:
        for window in observer.windows:
            if window.window == "run":
                yield LookRow(probe=observer.probe, good=window.good, bad=window.bad)


def _problems(record: Record, verdict: Verdict) -> Iterator[ProblemRow]:
    if record.run.no_faults:
        return
    seen = set()
    for finding in findings(record, verdict.rows):
        about = _about(finding, verdict)
        if finding.verdict == "failed" and about not in seen:
            seen.add(about)
            yield ProblemRow(about=about, text=finding.reason)


def _about(finding: Finding, verdict: Verdict) -> str:
    """``row kill_cache restored_within``: of a row, not its place in the file, which changes."""
    kind, name = finding.about
    if kind == "row":
        row = verdict.rows[int(name)]
        return " ".join(filter(None, ("row", row.about, row.expects, row.during)))
    return f"{kind} {name}" if name else finding.reason.partition(":")[0]
