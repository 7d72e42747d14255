"""A file as data and positions."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breakfix.engine.document import Document, parse, read
from breakfix.engine.document.read import pointer
from breakfix.engine.errors import DocumentError

TEXT = """\
name: shop
steps:
  - id: kill
    with:
      url: "http://{{ inputs.host }}/"
      empty:
  - {id: look, after: [kill]}
"""
INDENTED = st.sampled_from(
    ["a", "b", ":", ": ", "- ", "\n", "\n  ", " ", "&a ", "*a", "{", "}", "{{ ", "[", "]", ",", "'",
     '"', "|", ">", "!x ", "!!int ", "0", "755", "1e9", "-", ".", "?", "<<", "#", "%", "@", "---\n",
     "...\n", "\t", "\r", "\u2028", "\x85", "\ufeff", "é", "\0", "2026-01-02", "~", "true", "\\"]
)  # fmt: skip

TEXTS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)


def data_of(text: str) -> Any:
    """The data of a text."""
    return parse("f", text.encode()).data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("off", "off"), ("true", True), ("False", False), ("null", None),
        ("~", None), ("0", 0), ("-7", -7), ("+3", 3), ("0x10", 16), ("0o17", 15), ("1.5", 1.5),
        (".5", 0.5), ("1e3", 1000.0), ("12:30:00", "12:30:00"), ("1_000", "1_000"), ("-x", "-x"),
        ("'0755'", "0755"), ('"2026-01-02"', "2026-01-02"), ("'true'", "true"), ("''", ""),
        ("1.2.3", "1.2.3"), ("30s", "30s"), ("http://{{ x }}/", "http://{{ x }}/"),
        ('"{{ x }}"', "{{ x }}"), ("|\n  {{ x }}\n", "{{ x }}\n"), ("[]", []), ("{}", {}),
    ],
)  # fmt: skip
def test_a_plain_scalar_means_what_yaml_1_2_says(text: str, value: Any) -> None:
    """Types are those of YAML 1.2's core schema: `yes` and `12:30:00` are text."""
    found = data_of(f"a: {text}")["a"]

    assert found == value
    assert type(found) is type(value)


def test_a_quoted_key_is_text() -> None:
    """What is quoted is text, whatever it looks like."""
    assert data_of("'1': a\n\"true\": b\n'<<': c\n") == {"1": "a", "true": "b", "<<": "c"}


def test_aliases_stand_for_what_they_name() -> None:
    """An alias has the value of its anchor, as often as it is used."""
    assert data_of("a: &x {b: [1]}\nc: *x\nd: [*x]\n") == {
        "a": {"b": [1]}, "c": {"b": [1]}, "d": [{"b": [1]}],
    }  # fmt: skip


def test_a_file_is_read_by_the_parser_in_c() -> None:
    """Composed by libyaml: the marks of the nodes are those of its extension module."""
    marks = parse("f", b"a: 1").positions._root.start_mark

    assert type(marks).__module__.endswith("_ruamel_yaml")


def test_a_document_knows_its_file_and_hash(tmp_path: Path) -> None:
    """The hash is that of the bytes of the file, the byte order mark included."""
    file = tmp_path / "shop.yaml"
    raw = b"\xef\xbb\xbfname: shop\r\n"
    file.write_bytes(raw)

    document = read(file)

    assert document.file == str(file)
    assert document.data == {"name": "shop"}
    assert document.text == "name: shop\r\n"
    assert document.text_sha256 == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize(
    ("text", "missing"),
    [("a:\n", True), ("a: ~\n", True), ("a: [null]\n", True), ("a: ''\n", False), ("a: 1", False)],
)
def test_a_missing_value_is_noticed(text: str, missing: bool) -> None:
    """`has_null` says whether a value is missing somewhere."""
    assert parse("f", text.encode()).has_null is missing


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ((), (1, 1), (1, 1)),
        (("name",), (1, 1), (1, 7)),
        (("steps",), (2, 1), (3, 3)),
        (("steps", 0), (3, 5), (3, 5)),
        (("steps", 0, "id"), (3, 5), (3, 9)),
        (("steps", 0, "with", "url"), (5, 7), (5, 12)),
        (("steps", 0, "with", "empty"), (6, 7), (6, 7)),
        (("steps", 1, "after"), (7, 16), (7, 23)),
        (("steps", 1, "after", 0), (7, 24), (7, 24)),
        (("steps", 0, "with", "absent", 3), (4, 5), (5, 7)),
        (("steps", 9), (2, 1), (3, 3)),
        (("steps", -1), (2, 1), (3, 3)),
        (("name", "deeper"), (1, 1), (1, 7)),
    ],
)
def test_positions(
    place: tuple[str | int, ...], key: tuple[int, int], value: tuple[int, int]
) -> None:
    """Each place has the position of its key and of its value; a place that is not there has that of
    the nearest one around it, and an empty value that of its key."""
    positions = parse("f", TEXT.encode()).positions

    assert positions[place] == key
    span = positions.value(place)
    assert (span.line, span.column) == value


