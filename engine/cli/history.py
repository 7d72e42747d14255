"""``breakfix history``: fill the history from journals, and keep it small."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from breakfix.engine.cli.history_options import history_option
from breakfix.engine.errors import UsageError

if TYPE_CHECKING:
    from breakfix.engine.history.keeping import Kept, Pruned
    from breakfix.engine.history.store import History

EPILOG: Final = """\b
Examples:
  breakfix history import artifacts/ nightly.zip
  breakfix history rebuild --history postgresql://ci@db/breakfix
  breakfix history prune --older-than 180d --dry-run

The history is an index over journals: it can always be made again from them. It is
kept in the home, or where BREAKFIX_HISTORY or --history says."""
_SHOWN: Final = 10


@click.group(epilog=EPILOG)
def command() -> None:
    """Fill the history of runs from journals, and keep it small."""


@command.command("rebuild")
@history_option
def rebuild_command(history: str) -> None:
    """Read every journal of the home anew. Runs whose journals are elsewhere stay as they are."""
    from breakfix.engine.history import keeping
    from breakfix.engine.home import runs_dir

    with _open(history) as opened:
        kept = keeping.rebuild(opened, runs_dir())
        click.echo(f"{opened.place.shown}: {_counted(kept)}.")
    _problems(kept)


@command.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@history_option
def import_command(paths: tuple[Path, ...], history: str) -> None:
    """Take in the journals in PATHS: files, folders, zip and tar archives of CI artifacts.

    The hash chain of each is followed first. What is known already changes nothing."""
    from breakfix.engine.history import keeping
    from breakfix.engine.history.journals import journals_in

    with _open(history) as opened:
        kept = keeping.take_in(opened, journals_in(paths))
        if not any((kept.added, kept.replaced, kept.known, kept.problems)):
            raise UsageError("there is no journal in these.", hint="Journals end in .ndjson.")
        click.echo(f"{opened.place.shown}: {_counted(kept)}.")
    _problems(kept)


@command.command("prune")
@click.option(
    "--older-than", required=True, metavar="TIME", help="180d, 12h, or a day: 2026-06-01."
)
@click.option(
    "--even-needed", is_flag=True, help="Also runs that a trend still needs: its newest 50."
)
@click.option("--journals", is_flag=True, help="Delete their folders in the home, too.")
@click.option("--dry-run", is_flag=True, help="Say what would go; nothing is touched.")
@history_option
def prune_command(
    older_than: str, even_needed: bool, journals: bool, dry_run: bool, history: str
) -> None:
    """Forget the runs that began long ago, but not those that a trend still needs: the newest 50 of each key.

    Journals stay where they are, unless --journals is said."""
    from breakfix.engine.cli.history_runs import instant
    from breakfix.engine.history import keeping
    from breakfix.engine.home import runs_dir

    before_s = instant(older_than, time.time())
    with _open(history) as opened:
        pruned = keeping.prunable(opened.rows(), before_s, runs_dir(), even_needed=even_needed)
        if not dry_run:
            keeping.prune(opened, pruned, before_s)
        if not dry_run and journals:
            keeping.delete_folders(pruned.folders)
    _tell(pruned, journals=journals, dry_run=dry_run)


def _tell(pruned: "Pruned", *, journals: bool, dry_run: bool) -> None:
    gone = f"{len(pruned.gone)} {'run' if len(pruned.gone) == 1 else 'runs'}"
    click.echo(f"{gone} {'would be' if dry_run else 'are'} forgotten.")
    if pruned.missed:
        click.echo(f"{pruned.missed} of them a trend still needed: it begins later now.")
    if pruned.needed:
        click.echo(f"{len(pruned.needed)} as old are kept: a trend still needs them.")
    if pruned.folders and journals:
        click.echo(f"{len(pruned.folders)} folders {'would be' if dry_run else 'are'} deleted.")
    elif pruned.folders:
        click.echo(
            f"{len(pruned.folders)} of their journals are still in the home; `breakfix history "
            "rebuild` would bring them back, --journals deletes them."
        )


def _open(history: str) -> "History":
    from breakfix.engine.history.place import place
    from breakfix.engine.history.store import History

    where = place(history)
    if where is None:
        raise UsageError("no history is kept.", hint="Name one by --history.")
    return History(where)


def _counted(kept: "Kept") -> str:
    return f"{kept.added} new, {kept.replaced} read anew, {kept.known} known already"


def _problems(kept: "Kept") -> None:
    """Say which journals were not taken, and end with 5 where there are any."""
    for problem in kept.problems[:_SHOWN]:
        click.echo(problem, err=True)
    if len(kept.problems) > _SHOWN:
        click.echo(f"And {len(kept.problems) - _SHOWN} more.", err=True)
    if kept.problems:
        raise SystemExit(5)
