"""Scan: compare every face of a gallery with every other and leave the flagged pairs, links and histograms as rows.

The ledger (`scan_block`) is written before the search begins: who is in which block, under which label; and so is the work, the
tiles of the triangle (`scan_tile`). A tile's pairs and its mark are one transaction, so a killed scan goes on with the tiles that are
not marked, workers share them (`facedb work`), and the rows are the same however it comes about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from threading import Event

import psycopg

from facedb.core.defaults import BLOCK_ROWS, GPU_BLOCK_ROWS
from facedb.core.errors import ConflictError, FacedbError, UsageError
from facedb.core.machine.blas import one_blas_thread
from facedb.core.machine.in_background import Aside
from facedb.core.progress import Reporter
from facedb.db.connection import Connection, Database, translated
from facedb.db.locks import wait_briefly
from facedb.db.reconnecting import Work
from facedb.findings.folder_study import FolderStudy, study_folders
from facedb.findings.outside.photos import Outside
from facedb.join.engine import ENGINE_NAMES, GPU_ENGINES, choose_engine
from facedb.join.gallery import Gallery
from facedb.join.loop import Join
from facedb.join.searcher import EngineInfo
from facedb.scan import memory_need, pair_rows, scan_rows
from facedb.scan.carried import carried_pairs, stored_pairs
from facedb.scan.conclusion import Beside, conclude
from facedb.scan.faces.gallery import LOCK_SECONDS
from facedb.scan.loading import FaceFilter, Loaded, Loading, ScanOptions
from facedb.scan.pair_limit import expect_few_enough, expect_room
from facedb.scan.pair_rows import PairRows
from facedb.scan.pair_store import PairStore
from facedb.scan.retention import let_old_ones_go
from facedb.scan.scan_rows import Parameters, ScanRow
from facedb.scan.scores import histograms
from facedb.scan.scores.histograms import Distributions
from facedb.scan.tiles import chunks
from facedb.scan.tiles import ledger as scan_ledger
from facedb.scan.tiles.leader import Leader, open_join
from facedb.scan.tiles.ledger import Ledger
from facedb.scan.which_scan import find_scope

__all__ = ["ScanOptions", "ScanSummary", "scan"]


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """A finished scan and how it came about; ``reused`` when nothing was new, ``resumed`` when an earlier run had begun it.

    ``tiles_done`` were searched by this run, ``tiles_found`` were done before it.
    """

    scan: ScanRow
    engine: EngineInfo | None
    reused: bool
    resumed: bool
    tiles_done: int
    tiles_found: int


def scan(db: Database, options: ScanOptions, *, reporter: Reporter, pause: scan_ledger.Pause = None) -> ScanSummary:
    """Scan, resuming or building on earlier scans where that gives the same rows.

    ``pause`` is called between blocks and may wait. Raises NotFoundError for unknown datasets or models, EngineError for an
    engine that does not work here, TooManyPairsError before the work when more than ``max_pairs`` are to be expected, and
    ConflictError while another process works on the same scan.
    """
    memory_need.expect_any()
    engine = _engine(options)
    if options.chunks is not None:
        # A place that means nothing is refused before a scan is begun.
        chunks.Folder(options.chunks)
    with closing(Work(db, say=reporter.say)) as work, translated(db.dsn):
        loading = _loading(db, work, options, engine, reporter)
        threshold = work.unit(loading.threshold)
        work.keep(partial(_lock, loading.parameters(threshold)))
        while True:
            loaded = work.unit(partial(loading.load, threshold))
            if isinstance(loaded, ScanRow):
                return ScanSummary(loaded, None, reused=True, resumed=False, tiles_done=0, tiles_found=0)
            with PairStore(options.cache_dir) as flagged:
                summary = _Run(work, loading, loaded, engine, flagged).work(pause)
            # A resumed scan has the gallery of its beginning; what came since is searched on top of it.
            if not loaded.plan.outdated:
                work.outlive(lambda: let_old_ones_go(db, options.keep_scans, reporter))
                return summary
            reporter.say("The gallery changed since that scan was begun; scanning what is new.")


def _engine(options: ScanOptions) -> EngineInfo:
    """The engine that searches, which on a Ray cluster each worker chooses for its own machine."""
    if options.ray is None:
        return choose_engine(options.engine)
    if options.workers > 1:
        raise UsageError("--workers counts processes on this machine; with --ray the cluster says how many there are.")
    known = options.engine in ENGINE_NAMES
    name = options.engine if known else choose_engine(options.engine).name
    return EngineInfo(name, True, f"workers on a Ray cluster, engine {options.engine}")


def _loading(db: Database, work: Work, options: ScanOptions, engine: EngineInfo, reporter: Reporter) -> Loading:
    """Which faces of which contract are meant."""
    meant = work.unit(lambda conn: find_scope(conn, options.datasets, options.model, models_dir=options.models_dir))
    unlabelled = options.unlabelled
    if unlabelled is None:
        unlabelled = work.unit(lambda conn: scan_rows.is_unlabelled(conn, meant.datasets))
    chosen = FaceFilter(meant.datasets, options.min_face, options.min_quality, unlabelled)
    if options.links_only and unlabelled:
        raise UsageError("Faces without labels have no links: leave --links-only out, or give --labelled.")
    scope = chosen.stored() | ({} if options.names else {"names": False})
    scope |= {"links_only": True} if options.links_only else {}
    rows = options.block_rows or (GPU_BLOCK_ROWS if engine.name in GPU_ENGINES else BLOCK_ROWS)
    return Loading(db, meant.model, chosen, scope, options, rows, reporter)


def _lock(parameters: Parameters, conn: Connection) -> None:
    claimed = scan_rows.lock_scan(conn, parameters)
    if not claimed:
        raise ConflictError(
            f"Another facedb{claimed.holder} is working on a scan with the same parameters; wait for it, then run this again."
        )


def _study(gallery: Gallery, studied: Future[FolderStudy | None], searched: Event) -> Distributions | None:
    """What labels tell of the folders, put into ``studied``, then, once the search is over, the scores under them; None without labels.

    One thread does both, so that it ends soon, whatever it is doing, once nobody needs it.
    """
    try:
        unlabelled = len(gallery) > 0 and gallery.identity_ids[0] < 0
        folders = None if unlabelled else study_folders(gallery)
    except BaseException as error:
        studied.set_exception(error)
        raise
    studied.set_result(folders)
    searched.wait()
    return None if folders is None else histograms.measure(gallery, folders)


@contextmanager
def _in_the_end(event: Event) -> Iterator[None]:
    """Let nobody wait for an event beyond the block."""
    try:
        yield
    finally:
        event.set()


class _Run:
    """The work on one scan: begin or take it over, search the tiles that are left, conclude."""

    def __init__(self, work: Work, loading: Loading, loaded: Loaded, engine: EngineInfo, flagged: PairStore) -> None:
        self._work, self._loading, self._engine, self._flagged = work, loading, engine, flagged
        self._plan, self._compared = loaded.plan, loaded.compared
        self._options, self._reporter = loading.options, loading.reporter

    def work(self, pause: scan_ledger.Pause) -> ScanSummary:
        compared = self._compared
        alone = self._engine.blas and self._options.ray is None
        # What builds on another scan is seldom refused for too many pairs, so nothing waits there until they are foretold.
        building = self._plan.base is not None
        if not building:
            self._work.unit(self._carry)
        opening = self._opening() if building and not alone else nullcontext()
        # The search for a few new faces is shorter than its end, which leaves a core to the scores.
        studied: Future[FolderStudy | None] = Future()
        searched = Event()
        if not building or alone:
            searched.set()
        # Neither depends on the pairs, so a thread of its own sees to them while this one writes the ledger and follows the search:
        # first to what the findings rest on, then to the scores, which are asked for last.
        with (
            one_blas_thread(),
            Aside(partial(_study, compared.gallery, studied, searched)) as measuring,
            _in_the_end(searched),
            opening as opened,
        ):
            if building:
                self._work.unit(self._carry)
            ledger = self._work.unit(self._begin)
            if self._options.chunks is not None:
                self._work.unit(partial(self._export, ledger, self._options.chunks))
            leader = Leader(
                self._loading.db,
                self._work,
                ledger,
                compared,
                self._options,
                self._engine,
                self._reporter,
                None if self._options.links_only or self._plan.scan_id is not None else self._flagged,
                opened,
            )
            if alone:
                # These engines need the threads of BLAS, which were limited here.
                measuring.result()
            else:
                leader.search(pause)
                searched.set()
                self._end(ledger, leader, studied.result(), measuring.result)
        if alone:
            leader.search(pause)
            self._end(ledger, leader, studied.result(), measuring.result)
        self._work.unit(lambda conn: chunks.remove_or_say(conn, ledger.scan_id, self._reporter))
        finished = self._work.unit(lambda conn: scan_rows.scan_by_id(conn, ledger.scan_id))
        assert finished is not None  # noqa: S101 - its row was updated above
        return ScanSummary(
            finished,
            self._engine,
            reused=False,
            resumed=self._plan.scan_id is not None,
            tiles_done=leader.tiles_done,
            tiles_found=leader.tiles_found,
        )

    def _end(
        self,
        ledger: Ledger,
        leader: Leader,
        studied: FolderStudy | None,
        scores: Callable[[], Distributions | None],
    ) -> None:
        """Make links and findings of the pairs, and close the scan."""
        compared = self._compared
        strangers = self._look_outside() if studied is not None and len(compared.outside) else None
        mine = self._plan.scan_id is None and self._work.unit(leader.did_all) and not self._options.links_only
        # The server indexes the pairs while this process makes findings of them.
        with one_blas_thread(), Aside(partial(self._index, ledger.scan_id) if mine else lambda: None) as indexing:
            beside, names = Beside(scores, indexing.result), self._options.names

            def end(conn: Connection) -> None:
                flagged = None if self._options.links_only else self._flagged
                if flagged is not None and not mine:
                    # Others, or an earlier run, have written some.
                    flagged.take(stored_pairs(conn, ledger.scan_id, compared))
                if flagged is not None and studied is not None:
                    expect_room(flagged, studied.parts)
                conclude(conn, ledger.scan_id, compared, flagged, studied, strangers, beside, names=names)

            self._work.unit(end)

    def _carry(self, conn: Connection) -> None:
        """Read the pairs that a new scan carries over; raises TooManyPairsError before any work where there would be too many."""
        plan, compared = self._plan, self._compared
        if plan.scan_id is not None:
            return
        if plan.base is not None:
            self._flagged.take(carried_pairs(conn, plan.base.id, compared, plan.first_new))
        if self._options.max_pairs is not None:
            expect_few_enough(compared, plan.first_new, self._flagged, self._options.max_pairs)

    def _begin(self, conn: Connection) -> Ledger:
        """Write the ledger of a new scan with the pairs that it carries over, or take over that of the one to resume."""
        plan, loading, compared = self._plan, self._loading, self._compared
        if plan.scan_id is not None:
            scan_rows.set_engine(conn, plan.scan_id, self._engine.name)
            return Ledger(plan.scan_id, plan.borders)
        ledger = scan_ledger.begin(conn, loading.parameters(compared.threshold), plan, self._engine.name)
        face_ids = compared.faces.face_ids
        for part in self._flagged:
            carried = PairRows.between(face_ids[part.rows_a], face_ids[part.rows_b], part.scores)
            pair_rows.write_pairs(conn, ledger.scan_id, carried)
        return ledger

    def _export(self, ledger: Ledger, root: str, conn: Connection) -> None:
        chunks.export(conn, ledger.scan_id, root, self._compared.gallery.vectors, ledger.borders, self._reporter)

    def _opening(self) -> AbstractContextManager[Aside[Join] | None]:
        """The engine that this process searches with, opened beside other work; none where workers on GPUs or elsewhere may do without."""
        options, faces, first = self._options, len(self._compared.faces), self._plan.first_new
        if options.workers > 1 or options.ray is not None or self._engine.name in GPU_ENGINES:
            return nullcontext()
        pairs = faces * (faces - 1) // 2 - first * (first - 1) // 2
        return Aside(lambda: open_join(self._compared, options, self._engine, pairs))

    def _index(self, scan_id: int) -> None:
        """Index the pairs over a connection of its own, if that can be done soon; the end of the scan does it else."""
        with suppress(FacedbError, psycopg.Error), closing(self._loading.db.open()) as conn:
            wait_briefly(conn, LOCK_SECONDS)
            scan_rows.index_pairs(conn, scan_id)
            conn.commit()

    def _look_outside(self) -> Outside:
        options, compared = self._options, self._compared
        return compared.outside.search(
            compared.faces,
            compared.threshold,
            engine=self._engine.name,
            threads=options.threads,
            block_rows=self._loading.block_rows,
            reporter=self._reporter,
        )
