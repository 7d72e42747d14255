"""Services that fail at exactly known times: ``failing_services.py PLAN``.

PLAN is JSON: ``[{"port": 1, "slow": false, "outages": [[from_s, to_s], ...]}, ...]`` with instants of
CLOCK_MONOTONIC. A request that arrives within an outage is answered with 503, or (slow) late.
"""

import asyncio
import bisect
import json
import sys
import time
from pathlib import Path
from typing import Any

SLOW_S = 0.4
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BAD = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def is_down(outages: list[list[float]], now_s: float) -> bool:
    """Whether an instant lies within an outage (its end not included)."""
    index = bisect.bisect_right(outages, now_s, key=lambda outage: outage[0]) - 1
    return index >= 0 and now_s < outages[index][1]


async def serve(service: dict[str, Any]) -> None:
    """One service, for ever."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readline()
            down = is_down(service["outages"], time.monotonic())
            if down and service["slow"]:
                await asyncio.sleep(SLOW_S)
            writer.write(BAD if down and not service["slow"] else GOOD)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except OSError:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", service["port"], backlog=512)
    async with server:
        await server.serve_forever()


async def main() -> None:
    """All services of the plan, and a word when they are there."""
    services = json.loads(Path(sys.argv[1]).read_text())
    async with asyncio.TaskGroup() as group:
        for service in services:
            group.create_task(serve(service))
        await asyncio.sleep(0.2)
        print("ready", flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
