"""Run by Alembic: applies migrations on the connection, and in the transaction, that the program has opened."""

from alembic import context

from deepguard.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
