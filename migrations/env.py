"""Alembic's entry: runs the migrations on the connection that facedb hands over, inside facedb's transaction.

`facedb db upgrade` is the way to run them: it also takes the lock, checks the server and re-creates the views.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy.engine import Connection

connection = context.config.attributes.get("connection")
if not isinstance(connection, Connection):
    raise SystemExit("Run the migrations with: facedb db upgrade")

context.configure(connection=connection, target_metadata=None, version_table_schema="facedb")
with context.begin_transaction():
    context.run_migrations()
