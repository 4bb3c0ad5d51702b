"""Locks that any login can hold: whoever is kept waiting is told by whom."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from facedb.core.errors import ConflictError
from facedb.core.progress import Silent
from facedb.db import locks, reconnecting
from facedb.db.connection import Connection, Database
from facedb.db.reconnecting import Work
from facedb.scan.run import ScanOptions, scan
from tests.db.population import Population, clustered


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_PATIENCE_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", [("plan", 7), ("ingest", 1), ("scan", 3, "{}", "0.4"), ("é", -1)])
def test_a_lock_that_somebody_has_names_them(
    database: Database, connection: Connection, name: tuple[object, ...]
) -> None:
    with psycopg.connect(database.dsn, autocommit=True, application_name="a stranger") as other:
        words = " ".join(("facedb", *map(str, name)))
        other.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [words])
        refused = locks.claim(connection, *name)
        assert not refused
        assert refused.holder == f" (process {other.info.backend_pid} of {other.info.user}, a stranger)"
        assert locks.claim(connection, *name, "and more")
    assert locks.claim(connection, *name)


@pytest.mark.usefixtures("impatient")
def test_a_scan_that_another_session_keeps_away_says_whose(database: Database) -> None:
    import numpy as np

    population = Population(database, 8)
    population.add(clustered(np.random.default_rng(1), 4, 8, 2), ["ann", "bob", "ann", "bob"])
    options = ScanOptions(0.5, engine="exact")
    with psycopg.connect(database.dsn, autocommit=True, application_name="psql") as other:
        other.execute(
            "select pg_advisory_lock(hashtextextended(%s, 0))",
            [f'facedb scan {population.model.id} {{"datasets": null, "min_face": null, "min_quality": null}} 0.5'],
        )
        with pytest.raises(ConflictError, match=rf"process {other.info.backend_pid} of .*, psql"):
            scan(database, options, reporter=Silent())
    assert scan(database, options, reporter=Silent()).scan.faces == 4


def test_who_leaves_asks_once_for_what_somebody_else_holds(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "_END_SECONDS", 0.1)
    asked: list[int] = []

    def last(conn: Connection) -> None:
        asked.append(conn.info.backend_pid)
        conn.execute("lock table facedb.image in exclusive mode")

    with closing(Work(database)) as work, psycopg.connect(database.dsn) as other:
        other.execute("lock table facedb.image in share mode")
        work.part(last)
        assert len(asked) == 1
        other.rollback()
        work.part(last)
        work.conn.close()
        work.part(last)
    assert len(asked) == 3
