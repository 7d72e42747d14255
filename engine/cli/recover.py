"""``breakfix recover``."""

import click


@click.command(epilog="\b\nExamples:\n  breakfix recover --all\n  breakfix recover last")
@click.argument("run", required=False)
@click.option("--all", "every", is_flag=True, help="Every run on this machine.")
def command(run: str | None, every: bool) -> None:
    """End every fault that a dead run left open; a run that is alive is never touched."""
    from breakfix.engine import home
    from breakfix.engine.errors import BreakfixError, UsageError
    from breakfix.engine.recover import recover

    if run is None and not every:
        raise UsageError("name a run, or say --all.")
    paths = (
        [home.find_journal(run)]
        if run
        else [home.run_dir(run_id) / home.JOURNAL for run_id in home.run_ids()]
    )
    clean = True
    for path in paths:
        name = path.parent.name
        try:
            done = recover(path, "recover", wait=False)
        except BlockingIOError:
            click.echo(f"{name}: is alive, left alone")
            continue
        except BreakfixError as error:
            clean = False
            click.echo(f"{name}: {error}", err=True)
            continue
        clean = clean and done.clean
        for sentence in done.said or ("nothing is open",):
            click.echo(f"{name}: {sentence}")
    if not clean:
        raise SystemExit(6)
