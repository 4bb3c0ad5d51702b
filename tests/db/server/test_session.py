"""Sessions: whose parameters count, what is set on each, and what is refused."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from facedb.core.errors import ConfigError, DatabaseError, SchemaError
from facedb.core.machine import user_name
from facedb.db import migrate
from facedb.db.connection import Database, describe
from facedb.db.session import PoolerError
from tests.conftest import Server
from tests.processes import Process, until


@pytest.mark.parametrize(
    "variable",
    [
        "PGCHANNELBINDING=require",
        "PGSERVICE=prod",
        "PGHOSTADDR=10.255.255.1",
        "PGTZ=Nowhere",
        "PGSSLMODE=bogus",
        "PGOPTIONS=-c work_mem=x",
        "PGDATABASE=another",
        "PGPORT=1",
        "PGMAXPROTOCOLVERSION=9.9",
        "PGSSLNEGOTIATION=direct",
    ],
)
def test_no_variable_of_libpq_redirects_the_embedded_server(
    database: Database, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, value)
    with database.connection() as conn:
        assert conn.execute("select current_database()").fetchone() == (conninfo_to_dict(database.dsn)["dbname"],)
    assert os.environ[name] == value


@pytest.mark.parametrize(
    ("setting", "bad", "good"),
    [
        ("DateStyle", "German", "ISO, YMD"),
        ("TimeZone", "Asia/Kolkata", "UTC"),
        ("statement_timeout", "3s", "0"),
        ("search_path", "nowhere", "public"),
        ("standard_conforming_strings", "off", "on"),
        ("bytea_output", "escape", "hex"),
        ("client_encoding", "LATIN1", "UTF8"),
        ("idle_in_transaction_session_timeout", "5", "0"),
        ("default_transaction_isolation", "serializable", "read committed"),
        ("IntervalStyle", "iso_8601", "postgres"),
        ("client_connection_check_interval", "0", "2s"),
    ],
)
def test_what_a_database_is_told_to_use_does_not_reach_facedb(
    database: Database, setting: str, bad: str, good: str
) -> None:
    with closing(psycopg.connect(database.dsn, autocommit=True)) as conn:
        name = conninfo_to_dict(database.dsn)["dbname"]
        conn.execute(f"alter database {name} set {setting} = '{bad}'")
    with database.connection() as conn:
        assert conn.execute(f"show {setting}").fetchone() == (good,)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_a_database_that_cannot_hold_every_name_is_refused(server: Server, encoding: str) -> None:
    name = f"test_{secrets.token_hex(4)}"
    server.administer(
        f"create database {{}} encoding '{encoding}' template template0 locale_provider libc locale 'C'", name
    )
    try:
        db = Database(server.database(name), embedded=False)
        for step in (migrate.upgrade, migrate.ensure):
            with pytest.raises(SchemaError, match=f"is in {encoding}"):
                step(db)
    finally:
        server.administer("drop database {} with (force)", name)


@pytest.mark.parametrize("schema", ["extensions", "My Extensions", "vector"])
def test_pgvector_is_found_in_whatever_schema_it_is(empty_database: Database, schema: str) -> None:
    with closing(psycopg.connect(empty_database.dsn, autocommit=True)) as conn:
        conn.execute(f'create schema "{schema}"')
        conn.execute(f'create extension vector schema "{schema}"')
    db = Database(empty_database.dsn, embedded=False)
    migrate.upgrade(db)
    migrate.ensure(db)
    with db.connection() as conn:
        assert conn.execute("select '[1,2]'::vector <#> '[1,2]'").fetchone() == (-5.0,)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://alice:s3cr3t@pass@dbhost/faces",
        "postgresql://alice:top/s3cr3t@dbhost/faces",
        "postgres://alice:@s3cr3t@dbhost",
        "host=s3cr3t@dbhost user=alice",
    ],
)
def test_what_follows_an_unescaped_sign_of_a_password_is_not_printed(dsn: str) -> None:
    with pytest.raises(ConfigError, match="%40") as caught:
        describe(dsn)
    assert "s3cr3t" not in str(caught.value)
    assert "pass" not in str(caught.value).replace("password", "")


def test_a_user_without_a_line_in_passwd_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert user_name.user_name() == f"uid {os.getuid()}"


@pytest.fixture(params=["transaction", "statement", "session"])
def pooled(request: pytest.FixtureRequest, database: Database, short_directory: Path) -> Iterator[tuple[str, str]]:
    """PgBouncer in front of the test's database: the mode of its pool, and its DSN."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("no pgbouncer here")
    known = conninfo_to_dict(database.dsn)
    folder = short_directory / secrets.token_hex(4)
    folder.mkdir()
    (folder / "b.ini").write_text(
        f"[databases]\nfaces = host={known['host']} port={known['port']} dbname={known['dbname']} user=facedb\n"
        f"[pgbouncer]\nlisten_port=6432\nauth_type=any\npool_mode={request.param}\n"
        f"default_pool_size=5\nunix_socket_dir={folder}\nlogfile={folder}/log\npidfile={folder}/pid\n"
    )
    owner = Path(str(known["host"])).stat()
    as_owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    if as_owner:
        os.chown(folder, owner.st_uid, owner.st_gid)
    with Process([program, "-q", str(folder / "b.ini")], stderr=subprocess.DEVNULL, **as_owner) as bouncer:
        until(lambda: bouncer.poll() is not None or _answers(folder / ".s.PGSQL.6432"), "PgBouncer")
        yield request.param, f"postgresql://facedb@/faces?host={folder}&port=6432"
        bouncer.terminate()


def _answers(path: Path) -> bool:
    """Whether somebody takes connections at a socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def test_a_pooler_is_refused_unless_it_keeps_sessions_whole(pooled: tuple[str, str]) -> None:
    mode, dsn = pooled
    db = Database(dsn, embedded=False)
    if mode != "session":
        with pytest.raises(PoolerError, match="session mode"):
            db.open()
        return
    with db.connection() as conn:
        for _ in range(8):
            conn.execute("select count(*) from pg_prepared_statements")
        assert conn.execute("select count(*) from pg_prepared_statements").fetchone() == (0,)
        assert migrate.current(db).at_head


def test_an_unreachable_server_says_which_variables_have_a_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "bogus")
    with pytest.raises(DatabaseError, match="PGSSLMODE"):
        Database("postgresql://127.0.0.1:1/faces", embedded=False).open()
