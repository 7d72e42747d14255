"""The reports of a gate: what several files came to, in the forms that CI systems take."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from breakfix.engine.gate import GateFile, GateRecord
from breakfix.engine.timeline.record import Record, Verdict
from breakfix.engine.trials import SeriesRecord
from breakfix.reports import junit, markdown, openmetrics, series_markdown, series_words, wording
from breakfix.reports.junit_xml import Case, Suite, document
from breakfix.reports.markdown_text import code, escaped, fitted, folded, joined, more, table, word

_OPEN_MAX: Final = 3
"""So many files that did not pass are shown unfolded."""


class Shown(Struct, frozen=True, kw_only=True):
    """One file with all that its reports are made from. `runs` need no samples any more, which are the bulk
    of a record; `suites` have been made with them. `picture` is the address of its time axis."""

    file: GateFile
    runs: tuple[tuple[Record, Verdict], ...] = ()
    suites: tuple[Suite, ...] = ()
    series: SeriesRecord | None = None
    picture: str = ""


# --- Markdown ---


def summary(gate: GateRecord, shown: Sequence[Shown]) -> str:
    """The summary in Markdown, small enough for a comment: a table of the files, then each of them."""
    return fitted(lambda rows_max: joined(_blocks(gate, shown, rows_max)))


def _blocks(gate: GateRecord, shown: Sequence[Shown], rows_max: int) -> Iterator[str]:
    yield f"## breakfix: {_word(gate.verdict)}"
    yield escaped(gate.reason)
    yield "\n".join(f"- {escaped(trouble)}" for trouble in gate.trouble)
    # What did not pass comes first, so that it is never what is left out.
    ordered = sorted(shown, key=lambda one: one.file.exit_code == 0)
    rows = [
        (
            _word(one.file.verdict), escaped(one.file.scenario or "\u2013"), code(one.file.file),
            str(len(one.file.trials) or "\u2013"), _restored(one), escaped(one.file.reason),
        )
        for one in ordered[:rows_max]
    ]  # fmt: skip
    yield table(("verdict", "scenario", "file", "runs", "time to restore", "reason"), rows)
    yield more(len(shown), len(rows), "files")
    for index, one in enumerate(ordered[:rows_max]):
        yield _section(one, rows_max, unfolded=one.file.exit_code != 0 and index < _OPEN_MAX)


def _word(verdict: str) -> str:
    return word(verdict.replace("_", " "))


def _restored(one: Shown) -> str:
    """The time to restore: of one run its worst episode, of trials what is told first of them."""
    if one.series is not None:
        for metric in series_words.metric_lines(one.series):
            if metric.name == series_words.NAMES["time_to_restore_s"] and metric.figures:
                first = metric.figures[0]
                return f"{escaped(first.value)} {escaped(first.ends)} ({escaped(first.name)})"
        return "\u2013"
    episode = wording.worst_episode(one.runs[-1][0]) if one.runs else None
    if episode is None:
        return "\u2013"
    figure = wording.restored(episode.measured)
    return f"{escaped(figure.value)} {escaped(figure.ends)}".strip()


def _section(one: Shown, rows_max: int, *, unfolded: bool) -> str:
    body = joined(_told(one, rows_max)).strip()
    title = f"{escaped(one.file.scenario or one.file.file)}: {_word(one.file.verdict)}"
    return f"### {title}\n\n{body}" if unfolded and body else folded(title, body)


def _told(one: Shown, rows_max: int) -> Iterator[str]:
    problems = [f"- {escaped(str(problem))}" for problem in one.file.problems[:rows_max]]
    yield "\n".join(problems)
    if one.series is not None:
        yield from series_markdown.body(one.series, rows_max)
        if worst := _worst(one):
            number, (record, verdict) = worst
            told = joined(markdown.body(record, verdict, picture="", rows_max=rows_max)).strip()
            yield folded(f"Trial {number}: {word(verdict.verdict)}", told)
    elif one.runs:
        record, verdict = one.runs[0]
        yield from markdown.body(record, verdict, picture=one.picture, rows_max=rows_max)
    if one.runs:
        yield f"The whole reports are in {code(f'{one.file.folder}/')}."


def _worst(one: Shown) -> tuple[int, tuple[Record, Verdict]] | None:
    """The first trial that gave the file its exit code; of passed ones, none."""
    for number, (record, verdict) in enumerate(one.runs, 1):
        if verdict.exit_code and verdict.exit_code == one.file.exit_code:
            return number, (record, verdict)
    return None


# --- JUnit and metrics ---


def junit_xml(gate: GateRecord, shown: Sequence[Shown]) -> str:
    """A suite for each run; one with an error for each file that has none."""
    suites: list[Suite] = []
    for one in shown:
        suites += one.suites
        if one.series is not None:
            suites.append(junit.series_suite(one.series))
        elif not one.suites:
            suites.append(_without_run(one.file, gate.began_wall_s))
    return document(suites)


def _without_run(file: GateFile, began_wall_s: float) -> Suite:
    name = file.scenario or file.file
    case = Case(
        group=f"{name}.run",
        name="verdict",
        outcome="error" if file.exit_code else "skipped",
        kind=file.verdict,
        message=file.reason,
        text="\n".join(str(problem) for problem in file.problems),
    )
    return Suite(
        name=name,
        cases=[case],
        properties=[("breakfix.file", file.file), ("breakfix.verdict", file.verdict)],
        began_wall_s=began_wall_s,
        output=file.reason,
    )


def metrics(shown: Sequence[Shown]) -> str:
    """The OpenMetrics text of all runs."""
    return openmetrics.text(openmetrics.measured(run for one in shown for run in one.runs))
