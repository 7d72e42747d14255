"""Measured times in words, the same in every report."""

from typing import Final

from breakfix.engine.timeline.facts import During, Interval
from breakfix.engine.timeline.record import Expects, HealedBy, Row
from breakfix.engine.values import format_seconds

_HEALED: Final[dict[HealedBy | None, str]] = {
    "repair": "healed by the repair",
    "restart": "healed by a restart",
    "self": "healed by itself",
    "expiry": "over when the fault's time was over",
    "engine": "over when the engine undid the fault",
    "other": "healed by somebody else",
    "people": "healed by people",
    "absorbed": "absorbed: the service was never seen bad",
    None: "not seen healed",
}

_CLAIMS: Final[dict[Expects, str]] = {
    "detected_within": "detected within {}",
    "mitigated_within": "good again within {}",
    "restored_within": "restored within {}",
    "healed_by": "healed by {}",
    "max_outage": "out for at most {}",
    "availability": "good in at least {} of its samples",
    "error_share": "bad in at most {} of its samples",
    "latency_p50": "answered within {} (p50)",
    "latency_p90": "answered within {} (p90)",
    "latency_p99": "answered within {} (p99)",
    "not_worse_than": "no worse than {}",
}
_DURING: Final[dict[During, str]] = {
    "run": "",
    "faults": " during the faults",
    "repair": " during the repairs",
    "after": " after the faults",
}


def claim_in_words(row: Row) -> str:
    """What a row expects, to follow ``it should be``: ``out for at most 10s during the faults``."""
    return _CLAIMS[row.expects].format(row.wanted) + (_DURING[row.during] if row.during else "")


def healed_in_words(healed_by: HealedBy | None) -> str:
    """Who healed the service, to follow ``it was``."""
    return _HEALED[healed_by]


def with_interval(pair: Interval) -> str:
    """The middle of an interval and its ends, in one unit: ``4.2 s [4.0, 4.4]``.

    Ends that are written alike are left out.

    >>> with_interval((4.0, 4.4)), with_interval((0.0101, 0.0152)), with_interval((2.0, 2.0))
    ('4.20 s [4.00, 4.40]', '12.7 ms [10.1, 15.2]', '2.00 s')
    """
    lower, upper = pair
    middle = (lower + upper) / 2
    if upper <= 0:
        return "0 ms"
    if upper < 1:
        scale, unit = 1000.0, "ms"
    elif upper < 600:
        scale, unit = 1.0, "s"
    else:
        return f"{format_seconds(middle)} [{format_seconds(lower)}, {format_seconds(upper)}]"
    digits = _digits(upper * scale)
    texts = [f"{value * scale:.{digits}f}" for value in (middle, lower, upper)]
    ends = "" if texts[1] == texts[2] else f" [{texts[1]}, {texts[2]}]"
    return f"{texts[0]} {unit}{ends}"


def at_instant(pair: Interval) -> str:
    """An instant of the run, with the half width of its interval where that shows.

    >>> at_instant((1.0, 1.0)), at_instant((1.0, 1.5))
    ('1.000 s', '1.250 s ± 0.250')
    """
    middle, half = (pair[0] + pair[1]) / 2, (pair[1] - pair[0]) / 2
    return f"{middle:.3f} s" + (f" ± {half:.3f}" if half >= 0.0005 else "")


def _digits(value: float) -> int:
    """Decimals for three digits that count."""
    return 2 if value < 10 else 1 if value < 100 else 0
