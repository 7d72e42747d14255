"""``breakfix validate``."""

import json
from pathlib import Path

import click
import msgspec

from breakfix.engine.cli.output import form_option
from breakfix.engine.cli.scenario_options import given_inputs, input_options


@click.command(epilog="\b\nExample:\n  breakfix validate scenarios/*.yaml")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@input_options
@form_option(["text", "json"])
def command(files: tuple[Path, ...], given: tuple[str, ...], file: Path | None, form: str) -> None:
    """Check scenario FILES; exit code 2 where one has an error."""
    from breakfix.engine.validate import check

    inputs = given_inputs(given, file)
    checked = [check(path, inputs) for path in files]
    problems = [problem for one in checked for problem in one.problems]
    if form == "json":
        click.echo(json.dumps(msgspec.to_builtins(problems), indent=2))
    else:
        for problem in problems:
            click.echo(str(problem))
        for path, one in zip(files, checked, strict=True):
            if one.scenario is not None:
                click.echo(f"{path}: valid")
    if any(one.scenario is None for one in checked):
        raise SystemExit(2)
