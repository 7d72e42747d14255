"""http.get"""

from typing import ClassVar

from msgspec import field

from breakfix.actions.http import (
    RESULT,
    Body,
    Headers,
    Json,
    Request,
    Status,
    Under,
    Url,
    Wanted,
    ask,
    require_pattern,
)
from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.ops import Kind


class Get(Probe, frozen=True, kw_only=True):
    """Ask an HTTP server, and judge its answer: good when all holds that is written here.

    Refused, reset, timed out, a bad certificate: bad. A name that does not resolve: blind. Every sample
    has a connection of its own; redirects are not followed; at most 1 MiB of the body is read.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    result: ClassVar[dict[str, str]] = RESULT
    examples = (
        {"url": "http://127.0.0.1:8080/health"},
        {
            "url": "https://shop.example/api/stock",
            "status": 200,
            "json": {"/status": "ok"},
            "under": "800ms",
            "headers": {"Accept": "application/json"},
        },
    )

    url: Url
    status: Status | None = None
    body: Body | None = None
    json: Json = field(default_factory=dict)
    under: Under | None = None
    headers: Headers = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_pattern(self.body)

    async def sample(self, port: Port) -> Observation:
        """One GET."""
        wanted = Wanted(status=self.status, body=self.body, json=self.json, under=self.under)
        request = Request(method="GET", url=self.url, headers=self.headers)
        return await ask(port, request, wanted)
