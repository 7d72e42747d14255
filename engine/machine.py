"""What all runs of a machine share, whoever began them and wherever their homes are.

One folder, BREAKFIX_MACHINE_DIR or ``/tmp/breakfix``: ``leases/`` (one run at a time on a target),
``homes/`` (links to the homes whose runs can be seen) and ``halted`` (the safety lever). Everybody may
add to it, and nobody may remove what another user made.
"""

import contextlib
import hashlib
import os
import time
from pathlib import Path
from typing import Final

from breakfix.engine.errors import UsageError
from breakfix.engine.home import JOURNAL, RUNS, home

DEFAULT: Final = "/tmp/breakfix"
LEVER: Final = "halted"


def shared(name: str = "") -> Path:
    """The folder of this machine, or one in it; made where it is not there. Raises OSError."""
    folder = Path(os.environ.get("BREAKFIX_MACHINE_DIR", DEFAULT)).absolute()
    for path in (folder, folder / name):
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            path.chmod(0o1777)
    return folder / name


def enlist() -> None:
    """Let the others find the runs of this home."""
    link = shared("homes") / hashlib.sha256(os.fsencode(home())).hexdigest()[:32]
    with contextlib.suppress(FileExistsError):
        link.symlink_to(home())


def journals() -> list[Path]:
    """The journals of this machine that this user may read, the oldest run first."""
    homes = {home()}
    for link in shared("homes").iterdir():
        with contextlib.suppress(OSError):
            if link.is_dir():
                homes.add(link.readlink())
            else:
                link.unlink()
    found: list[Path] = []
    for one in homes:
        with contextlib.suppress(PermissionError):
            found += one.glob(f"{RUNS}/*/{JOURNAL}")
    return sorted(found, key=lambda path: path.parent.name)


def engage(why: str) -> None:
    """From now on no run begins."""
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    (shared() / LEVER).write_text(f"{at}{f': {why}' if why else ''}\n")


def release() -> bool:
    """Runs may begin again. False: they could before. Raises UsageError where another user engaged it."""
    try:
        (shared() / LEVER).unlink()
    except FileNotFoundError:
        return False
    except PermissionError as error:
        raise UsageError(
            "another user has halted the runs; it is theirs or root's to release."
        ) from error
    return True


def halted() -> str:
    """Since when no run may begin, and why; empty where they may."""
    try:
        return (shared() / LEVER).read_text().strip()
    except FileNotFoundError:
        return ""


def refuse_if_halted() -> None:
    """Raises UsageError while no run may begin."""
    if since := halted():
        raise UsageError(f"all runs are halted since {since}.", hint="breakfix halt --release")
