"""From journals by hand to what a series says of them."""

from collections.abc import Callable
from typing import Any

import jsonschema
import msgspec
import pytest

from breakfix.engine.statistics import Duration, Refusal, summarise
from breakfix.engine.timeline import Record, fold
from breakfix.engine.timeline.record import EpisodeFacts, Marks, Measured, Metrics, MissingFacts
from breakfix.engine.trials import (
    METRICS,
    SeriesEnd,
    SeriesRecord,
    Trial,
    add,
    begun,
    ended,
    trial_of,
)
from breakfix.engine.trials.schema import series_schema
from breakfix.engine.verdict import judge

Story = Callable[..., Any]
RESTORE = "time_to_restore_s"


def series(**fields: Any) -> SeriesRecord:
    """A series without a trial."""
    asked: dict[str, Any] = {
        "series_id": "series-x", "scenario": "cache_outage", "file": "cache.yaml",
        "file_sha256": "ab" * 32, "command": "breakfix run cache.yaml --repeat 3",
        "versions": {"breakfix": "0.1.0"}, "seed": 7, "began_wall_s": 1_795_680_902.0,
        "times": 3, "up_to": 3, "pause_s": 0.0, "stop_on": "never",
    }  # fmt: skip
    return SeriesRecord(**{**asked, **fields})


def given_by(run: Any) -> Trial:
    """The trial of a builder's lines."""
    record = fold(run.lines)
    return trial_of(record, judge(record))


def unrestored(journal: Story) -> Any:
    """A run whose verify step waited in vain: it took at least 10 s."""
    run = journal().begin().plan()
    run.sample(0.8, 0.9, "good", "noticed", armed=True).inject(1.0)
    run.sample(1.1, 1.2, "bad", "noticed").sample(2.0, 2.1, "bad", "whole")
    run.unit(1.3, "noticed", "succeeded").unit(1.4, "start_cache@cache", "succeeded")
    run.unit(11.2, "whole", "failed", "no").fault_ended(11.3, 11.4, "engine")
    run.unit(11.4, "kill_cache@cache", "succeeded")
    return run.end(11.5, exit_code=1, verdict="failed")


def with_episodes(*metrics: Metrics) -> Record:
    """A record of which nothing matters but the durations of its episodes."""
    return Record(
        run=fold([]).run,
        episodes=tuple(
            EpisodeFacts(
                faults=("f#1",), steps=("f",), measured=Measured(marks=Marks(), metrics=one)
            )
            for one in metrics
        ),
    )


def longest(*metrics: Metrics) -> Any:
    """The time to restore of a trial with these episodes."""
    verdict = msgspec.structs.replace(judge(fold([])), verdict="passed", exit_code=0)
    return trial_of(with_episodes(*metrics), verdict).times["time_to_restore_s"]


def missing(reason: Any, at_least_s: float | None = None) -> Metrics:
    """An episode without a time to restore."""
    return Metrics(
        missing={RESTORE: MissingFacts(reason=reason, why="so", at_least_s=at_least_s)}
    )


def test_a_trial_has_the_durations_of_its_run(story: Story) -> None:
    """The intervals of the record, and evidence."""
    trial = given_by(story())
    assert (trial.verdict, trial.exit_code, trial.evidence) == ("passed", 0, True)
    assert trial.times["time_to_restore_s"].interval_s == pytest.approx((2.05, 2.32))
    assert set(trial.times) == set(METRICS)


def test_the_longest_episode_counts() -> None:
    """Both ends of it: the longest lasted as long as any, and no longer than the longest can have."""
    pairs = [(2.0, 9.0), (4.0, 5.0)]
    found = longest(*(Metrics(time_to_restore_s=pair) for pair in pairs))
    assert found.interval_s == (4.0, 9.0)


def test_an_episode_without_an_end_makes_the_trial_censored() -> None:
    """It took at least as long as any episode surely took."""
    found = longest(missing("censored", 2.0), Metrics(time_to_restore_s=(30.0, 31.0)))
    assert (found.missing, found.at_least_s, found.interval_s) == ("censored", 30.0, None)


