"""The history as a place to put rows of runs, and to find them again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from breakfix.engine.history.connection import Database
from breakfix.engine.history.place import Place
from breakfix.engine.history.tables import (
    PARTS,
    faults,
    labels,
    looks,
    problems,
    runs,
    settings,
    times,
)
from breakfix.engine.trend.row import FaultRow, LookRow, ProblemRow, RunRow
from breakfix.engine.trials import TrialTime

PRUNED_BEFORE: Final = "pruned_before"
_AT_ONCE: Final = 500
_NAME_MAX: Final = 200
"""What is longer cannot be looked up in every database."""


class Choice(Struct, frozen=True, kw_only=True):
    """Which runs: those that meet all of it; the default is all of them. Times are seconds since the epoch."""

    labels: Mapping[str, str] = {}
    scenario: str = ""
    verdicts: tuple[str, ...] = ()
    env: str | None = None
    key: str = ""
    series: str = ""
    since_wall_s: float | None = None
    until_wall_s: float | None = None
    newest: int | None = None
    """No more than so many, the newest."""


class Known(Struct, frozen=True, kw_only=True):
    """What the history knows of a run's journal."""

    lines: int
    head: str
    journal_bytes: int


class Put(Struct, frozen=True, kw_only=True):
    """What came of rows: how many were new, took the place of a shorter journal, or were known already; and
    the runs of which two journals say different things, of which the one that was known is kept."""

    added: int = 0
    replaced: int = 0
    known: int = 0
    conflicts: tuple[str, ...] = ()


class History:
    """An open history; raises HistoryError wherever the database cannot be used."""

    def __init__(self, place: Place) -> None:
        self._database = Database(place)
        self.place = place

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def put(self, rows: Iterable[RunRow], *, anew: bool = False) -> Put:
        """Write rows, all of them or none. Of two journals of one run, the one with more lines counts; with
        `anew`, the given one does in any case."""
        given = [_cleaned(row) for row in rows]
        added = replaced = known = 0
        conflicts = []
        with self._database.writing() as connection:
            there = _known(connection, [row.run_id for row in given])
            for row in given:
                before = there.get(row.run_id)
                if before is not None and not anew and before.lines >= row.lines:
                    known += 1
                    if before.lines == row.lines and before.head != row.head:
                        conflicts.append(row.run_id)
                    continue
                if before is not None:
                    connection.execute(runs.delete().where(runs.c.run_id == row.run_id))
                _insert(connection, row)
                there[row.run_id] = Known(
                    lines=row.lines, head=row.head, journal_bytes=row.journal_bytes
                )
                added, replaced = added + (before is None), replaced + (before is not None)
        return Put(added=added, replaced=replaced, known=known, conflicts=tuple(conflicts))

    def known(self, run_ids: Collection[str]) -> dict[str, Known]:
        """What is known of the journals of these runs."""
        with self._database.reading() as connection:
            return _known(connection, run_ids)

    def rows(self, choice: Choice | None = None) -> list[RunRow]:
        """The runs, the oldest first."""
        chosen = _query(choice or Choice())
        with self._database.reading() as connection:
            found = connection.execute(chosen).mappings().all()
            run_ids = [row["run_id"] for row in found]
            parts = {table.name: _parts(connection, table, run_ids) for table in PARTS}
        rows = [_row(row, parts) for row in found]
        return sorted(rows, key=lambda row: (row.began_wall_s, row.run_id))

    def delete(self, run_ids: Collection[str]) -> None:
        """Forget these runs, all of them or none."""
        with self._database.writing() as connection:
            for some in _batches(run_ids):
                connection.execute(runs.delete().where(runs.c.run_id.in_(some)))

    def setting(self, name: str) -> str:
        """A fact about the history itself; empty where it was never said."""
        with self._database.reading() as connection:
            found = connection.execute(sa.select(settings.c.value).where(settings.c.name == name))
            return found.scalar_one_or_none() or ""

    def set(self, name: str, value: str) -> None:
        """Keep such a fact."""
        with self._database.writing() as connection:
            connection.execute(settings.delete().where(settings.c.name == name))
            connection.execute(settings.insert().values(name=name, value=value))


