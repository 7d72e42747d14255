"""Values with a unit, as people write them: ``200ms``, ``64MiB``, ``1mbit``, ``15%``.

In documents, parameters, plans and journals a value stays the text that was written; the functions
here turn it into a number where one is needed. msgspec checks the pattern, and the JSON Schema of a
field carries it with ``x-breakfix`` naming the sort of value.
"""

import math
import re
from typing import Annotated, Final

from msgspec import Meta

_DURATION_PATTERN: Final = r"^(?=[0-9])([0-9]+(\.[0-9]+)?h)?([0-9]+(\.[0-9]+)?m(?!s))?([0-9]+(\.[0-9]+)?s)?([0-9]+(\.[0-9]+)?ms)?$"
_SIZE_PATTERN: Final = r"^[0-9]+(\.[0-9]+)?(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB)$"
_RATE_PATTERN: Final = r"^[0-9]+(\.[0-9]+)?(bit|kbit|mbit|gbit)$"
_SHARE_PATTERN: Final = r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$"

Duration = Annotated[
    str,
    Meta(
        pattern=_DURATION_PATTERN,
        examples=["200ms", "30s", "1m30s"],
        extra_json_schema={"x-breakfix": "duration"},
    ),
]
"""Text such as ``200ms`` or ``1m30s``; `seconds` gives it as a number."""

Size = Annotated[
    str,
    Meta(pattern=_SIZE_PATTERN, examples=["64MiB"], extra_json_schema={"x-breakfix": "size"}),
]
"""Text such as ``64MiB``; `size_bytes` gives it as a number."""

Rate = Annotated[
    str,
    Meta(pattern=_RATE_PATTERN, examples=["1mbit"], extra_json_schema={"x-breakfix": "rate"}),
]
"""Text such as ``1mbit``; `bits_per_s` gives it as a number."""

Share = Annotated[
    str, Meta(pattern=_SHARE_PATTERN, examples=["50%"], extra_json_schema={"x-breakfix": "share"})
]
"""Text such as ``15%``; `fraction` gives it as a number from 0 to 1."""

PATTERNS: Final = {
    "duration": re.compile(_DURATION_PATTERN),
    "size": re.compile(_SIZE_PATTERN),
    "rate": re.compile(_RATE_PATTERN),
    "share": re.compile(_SHARE_PATTERN),
}
"""For each sort of value, the pattern that its text must match."""

EXPECTED: Final = {
    "duration": "a duration with its unit, such as 200ms, 30s or 1m30s",
    "size": "a size with its unit, such as 64MiB",
    "rate": "a rate with its unit, such as 1mbit",
    "share": "a share in percent, such as 15%",
}
"""For each sort of value, what a message says was expected."""

_DURATION_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_NUMBER_AND_UNIT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z%]+)")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BYTES: Final = {
    "B": 1,
    "kB": 10**3,
    "KiB": 2**10,
    "MB": 10**6,
    "MiB": 2**20,
    "GB": 10**9,
    "GiB": 2**30,
    "TB": 10**12,
    "TiB": 2**40,
}
_BITS: Final = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}


def seconds(text: str) -> float:
    """The number of seconds of a duration.

    Raises ValueError where the text is not one.

    >>> seconds("1m30s"), seconds("200ms")
    (90.0, 0.2)
    """
    _require("duration", text)
    return round(sum(float(n) * _SECONDS[unit] for n, unit in _DURATION_PART.findall(text)), 9)


def size_bytes(text: str) -> int:
    """The number of bytes of a size. Raises ValueError where the text is not one.

    >>> size_bytes("64MiB")
    67108864
    """
    return round(_scaled("size", text, _BYTES))


def bits_per_s(text: str) -> int:
    """The number of bits per second of a rate. Raises ValueError where the text is not one.

    >>> bits_per_s("1.5mbit")
    1500000
    """
    return round(_scaled("rate", text, _BITS))


def fraction(text: str) -> float:
    """The part of one of a share. Raises ValueError where the text is not one.

    >>> fraction("15%")
    0.15
    """
    return _scaled("share", text, {"%": 1}) / 100


def needed(require: str | int, total: int) -> int:
    """How many of `total` must be so: all, any, a number, or a share (rounded down, at least one).

    >>> needed("all", 4), needed("any", 4), needed(3, 4), needed("50%", 5)
    (4, 1, 3, 2)
    """
    if require == "all":
        return total
    if require == "any":
        return min(1, total)
    if isinstance(require, int):
        return min(require, total)
    # A share that is whole on paper, such as 29% of 100, is a hair less as a float.
    return min(total, max(1, math.floor(fraction(require) * total + 1e-9)))


def format_seconds(value_s: float) -> str:
    """A number of seconds for people: three digits that count, and the unit.

    >>> format_seconds(0.0042), format_seconds(1.234), format_seconds(83.2), format_seconds(7384)
    ('4.2 ms', '1.23 s', '1 m 23 s', '2 h 3 m')
    """
    if value_s < 0:
        return "-" + format_seconds(-value_s)
    if value_s < 1:
        return f"{value_s * 1000:.3g} ms"
    if value_s < 60:
        return f"{value_s:.3g} s"
    if value_s < 3600:
        minutes, rest = divmod(round(value_s), 60)
        return f"{minutes} m {rest} s"
    hours, rest = divmod(round(value_s / 60), 60)
    return f"{hours} h {rest} m"


def in_one_unit(*values_s: float) -> tuple[str, ...]:
    """A point with its unit and the ends without, three digits that count of the largest.

    >>> in_one_unit(8.1, 7.4, 9.0)
    ('8.10 s', '7.40', '9.00')
    """
    largest_s = max(values_s)
    if largest_s >= 600:
        return tuple(format_seconds(value_s) for value_s in values_s)
    scale, unit = (1000.0, "ms") if largest_s < 1 else (1.0, "s")
    largest = largest_s * scale
    digits = 2 if largest < 10 else 1 if largest < 100 else 0
    texts = [f"{value_s * scale:.{digits}f}" for value_s in values_s]
    return (f"{texts[0]} {unit}", *texts[1:])


def _scaled(sort: str, text: str, units: dict[str, int]) -> float:
    _require(sort, text)
    match = _NUMBER_AND_UNIT.fullmatch(text)
    assert match is not None, text
    return float(match[1]) * units[match[2]]


def _require(sort: str, text: str) -> None:
    if not PATTERNS[sort].match(text):
        raise ValueError(f"{text!r} is not {EXPECTED[sort]}")
