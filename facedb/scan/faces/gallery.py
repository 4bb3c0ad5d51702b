"""The gallery of a contract out of the table: who is in it, then the vectors, straight into their final rows.

Both are read in one snapshot of the database. The vectors come over several connections, each with its own range of
pages, in binary COPY; every chunk is scattered into the one final matrix, so no row passes through a Python loop and no
second copy of the gallery exists.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from psycopg import IsolationLevel, sql

from facedb.core.lookup import places
from facedb.core.progress import Reporter, Task
from facedb.core.records import Float32Array, Int64Array
from facedb.dataset.model_rows import ModelRow, partition
from facedb.db.connection import Connection
from facedb.db.copy import read_packed_vectors
from facedb.db.locks import wait_briefly
from facedb.scan.faces.gallery_cache import Append, GalleryCache, Living
from facedb.scan.faces.gallery_faces import PAGE_BYTES, SQL, GalleryFaces, read_faces
from facedb.scan.faces.vector_file import matrix_in_file

# A quarter of a megabyte at d = 512: 256 and 32 vectors took a tenth longer.
_ROWS_PER_MESSAGE = 128
# Up to this many rows of a large table are found by its index; for more, the list would cost more than it spares.
_LISTED_UP_TO = 20_000
LOCK_SECONDS = 2.0
"""Whoever waits to have a table alone waits for the end of a snapshot: beside one nothing waits longer behind him, or neither would end."""


class GallerySnapshot:
    """One consistent view of the embeddings of ``model``; a context manager.

    ``connect`` opens further connections to the same database, ``cache_dir`` holds the cache file (None: no cache).
    """

    def __init__(self, connect: Callable[[], Connection], model: ModelRow, cache_dir: Path | None = None) -> None:
        self._connect = connect
        self._model = model
        self._cache_dir = cache_dir
        self._conn: Connection | None = None
        self._snapshot = ""
        self._living: Living | None = None
        self._face_ids = np.empty(0, np.int64)

    def __enter__(self) -> Self:
        self._conn = _reading(self._connect())
        row = self._conn.execute("select pg_export_snapshot()").fetchone()
        self._snapshot = str(row[0]) if row else ""
        return self

    def __exit__(self, *error: object) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def faces(self) -> GalleryFaces:
        """Every embedding of the contract whose image is still there, ordered by identity, then face."""
        assert self._conn is not None  # noqa: S101 - used inside the context
        rows = read_faces(self._conn, self._joined, self._model)
        self._living, self._face_ids = Living(rows["id"], rows["mark"]), rows["face_id"]
        return GalleryFaces.of(rows)

    @contextmanager
    def _joined(self) -> Iterator[Connection]:
        """A further connection that sees the same snapshot."""
        with closing(_reading(self._connect())) as conn:
            conn.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(self._snapshot)))
            wait_briefly(conn, LOCK_SECONDS)
            yield conn

    def vectors(
        self, embedding_ids: Int64Array, *, connections: int = 2, reporter: Reporter, folder: Path | None = None
    ) -> Float32Array:
        """The unit vectors of ``embedding_ids``, some of those that ``faces`` gave, as float32 (n, dim), row k for id k.

        They lie in memory, or in a file below ``folder`` (`matrix_in_file`). Raises KeyError when one is missing.
        """
        assert self._conn is not None  # noqa: S101 - used inside the context
        shape = (len(embedding_ids), self._model.dim)
        out = np.empty(shape, np.float32) if folder is None else matrix_in_file(*shape, folder)
        order = np.argsort(embedding_ids, kind="stable")
        placed = _Placement(embedding_ids[order], order, out)
        cache = self._cache()
        with reporter.task("load gallery", len(embedding_ids), "faces") as task:
            if cache is not None:
                _read_cache(cache, placed, connections, task)
            if placed.missing or (cache is not None and cache.is_spoilt):
                with cache.appending() if cache is not None else nullcontext(None) as append:
                    if placed.missing:
                        self._read_table(placed, connections, task, append)
        if placed.missing:
            raise KeyError(f"{placed.missing} of {len(embedding_ids)} embeddings are not in the table")
        return out

    def _cache(self) -> GalleryCache | None:
        # Without ``faces`` the table has not been read yet, and reading it costs as much as the vectors do.
        if self._cache_dir is None or self._living is None:
            return None
        assert self._conn is not None  # noqa: S101 - used inside the context
        return GalleryCache(cache_folder(self._conn, self._cache_dir, self._model.id), self._model.dim, self._living)

    def _read_table(self, placed: _Placement, connections: int, task: Task, append: Append | None) -> None:
        stop = threading.Event()

        def read(query: sql.Composable) -> None:
            for ids, vectors in self._read(query):
                if stop.is_set():
                    return
                if append is not None:
                    append(ids, vectors)
                task.advance(placed.put(ids, vectors))

        with ThreadPoolExecutor(connections) as pool:
            futures = [pool.submit(read, query) for query in self._queries(placed, connections)]
            try:
                for future in futures:
                    future.result()
            finally:
                stop.set()

    def _read(self, query: sql.Composable) -> Iterator[tuple[Int64Array, NDArray[Any]]]:
        with self._joined() as conn:
            yield from read_packed_vectors(conn.cursor(), query, self._model.dim)

    def _queries(self, placed: _Placement, connections: int) -> list[sql.Composable]:
        """For the vectors that are missing: a few by their faces, many by reading the whole table over so many ``connections``."""
        assert self._conn is not None  # noqa: S101 - used inside the context
        embedding = partition("embedding", self._model.id)
        if self._living is not None and placed.found and placed.missing <= _LISTED_UP_TO:
            query = sql.SQL(SQL["packed_of_faces"]).format(
                embedding=embedding,
                model=sql.Literal(self._model.id),
                faces=sql.Literal(self._face_ids[self._living.rows_of(placed.missing_ids())].tolist()),
                step=sql.Literal(_ROWS_PER_MESSAGE),
            )
            return [query]
        row = self._conn.execute("select pg_relation_size(%s::regclass)", (embedding.as_string(self._conn),)).fetchone()
        borders = np.linspace(0, (int(row[0]) if row else 0) // PAGE_BYTES + 1, connections + 1).astype(int).tolist()
        rows_per_page = max(1, PAGE_BYTES // (4 * self._model.dim + 64))
        step = sql.Literal(max(1, _ROWS_PER_MESSAGE // rows_per_page))
        return [
            sql.SQL(SQL["packed"]).format(embedding=embedding, first=sql.Literal(a), end=sql.Literal(b), step=step)
            for a, b in pairwise(borders)
            if b > a
        ]


def _read_cache(cache: GalleryCache, placed: _Placement, threads: int, task: Task) -> None:
    """Put what the cache has into place; moving half a gigabyte takes one thread as long as a good part of a search."""

    def place(part: Iterator[tuple[Int64Array, Float32Array]]) -> None:
        for ids, vectors in part:
            task.advance(placed.put(ids, vectors))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(place, cache.read(threads)))


def cache_folder(conn: Connection, cache_dir: Path, model_id: int) -> Path:
    """Where the cached vectors of a contract are."""
    return cache_dir / f"{this_database(conn)}-{model_id}"


def this_database(conn: Connection) -> str:
    """Cluster and number of this very database, so that no other one is taken for it."""
    row = conn.execute(SQL["this_database"]).fetchone()
    assert row is not None  # noqa: S101 - one row always
    return str(row[0])


def _reading(conn: Connection) -> Connection:
    """``conn`` set to read one snapshot from its next statement on."""
    conn.isolation_level = IsolationLevel.REPEATABLE_READ
    conn.read_only = True
    return conn


class _Placement:
    """Where each id belongs in the final matrix, and which are there already."""

    def __init__(self, sorted_ids: Int64Array, rows: Int64Array, out: Float32Array) -> None:
        self._ids, self._rows, self._out = sorted_ids, rows, out
        self._there = np.zeros(len(sorted_ids), bool)
        self._lock = threading.Lock()
        self.found = 0

    @property
    def missing(self) -> int:
        return len(self._ids) - self.found

    def missing_ids(self) -> Int64Array:
        return self._ids[~self._there]

    def put(self, ids: Int64Array, vectors: NDArray[Any]) -> int:
        """Put the rows that are wanted and not there yet into place; returns how many."""
        at = places(ids, self._ids)
        wanted = np.flatnonzero((at >= 0) & ~self._there[at]) if len(self._ids) else np.empty(0, np.int64)
        if len(wanted) == 0:
            return 0
        self._out[self._rows[at[wanted]]] = vectors if len(wanted) == len(ids) else vectors[wanted]
        with self._lock:
            self._there[at[wanted]] = True
            self.found += len(wanted)
        return len(wanted)
