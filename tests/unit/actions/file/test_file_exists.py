"""file.exists: there, not there, or nobody can tell."""

from collections.abc import Callable
from pathlib import Path

from breakfix.actions.file.exists import Exists
from breakfix.engine.action import Observation

Sample = Callable[..., Observation]


def test_a_file_or_folder_that_is_there_is_good(sample: Sample, tmp_path: Path) -> None:
    """Its size is told."""
    (tmp_path / "file").write_text("abc")
    seen = sample(Exists(path=str(tmp_path / "file")))
    assert seen.holds is True
    assert seen.result == {"size_bytes": 3}
    assert sample(Exists(path=str(tmp_path))).holds is True


def test_what_is_not_there_is_bad(sample: Sample, tmp_path: Path) -> None:
    """A missing folder on the way is no better."""
    assert sample(Exists(path=str(tmp_path / "file"))).holds is False
    assert sample(Exists(path=str(tmp_path / "no" / "file"))).holds is False


def test_a_path_that_leads_in_a_circle_is_blind(sample: Sample, tmp_path: Path) -> None:
    """Nobody can tell."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert sample(Exists(path=str(tmp_path / "a"))).holds is None
