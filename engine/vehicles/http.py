"""HTTP requests of repairs: blocking, from this machine, the TLS certificate verified."""

import http.client
import socket
import ssl
import threading
import time
from typing import Final
from urllib.parse import urlsplit

import msgspec

from breakfix.engine.ops import HttpOp, Outcome

_BODY_BYTES_MAX: Final = 1 << 20
_LOOK_EVERY_S: Final = 0.05


def send(op: HttpOp, stop: threading.Event | None = None) -> Outcome:
    """One request; redirects are not followed, proxies not used.

    ``code`` is None where no answer came; ``unknown`` where the request may have been acted on all the
    same: it was sent, and the answer failed or did not come in time.
    """
    url = urlsplit(op.url)
    try:
        port = url.port
    except ValueError:
        port = None
    if url.scheme not in ("http", "https") or not url.hostname:
        return Outcome(ok=False, error=f"{op.url} is not a URL that begins with http:// or https://")
    connection = _connection(url.scheme, url.hostname, port, op.timeout_s)
    path = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
    return _Exchange(op, connection, path).outcome(stop)


def _connection(
    scheme: str, host: str, port: int | None, timeout_s: float
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)


class _Exchange:
    """One request and its answer. The socket's own time-out counts from each byte to the next: a
    second thread closes it when the time of the whole is over, or when it is told to stop."""

    def __init__(self, op: HttpOp, connection: http.client.HTTPConnection, path: str) -> None:
        self._op = op
        self._connection = connection
        self._path = path
        self._over = threading.Event()
        self._why = ""
        self._sent = False

    def outcome(self, stop: threading.Event | None) -> Outcome:
        watcher = threading.Thread(target=self._watch, args=(stop,), daemon=True)
        watcher.start()
        try:
            return self._exchange()
        except ssl.SSLCertVerificationError as error:
            return Outcome(ok=False, error=f"the certificate is not good: {error.verify_message}")
        except TimeoutError:
            return self._failed(self._why or f"no answer within {self._op.timeout_s:g} s")
        except socket.gaierror as error:
            return self._failed(f"the name did not resolve: {error.strerror}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            what = getattr(error, "strerror", None) or str(error) or type(error).__name__
            return self._failed(self._why or str(what).lower())
        finally:
            self._over.set()
            watcher.join()
            self._connection.close()

    def _exchange(self) -> Outcome:
        op, connection = self._op, self._connection
        connection.connect()
        self._sent = True
        connection.request(op.method, self._path, op.body.encode() or None, op.headers)
        answer = connection.getresponse()
        body = answer.read(_BODY_BYTES_MAX + 1)
        cut = len(body) > _BODY_BYTES_MAX
        text = body[:_BODY_BYTES_MAX].decode("utf-8", "backslashreplace")
        return Outcome(
            ok=answer.status in op.ok_status,
            code=answer.status,
            data=None if cut else _decoded(text, answer.headers.get_content_type()),
            text=text,
            cut=cut,
        )

    def _failed(self, why: str) -> Outcome:
        return Outcome(ok=False, unknown=self._sent and self._op.changes == "yes", error=why)

    def _watch(self, stop: threading.Event | None) -> None:
        end_s = time.monotonic() + self._op.timeout_s
        while not self._over.wait(_LOOK_EVERY_S):
            if stop is not None and stop.is_set():
                self._why = "was stopped before the answer came"
            elif time.monotonic() >= end_s:
                self._why = f"no answer within {self._op.timeout_s:g} s"
            opened = self._connection.sock
            if self._why and opened is not None:
                try:
                    opened.shutdown(socket.SHUT_RDWR)
                except OSError:
                    # Closed meanwhile, or not connected yet: then it is looked at again.
                    continue
                return


def _decoded(text: str, content_type: str) -> object:
    if not content_type.endswith("json"):
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
