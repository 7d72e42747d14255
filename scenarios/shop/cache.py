"""The cache of the demo's shop: a dictionary behind HTTP. Run as ``python3 cache.py URL``.

It listens where the URL says. ``PUT /KEY`` keeps the body, ``GET /KEY`` gives it back, ``GET /`` says
that the cache is there.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit


class Cache(BaseHTTPRequestHandler):
    """One request."""

    entries: ClassVar[dict[str, bytes]] = {"/": b"the cache is here\n"}

    def do_GET(self) -> None:
        """The value of a key."""
        value = self.entries.get(self.path)
        self._answer(404 if value is None else 200, value or b"")

    def do_PUT(self) -> None:
        """Keep a value."""
        length_bytes = int(self.headers.get("Content-Length", "0"))
        self.entries[self.path] = self.rfile.read(length_bytes)
        self._answer(200, b"")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing about single requests."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(url: str) -> None:
    """Serve until somebody ends it."""
    at = urlsplit(url)
    with ThreadingHTTPServer((at.hostname or "", at.port or 80), Cache) as server:
        server.daemon_threads = True
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
