"""Datagrams that arrive here, by real sockets."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from breakfix.engine.action import Source
from breakfix.engine.streams import Streams

Wait = Callable[[Callable[[], object], str], None]


@pytest.fixture
def streams() -> Iterator[Streams]:
    """Without engines or hosts."""
    made = Streams({}, time.monotonic)
    yield made
    made.close()


@pytest.fixture
def port() -> int:
    """One that nobody listens at."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def send(port: int, *contents: bytes, family: socket.AddressFamily = socket.AF_INET) -> None:
    """Datagrams."""
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        for content in contents:
            sender.sendto(content, ("::1" if family == socket.AF_INET6 else "127.0.0.1", port))


def source(port: int, name: str, address: str = "127.0.0.1") -> Source:
    """The heartbeats of one host."""
    return Source(kind="heartbeat", endpoint=name, object_id=f"{address}:{port}")


@pytest.mark.parametrize(
    ("address", "family"), [("127.0.0.1", socket.AF_INET), ("[::1]", socket.AF_INET6)]
)
def test_datagrams_are_told_apart_by_their_names(
    streams: Streams, port: int, wait_for: Wait, address: str, family: socket.AddressFamily
) -> None:
    """Blanks around a name are none of it; what holds another one, or nonsense, is nobody's."""
    a, b = source(port, "db-1", address), source(port, "dü", address)
    streams.open_all([a, b])
    begin_s = time.monotonic()
    send(port, b"db-1\n", b"db-10", b"\xff\x00", b"", b" db-1 ", "dü".encode(), family=family)
    wait_for(lambda: len(streams.occurrences(b) or ()) == 1, "the last datagram")
    seen = streams.occurrences(a)
    assert seen is not None
    assert [item.content for item in seen] == ["db-1", "db-1"]
    assert all(begin_s <= item.arrived_at_s <= time.monotonic() for item in seen)


def test_an_address_that_is_taken_is_broken(streams: Streams, port: int) -> None:
    """Nothing can be heard there; nor where nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        streams.open(source(port, "a"))
        assert streams.occurrences(source(port, "a")) is None
    assert streams.occurrences(source(port, "never opened")) is None
    for address in ("127.0.0.1:99999", "203.0.113.1:9"):
        bad = Source(kind="heartbeat", endpoint="a", object_id=address)
        streams.open(bad)
        assert streams.occurrences(bad) is None


def test_a_source_without_a_host_or_an_engine_is_none(streams: Streams) -> None:
    """It is as one that was never opened."""
    kinds: tuple[Literal["file", "journal", "logs"], ...] = ("file", "journal", "logs")
    for kind in kinds:
        one = Source(kind=kind, endpoint="x", object_id="/x")
        streams.open(one)
        assert streams.occurrences(one) is None
