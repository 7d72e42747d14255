"""``breakfix runs``: the runs that are kept under the home, newest first."""

import sys
from pathlib import Path

import click
from msgspec import Struct

from breakfix.engine.errors import BreakfixError

EXAMPLES = """\b
Examples:
  breakfix runs
  breakfix runs --format json"""


class RunLine(Struct, frozen=True, kw_only=True):
    """One run. Of a broken journal, only `error` says something."""

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
    error: str = ""


@click.command(epilog=EXAMPLES)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to write.",
)
def command(form: str) -> None:
    """List the runs: when, what they proved, and how long the service took to be whole again."""
    from breakfix.engine.cli.report import write
    from breakfix.engine.home import runs_dir

    folder = runs_dir()
    lines = [line_of(path) for path in journals(folder)]
    if form == "json":
        import msgspec

        document = msgspec.json.format(msgspec.json.encode(lines), indent=2).decode()
        write(sys.stdout, document + "\n")
    elif lines:
        write(sys.stdout, table(lines))
    else:
        write(sys.stdout, f"No runs under {folder}. `breakfix init` writes a first scenario.\n")


def journals(folder: Path) -> list[Path]:
    """The journals of all runs, newest first: a run's id begins with its time."""
    try:
        return sorted(folder.glob("*/journal.ndjson"), reverse=True)
    except OSError:
        return []


def line_of(path: Path) -> RunLine:
    """What one journal tells; a broken one is a line too."""
    from breakfix.engine.journal import read
    from breakfix.engine.timeline import fold
    from breakfix.engine.verdict import judge
    from breakfix.reports import wording

    try:
        record = fold(read(path))
    except (BreakfixError, OSError, ValueError) as error:
        return RunLine(run_id=path.parent.name, journal=str(path), error=str(error))
    verdict = judge(record)
    worst = wording.worst_episode(record)
    restored = wording.restored(worst.measured) if worst is not None else None
    return RunLine(
        run_id=record.run.run_id or path.parent.name,
        journal=str(path),
        scenario=record.run.scenario,
        began=wording.when(record),
        verdict=verdict.verdict if record.run.complete else "unfinished",
        exit_code=verdict.exit_code if record.run.complete else None,
        reason=verdict.reason,
        time_to_restore_s=worst.measured.metrics.time_to_restore_s if worst is not None else None,
        restored="" if restored is None else f"{restored.value} {restored.ends}".strip(),
    )


def table(lines: list[RunLine]) -> str:
    """The lines in columns."""
    from breakfix.reports.lines import plain

    head = ("RUN", "SCENARIO", "BEGAN", "VERDICT", "RESTORED IN")
    rows = [
        (line.run_id, "", "", "broken", line.error)
        if line.error
        else (line.run_id, line.scenario, line.began, line.verdict, line.restored or "-")
        for line in lines
    ]
    cleaned = [tuple(plain(cell) for cell in row) for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cleaned) for column in range(len(head))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in cleaned
    )
