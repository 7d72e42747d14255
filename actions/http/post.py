"""http.post"""

from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

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
    as_json,
    ask,
    require_pattern,
)
from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.ops import Kind


class Post(Probe, frozen=True, kw_only=True):
    """Send something to an HTTP server, and judge its answer as http.get does.

    It is a probe: what it sends, it sends again with every sample. To mend something once, use
    webhook.post.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    result: ClassVar[dict[str, str]] = RESULT
    examples = (
        {"url": "http://127.0.0.1:8080/search", "send": {"text": "tea"}, "status": 200},
        {"url": "http://127.0.0.1:8080/echo", "send": "hello", "body": "hello"},
    )

    url: Url
    send: Annotated[
        str | dict[str, Any] | list[Any],
        Meta(description="The body: text as it is, anything else as JSON."),
    ] = ""
    status: Status | None = None
    body: Body | None = None
    json: Json = field(default_factory=dict)
    under: Under | None = None
    headers: Headers = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_pattern(self.body)

    async def sample(self, port: Port) -> Observation:
        """One POST."""
        text, headers = self.send, self.headers
        if not isinstance(text, str):
            text = as_json(text)
            headers = {"Content-Type": "application/json", **headers}
        wanted = Wanted(status=self.status, body=self.body, json=self.json, under=self.under)
        request = Request(method="POST", url=self.url, headers=headers, body=text)
        return await ask(port, request, wanted)
