"""http.get and http.post: what is good, what is bad, and what is blind."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from breakfix.actions.http.get import Get
from breakfix.actions.http.post import Post
from breakfix.engine.action import Observation

Sample = Callable[..., Observation]


@pytest.mark.parametrize(
    ("path", "wanted", "expected"),
    [
        ("/200/ok", {}, (True, "status 200")),
        ("/204", {}, (True, "status 204")),
        ("/503/no", {}, (False, "status 503, wanted 2xx")),
        ("/302/", {}, (False, "status 302, wanted 2xx")),
        ("/503/no", {"status": 503}, (True, "status 503")),
        ("/200/ok", {"status": 201}, (False, "status 200, wanted 201")),
        ("/200/all%20is%20well", {"body": "w.ll$"}, (True, "status 200")),
        ("/200/ill", {"body": "well"}, (False, "body without 'well'")),
        ('/200/{"a":{"b":[1]}}', {"json": {"/a/b/0": 1}}, (True, "status 200")),
        ('/200/{"a":1}', {"json": {"/a": 2}}, (False, "/a is 1, wanted 2")),
        ('/200/{"a":1}', {"json": {"/a": True}}, (False, "/a is 1, wanted true")),
        ('/200/{"a":1}', {"json": {"/b": 2}}, (False, "nothing at /b")),
        ("/200/text", {"json": {"/b": 2}}, (False, "body is not JSON")),
        ("/200/ok", {"under": "20s"}, (True, "status 200")),
        ("/200/ok", {"under": "0ms"}, (False, "wanted under 0ms")),
        ("/cut", {"body": "y"}, (False, "body without 'y' in what was read of it")),
    ],
)
def test_an_answer_is_judged(
    sample: Sample, web: str, path: str, wanted: dict[str, Any], expected: tuple[bool, str]
) -> None:
    """Good when all holds that is asked for; else bad, and the detail says why."""
    holds, says = expected
    seen = sample(msgspec.convert({"url": web + path, **wanted}, Get))
    assert seen.holds is holds
    assert says in seen.detail


def test_the_result_holds_what_later_steps_may_use(sample: Sample, web: str) -> None:
    """Status, time, body, and the body as data."""
    seen = sample(msgspec.convert({"url": web + '/200/{"a":1}'}, Get))
    assert seen.result["status"] == 200
    assert seen.result["json"] == {"a": 1}
    assert seen.result["body"] == '{"a":1}'
    assert seen.result["duration_s"] > 0
    assert set(seen.result) <= set(Get.result)


def test_refused_is_bad(sample: Sample, closed_port: int) -> None:
    """Nobody listens: the system that was asked is at fault."""
    seen = sample(msgspec.convert({"url": f"http://127.0.0.1:{closed_port}/"}, Get))
    assert seen.holds is False
    assert "connection refused" in seen.detail


def test_no_answer_in_time_is_bad(sample: Sample, web: str) -> None:
    """A server that hangs is at fault."""
    seen = sample(msgspec.convert({"url": web + "/hang"}, Get), timeout_s=0.2)
    assert seen.holds is False
    assert "no answer within 0.2 s" in seen.detail


def test_no_tls_is_bad(sample: Sample, web: str) -> None:
    """https means TLS, verified."""
    seen = sample(msgspec.convert({"url": web.replace("http:", "https:") + "/200/ok"}, Get))
    assert seen.holds is False
    assert "TLS failed" in seen.detail


def test_a_name_that_does_not_resolve_is_blind(sample: Sample) -> None:
    """It says nothing about the system that was to be asked (RFC 6761: .invalid never resolves)."""
    seen = sample(msgspec.convert({"url": "http://shop.invalid/"}, Get))
    assert seen.holds is None
    assert "shop.invalid did not resolve" in seen.detail


def test_post_sends_json_or_text(sample: Sample, web: str) -> None:
    """Data goes out as JSON, text as it is; the answer is judged as that of http.get."""
    seen = sample(msgspec.convert({"url": web, "send": {"a": 1}, "json": {"/a": 1}}, Post))
    assert seen.holds is True
    seen = sample(msgspec.convert({"url": web, "send": "hällo", "body": "^hällo$"}, Post))
    assert seen.holds is True


@pytest.mark.parametrize("action", [Get, Post])
@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://x"},
        {"url": "http://x", "body": "("},
        {"url": "http://x", "under": "3"},
        {"url": "http://x", "status": 7},
        {"url": "http://x", "json": {"no-pointer": 1}},
        {"url": "http://x", "colour": "blue"},
        {},
    ],
)
def test_wrong_parameters_are_refused(action: type[Get | Post], wrong: dict[str, Any]) -> None:
    """A parameter that cannot be meant is an error before anything runs."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, action)
