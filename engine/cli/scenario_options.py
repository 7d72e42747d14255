"""Options that several commands share: inputs, environment, seed."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec import Struct

from breakfix.engine.errors import UsageError
from breakfix.engine.model import Scenario

F = TypeVar("F", bound=Callable[..., Any])
SEED_BITS = 31


class Chosen(Struct, frozen=True, kw_only=True):
    """A valid scenario with all that was chosen for it."""

    scenario: Scenario
    inputs: dict[str, Any]
    file: Path
    file_sha256: str
    env: str
    seed: int
    warnings: tuple[str, ...]


class Outputs(Struct, frozen=True, kw_only=True):
    """Where a run's reports and its metrics go, beside the terminal."""

    report_dir: Path | None = None
    gateway: str = ""


def input_options(function: F) -> F:
    """``--input`` and ``--inputs``."""
    function = click.option("--input", "given", multiple=True, metavar="NAME=VALUE")(function)
    return click.option(
        "--inputs", "file", type=click.Path(path_type=Path), help="A YAML file of inputs."
    )(function)


def scenario_options(function: F) -> F:
    """The options of a command that loads one scenario; its parameter `chosen` is a function that
    loads it."""
    function = click.option("--input", "given", multiple=True, metavar="NAME=VALUE")(function)
    function = click.option(
        "--inputs", "inputs_file", type=click.Path(path_type=Path), help="A YAML file of inputs."
    )(function)
    function = click.option("--env", default="", help="Where this runs: one of `allowed_on`.")(
        function
    )
    return click.option("--seed", type=int, help="Repeats a random choice.")(function)


def given_inputs(given: tuple[str, ...], file: Path | None) -> dict[str, Any]:
    """The inputs of the command line; what stands there wins over the file. Raises UsageError."""
    found: dict[str, Any] = {}
    if file is not None:
        from breakfix.engine.document import read

        data = read(file).data
        if not isinstance(data, dict):
            raise UsageError(f"{file} is no mapping of inputs.")
        found.update(data)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--input {text} is not NAME=VALUE.")
        found[name] = value
    return found


def choose(
    file: Path, given: tuple[str, ...], inputs_file: Path | None, env: str, seed: int | None
) -> Chosen:
    """Load a scenario. Raises DocumentError with all its problems, UsageError for a wrong --env."""
    from breakfix.engine.validate import load

    checked = load(file, given_inputs(given, inputs_file))
    assert checked.scenario is not None
    allowed = checked.scenario.allowed_on
    if allowed and env not in allowed:
        raise UsageError(
            f"{file} runs only on {', '.join(allowed)}.", hint=f"Say --env {allowed[0]}."
        )
    return Chosen(
        scenario=checked.scenario,
        inputs=checked.inputs,
        file=file,
        file_sha256=checked.text_sha256,
        env=env,
        seed=secrets.randbits(SEED_BITS) if seed is None else seed,
        warnings=tuple(str(problem) for problem in checked.problems),
    )