def test_a_trial_is_absorbed_only_where_all_of_it_was() -> None:
    """An episode that nobody saw may have been an outage."""
    assert longest(missing("absorbed"), missing("absorbed")).missing == "absorbed"
    assert longest(missing("absorbed"), missing("not_measured")).missing == "not_measured"
    found = longest(missing("absorbed"), Metrics(time_to_restore_s=(1.0, 2.0)))
    assert found.interval_s == (1.0, 2.0)


def test_an_invalid_trial_is_in_no_number(journal: Story) -> None:
    """It has no evidence, and what it saw may be of another cause."""
    run = journal().begin().plan().inject(1.0, active=False)
    run.sample(1.1, 1.2, "bad", "noticed").unit(1.3, "kill_cache@cache", "failed", "no effect")
    for unit in ("noticed", "start_cache@cache", "whole"):
        run.unit(1.4, unit, "blocked")
    run.fault_ended(1.4, 1.5).end(2.0)
    trial = given_by(run)
    assert (trial.verdict, trial.evidence) == ("invalid", False)
    assert {time.missing for time in trial.times.values()} == {"not_measured"}


def test_an_inconclusive_trial_with_a_measured_time_is_evidence(story: Story) -> None:
    """Its bound lies within the interval: to repeat it until it does not would be to choose."""
    bound = [{"fault": "kill_cache", "restored_within": "2200ms"}]
    trial = given_by(story(expect=bound))
    assert (trial.verdict, trial.evidence) == ("inconclusive", True)


def test_the_summary_is_that_of_the_trials(story: Story, journal: Story) -> None:
    """A time-out is censored, never dropped; the numbers are those of the statistics."""
    record = series()
    for run in (story(), story(), unrestored(journal)):
        record = add(record, given_by(run))
    pair = record.trials[0].times["time_to_restore_s"].interval_s
    assert pair is not None
    least_s = record.trials[2].times["time_to_restore_s"].at_least_s
    assert least_s is not None and least_s > 9
    seen = Duration(lower_s=pair[0], upper_s=pair[1])
    unseen = Duration(lower_s=least_s, upper_s=least_s, censored=True)
    assert record.summaries["time_to_restore_s"] == summarise([seen, seen, unseen])
    assert record.summaries["time_to_restore_s"].censored == 1


def test_two_trials_are_refused_a_summary(story: Story) -> None:
    """In the words of the statistics."""
    record = add(add(series(), given_by(story())), given_by(story()))
    mean = record.summaries["time_to_restore_s"].geometric_mean_s
    assert isinstance(mean, Refusal) and "n too small" in mean.why


def test_the_heaviest_trial_decides(story: Story, journal: Story) -> None:
    """One failed trial among passed ones fails the series, and the sentence says which and why."""
    record = series()
    for run in (story(), unrestored(journal), story()):
        record = add(record, given_by(run))
    record = ended(record, SeriesEnd(kind="complete", why="3 trials have evidence"))
    assert (record.verdict, record.exit_code) == ("failed", 1)
    assert record.reason.startswith("3 trials: 2 passed, 1 failed. Trial 2: ")


def test_a_signal_between_two_trials_is_an_abort(story: Story) -> None:
    """All trials passed, and still not all were made."""
    end = SeriesEnd(kind="interrupted", why="SIGTERM came between two trials", exit_code=4)
    record = ended(add(series(), given_by(story())), end)
    assert (record.verdict, record.exit_code) == ("aborted", 4)
    assert "SIGTERM came" in record.reason


def test_a_short_series_says_so(story: Story) -> None:
    """The number that was wanted and the number that came of it."""
    record = ended(add(series(), given_by(story())), SeriesEnd(kind="short", why="Only 1 of 3"))
    assert record.verdict == "passed" and "Only 1 of 3." in record.reason


def test_the_file_follows_its_schema(story: Story, journal: Story) -> None:
    """At every moment: without a trial, with one at work, and at the end."""
    record = series()
    stages = [record, begun(record, "run-1")]
    for run in (story(), story(), unrestored(journal), journal().begin()):
        stages.append(add(stages[-1], given_by(run)))
    stages.append(ended(stages[-1], SeriesEnd(kind="broken_off", why="it was")))
    for stage in stages:
        content = msgspec.json.encode(stage)
        jsonschema.validate(msgspec.json.decode(content), series_schema())
        assert msgspec.json.decode(content, type=SeriesRecord) == stage
