"""From journals to the history: imported, caught up with, rebuilt, pruned."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.drills import BEGAN_WALL_S, DAY_S, Drill, seeded, write

from breakfix.engine.cli import history as commands
from breakfix.engine.cli import runs
from breakfix.engine.history import keeping
from breakfix.engine.history.journals import journals_in, row_of_journal
from breakfix.engine.history.place import place
from breakfix.engine.history.store import History
from breakfix.engine.journal import read
from breakfix.engine.timeline import fold
from breakfix.engine.verdict import judge


def call(*args: str) -> Result:
    """`breakfix history ...`."""
    return CliRunner().invoke(commands.command, args, catch_exceptions=False)


def listed(*args: str) -> str:
    """What `breakfix runs` writes."""
    result = CliRunner().invoke(runs.command, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_journals_are_found_in_folders_and_archives(history: History, tmp_path: Path) -> None:
    """Files, folders, zip and tar; the same twice gives the same."""
    paths = [write(drill, tmp_path / "made") for drill in seeded(4)]
    artifacts = tmp_path / "artifacts"
    (artifacts / "deep" / "er").mkdir(parents=True)
    (artifacts / "deep" / "er" / "one.ndjson").write_bytes(paths[0].read_bytes())
    (artifacts / "notes.txt").write_text("not a journal")
    with zipfile.ZipFile(artifacts / "ci.zip", "w") as archive:
        archive.write(paths[1], "../../runs/x/journal.ndjson")
    with tarfile.open(artifacts / "ci.tar.gz", "w:gz") as tar:
        tar.add(paths[2], "runs/y/journal.ndjson")
    kept = keeping.take_in(history, journals_in([artifacts, paths[3]]))
    assert (kept.added, kept.known, kept.problems) == (4, 0, ())
    before = history.rows()
    assert len(before) == 4 and {row.journal.rpartition("!")[0] for row in before} >= {
        str(artifacts / "ci.zip")
    }
    kept = keeping.take_in(history, journals_in([artifacts, paths[3]]))
    assert (kept.added, kept.replaced, kept.known) == (0, 0, 4)
    assert history.rows() == before


def test_a_changed_journal_is_not_believed(history: History, tmp_path: Path) -> None:
    """Its hash chain is followed before it is taken; the others are taken all the same."""
    good, bad = (write(drill, tmp_path / "made") for drill in seeded(2))
    bad.write_bytes(bad.read_bytes().replace(b'"restored_within":"15s"', b'"restored_within":"99s"'))
    kept = keeping.take_in(history, journals_in([tmp_path / "made"]))
    assert kept.added == 1
    (problem,) = kept.problems
    assert str(bad) in problem and "cannot be believed" in problem
    assert good.exists()


def test_a_torn_last_line_counts_as_not_written(tmp_path: Path) -> None:
    """As a killed writer leaves it: the run is unfinished."""
    path = write(Drill(number=1), tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    row = row_of_journal(path)
    assert not row.complete


@pytest.mark.parametrize("name", ["broken.zip", "broken.tar.gz"])
def test_a_broken_archive_is_told(history: History, tmp_path: Path, name: str) -> None:
    """As what it is."""
    (tmp_path / name).write_bytes(b"PK\x03\x04 and no more")
    kept = keeping.take_in(history, journals_in([tmp_path / name]))
    assert kept.added == 0 and "cannot be unpacked" in kept.problems[0]


def test_a_bomb_is_not_unpacked(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member above the bound is left out."""
    monkeypatch.setattr("breakfix.engine.history.journals.JOURNAL_BYTES_MAX", 1000)
    with tarfile.open(tmp_path / "bomb.tar", "w") as tar:
        member = tarfile.TarInfo("journal.ndjson")
        member.size = 4096
        tar.addfile(member, io.BytesIO(b"0" * 4096))
    kept = keeping.take_in(history, journals_in([tmp_path / "bomb.tar"]))
    assert "was left out" in kept.problems[0]


def test_what_was_not_written_is_caught_up_with(home: Path) -> None:
    """A run that a guardian ended is in the list, as one at work is, and as it ends."""
    path = write(Drill(number=1), home / "runs")
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-3]))
    assert "unfinished" in listed()
    path.write_bytes(whole)
    assert "passed" in listed()
    assert (home / "history.db").exists()


