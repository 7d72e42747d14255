"""What would surprise the author of a file is told, with its line and column."""

from pathlib import Path

import pytest

from breakfix.engine.document import parse, read
from breakfix.engine.document.build import EXPANDED_NODES_MAX
from breakfix.engine.document.compose import DEPTH_MAX
from breakfix.engine.document.read import BYTES_MAX
from breakfix.engine.errors import DocumentError
from breakfix.engine.model import Problem

QUOTE = "an expression must be quoted"
SURPRISES = {
    "duplicate key": ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, 3, "the key 'c' stands twice"),
    "key with escapes": ('a: 1\n"\\x61": 2\n', 2, 1, "the key 'a' stands twice"),
    "expression as a value": ("a: {{ x }}\n", 1, 4, QUOTE),
    "expression in a list": ("a:\n  - {{ x }}\n", 2, 5, QUOTE),
    "expression before text": ("a: 1\nb: {{ x }}/y\n", 2, 4, QUOTE),
    "expression as a key": ("{{ x }}: 1\n", 1, 1, QUOTE),
    "date": ("a: 2026-01-02\n", 1, 4, "2026-01-02 looks like a date"),
    "date and time": ("a: 2026-1-2 03:04:05\n", 1, 4, "2026-1-2 03:04:05 looks like a date"),
    "date with T": ("- 2026-01-02T03:04:05Z\n", 1, 3, "2026-01-02T03:04:05Z looks like a date"),
    "leading zero": ("mode: 0755\n", 1, 7, "0755 may be decimal or octal"),
    "leading zero and sign": ("mode: -012\n", 1, 7, "-012 may be decimal or octal"),
    "tag": ("a: !!str 5\n", 1, 4, "the tag tag:yaml.org,2002:str has no meaning here"),
    "tag of a mapping": ("a:\n  b: !x {c: 1}\n", 2, 6, "the tag !x has no meaning here"),
    "tag of a list": ("!x [1]\n", 1, 1, "the tag !x has no meaning here"),
    "merge key": ("x: &x {b: 1}\ny:\n  <<: *x\n", 3, 3, "YAML 1.2 knows no merge key"),
    "second document": ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here"),
    "second after an end": ("a: 1\n...\nb: 2\n", 3, 1, "a second document begins here"),
    "alias in itself": ("a: &a\n  - *a\n", 1, 4, "an alias stands inside of its own anchor"),
    "unknown alias": ("a: 1\nb: *c\n", 2, 4, "this is not YAML: found undefined alias"),
    "number as a key": ("a: 1\n2: 3\n", 2, 1, "the key 2 is not text"),
    "hexadecimal key": ("0x10: 3\n", 1, 1, "the key 0x10 is not text"),
    "infinite key": (".inf: 3\n", 1, 1, "the key .inf is not text"),
    "truth value as a key": ("true: 3\n", 1, 1, "the key true is not text"),
    "empty key": ("a: 1\n? \n: 3\n", 2, 2, "the key (empty) is not text"),
    "list as a key": ("? [a]\n: b\n", 1, 3, "a key must be text"),
    "not a number": ("a: .nan\n", 1, 4, ".nan is not a finite number"),
    "infinite": ("a: -.inf\n", 1, 4, "-.inf is not a finite number"),
    "large float": ("a: 1e999\n", 1, 4, "the number is too large"),
    "large integer": ("a: 12345678901234567890\n", 1, 4, "the number is too large"),
    "large hexadecimal": ("a: 0x12345678901234567\n", 1, 4, "the number is too large"),
    "tab": ("\ta: b\n", 1, 1, "this is not YAML: found character that cannot start any token"),
    "colon": ("a: b: c\n", 1, 5, "this is not YAML: mapping values are not allowed"),
    "open quote": ("a: 1\nb: 'x\n", 3, 1, "this is not YAML: found unexpected end of stream"),
    "open bracket": ("a: [1\n", 2, 1, "this is not YAML: did not find expected ',' or ']'"),
    "indentation": ("a:\n    b: 1\n  c: 2\n", 3, 3, "this is not YAML: did not find expected key"),
    "control character": ("a: 1\né: \x07\n", 2, 4, "this is not YAML: control characters"),
    "anchor twice": ("a: &x 1\nb: &x 2\n", 2, 4, "this is not YAML: second occurrence"),
    "half of a pair": ('a: "\\ud800"\n', 1, 7, "this is not YAML: found invalid Unicode"),
    "wide characters": ("ä: 0755\n", 1, 4, "0755 may be decimal or octal"),
    "byte order mark": ("\ufeffa: 0755\n", 1, 4, "0755 may be decimal or octal"),
    "lines of Windows": ("a: 1\r\nb: 0755\r\n", 2, 4, "0755 may be decimal or octal"),
    "empty": ("", 1, 1, "the file is empty"),
    "only a comment": ("# nothing\n", 1, 1, "the file is empty"),
    "aliases of aliases": (
        "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10) if i else 1}]\n" for i in range(6)),
        5, 5, f"aliases add more than {EXPANDED_NODES_MAX} nodes",
    ),
    "brackets": ("[" * 101 + "]" * 101, 1, 101, "nested more than 100 levels deep"),
    "very many brackets": ("[" * 200_000, 1, 101, "nested more than 100 levels deep"),
    "very many lists": ("- " * 200_000, 1, 201, "nested more than 100 levels deep"),
    "very many keys": ("? " * 200_000, 1, 201, "nested more than 100 levels deep"),
    "indented far": (
        "".join(f"{' ' * i}a:\n" for i in range(120)), 101, 101, "nested more than 100 levels deep",
    ),
}  # fmt: skip
UNREADABLE = {
    "Latin-1": (b"a: 1\nb\xc3\xa9: \xe9\n", 2, 5, "the byte 0xe9 is not UTF-8 text"),
    "UTF-16": ("a: 1".encode("utf-16"), 1, 1, "the byte 0xff is not UTF-8 text"),
    "half of a character": (b"a: \xc3", 1, 4, "the byte 0xc3 is not UTF-8 text"),
    "a surrogate": (b"a\xed\xa0\x80", 1, 2, "the byte 0xed is not UTF-8 text"),
    "too long": (b"# " + b"x" * BYTES_MAX, 1, 1, "the file is longer than 1 MiB"),
}


