"""Where a command writes what it shows: to the terminal, or into a file."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import click

from breakfix.engine.errors import UsageError

Command = Callable[..., Any]

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write into this file instead of to the terminal.",
)


def form_option(forms: Sequence[str]) -> Callable[[Command], Command]:
    """The option ``--format``, one of these; it reaches the command as `form`."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(forms),
        default="text",
        show_default=True,
        help="What to write.",
    )


def give(content: str, out: Path | None) -> None:
    """Print it, or write it into a file. Raises UsageError where that cannot be."""
    if out is None:
        write(sys.stdout, content)
        return
    try:
        out.write_text(content, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written: {error.strerror}.", hint="Name another file."
        ) from error


def write(stream: TextIO, content: str) -> None:
    """Write text; what the stream's encoding has no letter for becomes a question mark."""
    encoding = stream.encoding or "utf-8"
    stream.write(content.encode(encoding, "replace").decode(encoding))
    stream.flush()


def wants_color(stream: TextIO) -> bool:
    """A terminal, and nothing in the environment that says no (no-color.org)."""
    return (
        stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
