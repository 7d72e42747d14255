"""``breakfix halt``: stop every run, and let none begin."""

import time
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from breakfix.engine.open_runs import OpenRun

EPILOG: Final = """\b
Examples:
  breakfix halt --why "customers are affected"
  breakfix halt --release

\b
Exit codes: 0 every run has ended, 5 one has not within a minute,
6 one has ended and left something behind."""
ENDED_WITHIN_S: Final = 60.0
LOOK_EVERY_S: Final = 0.1


@click.command(epilog=EPILOG)
@click.option("--why", default="", help="Shown to whoever wants to begin a run.")
@click.option("--release", "released", is_flag=True, help="Let runs begin again.")
def command(why: str, released: bool) -> None:
    """Stop every run on this machine in order, its faults undone, and refuse new ones."""
    from breakfix.engine import machine
    from breakfix.engine.open_runs import open_runs

    if released:
        click.echo("Runs may begin." if machine.release() else "Runs could begin before.")
        return
    machine.engage(why)
    _stop_all()
    click.echo("No run is alive. None begins until `breakfix halt --release`.")
    if left := open_runs():
        for run in left:
            click.echo(f"{run.run_id}: something is left open: see `breakfix ps`", err=True)
        raise SystemExit(6)


def _stop_all() -> None:
    from breakfix.engine.errors import EngineError
    from breakfix.engine.open_runs import open_runs

    asked: set[str] = set()
    end_s = time.monotonic() + ENDED_WITHIN_S
    while left := [run for run in open_runs() if run.alive]:
        if time.monotonic() > end_s:
            names = ", ".join(run.run_id for run in left)
            raise EngineError(f"{names} has not ended.", hint="See `breakfix ps`.")
        asked |= {run.run_id for run in left if run.run_id not in asked and _ask(run)}
        time.sleep(LOOK_EVERY_S)


def _ask(run: "OpenRun") -> bool:
    """Whether it has answered; one that has only begun, or is ending, may not yet or no more."""
    from pathlib import Path

    from breakfix.engine.control import Request, ask
    from breakfix.engine.errors import EngineError

    try:
        answer = ask(Path(run.folder), Request(op="halt"))
    except EngineError:
        return False
    click.echo(f"{run.run_id}: {answer.message}")
    return True
