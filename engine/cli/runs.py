"""``breakfix runs``: the runs of the history, newest first."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from breakfix.engine.cli.history_runs import choice_of, choice_options, open_history, verdict_option
from breakfix.engine.cli.output import form_option, write

if TYPE_CHECKING:
    from breakfix.engine.trend.row import RunRow
    from breakfix.engine.trials import TrialTime

EXAMPLES = """\b
Examples:
  breakfix runs
  breakfix runs --scenario demo --verdict failed --since 7d
  breakfix runs --label version=1.4.2 --format json"""


class RunLine(Struct, frozen=True, kw_only=True):
    """One run. Of a broken journal, only `error` says something. Runs with equal keys may be compared."""

    run_id: str
    journal: str
    scenario: str = ""
    began: str = ""
    verdict: str = ""
    exit_code: int | None = None
    reason: str = ""
    time_to_restore_s: tuple[float, float] | None = None
    restored: str = ""
    """The same in words, or why there is none."""
    labels: dict[str, str] = {}
    env: str = ""
    key: str = ""
    series: str = ""
    error: str = ""


@click.command(epilog=EXAMPLES)
@choice_options
@verdict_option
@click.option("--key", default="", help="Only those that may be compared: with this key.")
@click.option("--series", default="", help="Only the trials of this series.")
@click.option(
    "--limit", "newest", type=click.IntRange(min=1), metavar="N", help="No more than N, the newest."
)
@form_option(["text", "json"])
def command(form: str, history: str, **options: Any) -> None:
    """List the runs: when, what they proved, and how long the service took to be whole again."""
    from breakfix.engine.home import runs_dir

    filtered = any(options.values())
    choice = choice_of(options)
    with open_history(history) as (opened, kept):
        lines = [line_of(row) for row in reversed(opened.rows(choice))]
    if not filtered:
        lines += [_broken(problem) for problem in kept.problems]
        # The id of a run begins with its time.
        lines.sort(key=lambda line: line.run_id, reverse=True)
    if form == "json":
        import msgspec

        document = msgspec.json.format(msgspec.json.encode(lines), indent=2).decode()
        write(sys.stdout, document + "\n")
    elif lines:
        write(sys.stdout, table(lines))
    elif filtered:
        write(sys.stdout, "No run is like that.\n")
    else:
        write(sys.stdout, f"No runs under {runs_dir()}. `breakfix init` writes a first scenario.\n")


def line_of(row: "RunRow") -> RunLine:
    """What the history knows of one run."""
    from breakfix.reports.wording import day_and_time

    restored = row.times.get("time_to_restore_s")
    return RunLine(
        run_id=row.run_id,
        journal=row.journal,
        scenario=row.scenario,
        began=day_and_time(row.began_wall_s),
        verdict=row.verdict if row.complete else "unfinished",
        exit_code=row.exit_code if row.complete else None,
        reason=row.reason,
        time_to_restore_s=restored.interval_s if restored is not None else None,
        restored=_restored(restored),
        labels=row.labels,
        env=row.env,
        key=row.key,
        series=row.series,
    )


def _restored(time: "TrialTime | None") -> str:
    from breakfix.engine.timeline.words import with_interval
    from breakfix.engine.values import format_seconds

    if time is None:
        return ""
    if time.interval_s is not None:
        return with_interval(time.interval_s)
    if time.missing == "censored":
        return f"over {format_seconds(time.at_least_s or 0.0)}"
    return "absorbed" if time.missing == "absorbed" else ""


def _broken(problem: str) -> RunLine:
    """A journal of the home that cannot be read; its path begins what is said of it."""
    path = Path(problem.partition(".ndjson")[0] + ".ndjson")
    return RunLine(run_id=path.parent.name, journal=str(path), error=problem)


def table(lines: list[RunLine]) -> str:
    """The lines in columns; those of labels and series only where any run has some."""
    from breakfix.reports.lines import plain

    heads = ("RUN", "SCENARIO", "BEGAN", "VERDICT", "RESTORED IN", "LABELS", "SERIES")
    rows = [heads, *(tuple(_cells(line)) for line in lines)]
    shown = [i for i in range(len(heads)) if i < 5 or any(row[i] for row in rows[1:])]
    cleaned = [tuple(plain(row[i]) for i in shown) for row in rows]
    widths = [max(len(row[column]) for row in cleaned) for column in range(len(shown))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in cleaned
    )


def _cells(line: RunLine) -> Iterator[str]:
    if line.error:
        yield from (line.run_id, "", "", "broken", line.error, "", "")
        return
    labels = ", ".join(f"{name}={value}" for name, value in line.labels.items())
    yield from (line.run_id, line.scenario, line.began, line.verdict, line.restored or "-")
    # The end of a series' id is its own; the rest of it is in each line already.
    yield from (labels, line.series.rpartition("-")[2])
