"""Backup and restore with PostgreSQL's own tools: one file that holds the schemas of facedb and everything in them."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from psycopg.conninfo import make_conninfo

from facedb.core.errors import ConflictError, DatabaseError, InputError, first_line
from facedb.core.machine.disk import no_room
from facedb.db import audit, migrate
from facedb.db.connection import Database, conninfo
from facedb.db.server.binaries import bin_dir
from facedb.db.session import without_libpq_variables

_SCHEMAS = ("facedb", "bi")
_RIGHTS = "--no-owner", "--no-privileges"


def backup(db: Database, file: Path, *, force: bool = False) -> int:
    """Write the database to ``file`` in PostgreSQL's custom format, whole or not at all; returns its bytes.

    Raises ConflictError where the file exists, DatabaseError where pg_dump fails, with its first complaint.
    """
    if file.exists() and not force:
        raise ConflictError(f"{file} exists already: name another file, or overwrite it with --force.")
    part = file.with_name(f".{file.name}.part")
    schemas = [f"--schema={schema}" for schema in _SCHEMAS]
    try:
        part.unlink(missing_ok=True)
        # Faces are biometric data: nobody else may read them, whatever the umask is.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        try:
            _run(db, "pg_dump", ["--format=custom", *_RIGHTS, *schemas, f"--file={part}"])
        except DatabaseError as error:
            if os.strerror(errno.ENOSPC) in str(error):
                raise DatabaseError(str(no_room(file, part.stat().st_size, OSError(errno.ENOSPC, "")))) from error
            raise
        with part.open("rb") as written:
            os.fsync(written.fileno())
        with db.connection() as connection:
            audit.note(connection, "backup")
        part.replace(file)
    except OSError as error:
        raise DatabaseError(f"{file} cannot be written ({error.strerror}); make room or name another place.") from error
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size


def restore(db: Database, file: Path) -> None:
    """Fill an empty database from a backup and bring its schema to this facedb's, all or nothing.

    Raises InputError where the file is no backup, ConflictError where facedb's schema is there already, DatabaseError
    where pg_restore fails, and what an upgrade raises.
    """
    if not file.is_file():
        raise InputError(f"There is no file {file}: check the path.")
    with file.open("rb") as stream:
        if stream.read(5) != b"PGDMP":
            raise InputError(f"{file} is not a backup: give a file that `facedb db backup` wrote.")
    if migrate.current(db).revision is not None:
        raise ConflictError(
            f"{db.describe()} already holds data of facedb; restore into an empty database or a fresh FACEDB_HOME."
        )
    with db.connection() as connection:
        migrate.check_server(connection, embedded=db.embedded)
        if connection.info.server_version < 170_000:
            # pg_restore of 17 and newer sets transaction_timeout, which an older server does not know.
            raise DatabaseError(
                "Restoring into PostgreSQL 16 needs a detour around a setting that it does not know; into an empty database: "
                f"pg_restore -Ox -f - {file} | grep -v '^SET transaction_timeout' | psql -1 -v ON_ERROR_STOP=1 DSN, then facedb db upgrade"
            )
    _run(db, "pg_restore", [*_RIGHTS, "--single-transaction", "--exit-on-error", str(file)])
    migrate.upgrade(db)
    with db.connection() as connection:
        audit.note(connection, "restore")


def for_programs(db: Database) -> tuple[str, dict[str, str]]:
    """How a program of PostgreSQL reaches the database: what to give it on its command line, and its environment.

    A command line is visible to everybody on the machine, so the password is in the environment.
    """
    known = conninfo(db.dsn)
    environment = without_libpq_variables() if db.embedded else dict(os.environ)
    if "password" in known:
        environment["PGPASSWORD"] = known.pop("password")
    return make_conninfo("", **known), environment


def _run(db: Database, program: str, arguments: Sequence[str]) -> None:
    address, environment = for_programs(db)
    command = [str(bin_dir() / program), f"--dbname={address}", *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise DatabaseError(f"{program} cannot be run ({error.strerror}); reinstall facedb.") from error
    if done.returncode != 0:
        said = first_line(Exception(done.stderr)).rstrip(".")
        raise DatabaseError(f"{program} failed ({said}).")
