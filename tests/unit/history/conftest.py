"""Histories in a folder of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakfix.engine.history.place import Place, place
from breakfix.engine.history.store import History


@pytest.fixture
def here(tmp_path: Path) -> Place:
    """A file that is not there yet."""
    found = place(str(tmp_path / "history.db"))
    assert found is not None
    return found


@pytest.fixture
def history(here: Place) -> Iterator[History]:
    """A history without runs."""
    with History(here) as opened:
        yield opened


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without runs, and without anything said about a history."""
    monkeypatch.setenv("BREAKFIX_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BREAKFIX_HISTORY", raising=False)
    (tmp_path / "home" / "runs").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def again(here: Place) -> Callable[[], History]:
    """Opens the same history once more."""
    return lambda: History(here)
