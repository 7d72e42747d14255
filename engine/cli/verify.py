"""``breakfix verify``."""

import click


@click.command(epilog="\b\nExample:\n  breakfix verify last")
@click.argument("run")
def command(run: str) -> None:
    """Check the hash chain of the journal of RUN (an id, a folder, a file or `last`)."""
    from breakfix.engine.home import find_journal
    from breakfix.engine.journal import verify

    found = verify(find_journal(run))
    for problem in found.problems:
        click.echo(problem, err=True)
    if found.problems:
        raise SystemExit(5)
    click.echo(f"{found.lines} lines, whole; head {found.head}")
