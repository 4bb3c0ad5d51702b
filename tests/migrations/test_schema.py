"""The schema: from nothing to the head, the same by every way, described, and open to readers only through bi."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from psycopg import errors, sql

from facedb.core.errors import NotFoundError, SchemaError
from facedb.db import migrate
from facedb.db.connection import Database
from facedb.db.server.binaries import bin_dir
from facedb.db.upkeep import roles

UNDESCRIBED = """
select c.oid::regclass::text || coalesce('.' || a.attname, '')
from pg_class c
cross join lateral (
    select null as attname, obj_description(c.oid, 'pg_class') as said
    union all
    select attname, col_description(c.oid, attnum) from pg_attribute
    where attrelid = c.oid and attnum > 0 and not attisdropped
) a
where c.relnamespace in ('facedb'::regnamespace, 'bi'::regnamespace)
  and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition and coalesce(a.said, '') = ''
"""


def dump(db: Database) -> str:
    """The schema as pg_dump writes it, less the random words that guard its file."""
    command = [str(bin_dir() / "pg_dump"), "--schema-only", "--no-owner", db.dsn]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


def refusal(db: Database, revision: str) -> str | None:
    """Why the schema cannot be taken back to a revision; None where it was."""
    try:
        migrate.downgrade(db, revision)
    except NotImplementedError as reason:
        return str(reason)
    return None


@contextmanager
def role_of(db: Database) -> Iterator[str]:
    """A role of this test's own, without any right."""
    name = f"reader_{db.dsn.split('/')[3].split('?')[0]}"
    with db.connection() as connection:
        connection.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
    yield name
    with db.connection() as connection:
        connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def connect_as(db: Database, role: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection of a role."""
    return psycopg.connect(db.dsn, user=role, autocommit=True)


def test_an_empty_database_comes_to_the_head_and_stays_there(empty_database: Database) -> None:
    assert migrate.current(empty_database) == migrate.SchemaState(None, views_fit=False, encoding="UTF8")
    assert migrate.upgrade(empty_database).revision is None
    assert migrate.current(empty_database) == migrate.SchemaState(migrate.head(), views_fit=True, encoding="UTF8")
    once = dump(empty_database)
    migrate.upgrade(empty_database)
    assert dump(empty_database) == once


def test_going_step_by_step_gives_the_schema_of_a_fresh_database(empty_database: Database, database: Database) -> None:
    for revision in migrate.revisions():
        migrate.upgrade(empty_database, revision)
    assert dump(empty_database) == dump(database)


def test_every_revision_can_be_taken_back_or_says_why_not(empty_database: Database) -> None:
    before = "base"
    for revision in migrate.revisions():
        schema = dump(empty_database)
        migrate.upgrade(empty_database, revision)
        reason = refusal(empty_database, before)
        if reason is None:
            assert dump(empty_database) == schema
            migrate.upgrade(empty_database, revision)
        else:
            assert reason
        before = revision


def test_every_table_view_and_column_is_described(database: Database) -> None:
    with database.connection() as connection:
        assert connection.execute(UNDESCRIBED).fetchall() == []


def test_every_function_looks_into_the_temporary_schema_last(database: Database) -> None:
    # One whose text was resolved when it was made (`return ...`) looks nowhere.
    with database.connection() as connection:
        found = connection.execute(
            "select oid::regprocedure::text from pg_proc"
            " where pronamespace in ('facedb'::regnamespace, 'bi'::regnamespace) and prosqlbody is null"
            " and not coalesce(proconfig, '{}') && array['search_path=pg_catalog, pg_temp']"
        ).fetchall()
        counted = connection.execute(
            "select count(*) from pg_proc where pronamespace = 'facedb'::regnamespace"
        ).fetchone()
    assert found == []
    assert counted
    assert counted[0] > 10


def test_an_embedded_database_upgrades_itself(empty_database: Database) -> None:
    migrate.ensure(empty_database)
    assert migrate.current(empty_database).at_head


def test_a_server_behind_a_dsn_is_upgraded_only_when_told(empty_database: Database) -> None:
    behind_dsn = replace(empty_database, embedded=False)
    with pytest.raises(SchemaError, match="facedb db upgrade"):
        migrate.ensure(behind_dsn)
    assert migrate.current(behind_dsn).revision is None
    migrate.upgrade(behind_dsn)
    migrate.ensure(behind_dsn)


def test_a_database_from_a_newer_facedb_is_left_alone(database: Database) -> None:
    with database.connection() as connection:
        connection.execute("update facedb.alembic_version set version_num = '9999'")
    for action in (migrate.ensure, migrate.upgrade):
        with pytest.raises(SchemaError, match="9999, which this facedb does not know"):
            action(database)


def test_processes_that_upgrade_at_once_wait_for_each_other(empty_database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrate.upgrade, empty_database) for _ in range(4)]:
            done.result()
    assert migrate.current(empty_database) == migrate.SchemaState(migrate.head(), views_fit=True, encoding="UTF8")


def test_a_failing_migration_leaves_the_database_as_it_was(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(empty_database)

    def fail(*_: object) -> None:
        raise errors.DiskFull("no space left")

    monkeypatch.setattr("facedb.db.views.create", fail)
    with pytest.raises(Exception, match="no space left"):
        migrate.upgrade(empty_database)
    assert dump(empty_database) == before


def test_views_of_another_version_are_made_again_and_keep_their_readers(database: Database) -> None:
    with role_of(database) as role:
        with database.connection() as connection:
            connection.execute("drop view bi.files")
            connection.execute("create view bi.files as select 1 as something")
            connection.execute(sql.SQL("grant select on bi.files to {}").format(sql.Identifier(role)))
            connection.execute(sql.SQL("grant usage on schema bi to {}").format(sql.Identifier(role)))
            connection.execute("comment on schema bi is 'older'")
        assert not migrate.current(database).views_fit
        migrate.ensure(database)
        assert migrate.current(database).views_fit
        with connect_as(database, role) as connection:
            assert connection.execute("select dataset, path from bi.files").fetchall() == []


def test_a_view_of_somebody_else_on_ours_stops_an_upgrade_and_is_kept(database: Database) -> None:
    with database.connection() as connection:
        connection.execute("create view public.mine as select * from bi.links")
    with pytest.raises(SchemaError, match=r"view mine depends on view bi\.links"):
        migrate.upgrade(database)
    with database.connection() as connection:
        assert connection.execute("select * from public.mine").fetchall() == []


def test_a_reader_reads_the_views_and_no_table(database: Database) -> None:
    with role_of(database) as role:
        roles.grant_reader(database, role)
        with connect_as(database, role) as connection:
            connection.execute("select * from bi.links")
            connection.execute("select * from bi.flagged_pairs")
            for forbidden in (
                "select from facedb.image",
                "delete from facedb.image",
                "create view bi.mine as select 1",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(forbidden)
        migrate.upgrade(database)
        with connect_as(database, role) as connection:
            connection.execute("select * from bi.links")


def test_a_role_that_does_not_exist_is_not_found(database: Database) -> None:
    with pytest.raises(NotFoundError, match="nobody_at_all"):
        roles.grant_reader(database, "nobody_at_all")


def test_a_database_at_the_head_is_recognised_without_loading_alembic(database: Database) -> None:
    script = """
import sys
from facedb.db.connection import Database
from facedb.db.migrate import ensure
ensure(Database(sys.argv[1], embedded=True))
assert not {"alembic", "sqlalchemy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script, database.dsn], check=True)
