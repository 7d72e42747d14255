"""What a shell makes of quoted words is what they were."""

import shutil
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breakfix.engine.vehicles.ssh.quote import line_of, quoted

WORDS = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    | st.binary().map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")),
    min_size=1,
    max_size=6,
)
SHELLS = [["/bin/sh"], ["dash"], ["bash"], ["busybox", "sh"]]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@settings(deadline=None, max_examples=60)
@given(words=WORDS)
@example(words=["", "'", "''", "\\", "\n", "a\n\n", "\r", "\t "])
@example(
    words=[
        "$(id)",
        "`id`",
        "$HOME",
        "${x}",
        "!!",
        "~",
        "*",
        "{a,b}",
        "=ls",
        "-n",
        "#x",
        "a;b&c|d>e<f",
    ]
)
def test_every_word_comes_back_exactly(shell: list[str], words: list[str]) -> None:
    """Any text without NUL, whatever the shell would make of it unquoted, and bytes that are no text."""
    assert shutil.which(shell[0]), f"this test needs {shell[0]}"
    line = f"printf '%s\\0' {line_of(words)}".encode("utf-8", "surrogateescape")
    done = subprocess.run([*shell, "-c", line], capture_output=True, check=True)
    assert done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1] == words
    assert not done.stderr


def test_a_nul_is_refused() -> None:
    """No program can be given one, and the shell would cut the rest off."""
    with pytest.raises(ValueError, match="NUL"):
        quoted("a\0b")
