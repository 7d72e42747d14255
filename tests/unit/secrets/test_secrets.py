"""Secrets: put in at the last moment, and masked in whatever form they come back."""

import base64
import json
import re
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from breakfix.engine.errors import BreakfixError
from breakfix.engine.model import SecretSource
from breakfix.engine.secrets import MASK, Secrets

VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="*\0", exclude_categories=["Cc"]),
    min_size=4,
    max_size=40,
)
AROUND = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def revealed(value: str, monkeypatch: pytest.MonkeyPatch) -> Secrets:
    """A masker that knows one value."""
    monkeypatch.setenv("SHOP_TOKEN", value)
    secrets = Secrets({"token": SecretSource(env="SHOP_TOKEN")})
    assert secrets.reveal("${secret:token}") == value
    return secrets


def test_a_reference_is_replaced_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """References may stand inside of a text, and more than once."""
    secrets = revealed("s3cret", monkeypatch)
    assert secrets.reveal("a ${secret:token} b ${secret:token}") == "a s3cret b s3cret"
    assert secrets.reveal("no reference, $x ${y}") == "no reference, $x ${y}"


def test_inside_of_json_it_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value with quotes does not break the document that it is put into."""
    secrets = revealed('a"b\\c', monkeypatch)
    assert json.loads(secrets.reveal('{"t":"${secret:token|json}"}')) == {"t": 'a"b\\c'}


def test_a_file_gives_its_text_without_the_last_newline(tmp_path: Path) -> None:
    """Editors end a file with a newline that is not part of the secret."""
    (tmp_path / "token").write_text("abc\n")
    secrets = Secrets({"token": SecretSource(file=str(tmp_path / "token"))})
    assert secrets.reveal("${secret:token}") == "abc"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (SecretSource(env="BREAKFIX_TEST_UNSET"), "needs BREAKFIX_TEST_UNSET"),
        (SecretSource(file="/nowhere/token"), "needs /nowhere/token"),
    ],
)
def test_a_missing_value_says_what_is_needed(source: SecretSource, says: str) -> None:
    """Without its value an op cannot run, and the message names what to set."""
    with pytest.raises(BreakfixError, match=says):
        Secrets({"token": source}).reveal("${secret:token}")


def test_an_empty_value_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable is not a secret: it would mask everything."""
    monkeypatch.setenv("BREAKFIX_TEST_EMPTY", "")
    with pytest.raises(BreakfixError, match="is empty"):
        Secrets({"token": SecretSource(env="BREAKFIX_TEST_EMPTY")}).reveal("${secret:token}")


def test_an_undeclared_name_is_an_error() -> None:
    """A reference to a secret that the scenario does not declare is never sent as it is."""
    with pytest.raises(BreakfixError, match="no secret other"):
        Secrets({}).reveal("${secret:other}")


def test_a_declared_secret_is_masked_before_anybody_used_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What we start inherits our environment and may print it."""
    monkeypatch.setenv("SHOP_TOKEN", "s3cret-value")
    secrets = Secrets(
        {"token": SecretSource(env="SHOP_TOKEN"), "gone": SecretSource(env="BREAKFIX_TEST_UNSET")}
    )
    assert secrets.mask("token=s3cret-value") == f"token={MASK}"


def test_without_secrets_text_is_left_alone() -> None:
    """Masking is for secrets only."""
    assert Secrets({}).mask("as it is") == "as it is"


@settings(deadline=None, max_examples=100)
@given(value=VALUES, before=AROUND, after=AROUND)
def test_no_written_form_survives(value: str, before: str, after: str) -> None:
    """Raw, in a URL, in JSON: whatever stands around it, the value is not in the masked text."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        secrets = revealed(value, monkeypatch)
    for form in (
        value,
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), quote(value, safe="")),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    ):
        masked = secrets.mask(f"{before}{form}{after}")
        assume(form not in before + MASK + after)
        assert MASK in masked
        assert form not in masked


@settings(deadline=None, max_examples=100)
@given(
    value=VALUES.filter(lambda text: len(text.encode()) >= 6),
    before=st.binary(max_size=7),
    after=st.binary(max_size=7),
)
def test_no_base64_gives_it_away(value: str, before: bytes, after: bytes) -> None:
    """Alone or in the middle of something longer (user:password), standard or URL-safe alphabet: what
    is left of the base64 text does not decode to the value."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        secrets = revealed(value, monkeypatch)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        alone = encode(value.encode()).decode()
        assert alone not in secrets.mask(alone)
        within = encode(before + value.encode() + after).decode()
        masked = secrets.mask(within)
        assert MASK in masked
        # The characters around share a few bits with the value, no more than a byte on each side.
        kept = len(masked) - len(MASK)
        around = len(encode(before)) + len(encode(after))
        assert kept <= around + 8
