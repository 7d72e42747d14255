"""tcp.connect: accepted, refused, blind."""

from collections.abc import Callable
from urllib.parse import urlsplit

from breakfix.actions.tcp.connect import Connect
from breakfix.engine.action import Observation

Sample = Callable[..., Observation]


def test_accepted_is_good(sample: Sample, web: str) -> None:
    """Whoever listens is enough; the time is told."""
    port = urlsplit(web).port
    assert port is not None
    seen = sample(Connect(host="127.0.0.1", port=port))
    assert seen.holds is True
    assert seen.result["duration_s"] > 0
    assert sample(Connect(host="localhost", port=port)).holds is True


def test_too_slow_is_bad(sample: Sample, web: str) -> None:
    """No connection is made in no time."""
    port = urlsplit(web).port
    assert port is not None
    seen = sample(Connect(host="127.0.0.1", port=port, under="0ms"))
    assert seen.holds is False
    assert "wanted under 0ms" in seen.detail


def test_refused_is_bad(sample: Sample, closed_port: int) -> None:
    """Nobody listens."""
    seen = sample(Connect(host="127.0.0.1", port=closed_port))
    assert seen.holds is False
    assert seen.detail == "connection refused"


def test_a_name_that_does_not_resolve_is_blind(sample: Sample) -> None:
    """It says nothing about the system behind the name."""
    assert sample(Connect(host="shop.invalid", port=80)).holds is None
    assert sample(Connect(host="a" * 70, port=80)).holds is None
