"""Run by Alembic, on the caller's connection and inside the caller's transaction."""

from alembic import context

from kaeshi.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,
)
context.run_migrations()
