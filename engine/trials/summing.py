"""From the records of the trials to what they say together."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from breakfix.engine.expectations import in_words
from breakfix.engine.statistics import Duration, Summary, summarise
from breakfix.engine.timeline.record import (
    EpisodeFacts,
    Judged,
    Record,
    Row,
    Verdict,
    VerdictWord,
)
from breakfix.engine.trials.record import (
    METRICS,
    SeriesEnd,
    SeriesRecord,
    Trial,
    TrialTime,
)
from breakfix.engine.verdict import as_sentence, heaviest

_VERDICTS: Final[dict[int, VerdictWord]] = {
    0: "passed", 1: "failed", 2: "errored", 4: "aborted", 5: "errored", 6: "errored",
}  # fmt: skip


_ROW_CODES: Final[dict[Judged, int]] = {"passed": 0, "failed": 1, "inconclusive": 3}


def trial_of(record: Record, verdict: Verdict) -> Trial:
    """What a run gives to its series.

    Of an invalid one nothing is measured: what it saw may be of another cause. Everything else counts,
    the time-outs of a failed one and the cut-off times of an aborted one as censored.
    """
    times = {name: longest(record.episodes, name) for name in METRICS}
    if verdict.verdict == "invalid":
        nothing = TrialTime(missing="not_measured", why="the trial is invalid")
        times = dict.fromkeys(METRICS, nothing)
    measured = any(time.missing != "not_measured" for time in times.values())
    decided = verdict.verdict in ("passed", "failed")
    return Trial(
        run_id=record.run.run_id,
        verdict=verdict.verdict,
        reason=verdict.reason,
        exit_code=verdict.exit_code,
        evidence=decided or (verdict.verdict == "inconclusive" and measured),
        times=times,
    )


def longest(episodes: Sequence[EpisodeFacts], name: str) -> TrialTime:
    """The longest duration of all episodes: where the end of one was not seen, at least so long as any
    of them surely took."""
    metrics = [episode.measured.metrics for episode in episodes]
    known = [pair for one in metrics if (pair := getattr(one, name)) is not None]
    missing = [one.missing[name] for one in metrics if name in one.missing]
    if censored := [item for item in missing if item.reason == "censored"]:
        sure_s = [item.at_least_s or 0.0 for item in censored] + [pair[0] for pair in known]
        return TrialTime(missing="censored", at_least_s=max(sure_s), why=censored[0].why)
    if known:
        return TrialTime(interval_s=(max(p[0] for p in known), max(p[1] for p in known)))
    unknown = next((item for item in missing if item.reason == "not_measured"), None)
    if unknown is not None:
        return TrialTime(missing="not_measured", why=unknown.why)
    if missing:
        return TrialTime(missing="absorbed", why=missing[0].why)
    return TrialTime(missing="not_measured", why="nothing was broken")


def begun(record: SeriesRecord, run_id: str) -> SeriesRecord:
    """The series with a trial at work."""
    return msgspec.structs.replace(record, at_work=run_id)


def add(record: SeriesRecord, trial: Trial) -> SeriesRecord:
    """The series with one more trial."""
    return summed(msgspec.structs.replace(record, trials=(*record.trials, trial), at_work=""))


def ended(record: SeriesRecord, end: SeriesEnd, rows: tuple[Row, ...] = ()) -> SeriesRecord:
    """The series without a further trial; `rows` is what it comes to against earlier runs."""
    return summed(msgspec.structs.replace(record, ended=end, rows=rows))


def summed(record: SeriesRecord) -> SeriesRecord:
    """The verdict, the exit code and the summaries anew from the trials and the end."""
    code, verdict, reason = _judged(record)
    return msgspec.structs.replace(
        record,
        exit_code=code,
        verdict=verdict,
        reason=reason,
        summaries={
            name: _summary([trial.times[name] for trial in record.trials]) for name in METRICS
        },
    )


def _summary(times: Sequence[TrialTime]) -> Summary:
    durations = [duration for time in times if (duration := duration_of(time)) is not None]
    return summarise(durations, absorbed=sum(time.missing == "absorbed" for time in times))


def _judged(record: SeriesRecord) -> tuple[int, VerdictWord, str]:
    """The heaviest of all trials, of the rows and of the end, in a sentence that counts them."""
    own = record.ended.exit_code if record.ended is not None else 0
    rows = {_ROW_CODES[row.verdict]: row for row in reversed(record.rows)}
    code = heaviest([*(trial.exit_code for trial in record.trials), *rows, own])
    said = [_counted(trial.verdict for trial in record.trials)]
    if record.ended is not None and (own == code != 0 or record.ended.kind != "complete"):
        said.append(as_sentence(record.ended.why))
    worst = next(
        ((n, trial) for n, trial in enumerate(record.trials, 1) if trial.exit_code == code), None
    )
    if code and code in rows:
        said.append(as_sentence(in_words(rows[code])))
        return code, rows[code].verdict, " ".join(said)
    if code == 0 or worst is None:
        return code, _VERDICTS.get(code, "inconclusive"), " ".join(said)
    number, trial = worst
    said.append(f"Trial {number}: {as_sentence(trial.reason)}")
    return code, trial.verdict, " ".join(said)


def _counted(verdicts: Iterable[VerdictWord]) -> str:
    """``3 trials: 2 passed, 1 failed.``"""
    counts: dict[str, int] = {}
    for verdict in verdicts:
        counts[verdict] = counts.get(verdict, 0) + 1
    total = sum(counts.values())
    if not total:
        return "No trial came to its end."
    words = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"{total} trial{'' if total == 1 else 's'}: {words}."


def duration_of(time: TrialTime) -> Duration | None:
    """It with its bounds, or how long it took at least; None where there was no such time."""
    if time.interval_s is not None:
        return Duration(lower_s=time.interval_s[0], upper_s=time.interval_s[1])
    if time.missing == "censored":
        least_s = time.at_least_s or 0.0
        return Duration(lower_s=least_s, upper_s=least_s, censored=True)
    return None
