"""The views of schema ``bi``, and the functions that are made of them: dropped and made again from ``migrations/views/*.sql`` on every
upgrade.

The comment on the schema carries a digest of those files, so that one SELECT tells whether a database has them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from psycopg import errors, sql

from facedb.core.errors import SchemaError
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("db", "schema")

_VIEW = re.compile(r"^\s*create\s+(?:or\s+replace\s+)?view\s+bi\.(\w+)", re.IGNORECASE | re.MULTILINE)
_FUNCTION = re.compile(r"\bcreate\s+function\s+facedb\.(\w+)", re.IGNORECASE)
_COMMENT = "facedb: read-only views for other tools; a published column keeps its name and meaning"


@cache
def texts(directory: Path) -> tuple[str, ...]:
    """The SQL of the view files in the order of their names."""
    return tuple(file.read_text(encoding="utf-8") for file in sorted(directory.glob("*.sql")))


def names(directory: Path) -> list[str]:
    """The views that the files make, without their schema."""
    return [name for text in texts(directory) for name in _VIEW.findall(text)]


def fit(comment: str | None, directory: Path) -> bool:
    """Whether the comment on schema bi is the one that these files leave."""
    return comment == _comment(directory)


def drop(connection: Connection, directory: Path) -> None:
    """Drop the views and what these files make of them, and no other object.

    Raises SchemaError where something that facedb did not make needs them.
    """
    found = [sql.Identifier("bi", name) for name in names(directory)]
    schema = connection.execute("select to_regnamespace('bi') is not null").fetchone()
    if not found or schema != (True,):
        return
    try:
        for function in (name for text in texts(directory) for name in _FUNCTION.findall(text)):
            connection.execute(sql.SQL("drop function if exists {}").format(sql.Identifier("facedb", function)))
        connection.execute(sql.SQL("drop view if exists {}").format(sql.SQL(", ").join(found)))
        connection.execute(sql.SQL("comment on schema bi is {}").format(sql.Literal(f"{_COMMENT}.")))
    except errors.DependentObjectsStillExist as error:
        raise SchemaError(
            f"Something of yours is built on facedb's views ({error.diag.message_detail}); "
            "drop it, run: facedb db upgrade, and create it again."
        ) from error


def readers(connection: Connection) -> list[tuple[str, str | None]]:
    """Which views may be read by which roles (None: everybody), apart from their owner."""
    return [(view, role) for view, role in connection.execute(SQL["view_readers"]).fetchall()]


def create(connection: Connection, directory: Path, restore: Sequence[tuple[str, str | None]]) -> None:
    """Make the views, and give the readers of the views of the same name before them their rights again."""
    for text in texts(directory):
        connection.execute(text)
    present = set(names(directory))
    for view, role in restore:
        if view in present:
            reader = sql.SQL("public") if role is None else sql.Identifier(role)
            connection.execute(sql.SQL("grant select on {} to {}").format(sql.Identifier("bi", view), reader))
    connection.execute(sql.SQL("comment on schema bi is {}").format(sql.Literal(_comment(directory))))


def _comment(directory: Path) -> str:
    digest = hashlib.sha256("\0".join(texts(directory)).encode()).hexdigest()[:12]
    return f"{_COMMENT} (views {digest})."
