"""The run's side of the control socket."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from breakfix.engine.control import SOCKET, Answer, Request, short_path

REQUEST_BYTES_MAX = 4096
Handle = Callable[[Request], Answer]


@contextlib.asynccontextmanager
async def serving(folder: Path, handle: Handle) -> AsyncIterator[None]:
    """Answer requests while this is entered. The socket is readable by its owner alone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.LimitOverrunError, ValueError):
            line = await reader.readline()
            writer.write(msgspec.json.encode(_answer(line, handle)) + b"\n")
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    path, fd = short_path(folder)
    old_mask = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(serve, path, limit=REQUEST_BYTES_MAX)
    finally:
        os.umask(old_mask)
        os.close(fd)
    try:
        yield
    finally:
        server.close()
        (folder / SOCKET).unlink(missing_ok=True)


def _answer(line: bytes, handle: Handle) -> Answer:
    try:
        request = msgspec.json.decode(line, type=Request)
    except msgspec.MsgspecError as error:
        return Answer(ok=False, message=f"no request: {error}")
    return handle(request)
