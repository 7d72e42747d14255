"""Two runs side by side for a terminal or a file."""

from collections.abc import Iterator

from breakfix.engine.trend.comparison import Comparison
from breakfix.reports import comparison_words as words
from breakfix.reports.lines import Piece, printed, table, titled


def render(found: Comparison, *, color: bool = False) -> str:
    """Everything; it ends with a newline."""
    return printed(_lines(found), color=color)


def _lines(found: Comparison) -> Iterator[list[Piece]]:
    yield [(words.title(found), "bold")]
    yield [(words.comparable(found), "yellow" if found.differs else "")]
    yield [(words.caution(found), "dim")]
    for one in (words.sides(found), *words.tables(found)):
        yield from titled(one.title, _table(one))


def _table(one: words.Table) -> Iterator[list[Piece]]:
    rows: list[list[Piece]] = [
        [
            ("*" if row.differs else " ", "bold yellow"), (row.name, "dim"), (row.first, ""),
            (row.second, "bold" if row.differs else ""), (row.note, "dim"),
        ]
        for row in one.rows
    ]  # fmt: skip
    yield from table(rows, head=("", "", "first", "second", ""))
    if one.more:
        yield [(f"  And {one.more} more; the JSON has all of them.", "dim")]
