"""webhook.post: one request, its secrets as references."""

import msgspec

from breakfix.actions.webhook.post import Post
from breakfix.engine.action import NoFacts
from breakfix.engine.ops import HttpOp
from breakfix.engine.vehicles.dispatch import Vehicles


def op_of(action: Post) -> HttpOp:
    """The one op of its plan."""
    (op,) = action.plan(NoFacts()).apply
    assert isinstance(op, HttpOp)
    return op


def test_data_goes_out_as_json_with_its_secrets_escaped_later() -> None:
    """The journal holds references; a value with quotes will not break the document."""
    op = op_of(Post(url="http://x/", send={"token": "${secret:token}"}, headers={"A": "b"}))
    assert op.body == '{"token":"${secret:token|json}"}'
    assert op.headers == {"Content-Type": "application/json", "A": "b"}
    assert op.ok_status == tuple(range(200, 300))


def test_text_goes_out_as_it_is() -> None:
    """And one status may be asked for."""
    op = op_of(Post(url="http://x/", send="now", status=202))
    assert (op.body, op.headers, op.ok_status) == ("now", {}, (202,))


def test_the_url_may_be_a_secret() -> None:
    """Many webhooks have their key in it."""
    assert msgspec.convert({"url": "${secret:hook}"}, Post).url == "${secret:hook}"


def test_it_reaches_the_server(vehicles: Vehicles, web: str) -> None:
    """The op does what the plan says."""
    outcome = vehicles.run(op_of(Post(url=web, send={"to": "standby"})))
    assert outcome.ok
    assert outcome.text == '{"to":"standby"}'
