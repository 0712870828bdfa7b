"""Alembic's environment, shared by all services."""

from alembic import context

from shared.db import engine

url = context.config.attributes["url"]
made = engine(url, 1)
with made.connect() as connection:
    # one migration at a time; a table that stays locked stops the migration rather than the service
    connection.exec_driver_sql("select pg_advisory_lock(64738)")
    connection.exec_driver_sql("set lock_timeout = '10s'")
    connection.commit()
    context.configure(connection=connection, transactional_ddl=True, version_table="migration")
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
made.dispose()
