"""HTTP from the engine's machine: what an answer must be to be good."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta

from breakfix.engine.action import HttpFailed, HttpReply, Observation, Port
from breakfix.engine.values import Duration, format_seconds, seconds

Url = Annotated[
    str,
    Meta(
        pattern=r"^(https?://|\$\{secret:)",
        description="Where to ask; begins with http:// or https://, or is a secret.",
    ),
]
Headers = Annotated[
    dict[str, str],
    Meta(description="Headers of the request. A value may be a secret: `{{ secrets.NAME }}`."),
]
Status = Annotated[int, Meta(ge=100, le=599, description="The status that is good; without it, any 2xx.")]
Body = Annotated[
    str,
    Meta(
        description="A regular expression that must be found in the body.",
        extra_json_schema={"format": "regex"},
    ),
]
Json = Annotated[
    dict[Annotated[str, Meta(pattern=r"^(/.*)?$")], Any],
    Meta(description="For each JSON pointer (RFC 6901) into the body, the value that must be there."),
]
Under = Annotated[Duration, Meta(description="The whole answer must be there within this time.")]

RESULT: Final = {
    "status": "integer",
    "duration_s": "number: until the whole answer was there",
    "body": "text: at most 4096 characters",
    "json": "any: the body, where it is JSON",
}

_SECRET: Final = re.compile(r"\$\{secret:([a-z][a-z0-9_]*)\}")
_BODY_CHARS_MAX: Final = 4096
_SHOWN_CHARS: Final = 80


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    method: Literal["GET", "POST"]
    url: str
    headers: dict[str, str]
    body: str = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer must be."""

    status: int | None
    body: str | None
    json: dict[str, Any]
    under: str | None


def require_pattern(pattern: str | None) -> None:
    """Raises ValueError where the text is not a regular expression."""
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None


def as_json(value: Any) -> str:
    """The JSON of a value. A secret in it will be escaped when it is put in.

    >>> as_json({"token": "${secret:token}"})
    '{"token":"${secret:token|json}"}'
    """
    return _SECRET.sub(r"${secret:\1|json}", msgspec.json.encode(value).decode())


async def ask(port: Port, request: Request, wanted: Wanted) -> Observation:
    """One request, judged. No answer is bad; where our own DNS fails, the sample is blind."""
    try:
        reply = await port.http(
            request.method, request.url, headers=request.headers, body=request.body
        )
    except HttpFailed as failed:
        return Observation(holds=None if failed.blind else False, detail=str(failed))
    parsed = _parsed(reply)
    problems = list(_problems(reply, parsed, wanted))
    return Observation(
        holds=not problems,
        detail="; ".join(problems) or f"status {reply.status}",
        result={
            "status": reply.status,
            "duration_s": reply.duration_s,
            "body": reply.text[:_BODY_CHARS_MAX],
            **({} if parsed is UNSET else {"json": parsed}),
        },
    )


def _problems(reply: HttpReply, parsed: Any, wanted: Wanted) -> Iterator[str]:
    if wanted.status is None and not 200 <= reply.status < 300:
        yield f"status {reply.status}, wanted 2xx"
    if wanted.status is not None and reply.status != wanted.status:
        yield f"status {reply.status}, wanted {wanted.status}"
    cut = " in what was read of it" if reply.cut else ""
    if wanted.body is not None and not re.search(wanted.body, reply.text):
        yield f"body without {wanted.body!r}{cut}"
    if wanted.json and parsed is UNSET:
        yield "body is not JSON" + (": it is longer than what was read of it" if reply.cut else "")
    elif wanted.json:
        for pointer, value in wanted.json.items():
            found = _at(parsed, pointer)
            if found is UNSET:
                yield f"nothing at {pointer}"
            elif not _same(found, value):
                yield f"{pointer} is {_shown(found)}, wanted {_shown(value)}"
    if wanted.under is not None and reply.duration_s >= seconds(wanted.under):
        yield f"took {format_seconds(reply.duration_s)}, wanted under {wanted.under}"


def _parsed(reply: HttpReply) -> Any:
    if reply.cut:
        return UNSET
    try:
        return msgspec.json.decode(reply.text)
    except msgspec.DecodeError:
        return UNSET


def _at(document: Any, pointer: str) -> Any:
    """What a JSON pointer points at.

    >>> _at({"a/b": [1, {"c": 2}]}, "/a~1b/1/c")
    2
    >>> _at({}, "/a") is UNSET
    True
    """
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return UNSET
    return document


def _same(found: Any, value: Any) -> bool:
    """Equal as JSON: a number is never a truth value."""
    return found == value and isinstance(found, bool) == isinstance(value, bool)


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
