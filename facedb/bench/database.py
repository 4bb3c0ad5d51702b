"""What the database costs, each leg against its own floor, on a scratch database that is dropped afterwards.

load: the gallery into one matrix, against the server's own COPY of the same rows to /dev/null on one connection.
write: flagged pairs, against the server's own COPY of the same rows from a file into the same table.
scan: a whole `facedb scan` process, against the join inside it.
ingest: embeddings without images through the ingest, against the server's COPY of the same rows from files into the same
tables.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from psycopg import sql
from psycopg.conninfo import make_conninfo

from facedb.bench.joining import Measured, OtherMethod
from facedb.bench.synthetic import synthetic_gallery
from facedb.core.errors import FacedbError
from facedb.core.progress import Silent
from facedb.core.records import VectorBatch
from facedb.dataset import dataset_rows
from facedb.dataset.ingest import ingest
from facedb.dataset.ingest_vectors import VectorWriter, given_model, prepare
from facedb.dataset.model_rows import ModelRow, partition
from facedb.dataset.places import source_rows
from facedb.db import migrate
from facedb.db.connection import Connection, Database
from facedb.db.copy import Column, write_columns
from facedb.join.gallery import Gallery
from facedb.scan import pair_rows
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.pair_rows import PairRows
from facedb.scan.scan_rows import Parameters
from facedb.scan.tiles import ledger_rows
from facedb.scan.tiles.ledger_rows import Labels

_REPEATS = 5
_BATCH = 8192


@dataclass(frozen=True, slots=True)
class DbRow:
    """One leg: rows moved, median seconds, and ``ratio`` to its floor (1 is as fast as the floor; None on a floor)."""

    leg: str
    rows: int
    seconds: float
    ratio: float | None


@contextmanager
def scratch(db: Database) -> Iterator[Database]:
    """A migrated database of its own on the same server, dropped at the end."""
    name = f"facedb_bench_{secrets.token_hex(4)}"
    with closing(db.open(autocommit=True)) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        inner = Database(make_conninfo(db.dsn, dbname=name), db.embedded)
        migrate.upgrade(inner)
        yield inner
    finally:
        with closing(db.open(autocommit=True)) as conn:
            conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def fill(conn: Connection, size: int, dim: int, seed: int = 0) -> ModelRow:
    """A synthetic gallery in the tables, as an ingest of vectors leaves it."""
    made = synthetic_gallery(size, dim, seed=seed).gallery
    dataset = dataset_rows.add_dataset(conn, "bench")
    source = source_rows.add_source(conn, dataset, "/bench", "/bench", "npy", {})
    names = [f"p{label}" for label in made.identity_ids]
    ids = dataset_rows.identity_ids(conn, dataset, names)
    model = given_model(conn, "bench", dim)
    writer = VectorWriter(conn, source, model)
    for start in range(0, size, _BATCH):
        part = slice(start, start + _BATCH)
        paths = [f"{name}/{start + k}" for k, name in enumerate(names[part])]
        writer.write(prepare(VectorBatch(paths, list(names[part]), made.vectors[part])), ids)
        conn.commit()
    return model


def bench_load(db: Database, size: int, dim: int, connections: int) -> list[DbRow]:
    """Time the load of a gallery of ``size`` x ``dim`` over ``connections`` connections."""
    with scratch(db) as inner, closing(inner.open()) as conn:
        model = fill(conn, size, dim)
        _settle(conn)
        table = partition("embedding", model.id)
        floor = sql.SQL("copy (select id, vec from {}) to '/dev/null' (format binary)").format(table)

        def ours() -> None:
            with GallerySnapshot(inner.open, model) as snapshot:
                ids = snapshot.faces().embedding_ids
                started = time.perf_counter()
                snapshot.vectors(ids, connections=connections, reporter=Silent())
                vectors_only.append(time.perf_counter() - started)

        vectors_only: list[float] = []
        times = _alternate({"floor": lambda: conn.execute(floor), "ours": ours})
        base, whole, bare = times["floor"], times["ours"], statistics.median(vectors_only[1:])
    return [
        DbRow("server: COPY to /dev/null, 1 connection", size, base, None),
        DbRow(f"vectors into the matrix, {connections} connections", size, bare, base / bare),
        DbRow("the same with labels and order", size, whole, base / whole),
    ]


def bench_write(db: Database, pairs: int) -> list[DbRow]:
    """Time the writing of ``pairs`` flagged pairs."""
    with scratch(db) as inner, closing(inner.open()) as conn:
        model = fill(conn, 8, 4)
        nobody = Labels.of(np.empty(0, np.int32), np.empty(0, np.int32))
        scan_id = ledger_rows.begin_scan(conn, Parameters(model.id, {}, 0.0), "bench", nobody, [])
        conn.commit()
        table = partition("flagged_pair", scan_id)
        rng = np.random.default_rng(0)
        low = rng.integers(1, 1 << 40, pairs)
        rows = PairRows(low, low + rng.integers(1, 1 << 20, pairs), rng.random(pairs, np.float32))
        pair_rows.write_pairs(conn, scan_id, rows)
        conn.commit()
        found = conn.execute("select current_setting('data_directory') || '/facedb-bench.copy'").fetchone()
        file = str(found[0]) if found else ""
        conn.execute(sql.SQL("copy {} to {} (format binary)").format(table, sql.Literal(file)))
        from_file = sql.SQL("copy {} from {} (format binary)").format(table, sql.Literal(file))

        def emptied(work: Callable[[], object]) -> Callable[[], object]:
            def run() -> float:
                conn.execute(sql.SQL("truncate {}").format(table))
                conn.commit()
                started = time.perf_counter()
                work()
                conn.commit()
                return time.perf_counter() - started

            return run

        try:
            times = _alternate(
                {
                    "floor": emptied(lambda: conn.execute(from_file)),
                    "ours": emptied(lambda: pair_rows.write_pairs(conn, scan_id, rows)),
                }
            )
        finally:
            _remove(conn, file)
    return [
        DbRow("server: COPY from a file", pairs, times["floor"], None),
        DbRow("flagged pairs from arrays", pairs, times["ours"], times["floor"] / times["ours"]),
    ]


def bench_ingest(db: Database, folder: Path) -> list[DbRow]:
    """Time the ingest of a source of embeddings against COPY of the rows that it wrote, from files into emptied tables."""
    with scratch(db) as inner:
        started = time.perf_counter()
        done = ingest(inner, folder, dataset="bench", contract="bench", reporter=Silent())
        ours = time.perf_counter() - started
        with closing(inner.open()) as conn:
            where = conn.execute("select current_setting('data_directory')").fetchone()
            files = {t: f"{where[0] if where else ''}/facedb-bench-{t}.copy" for t in ("image", "face", "embedding_1")}
            try:
                for table, file in files.items():
                    conn.execute(_copy(table, "to", file))
                conn.execute("truncate facedb.image cascade")
                conn.commit()
                started = time.perf_counter()
                for table, file in files.items():
                    conn.execute(_copy(table, "from", file))
                conn.commit()
                floor = time.perf_counter() - started
            finally:
                for file in files.values():
                    _remove(conn, file)
    return [
        DbRow("server: COPY of image, face and embedding from files", done.ready, floor, None),
        DbRow(f"facedb ingest, {done.format}", done.ready, ours, floor / ours),
    ]


def _copy(table: str, direction: str, file: str) -> sql.Composed:
    """COPY between a table and a file of the server; an image's generated columns travel as they are."""
    relation = sql.Identifier("facedb", table)
    return sql.SQL("copy {} {} {} (format binary)").format(relation, sql.SQL(direction), sql.Literal(file))


