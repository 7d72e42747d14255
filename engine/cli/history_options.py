"""Options that several commands share: labels, the history, and which runs of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from breakfix.engine.errors import UsageError
from breakfix.engine.model import Expectation, NotWorseThan

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


def against_options(function: F) -> F:
    """``--against`` and what belongs to it; `against_of` reads them."""
    for option in reversed(
        (
            click.option(
                "--against",
                default="",
                metavar="HISTORY",
                help="Expect each file to be no worse than its earlier runs there: a file, a URL, or `home`.",
            ),
            click.option(
                "--where",
                multiple=True,
                metavar="NAME=VALUE",
                help="Only earlier runs with this label count: branch=main.",
            ),
            click.option(
                "--runs",
                type=click.IntRange(1, 200),
                default=20,
                show_default=True,
                help="So many earlier runs, the newest.",
            ),
            click.option(
                "--margin",
                type=click.FloatRange(1, 10, min_open=True),
                default=1.25,
                show_default=True,
                help="It may take so many times as long.",
            ),
            click.option(
                "--metric",
                type=click.Choice(["time_to_detect", "time_to_mitigate", "time_to_restore"]),
                default="time_to_restore",
                show_default=True,
                help="What is compared.",
            ),
            click.option(
                "--inconclusive",
                type=click.Choice(["pass", "fail"]),
                help="What it comes to where nobody can tell; without this, exit code 3.",
            ),
        )
    ):
        function = option(function)
    return function


def against_of(options: dict[str, Any]) -> tuple[str, Expectation | None]:
    """The history that is asked for, and the row that each file expects in addition; takes them out of the
    options. Raises UsageError."""
    from breakfix.engine.history.place import place

    given = {name: options.pop(name) for name in ("against", "where", "runs", "margin")}
    metric, inconclusive = options.pop("metric"), options.pop("inconclusive")
    where = given_labels(given["where"], "--where")
    if not given["against"]:
        if where or inconclusive:
            raise UsageError("--where and --inconclusive belong to --against.")
        return "", None
    if place(given["against"]) is None:
        raise UsageError("--against none compares with nothing.", hint="Name a history, or `home`.")
    asked = NotWorseThan(where=where, runs=given["runs"], margin=given["margin"])
    row = Expectation(metric=metric, not_worse_than=asked, inconclusive=inconclusive)
    return given["against"], row


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
