"""``breakfix recover``: end what dead runs left open."""

from pathlib import Path
from typing import Final

import click

EPILOG: Final = """\b
Examples:
  breakfix recover --all --dry-run
  breakfix recover --all
  breakfix recover --run last
  breakfix recover --journal copied.ndjson

\b
Exit codes: 0 nothing is open any more, 6 something is, 5 a journal cannot be read."""


@click.command(epilog=EPILOG)
@click.option("--all", "every", is_flag=True, help="Every run that this user can see.")
@click.option("--run", "run", metavar="RUN", help="A run's id, a part of it, or `last`.")
@click.option(
    "--journal",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A journal file from anywhere, also from another machine.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done; touch nothing.")
def command(every: bool, run: str | None, journal: Path | None, dry_run: bool) -> None:
    """End every fault that a dead run left open, any number of times; a run that is alive is never
    touched."""
    from breakfix.engine import machine
    from breakfix.engine.errors import UsageError
    from breakfix.engine.home import find_journal

    if [every, run is not None, journal is not None].count(True) != 1:
        raise UsageError("say what to recover: one of --all, --run RUN, --journal FILE.")
    if journal is not None:
        paths = [journal]
    elif run is not None:
        paths = [find_journal(run)]
    else:
        paths = machine.journals()
    codes = {_one(path, dry_run=dry_run, quiet=every) for path in paths}
    if every and codes <= {None}:
        click.echo("Nothing is open.")
    if heaviest := max((code for code in codes if code is not None), default=0):
        raise SystemExit(heaviest)


def _one(path: Path, *, dry_run: bool, quiet: bool) -> int | None:
    """The exit code for one journal; None where there was nothing to do."""
    from breakfix.engine.errors import BreakfixError
    from breakfix.engine.home import JOURNAL
    from breakfix.engine.journal import is_held
    from breakfix.engine.recover import RESIDUE_EXIT, Recovered, outlook, recover

    name = path.parent.name if path.name == JOURNAL else path.name
    try:
        if dry_run and not is_held(path):
            done = Recovered(clean=True, said=outlook(path))
        elif dry_run:
            raise BlockingIOError
        else:
            done = recover(path, "recover", wait=False)
    except BlockingIOError:
        click.echo(f"{name}: is alive, left alone")
        return 0
    except BreakfixError as error:
        click.echo(f"{name}: {error}", err=True)
        return error.exit_code
    for sentence in done.said or ([] if quiet else ["nothing is open"]):
        click.echo(f"{name}: {sentence}")
    if not done.clean:
        return RESIDUE_EXIT
    return 0 if done.said else None
