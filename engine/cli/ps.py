"""``breakfix ps``: what is broken right now."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click
import msgspec

from breakfix.engine.cli.output import form_option

if TYPE_CHECKING:
    from breakfix.engine.open_runs import OpenFaultFacts

EPILOG: Final = """\b
Examples:
  breakfix ps
  breakfix ps --format json

Exit code 0, also where something is broken."""


@click.command(epilog=EPILOG)
@form_option(["text", "json"])
def command(form: str) -> None:
    """Show what is broken on this machine, by which run, until when, and who ends it."""
    from breakfix.engine.machine import halted
    from breakfix.engine.open_runs import open_runs

    runs, since = open_runs(), halted()
    if form == "json":
        click.echo(json.dumps({"halted": since, "runs": msgspec.to_builtins(runs)}, indent=2))
        return
    if since:
        click.echo(f"All runs are halted since {since} (breakfix halt --release)")
    if not runs:
        click.echo("Nothing is broken, and no run is alive.")
    for run in runs:
        state = f"alive ({run.role}, pid {run.pid})" if run.alive else "dead"
        click.echo(f"{run.run_id}: {state}, {_count(len(run.faults), 'open fault')}")
        for line in _lines(run.faults, time.time()):
            click.echo(f"  {line}")
        if run.processes:
            click.echo(f"  {_count(run.processes, 'process target')}")
        if run.faults or run.processes:
            click.echo(f"  ended by {run.ends}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _lines(faults: "Sequence[OpenFaultFacts]", now_s: float) -> "Iterator[str]":
    """Each fault; those of a step on many targets together, with the one that is there for longest."""
    from breakfix.reports.fan_out import WIDE
    from breakfix.reports.ranges import named

    by_step: dict[tuple[str, str], list[OpenFaultFacts]] = {}
    for fault in faults:
        by_step.setdefault((fault.step, fault.action), []).append(fault)
    for own in by_step.values():
        if len(own) <= WIDE:
            yield from (_words(fault, now_s) for fault in own)
            continue
        oldest = min(own, key=lambda fault: fault.since_wall_s or now_s)
        names = named((fault.target for fault in own), most=6)
        yield f"{len(own)} open faults like: {_words(oldest, now_s)}"
        yield f"  on {names}"


def _words(fault: "OpenFaultFacts", now_s: float) -> str:
    from breakfix.engine.values import format_seconds

    words = f"{fault.step}: {fault.action} on {fault.target or 'this machine'}"
    if fault.since_wall_s is None or fault.until_wall_s is None:
        return f"{words}, intended"
    words += f", for {format_seconds(max(0.0, now_s - fault.since_wall_s))}"
    left_s = fault.until_wall_s - now_s
    return words + (
        f", at most {format_seconds(left_s)} more" if left_s > 0 else ", its time is over"
    )
