"""Which of a set: all, a number or a share of it, by a seed that is recorded."""

import random
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

from breakfix.engine.model import Pick


def count_of(pick: Pick, total: int) -> int:
    """How many of `total` that is: a share rounds down, and is at least 1 of what is there.

    Exact in decimal: 29 % of 100 is 29, where binary fractions give 28.

    >>> count_of("all", 3), count_of(2, 3), count_of("50%", 3), count_of("1%", 3), count_of(5, 3)
    (3, 2, 1, 1, 3)
    """
    if pick == "all":
        return total
    if isinstance(pick, int):
        return min(pick, total)
    share = Decimal(pick.removesuffix("%")) * total / 100
    return min(total, max(1, int(share.to_integral_value(ROUND_FLOOR))))


def choose(name: str, keys: Sequence[str], pick: Pick, seed: int) -> tuple[str, ...]:
    """The picked keys of the set `name`, sorted. The order of `keys` does not matter: the same keys
    and seed give the same pick."""
    ordered = sorted(keys)
    count = count_of(pick, len(ordered))
    if count == len(ordered):
        return tuple(ordered)
    return tuple(sorted(random.Random(f"{seed}{name}").sample(ordered, count)))


def in_words(pick: Pick, found: int, picked: int) -> str:
    """
    >>> in_words("50%", 3, 1)
    '50% of 3 -> 1'
    """
    return f"{pick} of {found} -> {picked}"
