"""What reports say about a record, in the same words in every format. Nothing in here judges."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from breakfix.engine.timeline.facts import GuardFacts, Interval, UnitFacts
from breakfix.engine.timeline.record import EpisodeFacts, Measured, Record, Row, Verdict
from breakfix.engine.timeline.words import (
    at_instant,
    claim_in_words,
    healed_in_words,
    with_interval,
)
from breakfix.engine.values import format_seconds
from breakfix.reports.fan_out import WIDE, together, wide_units
from breakfix.reports.ranges import named

MEANINGS: Final = {
    "t0": "fault commanded",
    "t1": "fault seen effective",
    "t2": "first bad sample",
    "t3": "detected",
    "t4": "acknowledged",
    "t5": "repair began",
    "t6": "repair ended",
    "t7": "first good sample",
    "t8": "good for long enough",
    "t9": "fault over and clean",
}
LITERAL: Final = frozenset(
    {"Run", "File", "File's SHA-256", "Replay", "Plan's hash", "Journal's head"}
)
"""The facts of `provenance` that are copied, not read."""

_PARTS: Final = {
    "noticed": "until it was noticed",
    "waiting": "until a repair began",
    "repair": "the repair",
    "confirmed": "until it was good for long enough",
}


_NOTES_MAX: Final = 20
_TROUBLE_MAX: Final = 100


class Figure(Struct, frozen=True, kw_only=True):
    """A number with its name; `ends` is its interval where it has one that shows."""

    name: str
    value: str
    ends: str = ""
    note: str = ""


def when(record: Record) -> str:
    """The day and time of the run's start, UTC."""
    return "" if record.run.started_wall_s is None else day_and_time(record.run.started_wall_s)


def day_and_time(wall_s: float) -> str:
    """An instant of the wall clock, UTC; empty where it is none."""
    try:
        return f"{datetime.fromtimestamp(wall_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, OSError, ValueError):
        return ""


def unit_name(unit: UnitFacts, record: Record) -> str:
    """The step's name, and the target where the step has more than one."""
    step = next((step for step in record.steps if step.id == unit.step), None)
    return unit.step if step is not None and step.units == 1 else unit.unit


def figure(name: str, pair: Interval | None, note: str = "") -> Figure:
    """A measured duration."""
    if pair is None:
        return Figure(name=name, value="\u2013", note=note)
    value, _, ends = with_interval(pair).partition(" [")
    return Figure(name=name, value=value, ends=f"[{ends}" if ends else "", note=note)


def restored(measured: Measured) -> Figure:
    """The time to restore, or why there is none."""
    name = "time to restore"
    pair = measured.metrics.time_to_restore_s
    if pair is not None:
        return figure(name, pair)
    missing = measured.metrics.missing["time_to_restore_s"]
    if missing.reason == "censored":
        return Figure(
            name=name, value=f"over {format_seconds(missing.at_least_s or 0.0)}", note=missing.why
        )
    value = "absorbed" if missing.reason == "absorbed" else "not measured"
    return Figure(name=name, value=value, note=missing.why)


def worst_episode(record: Record) -> EpisodeFacts | None:
    """The episode that took longest to restore; one that was not restored is worse than any."""

    def badness(episode: EpisodeFacts) -> tuple[bool, float]:
        metrics = episode.measured.metrics
        pair = metrics.time_to_restore_s
        missing = metrics.missing.get("time_to_restore_s")
        censored = missing is not None and missing.reason == "censored"
        return censored, pair[1] if pair is not None else 0.0

    return max(record.episodes, key=badness, default=None)


def parts(measured: Measured) -> list[Figure]:
    """What the time to restore is made of."""
    return [
        figure(_PARTS[part.name], part.duration_s, f"{part.from_mark} to {part.to_mark}")
        for part in measured.parts
    ]


def other_figures(measured: Measured) -> list[Figure]:
    """The other durations of an episode."""
    metrics = measured.metrics
    named = (
        ("to impact", "time_to_impact_s", "t1 to t2"),
        ("to detect", "time_to_detect_s", "t2 to t3"),
        ("to detect, from the effect", "time_to_detect_from_effect_s", "t1 to t3"),
        ("to mitigate", "time_to_mitigate_s", "t2 to t7"),
    )
    found = []
    for name, metric, between in named:
        missing = metrics.missing.get(metric)
        note = between
        if missing is not None:
            note = missing.why
            if missing.at_least_s:
                note += f", for at least {format_seconds(missing.at_least_s)}"
        found.append(figure(name, getattr(metrics, metric), note))
    return found


