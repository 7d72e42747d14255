"""A web service that knows when it was stopped: ``beating_service.py PORT FILE``.

A thread beats every millisecond; a gap of 50 ms or more between two beats, with its two instants of
CLOCK_MONOTONIC, is a line of FILE: in between the process did not run.
"""

import http.server
import sys
import threading
import time
from pathlib import Path

GAP_S = 0.05


def beat(file: Path) -> None:
    """For ever."""
    last_s = time.monotonic()
    while True:
        time.sleep(0.001)
        now_s = time.monotonic()
        if now_s - last_s >= GAP_S:
            with file.open("a") as gaps:
                gaps.write(f"{last_s} {now_s}\n")
        last_s = now_s


class Good(http.server.BaseHTTPRequestHandler):
    """Answers 200 to everything."""

    def do_GET(self) -> None:
        """200."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    threading.Thread(target=beat, args=(Path(sys.argv[2]),), daemon=True).start()
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Good).serve_forever()
