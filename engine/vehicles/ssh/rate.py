"""A token bucket: so many at once, and so many a second after that."""

from typing import Final

from msgspec import Struct

CONNECTIONS_PER_S: Final = 200.0
CONNECTIONS_BURST: Final = 50.0


class Bucket(Struct, frozen=True, kw_only=True):
    """`tokens` as they were at `at_s`; below zero, others wait already."""

    per_s: float
    burst: float
    tokens: float
    at_s: float

    def taken(self, now_s: float) -> tuple["Bucket", float]:
        """One token taken at `now_s`: the bucket after that, and how long to wait before using it.

        >>> bucket = Bucket(per_s=10, burst=1, tokens=1, at_s=0)
        >>> bucket, wait_s = bucket.taken(0.0)
        >>> wait_s, bucket.taken(0.0)[1], bucket.taken(0.1)[1]
        (0.0, 0.1, 0.0)
        """
        tokens = min(self.burst, self.tokens + max(0.0, now_s - self.at_s) * self.per_s) - 1
        after = Bucket(per_s=self.per_s, burst=self.burst, tokens=tokens, at_s=now_s)
        return after, max(0.0, -tokens / self.per_s)
