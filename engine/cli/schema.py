"""``breakfix schema``: the published JSON Schemas."""

from typing import Final

import click

NAMES: Final = ("scenario", "journal", "record", "series", "gate", "trend", "comparison")
EPILOG: Final = """\b
Examples:
  breakfix schema > scenario.v1.json
  breakfix schema journal"""


@click.command(epilog=EPILOG)
@click.argument("name", type=click.Choice(NAMES), default=NAMES[0])
def command(name: str) -> None:
    """Print the schema of NAME (of scenarios, where none is given)."""
    from breakfix.engine.catalogue import schema_file

    click.echo(schema_file(f"{name}.v1.json").read_text(encoding="utf-8"), nl=False)
