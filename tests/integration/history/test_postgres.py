"""A history in a real PostgreSQL is what one in SQLite is."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.at_once import at_once
from tests.drills import BEGAN_WALL_S, DAY_S, Drill, seeded, write

from breakfix.engine.history import keeping
from breakfix.engine.history.journals import journals_in, row_of_journal
from breakfix.engine.history.place import Place, place
from breakfix.engine.history.store import Choice, History
from breakfix.engine.history.tables import metadata
from breakfix.engine.trend import trend

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def server(postgresql: str) -> Iterator[Place]:
    """An empty database."""
    where = place(postgresql)
    assert where is not None
    engine = sa.create_engine(where.url)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE IF EXISTS alembic_version"))
    engine.dispose()
    yield where


def drills() -> list[Drill]:
    """500 of five kinds: with a change, without one, with time-outs and aborts."""
    found = []
    for kind in range(5):
        for drill in seeded(100, change_at=60 if kind % 2 else None, seed=kind, env=f"env{kind}"):
            off = drill.number % 17 == kind
            found.append(
                Drill(
                    number=drill.number + 100 * kind,
                    restore_s=None if off else drill.restore_s,
                    aborted=off and kind == 4,
                    env=drill.env,
                    labels={**drill.labels, "text": "a\u00e4\u20ac \U0001f600"},
                )
            )
    return found


def test_500_journals_give_the_same_trend(server: Place, tmp_path: Path) -> None:
    """Imported into both; imported again, nothing changes."""
    for drill in drills():
        write(drill, tmp_path / "runs")
    file = place(str(tmp_path / "history.db"))
    assert file is not None
    told = []
    for where in (file, server):
        with History(where) as history:
            kept = keeping.take_in(history, journals_in([tmp_path / "runs"]))
            assert (kept.added, kept.problems) == (500, ())
            rows = history.rows()
            again = keeping.take_in(history, journals_in([tmp_path / "runs"]))
            assert (again.added, again.replaced, again.known) == (0, 0, 500)
            assert history.rows() == rows
            assert len(history.rows(Choice(env="env3", verdicts=("failed",)))) > 3
        told.append((rows, trend(rows, as_of_wall_s=BEGAN_WALL_S + 600 * DAY_S)))
    assert told[0] == told[1]
    keys = told[0][1].keys
    assert [len(key.runs) for key in keys] == [100] * 5
    changed = [bool(key.metrics["time_to_restore_s"].changes) for key in keys]
    assert changed == [False, True, False, True, False]


def test_several_that_open_a_new_database_at_once(server: Place, tmp_path: Path) -> None:
    """It is migrated once, and everybody writes."""
    rows = [row_of_journal(write(drill, tmp_path / "runs")) for drill in seeded(4)]
    def write_rows(number: int) -> None:
        with History(server) as history:
            history.put(rows)
            history.put([rows[number]], anew=True)

    assert at_once(4, write_rows) == []
    with History(server) as history:
        assert history.rows() == rows


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.drills import seeded, write
from breakfix.engine.history.journals import row_of_journal
from breakfix.engine.history.place import place
from breakfix.engine.history.store import History
rows = [row_of_journal(write(drill, Path(sys.argv[1]))) for drill in seeded(40)]
with History(place(sys.argv[2])) as history:
    history.put(rows)
    print("ready", flush=True)
    while True:
        history.put(rows, anew=True)
"""


def test_a_killed_writer_leaves_the_database_whole(
    server: Place, postgresql: str, tmp_path: Path
) -> None:
    """SIGKILL in the middle of a transaction: its lock is free again, and nothing of it is there."""
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path), postgresql, str(ROOT)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        threading.Event().wait(0.05)
        os.kill(writer.pid, signal.SIGKILL)
    finally:
        writer.kill()
        writer.communicate(timeout=60)
    with History(server) as history:
        rows = history.rows()
        assert len(rows) == 40 and all(len(row.times) == 5 and row.labels for row in rows)
        assert history.put(rows, anew=True).replaced == 40


def test_migrations_make_the_tables_that_are_used(server: Place) -> None:
    """alembic finds no difference here either."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with History(server):
        pass
    engine = sa.create_engine(server.url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
