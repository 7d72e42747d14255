"""The token bucket."""

from hypothesis import given
from hypothesis import strategies as st

from breakfix.engine.vehicles.ssh.rate import Bucket


@given(st.floats(1, 500), st.integers(1, 60), st.lists(st.floats(0, 0.2), min_size=1, max_size=200))
def test_no_more_than_burst_and_rate_are_let_through(
    per_s: float, burst: int, pauses_s: list[float]
) -> None:
    """In any window, whoever takes tokens when."""
    bucket, now_s, used_at_s = Bucket(per_s=per_s, burst=burst, tokens=burst, at_s=0.0), 0.0, []
    for pause_s in pauses_s:
        now_s += pause_s
        bucket, wait_s = bucket.taken(now_s)
        used_at_s.append(now_s + wait_s)
    assert used_at_s == sorted(used_at_s) or per_s >= 1
    for first, start_s in enumerate(used_at_s):
        for last in range(first, len(used_at_s)):
            count, window_s = last - first + 1, used_at_s[last] - start_s
            assert count <= burst + window_s * per_s + 1e-6 * count + 1


def test_an_idle_bucket_is_full_again() -> None:
    """And never fuller than its burst."""
    bucket = Bucket(per_s=10, burst=2, tokens=0, at_s=0.0)
    waits_s = []
    for _ in range(3):
        bucket, wait_s = bucket.taken(100.0)
        waits_s.append(wait_s)
    assert waits_s == [0.0, 0.0, 0.1]
