"""Options that several commands share: labels, the history, and which runs of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from breakfix.engine.errors import UsageError

if TYPE_CHECKING:
    from breakfix.engine.run.session import RunDone

F = TypeVar("F", bound=Callable[..., Any])


def history_option(function: F) -> F:
    """``--history``."""
    return click.option(
        "--history",
        "history",
        default="",
        metavar="FILE|URL",
        help="Where the history is kept (BREAKFIX_HISTORY, else in the home); `none`: nowhere.",
    )(function)


def label_option(function: F) -> F:
    """``--label``, of a run."""
    return click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="NAME=VALUE",
        help="Keep this with the run: version=1.4.2, branch=main.",
    )(function)


def given_labels(given: tuple[str, ...], option: str = "--label") -> dict[str, str]:
    """The labels of the command line. Raises UsageError."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{option} {text} is not NAME=VALUE.")
        found[name.strip()] = value
    return found


def warn_of_history(done: "RunDone") -> None:
    """Say why a run is not in the history; its exit code is what it is."""
    if done.history_problem:
        click.echo(f"warning: run {done.run_id}: {done.history_problem}", err=True)
