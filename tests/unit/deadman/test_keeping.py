"""The folders on a host that faults keep things in, by real shells."""

import subprocess
from pathlib import Path

import pytest

from breakfix.engine.host_files import KEEP

TURNS = 40
AT_ONCE = 6
BOUND_S = 60.0
AGAIN = f"""{KEEP}
turn=0
while [ "$turn" -lt {TURNS} ]; do
  keep "$1" || exit
  rmdir "$1" || exit 7
  rmdir "${{1%/*}}" 2>/dev/null
  turn=$((turn + 1))
done
"""


@pytest.mark.parametrize("shell", [("dash",), ("busybox", "sh")], ids=lambda shell: shell[0])
def test_one_fault_begins_while_another_ends(tmp_path: Path, shell: tuple[str, ...]) -> None:
    """The last to go takes the common folder away, and whoever comes makes it again."""
    parent = tmp_path / "kept"
    begun = [
        subprocess.Popen(
            [*shell, "-c", AGAIN, "keep", str(parent / str(number))],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(AT_ONCE)
    ]
    ends = [(process.communicate(timeout=BOUND_S)[1], process.returncode) for process in begun]
    assert ends == [("", 0)] * AT_ONCE
    assert not parent.exists()


def test_what_is_there_already_is_not_taken(tmp_path: Path) -> None:
    """Whether it is a folder of ours, or the common one is open to others."""

    def keep() -> "subprocess.CompletedProcess[str]":
        argv = ["sh", "-c", KEEP + 'keep "$1"', "keep", str(tmp_path / "kept" / "one")]
        return subprocess.run(argv, capture_output=True, text=True, timeout=BOUND_S)

    assert keep().returncode == 0
    again = keep()
    assert again.returncode == 6 and "cannot be made" in again.stderr
    (tmp_path / "kept" / "one").rmdir()
    (tmp_path / "kept").chmod(0o755)
    opened = keep()
    assert opened.returncode == 6 and "not a folder of ours alone" in opened.stderr
    assert list((tmp_path / "kept").iterdir()) == []
