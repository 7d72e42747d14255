"""The history keeps what it is given, as a whole or not at all."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.at_once import at_once
from tests.drills import Drill, seeded, write

from breakfix.engine.errors import HistoryError, UsageError
from breakfix.engine.history.journals import row_of_journal
from breakfix.engine.history.place import Place, place
from breakfix.engine.history.store import Choice, History
from breakfix.engine.trend.row import RunRow

replace = msgspec.structs.replace


@pytest.fixture
def rows(tmp_path: Path) -> list[RunRow]:
    """Four runs: restored, failed, aborted, and with labels of its own."""
    drills = [
        Drill(number=1),
        Drill(number=2, restore_s=None),
        Drill(number=3, restore_s=None, aborted=True),
        Drill(number=4, labels={"branch": "main", "version": "2"}, env="ci", series="series-x"),
    ]
    return [row_of_journal(write(drill, tmp_path / "runs")) for drill in drills]


def test_rows_come_back_as_they_were(history: History, rows: list[RunRow]) -> None:
    """Every field of them, the oldest first."""
    assert history.put(reversed(rows)).added == 4
    assert history.rows() == rows


def test_the_same_rows_again_change_nothing(history: History, rows: list[RunRow]) -> None:
    """A shorter journal of a run does not take the place of a longer one; a longer one does."""
    history.put(rows)
    shorter = replace(rows[0], lines=rows[0].lines - 1, reason="cut off")
    longer = replace(rows[1], lines=rows[1].lines + 1, reason="went on")
    put = history.put([shorter, longer, *rows[2:]])
    assert (put.added, put.replaced, put.known) == (0, 1, 3)
    assert history.rows() == [rows[0], longer, *rows[2:]]


def test_two_journals_that_contradict_each_other_are_told(
    history: History, rows: list[RunRow]
) -> None:
    """As long, with another head: the one that was known stays."""
    history.put(rows)
    put = history.put([replace(rows[0], head="ff" * 32, reason="forged")])
    assert put.conflicts == (rows[0].run_id,)
    assert history.rows()[0] == rows[0]


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        (Choice(), [0, 1, 2, 3]),
        (Choice(labels={"branch": "main"}), [3]),
        (Choice(labels={"branch": "main", "version": "1"}), []),
        (Choice(env="ci"), [3]),
        (Choice(env=""), [0, 1, 2]),
        (Choice(verdicts=("failed", "aborted")), [1, 2]),
        (Choice(scenario="other"), []),
        (Choice(series="series-x"), [3]),
        (Choice(newest=2), [2, 3]),
        (Choice(since_wall_s=1_780_000_000.0 + 2 * 86_400), [1, 2, 3]),
        (Choice(until_wall_s=1_780_000_000.0 + 2 * 86_400), [0]),
    ],
)
def test_rows_are_chosen(
    history: History, rows: list[RunRow], choice: Choice, numbers: list[int]
) -> None:
    """By everything at once that is asked for."""
    history.put(rows)
    assert history.rows(choice) == [rows[number] for number in numbers]


def test_what_a_database_cannot_hold_is_replaced(history: History, rows: list[RunRow]) -> None:
    """The character 0 and lone surrogates, which a probe may have seen."""
    history.put([replace(rows[0], reason="a\0b\ud800c")])
    assert history.rows()[0].reason == "a\ufffdb?c"


def test_a_row_that_cannot_be_written_leaves_nothing(
    history: History, rows: list[RunRow]
) -> None:
    """Neither itself nor the others of its batch, nor parts of it."""
    broken = replace(rows[1], verdict=None)
    with pytest.raises((HistoryError, msgspec.ValidationError)):
        history.put([rows[0], broken])
    assert history.rows() == []


def test_two_that_open_a_new_history_at_once(here: Place, rows: list[RunRow]) -> None:
    """Both get it, migrated once, and both can write."""
    def write_rows(number: int) -> None:
        with History(here) as history:
            history.put([rows[number]])

    assert at_once(4, write_rows) == []
    with History(here) as history:
        assert history.rows() == rows


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.drills import seeded, write
from breakfix.engine.history.journals import row_of_journal
from breakfix.engine.history.place import place
from breakfix.engine.history.store import History
folder = Path(sys.argv[1])
rows = [row_of_journal(write(drill, folder / "many")) for drill in seeded(40)]
with History(place(str(folder / "history.db"))) as history:
    print("ready", flush=True)
    while True:
        history.put(rows, anew=True)
        print("written", flush=True)
"""


@pytest.mark.parametrize("kill_after", [0.001, 0.01, 0.03, 0.06])
def test_a_killed_writer_leaves_the_database_whole(tmp_path: Path, kill_after: float) -> None:
    """SIGKILL in the middle of a transaction: all of it is there or nothing, and the next one can write."""
    root = str(Path(__file__).resolve().parents[3])
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path), root], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        assert writer.stdout.readline() == "written\n"
        threading.Event().wait(kill_after)
        os.kill(writer.pid, signal.SIGKILL)
    finally:
        writer.kill()
        writer.communicate(timeout=60)
    where = place(str(tmp_path / "history.db"))
    assert where is not None
    with History(where) as history:
        found = history.rows()
        assert len(found) == 40
        assert all(len(row.times) == 5 and row.labels for row in found)
        assert history.put([replace(found[0], lines=10_000)]).replaced == 1
    with sqlite3.connect(tmp_path / "history.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_a_file_that_is_no_database_is_told(here: Place, again: Callable[[], History]) -> None:
    """With what to do; it is not touched."""
    assert here.file is not None
    here.file.write_bytes(b"not a database, but long enough to be looked at" * 40)
    with pytest.raises(HistoryError, match="history rebuild"):
        again()
    assert here.file.read_bytes().startswith(b"not a database")


def test_a_history_of_a_newer_version_is_refused(
    history: History, here: Place, again: Callable[[], History]
) -> None:
    """Rather than written into by guess."""
    assert here.file is not None
    with sqlite3.connect(here.file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99'")
    connection.close()
    with pytest.raises(HistoryError, match="newer breakfix"):
        again()


def test_migrations_make_the_tables_that_are_used(history: History, here: Place) -> None:
    """alembic itself finds no difference between the two, and the newest revision is the one that is asked
    for."""
    import sqlalchemy as sa
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from breakfix.engine.history import connection as opening
    from breakfix.engine.history.tables import HEAD, metadata

    config = Config()
    config.set_main_option("script_location", str(opening._MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
    engine = sa.create_engine(here.url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg is an extra."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    where = place("postgresql://nobody@127.0.0.1:1/none")
    assert where is not None
    with pytest.raises(UsageError, match=r"breakfix\[postgres\]"):
        History(where)


def test_a_server_that_does_not_answer_is_told(closed_port: int) -> None:
    """In one sentence, without the password."""
    where = place(f"postgresql://ci:s3cret@127.0.0.1:{closed_port}/none")
    assert where is not None
    with pytest.raises(HistoryError) as caught:
        History(where)
    assert "s3cret" not in str(caught.value)
    assert "cannot be opened" in str(caught.value)


def test_many_rows_are_found_again(history: History, tmp_path: Path) -> None:
    """More than a statement takes parameters for."""
    one = row_of_journal(write(seeded(1)[0], tmp_path / "runs"))
    rows = [replace(one, run_id=f"run-{number:04}") for number in range(1100)]
    history.put(rows)
    assert len(history.rows()) == 1100
    assert len(history.known([row.run_id for row in rows])) == 1100
    history.delete([row.run_id for row in rows[:600]])
    assert history.rows() == rows[600:]
