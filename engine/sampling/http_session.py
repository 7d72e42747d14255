"""HTTP requests of probes, on the run's event loop."""

import os
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

import anyio.to_thread

from breakfix.engine.action import HttpFailed, HttpReply

if TYPE_CHECKING:
    import aiohttp

BODY_BYTES_MAX: Final = 1 << 20


class HttpSession:
    """One for each run. It is opened by the first request, if not before, in a thread: importing the
    HTTP library and reading the certificates takes a fifth of a second, and the event loop goes on.

    Every request has a connection of its own, asks the name anew, and sends no cookie that an answer
    before it set: a sample shows what a new client would see, whatever the samples before it did.
    Redirects are not followed; proxies of the environment are not used.
    """

    def __init__(self) -> None:
        self._opening = anyio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, url: str, headers: dict[str, str], body: str, timeout_s: float
    ) -> HttpReply:
        """One request. Raises HttpFailed where no answer came."""
        session = await self.open()
        import aiohttp

        started_s = time.perf_counter()
        try:
            async with session.request(
                method,
                url,
                headers=headers,
                data=body.encode() or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as answer:
                content = await _read(answer)
        except TimeoutError:
            raise HttpFailed(f"no answer within {timeout_s:g} s", blind=False) from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            why = f"{url} is not a URL that begins with http:// or https://"
            raise HttpFailed(why, blind=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise HttpFailed(_why(error), blind=_is_ours(error)) from None
        return HttpReply(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.headers.items()},
            # Not escaped, as elsewhere: of a picture, that would hold up the event loop.
            text=content[:BODY_BYTES_MAX].decode("utf-8", "replace"),
            cut=len(content) > BODY_BYTES_MAX,
            duration_s=time.perf_counter() - started_s,
        )

    async def close(self) -> None:
        """No request comes after this."""
        if self._session is not None:
            await self._session.close()

    async def open(self) -> "aiohttp.ClientSession":
        """The session, ready to be used; any number of times. Before the first sample that counts,
        so that what it costs is not in that sample."""
        async with self._opening:
            if self._session is None:
                context = await anyio.to_thread.run_sync(_prepared)
                import aiohttp

                connector = aiohttp.TCPConnector(
                    ssl=context, limit=0, use_dns_cache=False, force_close=True
                )
                self._session = aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    headers={"User-Agent": "breakfix"},
                )
        return self._session


def _prepared() -> ssl.SSLContext:
    import aiohttp  # noqa: F401

    return ssl.create_default_context()


async def _read(answer: "aiohttp.ClientResponse") -> bytes:
    """The body, one byte more than we keep at most."""
    pieces: list[bytes] = []
    left = BODY_BYTES_MAX + 1
    async for piece in answer.content.iter_any():
        pieces.append(piece[:left])
        left -= len(pieces[-1])
        if not left:
            break
    return b"".join(pieces)


def _is_ours(error: Exception) -> bool:
    """A name that does not resolve says nothing about the system that was asked."""
    import aiohttp

    return isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror)


def _why(error: Exception) -> str:
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate is not good: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name {error.host} did not resolve"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {(cause.reason or str(cause)).replace('_', ' ').lower()}"
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno).lower()
    return str(error) or type(error).__name__