def marks(measured: Measured) -> list[tuple[str, str, str]]:
    """Name, meaning and instant of each mark that was reached."""
    return [
        (name, meaning, at_instant(pair))
        for name, meaning in MEANINGS.items()
        if (pair := getattr(measured.marks, name)) is not None
    ]


def detailed(record: Record) -> list[EpisodeFacts]:
    """The episodes that are told at length: one or two; of more, the worst."""
    if len(record.episodes) <= 2:
        return list(record.episodes)
    worst = worst_episode(record)
    return [worst] if worst is not None else []


def episode_title(episode: EpisodeFacts) -> str:
    """The faults of an episode, in words."""
    if len(episode.faults) > 1:
        names = list(episode.steps)
    else:
        unit = episode.faults[0].rpartition("#")[0] or episode.faults[0]
        names = [unit.replace("@", " on ")]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def healer(measured: Measured) -> str:
    """Who healed the service, and how that is known."""
    why = f": {measured.healed_why}" if measured.healed_why else ""
    words = healed_in_words(measured.healed_by)
    if measured.healed_by == "absorbed":
        return f"{words}."
    return f"{words[:1].upper()}{words[1:]}{why}."


def claim(row: Row) -> str:
    """An expectation as it was written."""
    return f"{row.about} {claim_in_words(row)}"


def guards(record: Record) -> list[str]:
    """Each guard, whether it stopped the run and why, and how long it took until nothing was broken."""
    said = []
    for guard in record.guards:
        if guard.trip is None:
            said.append(f"{guard.id} ({guard.probe}, {guard.tolerance}) did not trip")
            continue
        after = safe_in_words(guard)
        if guard.time_to_safe_s is not None:
            after = f"time to safe {after}"
        said.append(f"{guard.id} {trip_in_words(guard)}; {after}")
    return said


def trip_in_words(guard: GuardFacts) -> str:
    """How and when it stopped the run, and why."""
    trip = guard.trip
    if trip is None:
        return "not tripped"
    how = "tripped" if trip.kind == "tripped" else "was blind"
    return f"{how} at {at_instant(trip.at_s)}: {trip.why}"


def safe_in_words(guard: GuardFacts) -> str:
    """How long it took from the trip until nothing was broken; empty of a guard that did not trip."""
    if guard.trip is None:
        return ""
    if guard.time_to_safe_s is not None:
        return with_interval(guard.time_to_safe_s)
    return "not safe: a fault was never seen gone" if guard.trip.open_faults else "no fault was open"


def notes(record: Record, verdict: Verdict) -> list[str]:
    """What else weighed in the verdict, the heaviest first; what is alike on many targets once."""
    told = together(verdict.notes, _many_targets(record))
    left = len(told) - _NOTES_MAX
    more = [f"{left} more reasons are in the JSON record."] if left > 0 else []
    return [*told[:_NOTES_MAX], *more]


def _many_targets(record: Record) -> set[str]:
    """The targets of steps on many of them."""
    return {unit.target for units in wide_units(record).values() for unit in units}


def trouble(record: Record) -> list[str]:
    """Commands of setup and teardown, requests to stop, and errors of our own side."""
    said = []
    for command in (*record.setup, *record.teardown):
        how = "is owed" if command.ok is None else "went well" if command.ok else "failed"
        error = f": {command.error}" if command.error else ""
        said.append(f"{command.stage} {' '.join(command.command)} {how}{error}")
    said += [f"stopped at {at_instant(c.at_s)} ({c.source}): {c.why}" for c in record.cancelled]
    targets = _many_targets(record)
    messages = [error.message for error in record.errors]
    told = together(messages, targets)
    if len(told) == len(messages):
        told = [f"at {at_instant(e.at_s)}: {e.message}" for e in record.errors]
    said += [f"error {text}" for text in told[:_TROUBLE_MAX]]
    if len(told) > _TROUBLE_MAX:
        said.append(f"{len(told) - _TROUBLE_MAX} more errors are in the JSON record")
    changes = record.survey.changes if record.survey is not None else ()
    many = {change.target for change in changes} if len(changes) > WIDE else set()
    return said + together(
        (
            f"{c.target}, {c.field}: was {c.before or 'not there'}, is {c.after or 'not there'} "
            f"({_CHANGES[c.why]})"
            for c in changes
        ),
        many,
    )


