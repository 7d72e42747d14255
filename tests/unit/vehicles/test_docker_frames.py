"""The multiplexed output of commands, however it is cut into pieces."""

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.vehicles.docker_frames import Frames


def frame(stream: int, content: bytes) -> bytes:
    """One frame, as the engine sends it."""
    return struct.pack(">BxxxL", stream, len(content)) + content


@settings(deadline=None, max_examples=60)
@given(
    frames=st.lists(st.tuples(st.sampled_from((1, 2)), st.binary(max_size=40)), max_size=8),
    size=st.integers(1, 30),
    bytes_max=st.integers(0, 60),
)
def test_the_cut_of_the_bytes_does_not_matter(
    frames: list[tuple[int, bytes]], size: int, bytes_max: int
) -> None:
    """Each stream is what was sent on it, as far as its bound; more than that is said to be cut."""
    sent = b"".join(frame(stream, content) for stream, content in [(1, b"42\n"), *frames])
    taken = Frames(bytes_max, announced=True)
    for begin in range(0, len(sent), size):
        taken.feed(sent[begin : begin + size])
    whole = {
        stream: b"".join(content for of, content in frames if of == stream) for stream in (1, 2)
    }
    assert taken.group == 42
    assert taken.out_text == whole[1][:bytes_max].decode("utf-8", "backslashreplace")
    assert taken.err_text == whole[2][:bytes_max].decode("utf-8", "backslashreplace")
    assert taken.cut == any(len(content) > bytes_max for content in whole.values())


def test_an_error_of_the_engine_is_no_announcement() -> None:
    """Where no shell could be started, its words are kept as output."""
    taken = Frames(1000, announced=True)
    taken.feed(frame(1, b"OCI runtime exec failed: no such file: unknown\r\n"))
    assert taken.group is None
    assert taken.out_text.startswith("OCI runtime exec failed")
