"""Backup with PostgreSQL's own pg_dump: one file that holds the schemas of facedb and everything in them."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

from psycopg.conninfo import make_conninfo

from facedb.core.errors import ConflictError, DatabaseError, first_line
from facedb.core.machine.disk import no_room
from facedb.db import audit
from facedb.db.connection import Database, conninfo
from facedb.db.server.binaries import bin_dir
from facedb.db.session import without_libpq_variables

# Vectors hardly shrink: what more effort saves is a tenth of the file for five times the processor. Every pg_restore reads gzip.
_WHAT = "--format=custom", "--compress=gzip:1", "--no-owner", "--no-privileges", "--schema=facedb", "--schema=bi"


def backup(db: Database, file: Path, *, force: bool = False) -> int:
    """Write the database to ``file`` in PostgreSQL's custom format, whole or not at all; returns its bytes.

    Raises ConflictError where the file exists, DatabaseError where pg_dump fails, with its first complaint.
    """
    if file.exists() and not force:
        raise ConflictError(f"{file} exists already: name another file, or overwrite it with --force.")
    part = file.with_name(f".{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        # Faces are biometric data: nobody else may read them, whatever the umask is.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        try:
            _dump(db, part)
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


def for_programs(db: Database) -> tuple[str, dict[str, str]]:
    """How a program of PostgreSQL reaches the database: what to give it on its command line, and its environment.

    A command line is visible to everybody on the machine, so the password is in the environment.
    """
    known = conninfo(db.dsn)
    environment = without_libpq_variables() if db.embedded else dict(os.environ)
    if "password" in known:
        environment["PGPASSWORD"] = known.pop("password")
    return make_conninfo("", **known), environment


def _dump(db: Database, part: Path) -> None:
    address, environment = for_programs(db)
    command = [str(bin_dir() / "pg_dump"), f"--dbname={address}", *_WHAT, f"--file={part}"]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise DatabaseError(f"pg_dump cannot be run ({error.strerror}); reinstall facedb.") from error
    if done.returncode != 0:
        said = first_line(Exception(done.stderr)).rstrip(".")
        raise DatabaseError(f"pg_dump failed ({said}).")
