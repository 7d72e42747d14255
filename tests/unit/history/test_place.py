"""Where the history is."""

from pathlib import Path

import pytest

from breakfix.engine.errors import UsageError
from breakfix.engine.history.place import place


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and nothing said."""
    monkeypatch.setenv("BREAKFIX_HOME", str(tmp_path))
    monkeypatch.delenv("BREAKFIX_HISTORY", raising=False)
    return tmp_path


def test_it_is_in_the_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless something else is said; `home` means it in any case."""
    found = place()
    assert found is not None and found.file == home / "history.db"
    monkeypatch.setenv("BREAKFIX_HISTORY", "/elsewhere.db")
    assert place() != found and place("home") == found


def test_what_is_said_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The option over the variable; a path, or the URL of one."""
    monkeypatch.setenv("BREAKFIX_HISTORY", "none")
    assert place() is None
    found = place(str(tmp_path / "a.db"))
    assert found is not None and found.file == tmp_path / "a.db"
    assert place(f"sqlite:///{tmp_path}/a.db") == found


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://ci:s3cret@db:5432/breakfix", "postgresql://ci:***@db:5432/breakfix"),
        ("postgres://ci@db/breakfix", "postgresql://ci@db/breakfix"),
        ("postgresql:///breakfix?host=/run&password=x", "postgresql:///breakfix?host=/run&password=***"),
        ("postgresql://u:p@ss@db/x", "postgresql://u:***@db/x"),
    ],
)  # fmt: skip
def test_a_password_is_not_shown(given: str, shown: str) -> None:
    """The driver is ours, and what people see has no secret."""
    found = place(given)
    assert found is not None
    assert found.shown == shown
    assert found.url.startswith("postgresql+psycopg://")


def test_other_databases_are_refused() -> None:
    """With what there is."""
    with pytest.raises(UsageError, match="postgresql://"):
        place("mysql://db/x")