def problems_of(raw: str | bytes) -> tuple[Problem, ...]:
    """What is told of a text."""
    with pytest.raises(DocumentError) as caught:
        parse("shop.yaml", raw.encode() if isinstance(raw, str) else raw)
    return caught.value.problems


@pytest.mark.parametrize("case", [*SURPRISES, *UNREADABLE])
def test_a_surprise_is_told_with_line_and_column(case: str) -> None:
    """Each surprise is one error, at the line and column (both from 1) where it stands."""
    raw, line, column, message = SURPRISES.get(case) or UNREADABLE[case]

    (problem,) = problems_of(raw)

    assert (problem.line, problem.column) == (line, column), problem
    assert message in problem.message
    assert problem.severity == "error"
    assert str(problem).startswith(f"shop.yaml:{line}:{column}: {problem.message}")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a: 1\na: 2\n", "line 1"),
        ("a: {{ x }}\n", '"{{ ... }}"'),
        ("a: 0755\n", "write 755, or 0o755 if it is octal"),
        ("a: 2026-01-02\n", "quote it"),
        ("<<: 1\n", "repeat the keys"),
        ("a: 'x\n", "a quote or a bracket is not closed"),
        ("a: *b\n", "must stand before its alias"),
        ("", "`breakfix init`"),
    ],
)
def test_a_problem_says_what_to_do(text: str, hint: str) -> None:
    """A problem carries what to do about it."""
    (problem,) = problems_of(text)

    assert hint in problem.hint


@pytest.mark.parametrize("text", ["-0755", "089"])
def test_octal_is_offered_only_where_it_can_be_written(text: str) -> None:
    """No hint tells to write 0o89 or -0o755, which are no numbers."""
    (problem,) = problems_of(f"a: {text}\n")

    assert "0o" not in problem.hint
    assert problem.hint.endswith(str(int(text)))


def test_all_problems_are_told_at_once_and_in_order() -> None:
    """Several problems come in one error, in the order of the file."""
    text = "a: 0755\nb: {{ x }}\nc: 2026-01-02\na: !!str 5\n3: x\n"

    found = problems_of(text)

    assert [(problem.line, problem.column) for problem in found] == [
        (1, 4), (2, 4), (3, 4), (4, 1), (4, 4), (5, 1),
    ]  # fmt: skip


def test_a_problem_ends_behind_what_is_meant() -> None:
    """The end of a problem is right behind the last character that is meant."""
    (problem,) = problems_of("mode: 0755 # a comment\n")

    assert (problem.end_line, problem.end_column) == (1, 11)


def test_the_deepest_nesting_that_is_allowed() -> None:
    """One hundred levels are read; a list counts as a level, and so does a mapping."""
    data = parse("f", b"[" * DEPTH_MAX + b"]" * DEPTH_MAX).data

    for _ in range(DEPTH_MAX - 1):
        (data,) = data
    assert data == []


def test_the_longest_file_that_is_allowed(tmp_path: Path) -> None:
    """A file of exactly 1 MiB is read, and one byte more is refused, without reading all of it."""
    file = tmp_path / "long.yaml"
    file.write_bytes(b"a: 1 #".ljust(BYTES_MAX, b"x"))
    assert read(file).data == {"a": 1}

    file.write_bytes(b"a: 1 #".ljust(BYTES_MAX + 1, b"x"))
    with pytest.raises(DocumentError, match="longer than 1 MiB"):
        read(file)


@pytest.mark.parametrize("shape", ["missing", "directory", "under a file", "null byte"])
def test_a_file_that_cannot_be_read(tmp_path: Path, shape: str) -> None:
    """A missing file, a directory, a path that cannot be: told in one sentence, with the path."""
    file = tmp_path / "shop.yaml"
    file.write_text("a: 1\n")
    path, message = {
        "missing": (tmp_path / "other.yaml", "there is no such file"),
        "directory": (tmp_path, "this is a directory"),
        "under a file": (file / "x", "the file cannot be read: not a directory"),
        "null byte": (tmp_path / "a\0b", "the file cannot be read: embedded null"),
    }[shape]

    with pytest.raises(DocumentError, match=message) as caught:
        read(path)

    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == (str(path), 1, 1)
