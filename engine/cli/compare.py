"""``breakfix compare``: two runs side by side."""

import sys
from pathlib import Path

import click

from breakfix.engine.cli.output import form_option, give, out_option, wants_color

EXAMPLES = """\b
Examples:
  breakfix compare 20261126-081502-cache_outage-3f2a last
  breakfix compare main.ndjson branch.ndjson --format html --out compare.html"""


@click.command(epilog=EXAMPLES)
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@form_option(["text", "json", "html"])
@out_option
def command(first: str, second: str, form: str, out: Path | None) -> None:
    """Show two runs side by side; each RUN is its id, a part of it, `last`, a folder or a journal.

    What is not comparable is said, and shown all the same."""
    from breakfix.engine.cli.report import record_of
    from breakfix.engine.trend import compare
    from breakfix.reports import comparison_html, comparison_text, json

    found = compare(record_of(first), record_of(second))
    if form == "json":
        content = json.document(found)
    elif form == "html":
        content = comparison_html.render(found)
    else:
        content = comparison_text.render(found, color=out is None and wants_color(sys.stdout))
    give(content, out)
