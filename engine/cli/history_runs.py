"""Which runs of the history a command is about: its options, and the open history that has them."""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import click

from breakfix.engine.cli.history_options import given_labels, history_option
from breakfix.engine.errors import HistoryError, UsageError
from breakfix.engine.timeline.record import VerdictWord
from breakfix.engine.values import seconds

if TYPE_CHECKING:
    from breakfix.engine.history.keeping import Kept
    from breakfix.engine.history.store import Choice, History

F = TypeVar("F", bound=Callable[..., Any])
_DAY_S: Final = 86_400.0


def choice_options(function: F) -> F:
    """``--label``, ``--scenario``, ``--env``, ``--since``, ``--until`` and ``--history``."""
    for option in (
        history_option,
        click.option("--until", default="", metavar="TIME", help="Begun before then."),
        click.option(
            "--since",
            default="",
            metavar="TIME",
            help="Begun since then: 7d, 12h, 2026-11-26, 2026-11-26T08:00 (UTC).",
        ),
        click.option("--env", default=None, help="Only of this environment."),
        click.option("--scenario", default="", help="Only of this scenario."),
        click.option(
            "--label", "labels", multiple=True, metavar="NAME=VALUE", help="Only with this label."
        ),
    ):
        function = option(function)
    return function


def verdict_option(function: F) -> F:
    """``--verdict``, any number of times."""
    kinds = click.Choice([*get_args(VerdictWord)])
    return click.option("--verdict", "verdicts", multiple=True, type=kinds, help="Only these.")(
        function
    )


def choice_of(options: dict[str, Any]) -> "Choice":
    """What the options choose; takes them out. Raises UsageError."""
    from breakfix.engine.history.store import Choice

    now_s = time.time()
    since, until = options.pop("since"), options.pop("until")
    return Choice(
        labels=given_labels(options.pop("labels")),
        scenario=options.pop("scenario"),
        env=options.pop("env"),
        verdicts=tuple(options.pop("verdicts", ())),
        key=options.pop("key", ""),
        series=options.pop("series", ""),
        since_wall_s=instant(since, now_s) if since else None,
        until_wall_s=instant(until, now_s) if until else None,
        newest=options.pop("newest", None),
    )


def in_words(options: dict[str, Any]) -> str:
    """What the options choose, as it was written: ``--scenario demo --since 7d``; empty: everything."""
    names = ("scenario", "env", "since", "until", "key")
    said = [f"--{name} {options[name]}" for name in names if options.get(name)]
    said += [f"--label {label}" for label in options.get("labels", ())]
    said += [f"--verdict {verdict}" for verdict in options.get("verdicts", ())]
    return " ".join(said)


def instant(text: str, now_s: float) -> float:
    """A time: a day, a day and a time (UTC where no zone is said), or so long ago. Seconds since the epoch.

    Raises UsageError.
    """
    with contextlib.suppress(ValueError):
        return now_s - length_s(text)
    with contextlib.suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    raise UsageError(f"{text!r} is no time.", hint="Write 7d, 12h, 2026-11-26 or 2026-11-26T08:00.")


def length_s(text: str) -> float:
    """Days (``90d``) or a duration, in seconds. Raises ValueError."""
    if text.endswith("d") and text[:-1].replace(".", "", 1).isdigit():
        return float(text[:-1]) * _DAY_S
    return seconds(text)


@contextlib.contextmanager
def open_history(given: str) -> "Iterator[tuple[History, Kept]]":
    """The history, with the runs of the home taken in, and what came of that. Where none is kept, or it cannot
    be used (said), one that is made of the home's journals for the moment. Raises UsageError for a URL of
    something else."""
    from breakfix.engine.history import keeping
    from breakfix.engine.history.place import Place, place
    from breakfix.engine.history.store import History
    from breakfix.engine.home import runs_dir

    where = place(given)
    for_the_moment = Place(url="sqlite://", shown=f"the journals under {runs_dir()}")
    try:
        history = History(where or for_the_moment)
    except HistoryError as error:
        if given:
            raise
        click.echo(f"warning: {error} Only the journals of the home are read.", err=True)
        history = History(for_the_moment)
    with history:
        try:
            kept = keeping.catch_up(history, runs_dir())
        except HistoryError as error:
            # One that can only be read is still worth reading.
            click.echo(f"warning: the runs of this home were not taken in: {error}", err=True)
            kept = keeping.Kept()
        yield history, kept
