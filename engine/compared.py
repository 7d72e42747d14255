"""What comes of holding a run, or a series of trials, against earlier runs: journaled, and in the record."""

from msgspec import Struct


class ComparedFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An expectation (its index in the file) that was held against earlier runs (`runs`): `n` values took
    `point` times as long as `reference_n` earlier ones, between `low` and `high` (90 %). Those are None where
    `why` says that there is no such number, `high` too where nothing bounds it.

    `p_worse` is that of the test that it took no longer than it may, adjusted for the number of such rows
    (Holm). `absorbed`: nothing had to be restored, so nothing was worse. `by_series`: the series that this run
    is a part of is compared as a whole, at its end."""

    row: int
    against: str
    n: int = 0
    reference_n: int = 0
    point: float | None = None
    low: float | None = None
    high: float | None = None
    p_worse: float | None = None
    why: str = ""
    absorbed: bool = False
    by_series: bool = False
    runs: tuple[str, ...] = ()