def test_without_a_history_the_journals_are_listed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is made."""
    write(Drill(number=1), home / "runs")
    monkeypatch.setenv("BREAKFIX_HISTORY", "none")
    assert "passed" in listed("--scenario", "cache_outage")
    assert "No run is like that" in listed("--scenario", "other")
    assert not (home / "history.db").exists()


def test_a_broken_history_does_not_hide_the_runs(home: Path) -> None:
    """They are read from their journals, and that is said; `rebuild` mends it once the file is away."""
    write(Drill(number=1), home / "runs")
    (home / "history.db").write_bytes(b"no database at all, whatever it is called" * 50)
    shown = listed()
    assert "passed" in shown and "warning: The history" in shown
    (home / "history.db").rename(home / "broken.db")
    assert call("rebuild").exit_code == 0
    assert "warning" not in listed()


def test_rebuild_reads_everything_anew(home: Path) -> None:
    """The rows are those of the journals, whatever was in the history before; others stay."""
    paths = [write(drill, home / "runs") for drill in seeded(3)]
    elsewhere = write(Drill(number=9), home / "elsewhere")
    assert call("import", str(elsewhere)).exit_code == 0
    where = place()
    assert where is not None
    with History(where) as history:
        import msgspec

        row = row_of_journal(paths[0])
        history.put([msgspec.structs.replace(row, reason="wrong", lines=10_000)])
    assert "3 new" not in call("rebuild").output
    with History(where) as history:
        assert next(row.reason for row in history.rows()).startswith("Whole again")
        assert len(history.rows()) == 4


def test_retention_keeps_what_a_trend_needs(home: Path) -> None:
    """The newest 50 of each key; what goes and what stays is said, and prune never takes journals unasked."""
    for drill in seeded(60):
        write(drill, home / "runs")
    write(Drill(number=61, name="other_scenario", env="ci"), home / "runs")
    assert call("rebuild").exit_code == 0
    dry = call("prune", "--older-than", "2100-01-01", "--dry-run").output
    assert "10 runs would be forgotten" in dry and "51 as old are kept" in dry
    assert len(listed().splitlines()) == 62
    done = call("prune", "--older-than", "2100-01-01").output
    assert "10 runs are forgotten" in done and "10 of their journals are still in the home" in done
    # What was pruned does not come back by itself, though its journal is there.
    assert len(listed().splitlines()) == 52
    assert len(list((home / "runs").iterdir())) == 61
    assert call("rebuild").exit_code == 0
    assert len(listed().splitlines()) == 62


def test_retention_takes_what_is_needed_only_when_told_to(home: Path) -> None:
    """And says how much that was; with --journals the folders go, too."""
    for drill in seeded(4):
        write(drill, home / "runs")
    listed()
    done = call("prune", "--older-than", "2100-01-01", "--even-needed", "--journals").output
    assert "4 of them a trend still needed" in done and "4 folders are deleted" in done
    assert "No runs" in listed()
    assert list((home / "runs").iterdir()) == []


def test_young_runs_stay(history: History, tmp_path: Path) -> None:
    """Those that began after the instant."""
    rows = [row_of_journal(write(drill, tmp_path)) for drill in seeded(60)]
    pruned = keeping.prunable(rows, BEGAN_WALL_S + 5 * DAY_S, tmp_path)
    assert pruned.gone == tuple(row.run_id for row in rows[:4])


def test_a_history_that_cannot_be_written_is_said_and_no_more(home: Path, tmp_path: Path) -> None:
    """`remember` never raises."""
    path = write(Drill(number=1), home / "runs")
    record = fold(read(path))
    folder = tmp_path / "a_folder"
    folder.mkdir()
    where = place(str(folder))
    assert where is not None
    assert "cannot be opened" in keeping.remember(where, record, judge(record), path)


def test_import_says_what_it_did(home: Path, tmp_path: Path) -> None:
    """Nothing to import is a mistake of the caller; broken ones end with 5."""
    write(Drill(number=1), tmp_path / "some")
    assert "1 new" in call("import", str(tmp_path / "some")).output
    (tmp_path / "some" / "x.ndjson").write_text("{}\n")
    done = call("import", str(tmp_path / "some"))
    assert done.exit_code == 5 and "1 known already" in done.output
