"""Connections and what becomes of the driver's errors."""

from __future__ import annotations

import pytest

from facedb.core.errors import ConfigError, DatabaseError, ExitCode, SchemaError
from facedb.db.connection import Connection, Database, describe


def test_a_block_commits_when_it_ends_and_rolls_back_when_it_raises(database: Database) -> None:
    with database.connection() as connection:
        connection.execute("create table kept (n int)")

    def fail_halfway() -> None:
        with database.connection() as connection:
            connection.execute("create table lost (n int)")
            raise KeyError

    with pytest.raises(KeyError):
        fail_halfway()
    with database.connection() as connection:
        assert connection.execute("select to_regclass('kept'), to_regclass('lost')").fetchone() == ("kept", None)


def test_a_missing_table_says_how_to_upgrade(connection: Connection, database: Database) -> None:
    assert connection.execute("select 1").fetchone() == (1,)
    with pytest.raises(SchemaError, match="facedb db upgrade") as caught, database.connection() as other:
        other.execute("select * from facedb.no_such_table")
    assert caught.value.exit_code is ExitCode.SCHEMA


def test_the_application_name_is_facedb_unless_the_dsn_has_one(database: Database) -> None:
    with database.connection() as connection:
        assert connection.execute("show application_name").fetchone() == ("facedb",)
    with Database(f"{database.dsn}&application_name=mine", embedded=False).connection() as connection:
        assert connection.execute("show application_name").fetchone() == ("mine",)


def test_no_error_repeats_a_password() -> None:
    dsn = "postgresql://alice:s3cr3t-word@127.0.0.1:1/faces?connect_timeout=2"
    with pytest.raises(DatabaseError, match=r"database faces on 127\.0\.0\.1 port 1 as alice") as caught:
        Database(dsn, embedded=False).open()
    assert "s3cr3t" not in str(caught.value)
    assert "s3cr3t" not in repr(Database(dsn, embedded=False))


@pytest.mark.parametrize("by", ["dsn", "environment"])
def test_a_message_names_the_address_that_is_tried_and_not_only_the_host_it_stands_for(
    monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    dsn = "host=db.example port=1 dbname=faces user=alice connect_timeout=2"
    if by == "environment":
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    else:
        dsn += " hostaddr=127.0.0.1"
    with pytest.raises(DatabaseError, match=r"database faces on db\.example at 127\.0\.0\.1 port 1 as alice"):
        Database(dsn, embedded=False).open()


def test_a_password_of_one_letter_leaves_the_words_of_a_message_whole() -> None:
    with pytest.raises(DatabaseError, match="connection to server at") as caught:
        Database("postgresql://alice:o@127.0.0.1:1/faces?connect_timeout=2", embedded=False).open()
    assert "***" not in str(caught.value)


@pytest.mark.parametrize("dsn", ["s3cr3t-word", "host=a s3cr3t-word", "postgresql://alice:s3cr3t-word@[host/x"])
def test_a_malformed_dsn_is_a_usage_error_that_does_not_repeat_it(dsn: str) -> None:
    with pytest.raises(ConfigError) as caught:
        describe(dsn)
    assert "s3cr3t" not in str(caught.value)


def test_a_connection_that_the_server_ends_is_a_database_error(database: Database) -> None:
    with pytest.raises(DatabaseError, match="run the command again"), database.connection() as connection:
        connection.execute("select pg_terminate_backend(pg_backend_pid())")
