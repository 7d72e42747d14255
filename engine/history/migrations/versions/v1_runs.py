"""The first tables: runs, and what belongs to each of them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "v1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("scenario", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("env", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("began_wall_s", sa.Double(), nullable=False),
        sa.Column("ended_wall_s", sa.Double(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Boolean(), nullable=False),
        sa.Column("no_faults", sa.Boolean(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("journal_bytes", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    op.create_index("ix_runs_key_began_wall_s", "runs", ["key", "began_wall_s"])
    op.create_index("ix_runs_began_wall_s", "runs", ["began_wall_s"])
    _part("labels", "name", sa.Text(), sa.Column("value", sa.Text(), nullable=False))
    op.create_index("ix_labels_name_run_id", "labels", ["name", "run_id"])
    _part(
        "times",
        "metric",
        sa.Text(),
        sa.Column("lower_s", sa.Double()),
        sa.Column("upper_s", sa.Double()),
        sa.Column("missing", sa.Text()),
        sa.Column("at_least_s", sa.Double()),
        sa.Column("why", sa.Text(), nullable=False),
    )
    _part(
        "faults",
        "number",
        sa.Integer(),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("proved", sa.Boolean(), nullable=False),
    )
    _part(
        "looks",
        "number",
        sa.Integer(),
        sa.Column("probe", sa.Text(), nullable=False),
        sa.Column("good", sa.Integer(), nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
    )
    _part(
        "problems",
        "number",
        sa.Integer(),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )


def downgrade() -> None:
    """Drop the tables; `breakfix history rebuild` fills new ones."""
    for name in ("settings", "problems", "looks", "faults", "times", "labels", "runs"):
        op.drop_table(name)


def _part(name: str, second: str, kind: Any, *columns: Any) -> None:
    """A table whose rows belong to a run, each known by the run and one column more."""
    op.create_table(
        name,
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column(second, kind, nullable=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.run_id"], name=f"fk_{name}_run_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", second, name=f"pk_{name}"),
    )
