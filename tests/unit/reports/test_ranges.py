"""Many names as few, of which none is lost."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.reports.ranges import compressed, named, pieces


def expanded(text: str) -> list[str]:
    """The names that a text of pieces stands for."""
    found = []
    for before, inside, after, plain in re.findall(
        r"([^,\[ ]*)\[([^\]]*)\]([^, ]*)|([^, ]+)", text
    ):
        if plain:
            found.append(plain)
            continue
        for run in inside.split(","):
            first, _, last = run.partition("-")
            for number in range(int(first), int(last or first) + 1):
                padded = first.startswith("0") and first != "0"
                found.append(f"{before}{number:0{len(first) if padded else 0}}{after}")
    return found


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["db-1", "db-2", "db-3", "db-7"], "db-[1-3,7]"),
        (["db-9", "db-10"], "db-[9-10]"),
        (["n01", "n02", "n10", "n1"], "n[01-02,10], n1"),
        (["web-1.dc2", "web-2.dc2", "web-3.dc2", "web-9.dc3"], "web-[1-3].dc2, web-9.dc3"),
        (["127.9.0.1", "127.9.0.2", "127.9.1.1"], "127.9.0.[1-2], 127.9.1.1"),
        (["b", "a"], "a, b"),
        ([], ""),
    ],
)
def test_names_that_differ_in_one_number_stand_together(names: list[str], text: str) -> None:
    """In their natural order; a number with zeros before it is another one than without."""
    assert compressed(names) == text


@given(st.lists(st.from_regex(r"[a-c]{0,2}[0-9]{0,3}[.-]?[a-b]{0,1}[0-9]{1,2}", fullmatch=True)))
@settings(deadline=None, max_examples=200)
def test_no_name_is_lost_and_none_is_made_up(names: list[str]) -> None:
    """Written out again, the text gives the same names, and the pieces count them."""
    assert sorted(expanded(compressed(names))) == sorted(set(names))
    assert sum(piece.count for piece in pieces(names)) == len(set(names))


def test_what_is_left_out_is_counted() -> None:
    """Names, not pieces."""
    assert named([*"abcdef", *(f"x{n}" for n in range(100))], most=2) == "a, b and 104 more"
