"""Where the history is: a file in the home unless something else is said, a database by its URL, or nowhere."""

import os
from pathlib import Path
from typing import Final

from msgspec import Struct

from breakfix.engine.errors import UsageError
from breakfix.engine.home import home

VARIABLE: Final = "BREAKFIX_HISTORY"
NOWHERE: Final = "none"
HOME: Final = "home"
FILE: Final = "history.db"
_DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
_NAMES: Final = {"postgres": "postgresql", "postgresql+psycopg": "postgresql"}


class Place(Struct, frozen=True, kw_only=True):
    """A database. `url` is as SQLAlchemy takes it and may hold a password; `shown` does not."""

    url: str
    shown: str
    file: Path | None = None
    """Of SQLite."""


def place(given: str = "") -> Place | None:
    """What a text means: the path of an SQLite file or a URL (``postgresql://user@host/name``,
    ``sqlite:///file``); ``none``: no history is kept; ``home``: ``history.db`` in the home. Without a text, that of
    BREAKFIX_HISTORY, else that of the home.

    Raises UsageError where it is the URL of something else.
    """
    text = given or os.environ.get(VARIABLE, "")
    if text == NOWHERE:
        return None
    if not text or text == HOME:
        return _of_file(home() / FILE)
    scheme, colon, rest = text.partition("://")
    if not colon:
        return _of_file(Path(text))
    name = _NAMES.get(scheme, scheme)
    if name == "sqlite":
        return _of_file(Path(rest.removeprefix("/")))
    if name not in _DRIVERS:
        raise UsageError(
            f"a history cannot be kept in {scheme}.",
            hint="Name a file, or a URL that begins with postgresql:// or sqlite:///.",
        )
    return Place(url=f"{_DRIVERS[name]}://{rest}", shown=f"{name}://{_without_password(rest)}")


def _of_file(path: Path) -> Place:
    path = path.absolute()
    return Place(url=f"sqlite:///{path}", shown=str(path), file=path)


def _without_password(rest: str) -> str:
    """``user:***@host/name``, and no password among the parameters."""
    address, question, query = rest.partition("?")
    login, at, where = address.rpartition("@")
    user, colon, _ = login.partition(":")
    kept = "&".join(
        f"{name}=***" if "pass" in name.lower() else f"{name}={value}"
        for name, _, value in (part.partition("=") for part in query.split("&"))
    )
    shown = f"{user}:***" if colon else user
    return f"{shown}{at}{where}" + (f"?{kept}" if question else "")
