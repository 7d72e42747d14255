"""Names with ranges, as inventories have them: ``web[01:20]``."""

import itertools
import math
import re
from collections.abc import Sequence
from typing import Final

from breakfix.engine.targets import address

HOSTS_MAX: Final = 10_000
"""How many hosts an inventory may have."""
_RANGE: Final = re.compile(r"\[([0-9]{1,9}|[A-Za-z]):([0-9]{1,9}|[A-Za-z])(?::([0-9]{1,9}))?\]")


def expand(text: str) -> list[str]:
    """The names that a name with ranges means; both ends are part of a range.

    Raises ValueError where a range is none.

    >>> expand("web[08:10]-[a:b]")
    ['web08-a', 'web08-b', 'web09-a', 'web09-b', 'web10-a', 'web10-b']
    """
    parts: list[Sequence[str]] = []
    at = 0
    for match in _RANGE.finditer(text):
        # The first brackets of a host may hold an IPv6 address.
        if match.start() == text.rfind("@") + 1 and address.is_host(match[0][1:-1]):
            continue
        parts += [(text[at : match.start()],), _Range(match)]
        at = match.end()
    parts.append((text[at:],))
    if math.prod(map(len, parts)) > HOSTS_MAX:
        raise ValueError(f"{text} means more than {HOSTS_MAX} hosts")
    return ["".join(one) for one in itertools.product(*parts)]


class _Range(Sequence[str]):
    """Counted before anything of it is made."""

    def __init__(self, match: "re.Match[str]") -> None:
        first, last, step = match[1], match[2], int(match[3] or 1)
        numbers = first.isdigit() and last.isdigit()
        padded = numbers and first.startswith("0") and len(first) > 1
        if step < 1:
            raise ValueError(f"{match[0]}: the step of a range is at least 1")
        if first.isdigit() != last.isdigit():
            raise ValueError(f"{match[0]}: a range is of numbers or of letters, not of both")
        if padded and len(first) != len(last):
            raise ValueError(f"{match[0]}: with zeros in front, both ends have as many digits")
        begin, end = (int(first), int(last)) if numbers else (ord(first), ord(last))
        if begin > end:
            raise ValueError(f"{match[0]}: a range begins with its smaller end")
        self._range = range(begin, end + 1, step)
        self._width = len(first) if padded else 0
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._range)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        one = self._range[index]
        return str(one).zfill(self._width) if self._numbers else chr(one)