_CHANGES: Final = {
    "repair": "a repair that stays changed it",
    "removed": "somebody removed it",
    "residue": "left behind",
}


def certificate(record: Record) -> str:
    """What is known of anything left behind."""
    gone = sum(fault.state == "ended" for fault in record.faults)
    ended = sum(process.gone_at_s is not None for process in record.processes)
    put_back = [repair for repair in record.repairs if repair.put_back]
    clean = (
        gone == len(record.faults)
        and ended == len(record.processes)
        and all(repair.ok for repair in put_back)
        and not record.run.residue
    )
    counted = [f"{gone} of {len(record.faults)} faults seen gone"] if record.faults else []
    if record.processes:
        counted.append(f"{ended} of {len(record.processes)} started processes ended")
    if (survey := record.survey) is not None and survey.after_at_s is not None:
        left = {change.target for change in survey.changes if change.why == "residue"}
        clean = clean and not left
        counted.append(
            f"{len(survey.targets) - len(left)} of {len(survey.targets)} targets as before"
        )
    if put_back:
        counted.append(f"{sum(r.ok for r in put_back)} of {len(put_back)} repairs put back")
    said = "; ".join(counted) or "nothing was broken or started"
    return f"{'Nothing was left behind' if clean else 'Something was left behind'}: {said}."


def not_observed(record: Record) -> Iterator[str]:
    """What a reader must know of how the numbers came about."""
    if record.episodes and not any(observer.spans for observer in record.observers):
        yield (
            "No observer ran beside the steps: t2, t7 and t8 come from the steps' own samples, and "
            "the intervals are as wide as the time between two of them."
        )
    if any(e.measured.impact_from == "occurrence" for e in record.episodes):
        yield "No state was sampled when it went bad: t2 is taken from a reported occurrence."
    blind = sum(sample.state == "blind" for sample in record.samples)
    if blind:
        yield f"{blind} of {len(record.samples)} samples could not be taken; they prove nothing."
    late = sum(sample.late_s > 0 for sample in record.samples)
    if late:
        yield f"{late} of {len(record.samples)} samples began late on their grid."
    if any(not writer.same_boot for writer in record.writers):
        yield "The machine was started anew during the run: later instants are by the wall clock."
    if not record.run.complete:
        yield "The journal has no end: nobody has closed this run."


def provenance(record: Record) -> list[tuple[str, str]]:
    """Where the record comes from, and how to run the scenario again."""
    run = record.run
    writers = ", ".join(f"{writer.role} (pid {writer.pid})" for writer in record.writers)
    found = [
        ("Run", run.run_id),
        ("Began", when(record)),
        ("File", run.file),
        ("File's SHA-256", run.file_sha256),
        ("Replay", run.command),
        ("Seed", "" if run.seed is None else str(run.seed)),
        ("Environment", run.env),
        ("Inputs", ", ".join(f"{name}={value}" for name, value in run.inputs.items())),
        ("Plan's hash", record.plan.hash if record.plan is not None else ""),
        ("Targets", _sets(record)),
        ("Versions", ", ".join(f"{name} {value}" for name, value in run.versions.items())),
        ("Journal's head", run.head),
        ("Journal", f"{run.lines} lines, {run.ended_at_s[1]:.3f} s, written by {writers}"),
        ("Engine's own time", _overhead(record)),
    ]
    return [(name, value) for name, value in found if value]


def _sets(record: Record) -> str:
    if record.plan is None:
        return ""
    return "; ".join(
        f"{item.name} ({item.share}): {named(item.picked, most=10)}" for item in record.plan.sets
    )


def _overhead(record: Record) -> str:
    spent = record.overhead
    if spent is None:
        return ""
    return (
        f"{format_seconds(spent.before_steps_s)} before, {format_seconds(spent.between_steps_s)} "
        f"between and {format_seconds(spent.after_steps_s)} after the steps; from due to start "
        f"{format_seconds(spent.start_delay_median_s)} (median), "
        f"{format_seconds(spent.start_delay_max_s)} (longest)"
    )
