"""Lines of pieces: what a text report is made of, printed plainly or in colour."""

from collections.abc import Iterable, Iterator
from typing import Final

Piece = tuple[str, str]
"""A text and its style: empty, or a style of rich."""

TONES: Final = {
    "passed": "green",
    "succeeded": "green",
    "failed": "red",
    "errored": "red",
    "inconclusive": "yellow",
    "invalid": "yellow",
    "aborted": "yellow",
    "cancelled": "yellow",
    "blocked": "yellow",
}
"""The style of each word that tells how something went."""


def printed(lines: Iterable[list[Piece]], *, color: bool = False) -> str:
    """The lines as text; it ends with a newline."""
    lines = [[(plain(text), style) for text, style in line] for line in lines]
    if not color:
        return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)
    from rich.console import Console
    from rich.text import Text

    console = Console(force_terminal=True, width=10_000, highlight=False)
    with console.capture() as capture:
        for line in lines:
            console.print(Text.assemble(*line), soft_wrap=True)
    return capture.get()


def plain(text: str) -> str:
    """Text of a run as one line that does nothing to a terminal: no escape sequences."""
    return "".join(char if char.isprintable() else " " for char in text)


def titled(title: str, lines: Iterable[list[Piece]]) -> Iterator[list[Piece]]:
    """A heading before lines; nothing where there are none."""
    found = list(lines)
    if found:
        yield []
        yield [(title, "bold")]
        yield from found


def table(rows: list[list[Piece]], *, head: tuple[str, ...] = ()) -> Iterator[list[Piece]]:
    """Columns as wide as their widest cell; the last is left as it is."""
    cleaned = [[(plain(text), style) for text, style in row] for row in rows]
    everything = [[(title, "dim") for title in head], *cleaned] if head else cleaned
    if not rows:
        return
    widths = [max(len(row[column][0]) for row in everything) for column in range(len(rows[0]))]
    for row in everything:
        line: list[Piece] = [("  ", "")]
        for (text, style), width in zip(row, widths, strict=True):
            line += [(text, style), (" " * (width - len(text) + 2 if width else 0), "")]
        yield line
