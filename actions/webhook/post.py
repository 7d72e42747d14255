"""webhook.post"""

from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from breakfix.actions.http import Headers, Status, Url, as_json
from breakfix.engine.action import Facts, Repair
from breakfix.engine.ops import HttpOp, Kind, Plan


class Post(Repair, frozen=True, kw_only=True):
    """Tell another system to mend something, by one HTTP request. It has succeeded when the status is
    a good one; whether anything was mended, a verify step has to see.

    The TLS certificate is verified; redirects are not followed.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    examples = (
        {"url": "http://127.0.0.1:9000/hooks/failover", "send": {"to": "standby"}},
        {
            "url": "https://hooks.example/restart",
            "headers": {"Authorization": "Bearer abc"},
            "status": 202,
        },
    )

    url: Url
    send: Annotated[
        str | dict[str, Any] | list[Any],
        Meta(description="The body: text as it is, anything else as JSON."),
    ] = ""
    headers: Headers = field(default_factory=dict)
    status: Status | None = None

    def plan(self, facts: Facts) -> Plan:
        """One request."""
        body, headers = self.send, self.headers
        if not isinstance(body, str):
            body = as_json(body)
            headers = {"Content-Type": "application/json", **headers}
        good = tuple(range(200, 300)) if self.status is None else (self.status,)
        op = HttpOp(method="POST", url=self.url, headers=headers, body=body, ok_status=good)
        return Plan(apply=(op,))
