"""Arithmetic on pairs [lower, upper]: the true value lies between the two."""

from collections.abc import Iterable

from breakfix.engine.timeline.facts import Interval


def exact(value_s: float) -> Interval:
    """What the engine's own clock read."""
    return (value_s, value_s)


def since(later: Interval, earlier: Interval) -> Interval:
    """How long from `earlier` to `later`, to the nanosecond; never below zero.

    >>> since((5.0, 6.0), (1.0, 2.0))
    (3.0, 5.0)
    """
    return (
        max(0.0, round(later[0] - earlier[1], 9)),
        max(0.0, round(later[1] - earlier[0], 9)),
    )


def first_of(instants: Iterable[Interval]) -> Interval | None:
    """The earliest of several instants, None of none.

    >>> first_of([(1.0, 4.0), (2.0, 3.0)])
    (1.0, 3.0)
    """
    found = list(instants)
    return (min(i[0] for i in found), min(i[1] for i in found)) if found else None


def last_of(instants: Iterable[Interval]) -> Interval | None:
    """The latest of several instants, None of none."""
    found = list(instants)
    return (max(i[0] for i in found), max(i[1] for i in found)) if found else None


def not_before(instant: Interval, bound_s: float) -> Interval:
    """An instant that cannot have been before `bound_s`."""
    return (max(instant[0], bound_s), max(instant[1], bound_s))
