"""The rows in a backup, read by pg_restore and taken apart here: of what else the file may say nothing is ever run.

A dump of PostgreSQL is a program, which pg_restore would run with all rights of whoever restores it, commands of the
server's machine included. A backup of facedb needs no more of it than rows: the tables are those that migrations make.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import cast

from facedb.core.errors import DatabaseError, InputError, first_line
from facedb.core.files.paths import display
from facedb.db.server.binaries import bin_dir
from facedb.db.session import without_libpq_variables

_NAME = rb'"?([a-z][a-z0-9_]*)"?'
_COPY = re.compile(rb"COPY facedb\." + _NAME + rb' \(([a-z0-9_", ]+)\) FROM stdin;\n')
_SETVAL = re.compile(rb"SELECT pg_catalog\.setval\('facedb\." + _NAME + rb"', (\d{1,19}), (true|false)\);\n")
# What pg_restore begins a script with, for the session of a psql that there is not.
_IDLE = re.compile(
    rb"\n|--.*\n|SET \w+ = [\w']+;\n|SELECT pg_catalog\.set_config\('search_path', '', false\);\n|\\(un)?restrict \w+\n"
)
_END = b"\\.\n"
_PARTITION = re.compile(rb" TABLE DATA facedb (embedding|flagged_pair)_\d+ ")
_BUFFER_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table in PostgreSQL's text format, in blocks of any size, to be read before whatever comes next."""

    table: str
    columns: tuple[str, ...]
    blocks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class SequenceValue:
    """How far a sequence is; ``called`` as for setval."""

    sequence: str
    value: int
    called: bool


def revision(file: Path) -> str:
    """The revision of the schema that was backed up.

    Raises InputError where the file is no backup of facedb, DatabaseError where pg_restore cannot read it.
    """
    if not file.is_file():
        raise InputError(f"There is no file {display(file)}: check the path.")
    with file.open("rb") as stream:
        if stream.read(5) != b"PGDMP":
            raise InputError(f"{display(file)} is not a backup: give a file that `facedb db backup` wrote.")
    found = [
        block.decode("ascii", "replace").strip()
        for part in _parts(file, "--table=alembic_version")
        if isinstance(part, TableRows)
        for block in part.blocks
    ]
    if len(found) != 1:
        raise InputError(f"{display(file)} holds no schema of facedb: give a file that `facedb db backup` wrote.")
    return found[0]


def contents(file: Path) -> Iterator[TableRows | SequenceValue]:
    """Everything that a backup holds, tables before partitions, which are made by what stands in tables.

    Raises InputError where the file holds something else, DatabaseError where pg_restore cannot read it to its end.
    """
    with _pg_restore("--list", str(file)) as listing:
        entries = sorted(listing, key=lambda line: _PARTITION.search(line) is not None)
    with tempfile.NamedTemporaryFile() as order:
        order.writelines(entries)
        order.flush()
        yield from _parts(file, f"--use-list={order.name}")


def _parts(file: Path, *which: str) -> Iterator[TableRows | SequenceValue]:
    """What the script of pg_restore holds, statement by statement; none of another form is passed over."""
    with _pg_restore("--data-only", "--schema=facedb", "--file=-", *which, str(file)) as script:
        while line := script.readline(_BUFFER_BYTES):
            if copied := _COPY.fullmatch(line):
                columns = tuple(name.strip('"') for name in copied[2].decode().split(", "))
                yield TableRows(copied[1].decode(), columns, _blocks(script))
            elif moved := _SETVAL.fullmatch(line):
                yield SequenceValue(moved[1].decode(), int(moved[2]), moved[3] == b"true")
            elif not _IDLE.fullmatch(line):
                said = display(line[:60].decode("utf-8", "replace").strip())
                raise InputError(f"{display(file)} holds more than rows of facedb ({said}): nothing was restored.")


def _blocks(script: BufferedReader) -> Iterator[bytes]:
    """The lines up to the one that ends the rows, long ones in pieces; a script that ends before is told by its exit code."""
    at_start = True
    while seen := script.peek():
        end = seen.find(b"\n" + _END)
        whole = (end if end >= 0 else seen.rfind(b"\n")) + 1
        block = script.readline(_BUFFER_BYTES) if seen.startswith(_END) or not whole else script.read(whole)
        if at_start and block == _END:
            return
        at_start = block.endswith(b"\n")
        yield block


@contextmanager
def _pg_restore(*arguments: str) -> Iterator[BufferedReader]:
    """What pg_restore prints; it is ended with the block, and must have come to its own end unless the block raises."""
    command: Sequence[str] = [str(bin_dir() / "pg_restore"), *arguments]
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                command,
                env=without_libpq_variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                bufsize=_BUFFER_BYTES,
            )
        except OSError as error:
            raise DatabaseError(f"pg_restore cannot be run ({error.strerror}); reinstall facedb.") from error
        with process:
            out = cast("BufferedReader", process.stdout)
            try:
                yield out
                while out.read(_BUFFER_BYTES):
                    pass
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            complaints.seek(0)
            said = first_line(Exception(complaints.read().decode("utf-8", "replace"))).rstrip(".")
            raise DatabaseError(f"pg_restore failed ({said}).")
