"""Connections to a history: opened, migrated, and locked where something is written."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from breakfix.engine.errors import HistoryError, UsageError
from breakfix.engine.history.place import Place
from breakfix.engine.history.tables import HEAD

WAIT_S: Final = 30
"""So long one writer waits for another."""
CONNECT_S: Final = 10
_WRITES: Final = "breakfix_writes"
_LOCK: Final = 0x62667831
"""The number of PostgreSQL's advisory lock that writers take, one at a time."""
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class Database:
    """An open history. Raises HistoryError where it cannot be opened, or is one of a newer breakfix."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._engine = _engine(place)
        with self._told("cannot be opened"):
            if place.file is not None and not place.file.parent.exists():
                place.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._revision() != HEAD:
                self._upgrade()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with."""
        with self._told("cannot be read"), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction of the only writer: all of it is written, or nothing."""
        with self._told("cannot be written"), self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITES: True})
            with connection.begin():
                if self._engine.dialect.name == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _revision(self) -> str | None:
        """None of a database that is new, or of none that is there yet."""
        if self.place.file is not None and not self.place.file.exists():
            return None
        with self._engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
            return found.scalar_one_or_none()

    def _upgrade(self) -> None:
        """Run the migrations that are missing. Whoever comes second waits, and finds nothing to do."""
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self.writing() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise HistoryError(
                    f"The history {self.place.shown} was made by a newer breakfix: {error}.",
                    hint="Use that one, or another history.",
                ) from error

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
            first = said.strip().partition("\n")[0].rstrip(".")
            raise HistoryError(
                f"The history {self.place.shown} {what}: {first}.", hint=self._advice(said)
            ) from error

    def _advice(self, said: str) -> str:
        if "not a database" in said or "malformed" in said:
            return "Move the file away, and run `breakfix history rebuild`."
        return "It is an index: `breakfix history rebuild` fills it again from the journals."


def _engine(place: Place) -> Engine:
    try:
        if place.url.startswith("sqlite"):
            engine = sa.create_engine(place.url, connect_args={"timeout": WAIT_S})
            _own_transactions(engine)
            return engine
        options = f"-c lock_timeout={WAIT_S}s -c statement_timeout={4 * WAIT_S}s"
        return sa.create_engine(
            place.url, connect_args={"connect_timeout": CONNECT_S, "options": options}
        )
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the history {place.shown} needs {error.name}.",
            hint="Install breakfix[postgres].",
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError(f"{place.shown} is not the URL of a history: {error}.") from error


def _own_transactions(engine: Engine) -> None:
    """SQLite: a writer takes the lock when it begins. Otherwise two that have read first would both fail
    to write, without waiting.

    Source: SQLAlchemy's manual, "SQLite", "Serializable isolation / Savepoints / Transactional DDL"; SQLite's
    "Transaction", 2.2.
    """

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
