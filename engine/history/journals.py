"""From journals to rows: those of a home, and what lies in folders, files and archives."""

import contextlib
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from breakfix.engine.errors import BreakfixError, JournalError, UsageError
from breakfix.engine.home import JOURNAL
from breakfix.engine.journal import read, verify
from breakfix.engine.timeline import fold
from breakfix.engine.trend.row import RunRow, row_of
from breakfix.engine.verdict import judge

SUFFIX: Final = ".ndjson"
JOURNAL_BYTES_MAX: Final = 1 << 30
"""A larger member of an archive is not unpacked."""
_PIECE_BYTES: Final = 1 << 20
_TORN: Final = "bytes are no whole line"


class Found(Struct, frozen=True, kw_only=True):
    """A journal: a file that is there while it is looked at, and what to call it: ``ci.zip!runs/1/journal.ndjson``
    of a member of an archive. `problem` is why it is none."""

    name: str
    path: Path | None = None
    problem: str = ""


def row_of_journal(path: Path, *, name: str = "", believed: bool = False) -> RunRow:
    """The row of the run whose journal this is, after its hash chain was followed, unless it is `believed`. A
    torn last line, as a killed writer leaves it, counts as not written. Raises JournalError."""
    try:
        told = () if believed else verify(path).problems
        problems = [one for one in told if _TORN not in one]
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise JournalError(f"{name or path} cannot be believed: {problems[0]}{more}.")
        size = path.stat().st_size
        record = fold(read(path))
    except (OSError, ValueError) as error:
        raise JournalError(f"{name or path} cannot be read: {error}.") from error
    if not record.run.run_id:
        raise JournalError(f"{name or path} is the journal of a run that did not begin.")
    return row_of(record, judge(record), journal=name or str(path), journal_bytes=size)


def rows_of(
    found: Iterable[Found], *, believed: bool = False
) -> Iterator[tuple[str, RunRow | str]]:
    """Each journal's name with its row, or why there is none."""
    for one in found:
        if one.path is None:
            yield one.name, one.problem
            continue
        try:
            yield one.name, row_of_journal(one.path, name=one.name, believed=believed)
        except BreakfixError as error:
            yield one.name, str(error)


def journals_in(paths: Iterable[Path]) -> Iterator[Found]:
    """Every journal in folders (however deep), files, zip and tar archives, in the order of their names.

    Raises UsageError where a path is not there, or is none of these.
    """
    for path in paths:
        if path.is_dir():
            for inside in sorted(path.rglob("*")):
                if inside.is_file() and (inside.suffix == SUFFIX or is_archive(inside)):
                    yield from _in_file(inside)
        elif path.is_file() and (path.suffix == SUFFIX or is_archive(path)):
            yield from _in_file(path)
        elif path.exists():
            raise UsageError(
                f"{path} is neither a journal (*{SUFFIX}) nor a zip or tar archive.",
                hint="Name a journal, an archive, or a folder that holds some.",
            )
        else:
            raise UsageError(f"there is no {path}.")


def is_archive(path: Path) -> bool:
    """By its name, which is enough: one that is none is told when it is opened."""
    return path.name.endswith((".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2"))


def home_journals(runs_dir: Path) -> list[Path]:
    """The journals of a home, the oldest run first."""
    return sorted(runs_dir.glob(f"*/{JOURNAL}"))


def _in_file(path: Path) -> Iterator[Found]:
    if not is_archive(path):
        yield Found(name=str(path), path=path)
        return
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for member in sorted(archive.infolist(), key=lambda one: one.filename):
                    if member.filename.endswith(SUFFIX):
                        name = f"{path}!{member.filename}"
                        yield from _unpacked(name, archive.open(member))
        else:
            with tarfile.open(path) as tar:
                members = [one for one in tar if one.isfile() and one.name.endswith(SUFFIX)]
                for one in sorted(members, key=lambda one: one.name):
                    content = tar.extractfile(one)
                    if content is not None:
                        yield from _unpacked(f"{path}!{one.name}", content)
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, RuntimeError) as error:
        yield Found(name=str(path), problem=f"{path} cannot be unpacked: {error}.")


def _unpacked(name: str, content: IO[bytes]) -> Iterator[Found]:
    """A member as a file for as long as it is looked at; its name in the archive is never a path here."""
    with contextlib.closing(content), tempfile.NamedTemporaryFile(suffix=SUFFIX) as copy:
        size = 0
        while piece := content.read(_PIECE_BYTES):
            size += len(piece)
            if size > JOURNAL_BYTES_MAX:
                yield Found(name=name, problem=f"{name} is larger than 1 GiB and was left out.")
                return
            copy.write(piece)
        copy.flush()
        yield Found(name=name, path=Path(copy.name))
