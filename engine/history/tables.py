"""The tables of the history. migrations/ makes them; a test holds that both are the same."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

HEAD: Final = "v1"
"""The newest revision in migrations/versions."""

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _of_run() -> Column[str]:
    reference = ForeignKey("runs.run_id", ondelete="CASCADE")
    return Column("run_id", Text, reference, primary_key=True)


runs: Final = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("scenario", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("parts", Text, nullable=False),  # JSON
    Column("env", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("began_wall_s", Double, nullable=False),
    Column("ended_wall_s", Double, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("exit_code", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Boolean, nullable=False),
    Column("no_faults", Boolean, nullable=False),
    Column("series", Text, nullable=False),
    Column("journal", Text, nullable=False),
    Column("journal_bytes", BigInteger, nullable=False),
    Column("head", Text, nullable=False),
    Column("lines", Integer, nullable=False),
    Index(None, "key", "began_wall_s"),
    Index(None, "began_wall_s"),
)
labels: Final = Table(
    "labels",
    metadata,
    _of_run(),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index(None, "name", "run_id"),
)
times: Final = Table(
    "times",
    metadata,
    _of_run(),
    Column("metric", Text, primary_key=True),
    Column("lower_s", Double),
    Column("upper_s", Double),
    Column("missing", Text),
    Column("at_least_s", Double),
    Column("why", Text, nullable=False),
)
faults: Final = Table(
    "faults",
    metadata,
    _of_run(),
    Column("number", Integer, primary_key=True),
    Column("service", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("proved", Boolean, nullable=False),
)
looks: Final = Table(
    "looks",
    metadata,
    _of_run(),
    Column("number", Integer, primary_key=True),
    Column("probe", Text, nullable=False),
    Column("good", Integer, nullable=False),
    Column("bad", Integer, nullable=False),
)
problems: Final = Table(
    "problems",
    metadata,
    _of_run(),
    Column("number", Integer, primary_key=True),
    Column("about", Text, nullable=False),
    Column("text", Text, nullable=False),
)
settings: Final = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Facts about the history itself: ``pruned_before``, seconds since the epoch."""

PARTS: Final = (labels, times, faults, looks, problems)
"""The tables whose rows belong to a run."""
