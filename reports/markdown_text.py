"""Markdown as GitHub and GitLab render it: escaping, tables, folds, and a bound on the size."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from breakfix.reports.lines import plain

BYTES_MAX: Final = 60 * 1024
"""GitHub refuses comments of more than 65,536 characters; what a pipeline writes around it fits too."""

CELL_CHARS_MAX: Final = 400
_UNDERSCORE: Final = r"(?<![^\W_])_|_(?![^\W_])"
_SPECIAL: Final = re.compile(rf"([\\`*\[\]|~$]|{_UNDERSCORE})")
_LINKED: Final = re.compile(r"(?<!\w)@(?=\w)|#(?=\d)|:(?=//)")
_JOINER: Final = "\u2060"
"""Has no width: behind @, # or : it keeps a text of a run from calling a person or linking anything."""

SYMBOLS: Final = {
    "passed": "✅",
    "failed": "❌",
    "errored": "❌",
    "aborted": "⚠️",
    "invalid": "⚠️",
    "inconclusive": "⚠️",
    "refused": "❌",
    "not run": "⚠️",
}
"""Beside the word, never instead of it."""


def escaped(text: str) -> str:
    """Text of a run as Markdown that shows just it: one line, no markup, no link, no mention.

    >>> escaped("a|b <b>*x*</b>")
    'a\\\\|b &lt;b&gt;\\\\*x\\\\*&lt;/b&gt;'
    """
    cut = plain(text)
    if len(cut) > CELL_CHARS_MAX:
        cut = f"{cut[:CELL_CHARS_MAX]}…"
    cut = cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINKED.sub(lambda found: found[0] + _JOINER, _SPECIAL.sub(r"\\\1", cut))


def code(text: str) -> str:
    """Text to be copied, as a code span that nothing in it can end; fit for a cell of a table.

    >>> code("a|b")
    '<code>a&#124;b</code>'
    """
    cut = plain(text)[: 4 * CELL_CHARS_MAX]
    cut = cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    cut = _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", cut)
    return f"<code>{cut}</code>"


def word(verdict: str) -> str:
    """A verdict with its symbol."""
    return f"{SYMBOLS.get(verdict, '')} {verdict}".strip()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; without rows, nothing."""
    found = [f"| {' | '.join(cells)} |" for cells in rows]
    if not found:
        return ""
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(' --- ' for _ in head)}|", *found]
    return "\n".join(lines)


def folded(summary: str, body: str) -> str:
    """What is shown when somebody opens it; without a body, nothing."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>" if body else ""


def joined(blocks: Iterable[str]) -> str:
    """Blocks with an empty line between; it ends with a newline."""
    return "\n\n".join(block for block in blocks if block) + "\n"


def more(total: int, shown: int, what: str) -> str:
    """What was left out of a list; empty where nothing was."""
    return f"…and {total - shown} more {what} in the JSON record." if total > shown else ""


def fitted(build: Callable[[int], str]) -> str:
    """What `build` makes of the largest number of rows in each list with which it stays under
    `BYTES_MAX`."""
    for rows_max in (200, 80, 30, 10, 3):
        text = build(rows_max)
        if len(text.encode()) <= BYTES_MAX:
            return text
    cut = build(1).encode()[: BYTES_MAX - 100].decode(errors="ignore")
    return cut[: cut.rfind("\n") + 1] + "\nThe rest did not fit.\n"
