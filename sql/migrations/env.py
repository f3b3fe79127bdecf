"""Alembic's entry: it is handed a connection by `pipelines.stores.migrations`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
