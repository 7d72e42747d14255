"""Many names as few: ``db-[1-3,7]`` for db-1, db-2, db-3 and db-7."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

RUNS_MAX: Final = 12
"""So many runs of numbers stand in one pair of brackets; the rest gets another."""

_DIGITS: Final = re.compile(r"[0-9]+")


class Piece(Struct, frozen=True, kw_only=True):
    """Some names in one text."""

    text: str
    count: int


class _Numbered(Struct, frozen=True, kw_only=True):
    """A name, cut at one of its numbers."""

    name: str
    before: str
    digits: str
    after: str


def compressed(names: Iterable[str]) -> str:
    """All of the names, in their natural order.

    >>> compressed(["db-07", "db-08", "db-09", "db-10", "cache", "web-1.eu", "web-2.eu"])
    'cache, db-[07-10], web-[1-2].eu'
    """
    return ", ".join(piece.text for piece in pieces(names))


def named(names: Iterable[str], most: int = 3) -> str:
    """The names in at most so many pieces, and how many are left out.

    >>> named(["db-1", "db-2", "a", "b", "c"], 2)
    'a, b and 3 more'
    """
    found = pieces(names)
    left = sum(piece.count for piece in found[most:])
    shown = ", ".join(piece.text for piece in found[:most])
    return f"{shown} and {left} more" if left else shown


def pieces(names: Iterable[str]) -> list[Piece]:
    """The names, those that differ in one number together."""
    unique = sorted(set(names), key=lambda name: (natural(name), name))
    cuts = {name: list(_cuts(name)) for name in unique}
    frequency = Counter((cut.before, cut.after) for own in cuts.values() for cut in own)
    groups: dict[tuple[str, str], list[_Numbered]] = defaultdict(list)
    for name in unique:
        # Of web-1.dc2 and web-2.dc2 the first number is the one that tells them apart.
        best = max(
            cuts[name], key=lambda cut: frequency[cut.before, cut.after], default=None
        ) or _Numbered(name=name, before=name, digits="", after="")
        groups[best.before, best.after].append(best)
    return [piece for group in groups.values() for piece in _pieces_of(group)]


def natural(name: str) -> list[tuple[str, int]]:
    """What to sort names by, so that db-2 comes before db-10."""
    parts = _DIGITS.split(name)
    numbers = [int(digits) for digits in _DIGITS.findall(name)]
    return list(zip(parts, [*numbers, -1], strict=True))


def _cuts(name: str) -> Iterator[_Numbered]:
    """A name cut at each of its numbers, the last one first."""
    for match in reversed(list(_DIGITS.finditer(name))):
        before, after = name[: match.start()], name[match.end() :]
        yield _Numbered(name=name, before=before, digits=match[0], after=after)


def _pieces_of(group: list[_Numbered]) -> Iterator[Piece]:
    """Of names that differ in one number; 07 and 7 are not the same number."""
    if len(group) == 1:
        yield Piece(text=group[0].name, count=1)
        return
    padded = {len(one.digits) for one in group if one.digits[0] == "0" and one.digits != "0"}
    by_width: dict[int, list[int]] = defaultdict(list)
    for one in group:
        by_width[len(one.digits) if len(one.digits) in padded else 0].append(int(one.digits))
    before, after = group[0].before, group[0].after
    for width, numbers in by_width.items():
        runs = list(_runs(sorted(numbers)))
        for index in range(0, len(runs), RUNS_MAX):
            part = runs[index : index + RUNS_MAX]
            count = sum(last - first + 1 for first, last in part)
            texts = [
                f"{first:0{width}}" if first == last else f"{first:0{width}}-{last:0{width}}"
                for first, last in part
            ]
            inside = ",".join(texts)
            text = inside if count == 1 else f"[{inside}]"
            yield Piece(text=f"{before}{text}{after}", count=count)


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of each row of numbers without a gap."""
    first = last = numbers[0]
    for number in numbers[1:]:
        if number > last + 1:
            yield first, last
            first = number
        last = number
    yield first, last
