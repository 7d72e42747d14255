"""``breakfix actions``: the catalogue."""

import json
from typing import Final

import click
import msgspec

from breakfix.engine.catalogue import ActionSpec, declared, suggestion
from breakfix.engine.cli.action_text import as_list, as_text
from breakfix.engine.cli.output import form_option
from breakfix.engine.errors import UsageError

EPILOG: Final = """\b
Examples:
  breakfix actions
  breakfix actions docker
  breakfix actions docker.kill
  breakfix actions --format json"""


@click.command(epilog=EPILOG)
@click.argument("name", required=False)
@form_option(["text", "json"])
def command(name: str | None, form: str) -> None:
    """List the faults, repairs and probes; of one family; or tell all of the action NAME."""
    specs = declared()
    chosen = _chosen(specs, name)
    if form == "json":
        click.echo(json.dumps(msgspec.to_builtins(chosen), indent=2))
    elif name in specs:
        click.echo(as_text(chosen[0]))
    else:
        click.echo(as_list(chosen))


def _chosen(specs: dict[str, ActionSpec], name: str | None) -> list[ActionSpec]:
    if name is None:
        return list(specs.values())
    if name in specs:
        return [specs[name]]
    family = [spec for spec in specs.values() if spec.name.startswith(f"{name}.")]
    if not family:
        raise UsageError(f"there is no action {name!r}.", hint=suggestion(name))
    return family
