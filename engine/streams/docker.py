"""Streams of Docker engines: events, logs and statistics of a container."""

import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from breakfix.engine.action import Occurrence, Source
from breakfix.engine.endpoints import Endpoint

_KEPT_MAX: Final = {"events": 10_000, "logs": 10_000, "stats": 600}
_LINE_CHARS_MAX: Final = 4096
_ANSWER_S: Final = 10
_OPEN_AGAIN_EVERY_S: Final = 0.2
_ENDED_WITHIN_S: Final = 5.0


class DockerStream:
    """One subscription, by the SDK. `reach` gives its engine as it is reached now."""

    def __init__(
        self, source: Source, reach: Callable[[], Endpoint], clock: Callable[[], float]
    ) -> None:
        self._source = source
        self._reach = reach
        self._api = ""
        self._clock = clock
        self._kept: deque[Occurrence] = deque(maxlen=_KEPT_MAX[source.kind])
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._client: Any = None
        self._stream: Any = None
        self._last_time_s = 0.0
        self.broken = False
        self._thread = threading.Thread(
            target=self._run, name=f"{source.kind} of {source.object_id[:12]}", daemon=True
        )

    def start(self) -> None:
        """Subscribe, and read from then on in a thread."""
        try:
            endpoint = self._reach()
            self._api = endpoint.api
            self._client = _client(endpoint)
            self._last_time_s = engine_time_s(self._client.info()["SystemTime"]) or 0.0
            self._stream = self._opened()
        except Exception:
            # Whatever the SDK raises: the stream is not there, and its probes are blind.
            self.broken = True
            return
        self._thread.start()

    def kept(self) -> tuple[Occurrence, ...]:
        """What is kept."""
        with self._lock:
            return tuple(self._kept)

    def close(self) -> None:
        """Cut the stream off, so that its thread ends."""
        self._closed.set()
        with self._lock, contextlib.suppress(Exception):
            self._stream.close()

    def join(self) -> None:
        """Wait until its thread is over."""
        if self._thread.ident is not None:
            self._thread.join(_ENDED_WITHIN_S)
        if self._client is not None:
            self._client.close()

    # --- in its thread ---

    def _run(self) -> None:
        try:
            while True:
                # A stream begins with the last whole second, so that nothing is lost in between.
                after_s = self._last_time_s
                for content, time_s in self._items():
                    if time_s is None or time_s > after_s:
                        self._last_time_s = max(time_s or 0.0, self._last_time_s)
                        self._keep(content, time_s)
                if self._closed.is_set():
                    return
                if not self._open_again():
                    break
        except Exception:
            # A thread that died without a word would look like a system in which nothing happens.
            self.broken = not self._closed.is_set()

    def _keep(self, content: Any, time_s: float | None) -> None:
        occurrence = Occurrence(
            arrived_at_s=self._clock(), engine_time_s=time_s, content=content
        )
        with self._lock:
            self._kept.append(occurrence)

    def _items(self) -> Iterator[tuple[Any, float | None]]:
        if self._source.kind == "events":
            for event in self._stream:
                yield event, event["timeNano"] / 1e9
        elif self._source.kind == "logs":
            for line in _lines(self._stream):
                stamp, _, text = line.partition(" ")
                yield text[:_LINE_CHARS_MAX], engine_time_s(stamp)
        else:
            for line in self._stream:
                if line:
                    reading = json.loads(line)
                    yield reading, engine_time_s(reading["read"])

    def _opened(self) -> Any:
        name, since_s = self._source.object_id, int(self._last_time_s)
        if self._source.kind == "events":
            return self._client.events(since=since_s, filters={"container": [name]}, decode=True)
        if self._source.kind == "logs":
            # Logs end with the life of a container: those of its next life follow them.
            return self._client.logs(
                name, stream=True, follow=True, timestamps=True, since=since_s
            )
        from docker.types import CancellableStream

        url = f"{self._client.base_url}/v{self._api}/containers/{name}/stats"
        answer = self._client.get(url, params={"stream": "true"}, stream=True, timeout=_ANSWER_S)
        answer.raise_for_status()
        return CancellableStream(answer.iter_lines(), answer)

    def _open_again(self) -> bool:
        """After its end. Events have none by themselves: they are broken. Those of a container that
        does not run are waited for; False where it is gone for good."""
        from docker.errors import NotFound

        if self._source.kind == "events":
            self.broken = True
            return False
        while not self._closed.wait(_OPEN_AGAIN_EVERY_S):
            try:
                if self._client.inspect_container(self._source.object_id)["State"]["Running"]:
                    stream = self._opened()
                    break
            except NotFound:
                return False
        else:
            return False
        with self._lock:
            self._stream = stream
            if self._closed.is_set():
                stream.close()
        return True


def engine_time_s(text: str) -> float | None:
    """Seconds since the epoch of a time as engines write it; None where it is none.

    >>> engine_time_s("1970-01-01T00:00:01.500000001Z")
    1.5
    """
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "backslashreplace")
        rest = rest[: 4 * _LINE_CHARS_MAX]


def _client(endpoint: Endpoint) -> Any:
    import docker
    from docker.tls import TLSConfig

    url = endpoint.url
    tls: TLSConfig | bool = False
    if endpoint.tls_ca:
        url = "https://" + url.removeprefix("tcp://")
        cert = (endpoint.tls_cert, endpoint.tls_key) if endpoint.tls_cert else None
        tls = TLSConfig(ca_cert=endpoint.tls_ca, client_cert=cert, verify=True)
    client = docker.APIClient(base_url=url, version=endpoint.api, timeout=_ANSWER_S, tls=tls)
    # Else a proxy or a CA bundle of the environment would count for more than the endpoint.
    client.trust_env = False
    return client
