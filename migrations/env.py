"""Alembic's environment: runs the pending revisions on the connection it is handed, one transaction each.

Takes `connection` from the config's attributes, where the revisions find `lance` and `dim`; reads no .ini file and
opens no database itself.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite's DDL is transactional once the driver leaves BEGIN to us, which the catalog's engine sees to.
    transactional_ddl=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
