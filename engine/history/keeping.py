"""Keeping a history: what is written at the end of a run, caught up with, rebuilt, imported and pruned."""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from breakfix.engine.errors import BreakfixError, HistoryError
from breakfix.engine.history.journals import Found, home_journals, rows_of
from breakfix.engine.history.place import Place
from breakfix.engine.history.store import PRUNED_BEFORE, History
from breakfix.engine.home import JOURNAL
from breakfix.engine.journal import is_held
from breakfix.engine.statistics.change import WINDOW
from breakfix.engine.timeline.record import Record, Verdict
from breakfix.engine.trend.row import RunRow, row_of

_AT_ONCE: Final = 50
"""So many journals are written together."""


class Kept(Struct, frozen=True, kw_only=True):
    """What came of journals: their numbers, and for each that could not be taken, why."""

    added: int = 0
    replaced: int = 0
    known: int = 0
    problems: tuple[str, ...] = ()


class Pruned(Struct, frozen=True, kw_only=True):
    """What a retention does: the runs that go, those that stay because a trend needs them, and of those that
    go, how many a trend needed all the same."""

    gone: tuple[str, ...]
    needed: tuple[str, ...]
    missed: int = 0
    folders: tuple[Path, ...] = ()
    """The folders in the home of runs that go."""


def remember(where: Place, record: Record, verdict: Verdict, journal: Path) -> str:
    """Write the row of a run that is over. Gives why that could not be, and never raises: whatever comes
    of the history changes nothing in what the run proved."""
    try:
        row = row_of(
            record, verdict, journal=str(journal), journal_bytes=journal.stat().st_size
        )
        with History(where) as history:
            history.put([row])
    except BreakfixError as error:
        return str(error)
    except Exception as error:
        return f"The history was not written: unexpected {type(error).__name__}: {error}."
    return ""


def catch_up(history: History, runs_dir: Path) -> Kept:
    """Take in the runs of a home that the history does not have as they are now: those that a guardian or
    `recover` ended, and those at work. What was pruned stays so."""
    pruned = history.setting(PRUNED_BEFORE)
    journals = {path.parent.name: path for path in home_journals(runs_dir)}
    known = history.known(journals)
    changed = [
        path
        for run_id, path in journals.items()
        if run_id not in known or known[run_id].journal_bytes != _size(path)
    ]
    found = (Found(name=str(path), path=path) for path in changed)
    # The hash chains of what this machine wrote are followed by `rebuild`, not each time.
    return _keep(history, rows_of(found, believed=True), pruned=pruned)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def rebuild(history: History, runs_dir: Path) -> Kept:
    """Read every journal of a home anew; what was pruned comes back where its journal is still there. Runs
    whose journals are elsewhere stay as they are."""
    history.set(PRUNED_BEFORE, "")
    found = (Found(name=str(path), path=path) for path in home_journals(runs_dir))
    return _keep(history, rows_of(found), anew=True)


def take_in(history: History, found: Iterable[Found]) -> Kept:
    """Import journals; those that are known change nothing."""
    return _keep(history, rows_of(found))


def _keep(
    history: History,
    found: Iterable[tuple[str, RunRow | str]],
    *,
    anew: bool = False,
    pruned: str = "",
) -> Kept:
    added = replaced = known = 0
    problems: list[str] = []
    before_s = float(pruned) if pruned else None
    for some in _batched(found):
        rows = {}
        for _, row in some:
            if isinstance(row, str):
                problems.append(row)
            elif before_s is None or row.began_wall_s >= before_s:
                rows[(row.run_id, row.head)] = row
        put = history.put(rows.values(), anew=anew)
        added, replaced, known = added + put.added, replaced + put.replaced, known + put.known
        problems += [
            f"Two journals of run {run_id} say different things; the one that was known is kept."
            for run_id in put.conflicts
        ]
    return Kept(added=added, replaced=replaced, known=known, problems=tuple(problems))


def _batched(
    rows: Iterable[tuple[str, RunRow | str]],
) -> Iterator[list[tuple[str, RunRow | str]]]:
    batch: list[tuple[str, RunRow | str]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def prunable(
    rows: Sequence[RunRow], before_wall_s: float, runs_dir: Path, *, even_needed: bool = False
) -> Pruned:
    """What goes when everything that began before an instant does. The newest runs of each key stay, as many
    as a search for changes looks at together, unless `even_needed`."""
    by_key: dict[str, list[RunRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.began_wall_s, row.run_id)):
        if row.key and row.complete and not row.no_faults:
            by_key[row.key].append(row)
    wanted = {row.run_id for own in by_key.values() for row in own[-WINDOW:]}
    old = [row.run_id for row in rows if row.began_wall_s < before_wall_s]
    gone = [run_id for run_id in old if even_needed or run_id not in wanted]
    return Pruned(
        gone=tuple(gone),
        needed=() if even_needed else tuple(run_id for run_id in old if run_id in wanted),
        missed=sum(run_id in wanted for run_id in gone),
        folders=tuple(
            runs_dir / run_id for run_id in gone if run_id and (runs_dir / run_id).is_dir()
        ),
    )


def prune(history: History, pruned: Pruned, before_wall_s: float) -> None:
    """Forget the runs that go. Their journals are left where they are."""
    history.delete(pruned.gone)
    earlier = history.setting(PRUNED_BEFORE)
    history.set(PRUNED_BEFORE, str(max(before_wall_s, float(earlier or 0.0))))


def delete_folders(folders: Iterable[Path]) -> None:
    """Delete folders of runs. One that is in use stays. Raises HistoryError where one cannot be deleted."""
    for folder in folders:
        if is_held(folder / JOURNAL):
            continue
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise HistoryError(f"{folder} cannot be deleted: {error.strerror}.") from error
