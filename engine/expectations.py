"""Expectations against observations: a row for each claim, over the worst episode or observer that it is
about."""

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import structs

from breakfix.engine.claims import probe_rows, worst
from breakfix.engine.regressions import regression_rows
from breakfix.engine.timeline.facts import Interval
from breakfix.engine.timeline.planned import ExpectFacts
from breakfix.engine.timeline.record import (
    EpisodeFacts,
    HealedBy,
    Judged,
    Measured,
    MissingFacts,
    Record,
    Row,
)
from breakfix.engine.timeline.words import claim_in_words, healed_in_words, with_interval
from breakfix.engine.values import format_seconds, needed, seconds

Timed = Literal["detected_within", "mitigated_within", "restored_within"]
_TIMED: Final[tuple[Timed, ...]] = ("detected_within", "mitigated_within", "restored_within")
_METRICS: Final[dict[Timed, tuple[str, ...]]] = {
    # Where no sample shows when it went bad, detection counts from the effect.
    "detected_within": ("time_to_detect_s", "time_to_detect_from_effect_s"),
    "mitigated_within": ("time_to_mitigate_s",),
    "restored_within": ("time_to_restore_s",),
}


def rows(record: Record) -> Iterator[Row]:
    """One row for each claim of each expectation, in the order of the file."""
    for index, expect in enumerate(record.plan.expect if record.plan is not None else ()):
        for row in _rows_of(record, expect):
            yield structs.replace(row, item=index)


def _rows_of(record: Record, expect: ExpectFacts) -> Iterator[Row]:
    about = expect.fault or "the run"
    cases = list(_cases(record, expect))
    for claim in _TIMED:
        bound = getattr(expect, claim)
        if bound is not None and expect.units is not None:
            of_units = [_timed(about, claim, bound, i, m) for i, m in _units(record, expect)]
            yield _of_share(record, expect, of_units) or _unmet(about, claim, bound)
        elif bound is not None:
            yield worst([_timed(about, claim, bound, i, m) for i, m in cases]) or _unmet(
                about, claim, bound
            )
    if expect.healed_by is not None:
        wanted = expect.healed_by
        if expect.units is not None:
            of_units = [_healed(about, wanted, i, m) for i, m in _units(record, expect)]
            yield _of_share(record, expect, of_units) or _unmet(about, "healed_by", wanted)
            return
        yield worst([_healed(about, wanted, i, m) for i, m in cases]) or _unmet(
            about, "healed_by", wanted
        )
    yield from probe_rows(record, expect)
    yield from regression_rows(record, expect)


def in_words(row: Row) -> str:
    """A row as a sentence without its full stop."""
    about = row.about
    if about == "the run":
        about = f"The run (its worst {'observer' if row.during else 'episode'})"
    return f"{about} was expected to be {claim_in_words(row)}: {row.observed}"


def _cases(record: Record, expect: ExpectFacts) -> Iterator[tuple[int, Measured]]:
    """The episodes that an expectation is about, seen from its fault."""
    for index, episode in enumerate(record.episodes):
        if expect.fault is None:
            yield index, episode.measured
        elif expect.fault in episode.steps:
            yield index, _seen_from(expect.fault, episode)


def _units(record: Record, expect: ExpectFacts) -> Iterator[tuple[int, Measured]]:
    """Every unit of the fault that was applied."""
    for index, episode in enumerate(record.episodes):
        for step in episode.by_step:
            if step.step == expect.fault:
                yield from ((index, unit.measured) for unit in step.units)


def _of_share(record: Record, expect: ExpectFacts, units: list[Row]) -> Row | None:
    """The row of a share of units, shown by the worst of them. A unit whose fault was not applied
    shows nothing."""
    row = worst(units)
    if row is None or expect.units is None:
        return None
    total = next((step.units for step in record.steps if step.id == expect.fault), 0)
    total = max(total, len(units))
    need = needed(expect.units, total)
    good = sum(one.verdict == "passed" for one in units)
    bad = sum(one.verdict == "failed" for one in units)
    verdict: Judged = "inconclusive"
    if good >= need:
        verdict = "passed"
    elif total - bad < need:
        verdict = "failed"
    said = f"{good} of {total} units, {need} had to; the worst: {row.observed}"
    return structs.replace(row, verdict=verdict, observed=said, units=(good, need))


def _seen_from(step: str, episode: EpisodeFacts) -> Measured:
    own = (item.measured for item in episode.by_step if item.step == step)
    return next(own, episode.measured)


def _unmet(about: str, claim: Timed | Literal["healed_by"], wanted: str) -> Row:
    return Row(
        about=about,
        expects=claim,
        wanted=wanted,
        verdict="inconclusive",
        observed="no such fault was applied",
        bound_s=None if claim == "healed_by" else seconds(wanted),
    )


def _timed(about: str, claim: Timed, wanted: str, index: int, measured: Measured) -> Row:
    bound_s = seconds(wanted)
    names = _METRICS[claim]
    observed: Interval | None = None
    for name in names:
        observed = observed or getattr(measured.metrics, name)
    missing = [measured.metrics.missing[n] for n in names if n in measured.metrics.missing]
    verdict, said, at_least_s = _judge_time(observed, missing, bound_s)
    return Row(
        about=about,
        expects=claim,
        wanted=wanted,
        verdict=verdict,
        observed=said,
        bound_s=bound_s,
        observed_s=observed,
        at_least_s=at_least_s,
        episode=index,
    )


def _judge_time(
    observed: Interval | None, missing: list[MissingFacts], bound_s: float
) -> tuple[Judged, str, float | None]:
    """An interval that contains its bound is inconclusive, and so is a censored value below it."""
    if observed is not None:
        said = f"took {with_interval(observed)}"
        if observed[1] <= bound_s:
            return "passed", said, None
        return "failed" if observed[0] > bound_s else "inconclusive", said, None
    censored = [item for item in missing if item.reason == "censored"]
    if censored:
        at_least_s = max(item.at_least_s or 0.0 for item in censored)
        said = f"{censored[0].why} for at least {format_seconds(at_least_s)}"
        return "failed" if at_least_s > bound_s else "inconclusive", said, at_least_s
    return "inconclusive", missing[0].why if missing else "not measured", None


def _healed(about: str, wanted: str, index: int, measured: Measured) -> Row:
    healed: HealedBy | None = measured.healed_by
    verdict: Judged = "passed" if healed == wanted else "failed"
    if healed is None or healed == "absorbed":
        verdict = "inconclusive"
    return Row(
        about=about,
        expects="healed_by",
        wanted=wanted,
        verdict=verdict,
        observed=f"it was {healed_in_words(healed)}",
        episode=index,
    )