def pgvector_self_join(db: Database, rows: int) -> OtherMethod:
    """The join that one would write in SQL: every pair of the table, the threshold in the WHERE clause."""

    def run(gallery: Gallery, threshold: float) -> Measured:
        with scratch(db) as inner, closing(inner.open()) as conn:
            conn.execute(
                sql.SQL("create table self_join (id integer, label integer, vec vector({}))").format(
                    sql.Literal(gallery.dim)
                )
            )
            conn.execute("alter table self_join alter column vec set storage plain")
            columns = [Column("id", "int4"), Column("label", "int4"), Column("vec", "vector", gallery.dim)]
            values = {"id": np.arange(len(gallery)), "label": gallery.identity_ids, "vec": gallery.vectors}
            write_columns(conn.cursor(), sql.SQL("self_join"), columns, values)
            _settle(conn)
            started = time.perf_counter()
            found = conn.execute(
                "select a.id, b.id from self_join a join self_join b on a.id < b.id and a.label <> b.label"
                " where a.vec <#> b.vec <= %s",
                (-threshold,),
            ).fetchall()
            seconds = time.perf_counter() - started
        pairs = np.array(found, np.int64).reshape(-1, 2)
        return Measured(seconds, None, None, pairs[:, 0], pairs[:, 1])

    return OtherMethod(f"pgvector self-join, {rows:,} rows", rows, run)


def bench_scan(db: Database, size: int, dim: int, threshold: float) -> list[DbRow]:
    """Time whole `facedb scan` processes (start, gallery, join, rows, links, histograms) against their join."""
    with scratch(db) as inner, tempfile.TemporaryDirectory() as home:
        with closing(inner.open()) as conn:
            fill(conn, size, dim)
            _settle(conn)
        wholes, joins = [], []
        for _ in range(_REPEATS):
            started = time.perf_counter()
            joins.append(_scan_process(inner.dsn, home, threshold))
            wholes.append(time.perf_counter() - started)
        whole, join = statistics.median(wholes), statistics.median(joins)
    return [
        DbRow("the join alone", size, join, None),
        DbRow("facedb scan, the whole process", size, whole, whole / join if join else None),
    ]


def _scan_process(dsn: str, home: str, threshold: float) -> float:
    environment = {**os.environ, "FACEDB_DSN": dsn, "FACEDB_HOME": home}
    command = [
        sys.executable,
        "-m",
        "facedb",
        "--quiet",
        "scan",
        "--full",
        "--threshold",
        str(threshold),
        "--format",
        "json",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FacedbError(f"The scan that was to be timed failed: {done.stderr.strip()}")
    return float(json.loads(done.stdout)[0]["join_seconds"])


def _settle(conn: Connection) -> None:
    """Leave the tables as they are some time after an ingest: visible, analysed and written out."""
    conn.commit()
    conn.autocommit = True
    conn.execute("vacuum analyze")
    conn.execute("checkpoint")
    conn.autocommit = False


def _alternate(legs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each leg, run in turn so that noise of the machine meets all; a leg may return its own time."""
    times: dict[str, list[float]] = {name: [] for name in legs}
    for turn in range(_REPEATS + 1):
        for name, work in legs.items():
            started = time.perf_counter()
            own = work()
            seconds = own if isinstance(own, float) else time.perf_counter() - started
            if turn:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def _remove(conn: Connection, file: str) -> None:
    conn.rollback()
    try:
        Path(file).unlink(missing_ok=True)
    except OSError:
        # A server of another user keeps the file to itself; emptying it is what can be done from here.
        conn.execute(sql.SQL("copy (select where false) to {}").format(sql.Literal(file)))
