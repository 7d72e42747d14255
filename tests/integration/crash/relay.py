"""A way to a port that can be cut: ``relay.py PORT CONTROL [ADDRESS]`` prints the port at which it answers, and passes
on what comes to PORT of ADDRESS (127.0.0.1).

Who connects to the Unix socket CONTROL says ``cut`` or ``join``, and is answered ``ok``. While it is cut, it
accepts connections and closes none, but passes nothing on, neither bytes nor ends; what has been sent meanwhile
arrives after the join, as it does over a network that comes back in time. It ends with its standard input.
"""

import contextlib
import selectors
import socket
import sys
from pathlib import Path

PIECE_BYTES = 65536


class Relay:
    """All its connections, in one thread."""

    def __init__(self, to: tuple[str, int], control: str) -> None:
        self._to = to
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._control = socket.socket(socket.AF_UNIX)
        self._control.bind(control)
        self._control.listen(10)
        for listener in (self._listener, self._control, sys.stdin):
            self._selector.register(listener, selectors.EVENT_READ)
        self.port: int = self._listener.getsockname()[1]
        self._cut = False
        self._waiting: list[socket.socket] = []
        self._other: dict[socket.socket, socket.socket] = {}

    def run(self) -> None:
        """Until nobody holds the other end of its standard input any more."""
        while True:
            for key, _ in self._selector.select():
                made = key.fileobj
                if not isinstance(made, socket.socket):
                    return
                if made is self._control:
                    self._obey()
                elif made is self._listener:
                    self._waiting.append(self._listener.accept()[0])
                    self._connect()
                elif made in self._other and not self._cut:
                    self._pass_on(made)

    def _obey(self) -> None:
        made, _ = self._control.accept()
        with made:
            self._cut = made.recv(16) == b"cut"
            for one in self._other:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(one)
                if not self._cut:
                    self._selector.register(one, selectors.EVENT_READ)
            self._connect()
            made.sendall(b"ok")

    def _connect(self) -> None:
        while self._waiting and not self._cut:
            near = self._waiting.pop(0)
            try:
                far = socket.create_connection(self._to, 10.0)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._other |= {near: far, far: near}
            for one in (near, far):
                self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, made: socket.socket) -> None:
        try:
            piece = made.recv(PIECE_BYTES)
            if piece:
                self._other[made].sendall(piece)
                return
        except OSError:
            pass
        other = self._other.pop(made)
        del self._other[other]
        for one in (made, other):
            self._selector.unregister(one)
            one.close()


def told(control: Path, word: str) -> None:
    """Say ``cut`` or ``join`` to a relay; return when it has obeyed."""
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(30.0)
        made.connect(str(control))
        made.sendall(word.encode())
        assert made.recv(2) == b"ok"


if __name__ == "__main__":
    port, path, *rest = sys.argv[1:]
    relay = Relay((rest[0] if rest else "127.0.0.1", int(port)), path)
    print(relay.port, flush=True)  # noqa: T201
    relay.run()
