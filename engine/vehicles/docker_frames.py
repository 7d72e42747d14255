"""The output of a command without a terminal, as the engine multiplexes it: frames of a header of
eight bytes (stream, three zeros, length in big endian) and so many bytes of that stream. See
"Attach to a container" in the Docker Engine API reference.
"""

import struct
from typing import Final

_HEADER: Final = struct.Struct(">BxxxL")
_STDERR: Final = 2
_ANNOUNCEMENT_BYTES_MAX: Final = 32


class Frames:
    """Takes the bytes as they come; keeps at most so many of each stream.

    With `announced`, the first line of the output is no output but the number of a process group.

    >>> frames = Frames(100, announced=True)
    >>> for piece in (b"\\1\\0\\0\\0\\0\\0\\0", b"\\5", b"17\\nab", b"\\2\\0\\0\\0\\0\\0\\0\\1!"):
    ...     frames.feed(piece)
    >>> frames.group, frames.out_text, frames.err_text, frames.cut
    (17, 'ab', '!', False)
    """

    def __init__(self, bytes_max: int, *, announced: bool = False) -> None:
        self._bytes_max = bytes_max
        self._announcement: bytearray | None = bytearray() if announced else None
        self._header = bytearray()
        self._stream = 0
        self._left = 0
        self._out = bytearray()
        self._err = bytearray()
        self.group: int | None = None
        self.cut = False

    @property
    def out_text(self) -> str:
        """The output; what is not UTF-8 is escaped."""
        return self._out.decode("utf-8", "backslashreplace")

    @property
    def err_text(self) -> str:
        """The error output."""
        return self._err.decode("utf-8", "backslashreplace")

    def feed(self, piece: bytes) -> None:
        """More bytes, however they were cut."""
        view = memoryview(piece)
        while view:
            if self._left == 0:
                view = self._take_header(view)
            else:
                part = view[: self._left]
                self._left -= len(part)
                view = view[len(part) :]
                self._keep(bytes(part))

    def _take_header(self, view: memoryview) -> memoryview:
        missing = _HEADER.size - len(self._header)
        self._header += view[:missing]
        if len(self._header) == _HEADER.size:
            self._stream, self._left = _HEADER.unpack(self._header)
            self._header.clear()
        return view[missing:]

    def _keep(self, part: bytes) -> None:
        if self._stream == _STDERR:
            self._add(self._err, part)
        elif self._announcement is None:
            self._add(self._out, part)
        else:
            self._announcement += part
            line, newline, rest = bytes(self._announcement).partition(b"\n")
            if newline or len(line) > _ANNOUNCEMENT_BYTES_MAX:
                self.group = int(line) if newline and line.strip().isdigit() else None
                self._announcement = None
                self._add(self._out, rest if self.group is not None else line + newline + rest)

    def _add(self, kept: bytearray, part: bytes) -> None:
        room = max(0, self._bytes_max - len(kept))
        kept += part[:room]
        self.cut = self.cut or len(part) > room
