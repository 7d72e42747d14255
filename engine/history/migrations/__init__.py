"""The history's migrations: what alembic runs when a history is opened."""
