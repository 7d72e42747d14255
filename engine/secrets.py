"""Secrets: references in documents and journals, values only at the moment of use.

In parameters and ops a secret stands as ``${secret:NAME}``, inside of JSON as ``${secret:NAME|json}``.
`Secrets.reveal` puts the value in, right before an op runs; `Secrets.mask` takes it out of everything
that comes back.
"""

import base64
import html
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

from breakfix.engine.errors import BreakfixError
from breakfix.engine.model import SecretSource

MASK: Final = "***"

_REFERENCE: Final = re.compile(r"\$\{secret:([a-z][a-z0-9_]*)(\|json)?\}")
_EMBEDDED_CHARS_MIN: Final = 4
"""A piece of base64 that is shorter than this is found in text that has nothing to do with it."""


class Secrets:
    """The secrets of one scenario. Thread-safe."""

    def __init__(self, sources: Mapping[str, SecretSource]) -> None:
        self._sources = dict(sources)
        self._lock = threading.Lock()
        self._values: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._looked = not sources

    def reveal(self, text: str) -> str:
        """The text with every reference replaced by its value.

        Raises BreakfixError where a value is not there: ``needs SHOP_TOKEN``.
        """
        if "${secret:" not in text:
            return text

        def value(match: re.Match[str]) -> str:
            found = self._value(match[1])
            return json.dumps(found)[1:-1] if match[2] else found

        return _REFERENCE.sub(value, text)

    def mask(self, text: str) -> str:
        """The text without any value: written out, or in URL, base64, JSON, HTML or Python form.

        Every declared secret that can be read is masked, whether it was revealed or not: what we
        start inherits our environment and may print it.
        """
        if not self._looked:
            self._look()
        pattern = self._pattern
        return text if pattern is None else pattern.sub(MASK, text)

    def _look(self) -> None:
        self._looked = True
        for name in self._sources:
            try:
                self._value(name)
            except BreakfixError:
                continue

    def _value(self, name: str) -> str:
        with self._lock:
            if name not in self._values:
                self._values[name] = self._read(name)
                self._pattern = _pattern(self._values.values())
            return self._values[name]

    def _read(self, name: str) -> str:
        source = self._sources.get(name)
        if source is None:
            raise BreakfixError(
                f"There is no secret {name}.", hint="Declare it under `secrets` in the scenario."
            )
        where = source.env or source.file or ""
        hint = f"Set the variable {where}." if source.env else f"Put the value into {where}."
        try:
            value = os.environ[where] if source.env else Path(where).read_text().rstrip("\r\n")
        except (KeyError, OSError, UnicodeDecodeError) as error:
            why = "" if isinstance(error, KeyError) else f" ({error})"
            message = f"needs {where}: the secret {name} comes from there{why}."
            raise BreakfixError(message, hint=hint) from None
        if not value:
            raise BreakfixError(f"needs {where}: the secret {name} is empty.", hint=hint)
        return value


def _pattern(values: Iterable[str]) -> re.Pattern[str]:
    found = {form for value in values for form in forms(value)}
    # The longest first: a form that begins with another one must not be left half-masked.
    return re.compile("|".join(re.escape(form) for form in sorted(found, key=len, reverse=True)))


def forms(value: str) -> set[str]:
    """How a value may be written in an output."""
    raw = value.encode("utf-8", "surrogateescape")
    urls = {quote(raw, safe=safe) for safe in ("", "/", "/!$'()*+,:;=@-._~")} | {quote_plus(raw)}
    lower = {re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), url) for url in urls}
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_json |= {text.replace("/", "\\/") for text in in_json}
    others = {html.escape(value), html.escape(value, quote=False), repr(value)[1:-1]}
    return {value, *urls, *lower, *in_json, *others, *_base64_forms(raw)}


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The value alone, and the characters that are the same wherever it stands in a longer text.

    Base64 (RFC 4648) turns 3 bytes into 4 characters: a value that begins at the byte 0, 1 or 2 of a
    group shares its first characters with what is before it, and its last one with what follows.
    """
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode()
        for before, shared in ((0, 0), (1, 2), (2, 3)):
            whole = (before + len(raw)) * 8 // 6
            inside = encode(b"\0" * before + raw).decode()[shared:whole]
            if len(inside) >= _EMBEDDED_CHARS_MIN:
                yield inside
