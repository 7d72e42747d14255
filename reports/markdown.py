"""A run in Markdown: for the summary of a job, or a comment on a pull request."""

from collections.abc import Iterator

from breakfix.engine.timeline.record import EpisodeFacts, Record, Verdict
from breakfix.reports import observers, tables, wording
from breakfix.reports.lines import plain
from breakfix.reports.markdown_text import (
    code,
    escaped,
    fitted,
    folded,
    joined,
    more,
    table,
    word,
)
from breakfix.reports.mermaid import timeline


def render(record: Record, verdict: Verdict, *, picture: str = "") -> str:
    """The report, small enough for a comment. `picture` is the address of the time axis, from where the
    text will be read; without one the time line is drawn as a Mermaid chart."""
    return fitted(lambda rows_max: joined(_blocks(record, verdict, picture, rows_max)))


def body(record: Record, verdict: Verdict, *, picture: str, rows_max: int) -> Iterator[str]:
    """All of it below the heading, block by block; no list is longer than `rows_max`."""
    yield f"{escaped(verdict.reason)} {escaped(observers.people_saw(record))}".strip()
    yield _notes(verdict, rows_max)
    yield escaped(wording.certificate(record))
    for episode in wording.detailed(record):
        yield _episode(episode, record)
    yield _expectations(verdict, rows_max)
    if picture:
        yield f"![The time axis of the run](<{_address(picture)}>)"
    else:
        yield timeline(record, rows_max)
    yield folded("Steps", _steps(record, rows_max))
    yield folded("How to repeat and check it", _source(record))


def _blocks(record: Record, verdict: Verdict, picture: str, rows_max: int) -> Iterator[str]:
    name = record.run.scenario or "A run that never began"
    yield f"## {escaped(name)}: {word(verdict.verdict)}"
    yield from body(record, verdict, picture=picture, rows_max=rows_max)


def _notes(verdict: Verdict, rows_max: int) -> str:
    shown = verdict.notes[: min(rows_max, 20)]
    left = more(len(verdict.notes), len(shown), "reasons")
    return "\n".join([*(f"- {escaped(note)}" for note in shown), left]).strip()


def _episode(episode: EpisodeFacts, record: Record) -> str:
    measured = episode.measured
    figures = [
        wording.restored(measured),
        *wording.parts(measured),
        *(f for f in wording.other_figures(measured)),
    ]
    about = "The worst episode" if len(record.episodes) > 2 else "Recovery from"
    title = f"{about} {escaped(wording.episode_title(episode))}"
    rows = [
        (escaped(f.name), f"**{escaped(f.value)}** {escaped(f.ends)}".strip(), escaped(f.note))
        for f in figures
    ]
    return joined(
        [f"**{title}**", table(("time", "value", "from"), rows), escaped(wording.healer(measured))]
    ).strip()


def _expectations(verdict: Verdict, rows_max: int) -> str:
    """Those that do not hold come first, so that they are never the ones that are left out."""
    rows = sorted(verdict.rows, key=lambda row: row.verdict == "passed")
    shown = [
        (word(row.verdict), escaped(wording.claim(row)), escaped(row.observed))
        for row in rows[:rows_max]
    ]
    cells = table(("expectation", "claim", "observed"), shown)
    return joined([cells, more(len(rows), len(shown), "expectations")]).strip()


def _steps(record: Record, rows_max: int) -> str:
    lines = tables.step_lines(record)
    shown = [
        (
            code(line.name), line.phase, line.state, line.start, line.run, line.check,
            escaped(line.reason),
        )
        for line in lines[:rows_max]
    ]  # fmt: skip
    head = ("step", "phase", "outcome", "start", "run", "check", "reason")
    left = more(len(record.units), len(shown), "steps")
    return joined([table(head, shown), left]).strip()


def _source(record: Record) -> str:
    rows = [
        (name, code(value) if name in wording.LITERAL else escaped(value))
        for name, value in wording.provenance(record)
    ]
    notes = [f"- {escaped(note)}" for note in wording.not_observed(record)]
    return joined([table(("what", "value"), rows), "\n".join(notes)]).strip()


def _address(picture: str) -> str:
    """An address that cannot end the brackets around it."""
    return plain(picture).replace(" ", "%20").replace("<", "%3C").replace(">", "%3E")
