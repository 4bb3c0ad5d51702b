"""A worker: claims tiles of a scan, searches them with the strips that they need, and leaves when none is left.

It needs the database and nothing else, so as many may run as there are cores and machines that reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import NotFoundError, UsageError
from facedb.core.lookup import rows_of
from facedb.core.machine.blas import one_blas_thread
from facedb.core.progress import Reporter, Silent
from facedb.core.records import Int64Array
from facedb.dataset import model_rows
from facedb.dataset.model_rows import ModelRow
from facedb.db.connection import Connection, Database, translated
from facedb.db.reconnecting import Work
from facedb.db.wait import Say, silent
from facedb.join.engine import choose_engine
from facedb.join.gallery import Gallery, Larger
from facedb.join.loop import Block, Join
from facedb.scan import memory_need, scan_rows
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.scan_rows import ScanRow
from facedb.scan.tiles import ledger_rows, tile_rows
from facedb.scan.tiles.claims import Claims, Found, release_dead
from facedb.scan.tiles.ledger import BLOCKS_WIDE, Ledger, Pause
from facedb.scan.tiles.strips import Strips
from facedb.scan.tiles.tile_rows import LEASE_SECONDS, TileRow

MEMORY = 2 << 30
"""Up to this many bytes of strips a worker keeps."""
WHOLE_TIMES = 3
"""A worker that holds the whole gallery needs so many times its bytes: the vectors, their copy while they are put together, and what an
engine holds beside them."""


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """How a worker works: ``engine``, ``threads`` (None: all cores it may use), bytes of ``memory`` for strips, ``lease`` in seconds.

    ``name`` is its name in the ledger, which no other may have (None: one is made up): the process that started it can give its tile back
    by that name.
    ``cache_dir`` is where this machine keeps vectors that it fetched before (None: nowhere).
    """

    engine: str = "auto"
    threads: int | None = None
    memory: int = MEMORY
    lease: float = LEASE_SECONDS
    name: str | None = None
    cache_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class WorkSummary:
    """What a worker did: of these ``scans``, so many ``tiles`` with so many ``pairs``; ``lost``: claims that another worker took over."""

    scans: tuple[int, ...]
    tiles: int
    pairs: int
    lost: int


def work(
    db: Database, scan_id: int | None, options: WorkOptions, *, reporter: Reporter, pause: Pause = None
) -> WorkSummary:
    """Search tiles of scan ``scan_id``, or of every scan that is under way (None), until none is free.

    Raises NotFoundError for an unknown scan, UsageError for one that is not under way, ConflictError where its faces are gone.
    """
    engine = choose_engine(options.engine)
    with closing(Work(db, say=reporter.say)) as session, translated(db.dsn):
        todo = session.unit(tile_rows.open_scans if scan_id is None else lambda conn: [_running(conn, scan_id).id])
        tiles = pairs = lost = 0
        for each in todo:
            done = _work_on(db, session, each, engine.name, options, reporter, pause)
            tiles, pairs, lost = tiles + done.tiles, pairs + done.pairs, lost + done.lost
    return WorkSummary(tuple(todo), tiles, pairs, lost)


def _running(conn: Connection, scan_id: int) -> ScanRow:
    scan = scan_rows.scan_by_id(conn, scan_id)
    if scan is None:
        raise NotFoundError(f"There is no scan {scan_id}: see `facedb scans`.")
    if scan.status != "running":
        raise UsageError(f"Scan {scan_id} is {scan.status}: there is nothing left to work on.")
    return scan


def _work_on(
    db: Database, session: Work, scan_id: int, engine: str, options: WorkOptions, reporter: Reporter, pause: Pause
) -> WorkSummary:
    scan = session.unit(lambda conn: scan_rows.scan_by_id(conn, scan_id))
    assert scan is not None  # noqa: S101 - just listed
    model = session.unit(lambda conn: model_rows.model_by_id(conn, scan.model_id))
    assert model is not None  # noqa: S101 - a scan has its model by foreign key
    session.unit(lambda conn: release_dead(conn, scan_id))
    counts = session.unit(lambda conn: tile_rows.tile_counts(conn, scan_id))
    tiles = pairs = lost = 0
    with (
        one_blas_thread(),
        closing(
            TileSearch(session, scan, model, options, engine=engine, connect=db.open, say=reporter.say)
        ) as tile_search,
        Claims(session, db.open, scan.id, options.lease, options.name) as claims,
        reporter.task(f"scan {scan.id}", counts.tiles - counts.done, "tiles") as task,
    ):
        reporter.say(f"{claims.worker} works on scan {scan.id}: {counts.done:,} of {counts.tiles:,} tiles are done.")
        while (tile := claims.take()) is not None:
            found = tile_search.search(tile)
            if claims.finish(tile, found):
                tiles, pairs = tiles + 1, pairs + len(found.pairs)
            else:
                lost += 1
            task.advance(1)
            if pause is not None:
                pause()
    return WorkSummary((scan.id,), tiles, pairs, lost)


@dataclass(frozen=True, slots=True)
class _Opened:
    """Faces with their labels, and a join over them."""

    face_ids: Int64Array
    labels: NDArray[np.integer]
    join: Join


def _widest_tile(sizes: Sequence[int]) -> int:
    """The most faces of a tile, its own strip among them, of a scan with strips of these ``sizes``."""
    return min(sum(sizes), (BLOCKS_WIDE + 2) * max(sizes, default=0))


class TileSearch:
    """Searches tiles of one scan with what fits into ``memory`` bytes, and less where there is less: the whole gallery, taken in
    once, or the strips of each tile. Raises TooLittleMemoryError where not even one tile fits."""

    def __init__(
        self,
        session: Work,
        scan: ScanRow,
        model: ModelRow,
        options: WorkOptions,
        *,
        engine: str,
        connect: Callable[[], Connection] | None = None,
        say: Say = silent,
    ) -> None:
        self._session, self._model, self._connect, self._cache_dir = session, model, connect, options.cache_dir
        self._threshold, self._engine, self._threads = scan.threshold, engine, options.threads
        sizes = session.unit(lambda conn: tile_rows.strip_sizes(conn, scan.id))
        self._borders = [0, *accumulate(sizes)]
        self._ledger = Ledger(scan.id, self._borders)
        self._widest = _widest_tile(sizes)
        kept = min(options.memory, memory_need.left_beside_tile(self._widest, model.dim, options.memory))
        self._strips = Strips(session, scan.id, model, kept, say)
        self._fits = WHOLE_TIMES * 4 * self._borders[-1] * model.dim <= kept
        self._links_only = scan.links_only
        self._whole: _Opened | None = None
        # Strips lie here while their tile is searched: memory that is touched for the first time costs more than the copy.
        self._side_by_side = np.empty((0, model.dim), np.float32)
        # What is left for each of those who work on it now.
        at = session.unit(lambda conn: tile_rows.tile_counts(conn, scan.id))
        share = (at.tiles - at.done) / max(at.tiles, 1) / (at.claimed + 1)
        comparisons = int(share * Block(0, 0, self._borders[-1]).comparisons)
        self._larger = Larger(comparisons, self._strips.scale)

    def close(self) -> None:
        """Give the memory of the engine back."""
        if self._whole is not None:
            self._whole.join.close()
            self._whole = None

    def search(self, tile: TileRow) -> Found:
        """The flagged pairs of one tile."""
        if self._fits:
            if self._whole is None:
                self._whole = self._open_all()
            return self._found(self._whole, self._ledger.block(tile))
        columns = [k for k in range(tile.first_column, tile.last_column + 1) if k != tile.block]
        part = self._open([*columns, tile.block], self._ledger.block(tile).comparisons)
        with part.join:
            count = len(part.face_ids)
            start = count - (self._borders[tile.block + 1] - self._borders[tile.block])
            stop = None if tile.last_column == tile.block else start
            return self._found(part, Block(tile.tile, start, count, 0, stop))

    def _found(self, opened: _Opened, block: Block) -> Found:
        return Found.of(opened.join.search(block), opened.face_ids, opened.labels, links_only=self._links_only)

    def _open_all(self) -> _Opened:
        """The whole gallery: as a scan loads it, a fraction of the server's work, or strip by strip where there are chunks."""
        loaded = None if self._strips.scale is not None else self._session.unit(self._load_all)
        if loaded is None:
            return self._open(range(len(self._borders) - 1), self._larger.comparisons)
        face_ids, gallery = loaded
        return _Opened(face_ids, gallery.identity_ids, self._join(gallery, self._larger.comparisons))

    def _load_all(self, conn: Connection) -> tuple[Int64Array, Gallery] | None:
        """The faces of the scan and their gallery; None where some are not what they were, which strips tell in a sentence."""
        if self._connect is None:
            return None
        ids, identity_ids = ledger_rows.members(ledger_rows.read_blocks(conn, self._ledger.scan_id))
        with GallerySnapshot(self._connect, self._model, self._cache_dir) as snapshot:
            faces = snapshot.faces()
            rows = rows_of(ids, faces.embedding_ids)
            if (rows < 0).any():
                return None
            vectors = snapshot.vectors(ids, reporter=Silent())
        return faces.face_ids[rows], Gallery(vectors, identity_ids, faces.image_ids[rows])

    def _join(self, gallery: Gallery, comparisons: int) -> Join:
        return Join(
            gallery, threshold=self._threshold, engine=self._engine, threads=self._threads, comparisons=comparisons
        )

    def _open(self, blocks: Iterable[int], comparisons: int) -> _Opened:
        """The faces of some blocks, in that order, and a join over them for so many ``comparisons``."""
        parts = [self._strips.get(k) for k in blocks]
        count = sum(len(part.face_ids) for part in parts)
        if len(self._side_by_side) < count:
            self._side_by_side = np.empty((max(count, self._widest), self._model.dim), np.float32)
        gallery = Gallery(
            np.concatenate([part.vectors for part in parts], out=self._side_by_side[:count]),
            np.concatenate([part.identity_ids for part in parts]),
            np.concatenate([part.image_ids for part in parts]),
            self._larger,
        )
        face_ids = np.concatenate([part.face_ids for part in parts])
        return _Opened(face_ids, gallery.identity_ids, self._join(gallery, comparisons))
