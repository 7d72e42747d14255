"""What alembic executes around a migration: it takes the connection of the history that is opened.

Source: alembic's manual, "Sharing a Connection across one or more programmatic migration commands".
"""

from alembic import context

from breakfix.engine.history.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
