"""Where runs live on this machine: BREAKFIX_HOME, else the platform's state folder."""

import os
import secrets
import time
from pathlib import Path

from breakfix.engine.errors import UsageError

JOURNAL = "journal.ndjson"
RUNS = "runs"
TRIP = "trip.json"
"""In the folder of a run: the trip of a guard that the engine did not answer to."""
SERIES = "series"


def home() -> Path:
    """The folder of this user's runs; it need not exist yet."""
    if chosen := os.environ.get("BREAKFIX_HOME"):
        return Path(chosen).absolute()
    import platformdirs

    return Path(platformdirs.user_state_dir("breakfix"))


def runs_dir() -> Path:
    """The folder that holds a folder for each run."""
    return home() / RUNS


def run_dir(run_id: str) -> Path:
    """The folder of one run."""
    return runs_dir() / run_id


def series_file(series_id: str) -> Path:
    """The file of one series of trials."""
    return home() / SERIES / f"{series_id}.json"


def new_series_id(scenario: str) -> str:
    """A name that no run has: ``series-20261126-081502-cache_outage-3f2a`` (UTC)."""
    return f"{SERIES}-{new_run_id(scenario)}"


def find_series(text: str) -> Path | None:
    """The file that the id of a series, a unique beginning of one, or a path means; None where the
    text means no series. Raises UsageError."""
    path = Path(text)
    if path.is_file():
        return path if path.suffix == ".json" else None
    if not text.startswith(f"{SERIES}-"):
        return None
    known = sorted(file.stem for file in (home() / SERIES).glob("*.json"))
    matching = [series_id for series_id in known if series_id.startswith(text)]
    if len(matching) == 1:
        return series_file(matching[0])
    if matching:
        raise UsageError(f"{text} may be {', '.join(matching[:5])}.", hint="Write more of it.")
    hint = f"The newest is {known[-1]}." if known else "`breakfix run --repeat N` makes one."
    raise UsageError(f"there is no series {text!r}.", hint=hint)


def new_run_id(scenario: str) -> str:
    """A name that sorts by time: ``20261126-081502-cache_outage-3f2a`` (UTC)."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{scenario}-{secrets.token_hex(2)}"


def run_ids() -> list[str]:
    """The ids of all runs that have a journal, the oldest first."""
    return sorted(path.parent.name for path in runs_dir().glob(f"*/{JOURNAL}"))


def find_journal(text: str) -> Path:
    """The journal that a run id, a unique beginning of one, ``last``, a folder or a file means.

    Raises UsageError.
    """
    path = Path(text)
    if path.is_file():
        return path
    if (path / JOURNAL).is_file():
        return path / JOURNAL
    known = run_ids()
    if text == "last":
        if not known:
            raise UsageError(f"there is no run in {runs_dir()}.", hint="Begin with `breakfix run`.")
        return run_dir(known[-1]) / JOURNAL
    matching = [run_id for run_id in known if run_id.startswith(text) or text in run_id]
    if len(matching) == 1:
        return run_dir(matching[0]) / JOURNAL
    if matching:
        raise UsageError(f"{text} may be {', '.join(matching[:5])}.", hint="Write more of it.")
    hint = f"The newest is {known[-1]}." if known else f"There is no run in {runs_dir()}."
    raise UsageError(f"there is no run or journal {text!r}.", hint=hint)
