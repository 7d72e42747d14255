"""Words for a login shell on a host, quoted so that the command gets exactly what was meant.

A host runs a command by its login shell, so that an argv has to become one line of text. Any shell of
the family of sh(1) reads that line back: dash, bash, ksh, zsh, busybox.
"""

import re
from collections.abc import Iterable
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:,+-]+")
"""What no such shell takes for anything else, wherever it stands. Not among them: ``=``, which zsh
expands at the beginning of a word, and ``~``."""


def quoted(word: str) -> str:
    """One word. Raises ValueError where it holds a NUL, which no argument of a program can.

    >>> print(quoted("it's $(id)"), quoted("a/b.c"), quoted(""))
    'it'\\''s $(id)' a/b.c ''
    """
    if "\0" in word:
        raise ValueError("a NUL character cannot be given to a command")
    if _PLAIN.fullmatch(word):
        return word
    return "'" + word.replace("'", "'\\''") + "'"


def line_of(words: Iterable[str]) -> str:
    """The line that a shell splits into these words.

    >>> line_of(("echo", "a b", "*"))
    "echo 'a b' '*'"
    """
    return " ".join(quoted(word) for word in words)
