"""``breakfix undo``: end one fault of a run that goes on."""

from typing import Final

import click

EPILOG: Final = """\b
Example:
  breakfix undo last kill_cache

\b
Exit codes: 0 it is being undone, 2 there is no such open fault, 5 the run does not answer."""


@click.command(epilog=EPILOG)
@click.argument("run")
@click.argument("step")
def command(run: str, step: str) -> None:
    """End the fault of STEP in RUN (an id, or `last`) now; the run goes on."""
    from breakfix.engine.control import Request, ask
    from breakfix.engine.errors import UsageError
    from breakfix.engine.home import find_journal
    from breakfix.engine.journal import is_held

    journal = find_journal(run)
    if not is_held(journal):
        raise UsageError(
            f"run {journal.parent.name} is not alive.", hint="breakfix recover ends what it left."
        )
    answer = ask(journal.parent, Request(op="undo", step=step))
    if not answer.ok:
        raise UsageError(answer.message)
    click.echo(answer.message)