def test_the_end_of_a_position() -> None:
    """A scalar ends behind its last character; of a block only the beginning is told."""
    positions = parse("f", TEXT.encode()).positions

    url = positions.value(("steps", 0, "with", "url"))
    assert (url.end_line, url.end_column) == (5, len(TEXT.splitlines()[4]) + 1)
    steps = positions.value(("steps",))
    assert (steps.end_line, steps.end_column) == (steps.line, steps.column)


def test_a_problem_of_a_document() -> None:
    """A document makes problems: with its file, a position and the JSON pointer of the place."""
    document = parse("shop.yaml", TEXT.encode())
    place = ("steps", 0, "id")

    problem = document.problem(
        document.positions.value(place), "it is odd", place=place, warning=True
    )

    assert str(problem) == "shop.yaml:3:9: warning: it is odd"
    assert problem.path == "/steps/0/id"
    assert pointer(("a/b", "c~d")) == "/a~1b/c~0d"


def outcome_of(raw: bytes) -> Document | DocumentError:
    """What comes of bytes; every other exception is a failure."""
    try:
        document = parse("f", raw)
    except DocumentError as error:
        assert error.problems
        assert list(error.problems) == sorted(error.problems)
        for problem in error.problems:
            assert problem.line >= 1
            assert problem.column >= 1
            assert str(problem).startswith("f:")
        return error
    require_plain(document.data)
    return document


def require_plain(data: Any) -> None:
    """Dicts with text as keys, lists, text, numbers, truth values, None."""
    if isinstance(data, dict):
        for key, value in data.items():
            assert type(key) is str
            require_plain(value)
    elif isinstance(data, list):
        for value in data:
            require_plain(value)
    else:
        assert data is None or type(data) in (str, int, float, bool)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"a: \xc3")
def test_any_bytes_are_a_document_or_a_document_error(raw: bytes) -> None:
    """Whatever bytes a file holds: plain data, or an error with positions, and nothing else."""
    outcome_of(raw)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200))
@example("%YAML 3.0\n---\n")
@example("%TAG ! x\n")
def test_any_text_is_a_document_or_a_document_error(text: str) -> None:
    """Whatever text a file holds: plain data, or an error with positions, and nothing else."""
    outcome_of(text.encode(errors="replace"))


@settings(deadline=None, max_examples=100)
@given(st.lists(INDENTED, max_size=25).map("".join))
@example("{{ a: b }}")
@example("&a [*a]")
@example("{? a}")
@example("*a : 1")
def test_anything_like_yaml_is_a_document_or_a_document_error(text: str) -> None:
    """Of the characters that YAML is made of: plain data, or an error with positions."""
    outcome_of(text.encode())


@settings(deadline=None, max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(1 - 10**17, 10**17) | TEXTS
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(TEXTS, inner, max_size=4),
        max_leaves=20,
    )
)  # fmt: skip
def test_json_is_read_as_what_it_says(data: Any) -> None:
    """A document written as JSON has the same data, where no escape is half of a character."""
    assert data_of(json.dumps(data)) == data
