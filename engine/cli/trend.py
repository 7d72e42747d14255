"""``breakfix trend``: what all comparable runs say together."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from breakfix.engine.cli.history_runs import choice_of, choice_options, in_words, open_history
from breakfix.engine.cli.output import form_option, give, out_option, wants_color

EXAMPLES = """\b
Examples:
  breakfix trend
  breakfix trend --scenario checkout --label branch=main --since 180d
  breakfix trend --format html --out trend.html

Runs are compared only with runs of the same key: the same class of targets, faults,
repairs, load and probes, in the same environment, by the same major version."""


@click.command(epilog=EXAMPLES)
@choice_options
@click.option("--key", default="", help="Only runs with this key.")
@form_option(["text", "json", "html"])
@out_option
def command(form: str, out: Path | None, history: str, **options: Any) -> None:
    """Show how the times of recovery developed: medians, changes, what each service was last proven to bear, and
    which problems were found and fixed."""
    from breakfix.engine.trend import trend
    from breakfix.reports import json, trend_html, trend_text

    asked = in_words(options)
    choice = choice_of(options)
    with open_history(history) as (opened, kept):
        rows = opened.rows(choice)
        shown = opened.place.shown
    for problem in kept.problems:
        click.echo(f"warning: {problem}", err=True)
    record = trend(rows, as_of_wall_s=time.time(), history=shown, asked=asked)
    if form == "json":
        content = json.document(record)
    elif form == "html":
        content = trend_html.render(record)
    else:
        content = trend_text.render(record, color=out is None and wants_color(sys.stdout))
    give(content, out)