def _query(choice: Choice) -> "sa.Select[Any]":
    query = sa.select(runs).order_by(runs.c.began_wall_s.desc(), runs.c.run_id.desc())
    for name, value in choice.labels.items():
        query = query.where(
            sa.exists().where(
                labels.c.run_id == runs.c.run_id, labels.c.name == name, labels.c.value == value
            )
        )
    for column in ("scenario", "key", "series"):
        if wanted := getattr(choice, column):
            query = query.where(runs.c[column] == wanted)
    if choice.env is not None:
        query = query.where(runs.c.env == choice.env)
    if choice.verdicts:
        query = query.where(runs.c.verdict.in_(choice.verdicts))
    if choice.since_wall_s is not None:
        query = query.where(runs.c.began_wall_s >= choice.since_wall_s)
    if choice.until_wall_s is not None:
        query = query.where(runs.c.began_wall_s < choice.until_wall_s)
    return query if choice.newest is None else query.limit(choice.newest)


def _known(connection: Connection, run_ids: Collection[str]) -> dict[str, Known]:
    found = {}
    columns = (runs.c.run_id, runs.c.lines, runs.c.head, runs.c.journal_bytes)
    for some in _batches(run_ids):
        for run_id, lines, head, size in connection.execute(
            sa.select(*columns).where(runs.c.run_id.in_(some))
        ):
            found[run_id] = Known(lines=lines, head=head, journal_bytes=size)
    return found


def _batches(values: Collection[str]) -> Iterator[list[str]]:
    """A statement takes so many parameters and no more."""
    everything = sorted(values)
    for begin in range(0, len(everything), _AT_ONCE):
        yield everything[begin : begin + _AT_ONCE]


_COLUMNS: Final = tuple(column.name for column in runs.columns if column.name != "parts")


def _insert(connection: Connection, row: RunRow) -> None:
    own = {name: getattr(row, name) for name in _COLUMNS}
    connection.execute(runs.insert(), {**own, "parts": msgspec.json.encode(row.parts).decode()})
    for table, content in (
        (labels, [{"name": name[:_NAME_MAX], "value": text} for name, text in row.labels.items()]),
        (times, [_time(metric, time) for metric, time in row.times.items()]),
        (faults, _numbered(row.faults)),
        (looks, _numbered(row.looks)),
        (problems, _numbered(row.problems)),
    ):
        if content:
            connection.execute(
                table.insert(), [{"run_id": row.run_id, **values} for values in content]
            )


def _numbered(parts: Sequence[Struct]) -> list[dict[str, Any]]:
    return [{"number": number, **msgspec.structs.asdict(part)} for number, part in enumerate(parts)]


def _time(metric: str, time: TrialTime) -> dict[str, Any]:
    lower_s, upper_s = time.interval_s or (None, None)
    return {
        "metric": metric,
        "lower_s": lower_s,
        "upper_s": upper_s,
        "missing": time.missing,
        "at_least_s": time.at_least_s,
        "why": time.why,
    }


Parts = dict[str, list[dict[str, Any]]]


def _parts(connection: Connection, table: sa.Table, run_ids: Collection[str]) -> Parts:
    found: Parts = defaultdict(list)
    second = table.primary_key.columns.values()[1]
    for some in _batches(run_ids):
        query = sa.select(table).where(table.c.run_id.in_(some)).order_by(second)
        for row in connection.execute(query).mappings():
            values = dict(row)
            found[values.pop("run_id")].append(values)
    return found


def _row(row: Mapping[Any, Any], parts: Mapping[str, Parts]) -> RunRow:
    run_id = row["run_id"]

    def own(table: str) -> list[dict[str, Any]]:
        return parts[table].get(run_id, [])

    def built(table: str, kind: type[Any]) -> tuple[Any, ...]:
        names = kind.__struct_fields__
        return tuple(kind(**{name: part[name] for name in names}) for part in own(table))

    return RunRow(
        **{name: row[name] for name in _COLUMNS},
        parts=msgspec.json.decode(row["parts"], type=dict[str, str]),
        labels={part["name"]: part["value"] for part in own("labels")},
        times={
            part["metric"]: TrialTime(
                interval_s=None if part["lower_s"] is None else (part["lower_s"], part["upper_s"]),
                missing=part["missing"],
                at_least_s=part["at_least_s"],
                why=part["why"],
            )
            for part in own("times")
        },
        faults=built("faults", FaultRow),
        looks=built("looks", LookRow),
        problems=built("problems", ProblemRow),
    )


def _cleaned(row: RunRow) -> RunRow:
    """Without what a database cannot hold: the character 0, lone surrogates."""
    found: RunRow = msgspec.convert(_clean(msgspec.to_builtins(row)), RunRow)
    return found


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
