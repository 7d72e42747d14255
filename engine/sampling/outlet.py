"""Lines on a pipe whose reader may be stopped: nobody but a thread ever waits for it."""

import os
import queue
import threading

END_WITHIN_S = 10.0


class Outlet:
    """Writes to a descriptor what it was given, in that order."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Returns at once."""
        self._queue.put(data)

    def close(self) -> None:
        """Wait, with a bound, until everything is written."""
        self._queue.put(None)
        self._thread.join(END_WITHIN_S)

    def _run(self) -> None:
        while (data := self._queue.get()) is not None:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
            except OSError:
                # Nobody reads any more.
                return
