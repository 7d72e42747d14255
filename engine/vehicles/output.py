"""What is kept of the output of a command, and how it is read."""

import msgspec


class Kept:
    """One output, at most so many bytes of it; what comes after that is thrown away.

    >>> kept = Kept(3)
    >>> kept.add(b"ab")
    >>> kept.add(b"cd\\n")
    >>> kept.text(), kept.cut
    ('abc', True)
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._kept = bytearray()
        self.cut = False

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, piece: bytes) -> None:
        """The next piece of it."""
        room = self._bytes_max - len(self._kept)
        self._kept += piece[:room]
        self.cut = self.cut or len(piece) > room

    def text(self) -> str:
        """As text; bytes that are none stand as ``\\xff``."""
        return self._kept.decode("utf-8", "backslashreplace")


def decoded(text: str) -> object:
    """The JSON that an output is; None where it is none.

    >>> decoded('{"a": 1}'), decoded("[1"), decoded("7")
    ({'a': 1}, None, None)
    """
    if not text.startswith(("{", "[")):
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
