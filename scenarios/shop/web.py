"""The web server of the demo's shop. Run as ``python3 web.py SHOP_URL CACHE_URL``.

It listens where the first URL says, and keeps the prices of its tea in the cache at the second.
``GET /health`` tells whether all is well: status 200, or 503 when the cache does not answer.
"""

import json
import sys
import time
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import urljoin, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

CACHE_TIMEOUT_S = 0.5
OPENER = build_opener(ProxyHandler({}))  # the cache is never behind a proxy
PRICES = {"assam": "4.20", "sencha": "6.80"}


class Shop(BaseHTTPRequestHandler):
    """One request."""

    cache_url = ""
    cache_up = True

    def do_GET(self) -> None:
        """``/health``, or the price of a tea: ``/assam``."""
        if self.path == "/health":
            up = self._ask_cache("/") is not None
            self._note(up)
            state: dict[str, object] = {
                "status": "ok" if up else "degraded",
                "cache": "up" if up else "down",
            }
            self._answer(200 if up else 503, state)
            return
        tea = self.path.strip("/")
        if tea not in PRICES:
            self._answer(404, {"error": f"we have {', '.join(PRICES)}"})
            return
        price = self._ask_cache(self.path)
        if not price:
            # Not cached, or no cache: the shop has to work the price out, slowly.
            time.sleep(0.3)
            self._ask_cache(self.path, keep=PRICES[tea].encode())
        self._answer(200, {"tea": tea, "price": PRICES[tea], "cached": bool(price)})

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing about single requests."""

    def _ask_cache(self, path: str, keep: bytes | None = None) -> bytes | None:
        """What the cache has there (nothing: empty); None where it does not answer. With `keep`, it
        has that from now on."""
        method = "GET" if keep is None else "PUT"
        request = Request(urljoin(self.cache_url, path), data=keep, method=method)
        try:
            with OPENER.open(request, timeout=CACHE_TIMEOUT_S) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            error.close()
            return b""
        except (OSError, HTTPException):
            return None

    def _note(self, up: bool) -> None:
        if up is not Shop.cache_up:
            Shop.cache_up = up
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} the cache is {'back' if up else 'lost'}\n")
            sys.stderr.flush()

    def _answer(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(shop_url: str, cache_url: str) -> None:
    """Serve until somebody ends it."""
    at = urlsplit(shop_url)
    Shop.cache_url = cache_url
    with ThreadingHTTPServer((at.hostname or "", at.port or 80), Shop) as server:
        server.daemon_threads = True
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
