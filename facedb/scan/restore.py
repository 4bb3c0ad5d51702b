"""Restore: the rows of a backup in tables that the migrations make anew, and nothing else of what the file may hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import errors, sql

from facedb.core.errors import InputError
from facedb.core.files.paths import display
from facedb.dataset.model_rows import add_partition
from facedb.db import audit, migrate
from facedb.db.connection import Connection, Database
from facedb.db.queries import load
from facedb.db.upkeep import dump_file
from facedb.db.upkeep.dump_file import SequenceValue, TableRows
from facedb.scan import scan_rows

SQL = load("scan", "restore")

_PARTITION = re.compile(r"(embedding|flagged_pair)_([1-9]\d{0,9})")


def restore(db: Database, file: Path) -> None:
    """Fill an empty database from a backup and bring its schema to this facedb's; where that fails, nothing of it stays.

    Raises InputError where the file is no backup of facedb or holds anything else than its rows, ConflictError where
    facedb's schema is there already, DatabaseError where the file cannot be read, and what an upgrade raises.
    """
    with migrate.made(db, dump_file.revision(file)) as connection:
        try:
            _fill(connection, file)
        except errors.InsufficientPrivilege:
            raise
        except (errors.DataError, errors.IntegrityError, errors.ProgrammingError) as error:
            said = display(error.diag.message_primary or str(error))
            raise InputError(
                f"{display(file)} holds what facedb did not write ({said}): nothing was restored."
            ) from error
    migrate.upgrade(db)
    with db.connection() as connection:
        audit.note(connection, "restore")


def _fill(connection: Connection, file: Path) -> None:
    """Put the rows of a backup where they were."""
    tables = [name for (name,) in connection.execute(SQL["tables"])]
    references = connection.execute(SQL["references"]).fetchall()
    _run(connection, [apart for apart, _ in references])
    _run(connection, [quiet for quiet, _ in connection.execute(SQL["triggers"]).fetchall()])
    # Some migrations write rows.
    named = sql.SQL(", ").join(sql.Identifier("facedb", name) for name in tables)
    connection.execute(sql.SQL("truncate {}").format(named))
    for part in dump_file.contents(file):
        match part:
            case SequenceValue():
                connection.execute(
                    SQL["set_sequence"], {"sequence": part.sequence, "value": part.value, "called": part.called}
                )
            case TableRows(table="alembic_version"):
                for _ in part.blocks:
                    pass
            case TableRows() if part.table in tables:
                _copy(connection, part)
            case TableRows():
                with _partition(connection, part.table):
                    _copy(connection, part)
    _run(connection, [wake for _, wake in connection.execute(SQL["triggers"]).fetchall()])
    _run(connection, [again for _, again in references])


@contextmanager
def _partition(connection: Connection, name: str) -> Iterator[None]:
    """A partition made as it was at first, to be filled in the block."""
    found = _PARTITION.fullmatch(name)
    if found is None:
        raise errors.UndefinedTable(f"a table {name}")
    key = int(found[2])
    if found[1] == "embedding":
        row = connection.execute(SQL["dim"], {"model_id": key}).fetchone()
        add_partition(connection, key, 0 if row is None else row[0])
        _run(connection, [quiet for quiet, _ in connection.execute(SQL["triggers"]).fetchall()])
        yield
        return
    was = connection.execute(SQL["run_again"], {"scan_id": key}).fetchone()
    scan_rows.add_partition(connection, key)
    yield
    status, finished_at = was or ("running", None)
    if status != "running":
        scan_rows.index_pairs(connection, key)
        connection.execute(SQL["as_it_was"], {"scan_id": key, "status": status, "finished_at": finished_at})


def _copy(connection: Connection, part: TableRows) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, part.columns))
    into = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier("facedb", part.table), columns)
    with connection.cursor().copy(into) as copy:
        for block in part.blocks:
            copy.write(block)


def _run(connection: Connection, statements: list[str]) -> None:
    """Statements that the server itself wrote."""
    for statement in statements:
        connection.execute(statement.encode())
