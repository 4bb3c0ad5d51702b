"""What each role may do, tried by doing it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

from facedb.core.errors import ConflictError, DatabaseError, NotFoundError
from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db import migrate
from facedb.db.connection import Database
from facedb.db.upkeep import roles, wipe
from facedb.db.wait import silent
from facedb.review.forget import Subject, finish, forget
from facedb.scan.run import ScanOptions, scan
from tests.faults.test_lost_connection import vectors


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """A login of this test's own that may do nothing."""
    name = f"role_{secrets.token_hex(4)}"
    with database.connection() as conn:
        conn.execute(f"create role {name} login")
    yield name
    with database.connection() as conn:
        conn.execute(f"drop owned by {name}")
        conn.execute(f"drop role {name}")


def as_role(database: Database, role: str) -> Database:
    """The same database for another login; not the embedded one, so that nothing is upgraded."""
    return Database(make_conninfo(database.dsn, user=role), embedded=False)


def test_an_application_ingests_and_scans_and_changes_no_schema(database: Database, role: str, tmp_path: Path) -> None:
    mine = as_role(database, role)
    source = vectors(tmp_path / "vectors")
    with pytest.raises(DatabaseError):
        ingest(mine, source, contract="given", reporter=Silent())
    roles.grant_app(database, role)
    migrate.ensure(mine)
    assert ingest(mine, source, contract="given", reporter=Silent()).new == 1200
    assert scan(mine, ScanOptions(threshold=0.6, engine="exact"), reporter=Silent()).scan.pairs > 0
    with psycopg.connect(mine.dsn, autocommit=True) as conn:
        for forbidden in (
            "update facedb.alembic_version set version_num = '0001'",
            "drop table facedb.verdict",
            "create table facedb.mine (n int)",
            "create view bi.mine as select 1",
            "alter table facedb.image add column n int",
            "create role another",
            "insert into facedb.audit (act, done_by, counts, role) values ('forget', 'me', '{}', 'somebody else')",
            "insert into facedb.audit (act, done_by, counts, done_at) values ('forget', 'me', '{}', '2001-01-01')",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(forbidden)
        for made_up in ("select facedb.add_pairs(99)", "select facedb.add_embeddings(99, 4, true)"):
            with pytest.raises(errors.NoDataFound):
                conn.execute(made_up)
    with pytest.raises(DatabaseError, match="lacks a right"):
        migrate.upgrade(mine)


def test_an_application_wipes_what_it_forgets_or_says_that_the_owner_has_to(
    database: Database, role: str, tmp_path: Path
) -> None:
    def file_of_vectors() -> object:
        with database.connection() as conn:
            return conn.execute(
                "select max(pg_relation_filenode(oid)) from pg_class where relname like 'embedding\\__'"
            ).fetchone()

    ingest(database, vectors(tmp_path / "vectors"), contract="given", reporter=Silent())
    roles.grant_app(database, role)
    mine = as_role(database, role)
    with mine.connection() as conn:
        paths = [row[0] for row in conn.execute("select path from facedb.image order by id limit 2")]
        newer = conn.info.server_version >= 170000
    before = file_of_vectors()
    if newer:
        forget(mine, Subject("image", paths[0]), yes=True, say=silent)
        assert file_of_vectors() != before
        with database.connection() as conn:
            conn.execute(f"revoke maintain on all tables in schema facedb from {role}")
    with pytest.raises(DatabaseError, match=r"may not rewrite .* finish as the owner"):
        forget(mine, Subject("image", paths[1]), yes=True, say=silent)
    assert wipe.due(database)
    finish(database, home=None, say=silent)
    assert not wipe.due(database)


def test_a_reader_has_no_way_to_a_table_or_a_function_of_facedb(database: Database, role: str) -> None:
    roles.grant_reader(database, role)
    with psycopg.connect(as_role(database, role).dsn, autocommit=True) as conn:
        conn.execute("select * from bi.links")
        for forbidden in (
            "select * from facedb.embedding",
            "select facedb.add_pairs(1)",
            "do $$ begin lock table facedb.alembic_version in share mode; end $$",
            "create view bi.mine as select 1",
            "create temporary table mine (n int)",
            "select lo_from_bytea(0, 'a name that is forgotten later')",
            "select lo_create(0)",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(forbidden)


def test_who_may_not_pass_a_right_on_is_told_and_nobody_has_it(database: Database, role: str) -> None:
    roles.grant_app(database, role)
    with database.connection() as conn:
        conn.execute("create role of_another login")
    try:
        for grant in (roles.grant_reader, roles.grant_app):
            with pytest.raises(DatabaseError, match=r"may not grant .*connect as the owner"):
                grant(as_role(database, role), "of_another")
        with database.connection() as conn:
            assert conn.execute("select has_schema_privilege('of_another', 'bi', 'usage')").fetchone() == (False,)
            assert conn.execute("select count(*) from facedb.audit where act = 'grant'").fetchone() == (1,)
    finally:
        with database.connection() as conn:
            conn.execute("drop role of_another")


def test_no_advisory_lock_of_a_reader_delays_an_upgrade_or_an_erasure(database: Database, role: str) -> None:
    roles.grant_reader(database, role)
    with psycopg.connect(as_role(database, role).dsn, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(%s)", [int.from_bytes(b"facedb", "big")])
        migrate.upgrade(database)
        with pytest.raises(NotFoundError, match="nobody"):
            forget(database, Subject("identity", "nobody"), yes=True, say=silent)


def test_who_reads_a_view_for_long_is_named_by_the_upgrade_that_waits(
    database: Database, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_LOCK_SECONDS", 1)
    monkeypatch.setattr(migrate, "_PATIENCE_SECONDS", 0.5)
    roles.grant_reader(database, role)
    with psycopg.connect(as_role(database, role).dsn, application_name="tableau") as conn:
        conn.execute("select * from bi.links")
        with pytest.raises(ConflictError, match=rf"of {role} \(tableau\)"):
            migrate.upgrade(database)
    migrate.upgrade(database)
