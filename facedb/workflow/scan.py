"""Scan: compare every face of a gallery with every other and leave the flagged pairs, links and histograms as rows.

The ledger (`scan_block`) is written before the search begins: who is in which block, under which label. Each block's pairs
and its mark are one transaction, so a killed scan goes on with the blocks that are not marked and ends with the same rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from facedb.core.blas import one_blas_thread
from facedb.core.errors import ConflictError, NotFoundError, TooManyPairsError, UsageError
from facedb.core.models import Float32Array, Int64Array
from facedb.core.progress import Reporter
from facedb.db import store_embeddings
from facedb.db import store_scans as store
from facedb.db.connection import Connection, Database, translated
from facedb.db.gallery import GalleryFaces, GallerySnapshot
from facedb.db.store_embeddings import ModelRow
from facedb.db.store_scans import PairRows, ScanRow
from facedb.search.copies import Hashes
from facedb.search.engine import EngineInfo, choose_engine
from facedb.search.findings import FolderStudy, study_folders
from facedb.search.join import BlockResult, Gallery, join
from facedb.search.links import roll_up
from facedb.search.sample import predict_pairs
from facedb.search.score import pair_scores
from facedb.workflow import distributions, scan_ledger, thresholds
from facedb.workflow.findings import compute_findings
from facedb.workflow.scan_ledger import Ledger, Plan
from facedb.workflow.thresholds import ThresholdRule

MAX_PAIRS = 20_000_000
_PREDICTION_ROWS = 192

# Stored scores are rounded to float32; within this of the threshold only the float64 score can tell (2^-24 for scores below 1).
_ROUNDING = 2.0**-23

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What to scan and how. ``datasets`` empty: all; ``min_face`` pixels, ``min_quality`` sharpness: faces below stay out.

    A ``rule`` chooses the threshold from the gallery, and ``threshold`` is not looked at.
    """

    threshold: float
    datasets: tuple[str, ...] = ()
    model: str | None = None
    engine: str = "auto"
    threads: int | None = None
    block_rows: int = 8192
    connections: int = 2
    full: bool = False
    max_pairs: int | None = MAX_PAIRS
    min_face: float | None = None
    min_quality: float | None = None
    cache_dir: Path | None = None
    rule: ThresholdRule | None = None

    def __post_init__(self) -> None:
        if not -1 <= self.threshold <= 1:
            raise UsageError(f"A threshold is a cosine similarity between -1 and 1, not {self.threshold:g}.")


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """A finished scan and how it came about; ``reused`` when nothing was new, ``resumed`` when an earlier run had begun it."""

    scan: ScanRow
    engine: EngineInfo | None
    reused: bool
    resumed: bool
    blocks_done: int
    blocks_found: int


def find_model(conn: Connection, name: str | None) -> ModelRow:
    """The contract called ``name`` (or the one used last); raises NotFoundError."""
    if name is None:
        model = store_embeddings.model_in_use(conn)
        if model is None:
            raise NotFoundError("There are no embeddings yet: run `facedb check FOLDER --model MODEL.onnx` first.")
        return model
    model = store_embeddings.model_by_name(conn, name)
    if model is None:
        raise NotFoundError(f"There is no model {name!r}: see `facedb model list`.")
    return model


def scan(db: Database, options: ScanOptions, *, reporter: Reporter, pause: scan_ledger.Pause = None) -> ScanSummary:
    """Scan, resuming or building on earlier scans where that gives the same rows.

    ``pause`` is called between blocks and may wait. Raises NotFoundError for unknown datasets or models, EngineError for an
    engine that does not work here, TooManyPairsError before the work when more than ``max_pairs`` are to be expected, and
    ConflictError while another process works on the same scan.
    """
    engine = choose_engine(options.engine)
    with closing(db.open()) as conn, translated(db.dsn):
        model = find_model(conn, options.model)
        scope = scope_of(conn, options)
        if options.rule is not None:
            with GallerySnapshot(db.open, model, options.cache_dir) as snapshot:
                faces = chosen_faces(snapshot.faces(), scope, options)
                threshold = thresholds.choose(conn, model.id, scope, options.rule, faces, snapshot, reporter)
            options = replace(options, threshold=threshold, rule=None)
        if not store.lock_scan(conn, model.id, scope, options.threshold):
            raise ConflictError(
                "Another facedb is working on a scan with the same parameters; wait for it, then run this again."
            )
        while True:
            with GallerySnapshot(db.open, model, options.cache_dir) as snapshot:
                faces = chosen_faces(snapshot.faces(), scope, options)
                plan = scan_ledger.plan(conn, model.id, scope, faces, options, reporter)
                conn.commit()
                if plan.finished is not None:
                    return ScanSummary(plan.finished, None, reused=True, resumed=False, blocks_done=0, blocks_found=0)
                vectors = snapshot.vectors(plan.faces.embedding_ids, connections=options.connections, reporter=reporter)
            run = _Run(conn, options, engine, plan, vectors, reporter)
            summary = run.work(model, scope, pause)
            # A resumed scan has the gallery of its beginning; what came since is searched on top of it.
            if not plan.outdated:
                return summary
            reporter.say("The gallery changed since that scan was begun; scanning what is new.")


def scope_of(conn: Connection, options: ScanOptions) -> dict[str, object]:
    """Datasets and filters as the scan keeps them; raises NotFoundError for an unknown dataset."""
    ids = None
    if options.datasets:
        found = store.dataset_ids(conn, options.datasets)
        missing = [name for name in options.datasets if name not in found]
        if missing:
            raise NotFoundError(f"There is no dataset {missing[0]!r}: see `facedb datasets`.")
        ids = sorted(found.values())
    return {"datasets": ids, "min_face": options.min_face, "min_quality": options.min_quality}


def chosen_faces(faces: GalleryFaces, scope: dict[str, object], options: ScanOptions) -> GalleryFaces:
    """The faces with a label that are in the scope; a size or sharpness that was never measured passes."""
    keep = faces.identity_ids > 0
    if scope["datasets"] is not None:
        keep &= np.isin(faces.dataset_ids, np.array(scope["datasets"], np.int32))
    if options.min_face is not None:
        keep &= ~(faces.size_px < options.min_face)
    if options.min_quality is not None:
        keep &= ~(faces.sharpness < options.min_quality)
    return faces.take(np.flatnonzero(keep))


def _aside(work: Callable[[], _Result]) -> Future[_Result]:
    """What ``work`` returns, from a thread that nobody waits for who does not ask: Ctrl-C and a refused scan end at once."""
    future: Future[_Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, name="facedb-aside", daemon=True).start()
    return future


class _Run:
    """The work on one scan: search the blocks that are left, then roll up."""

    def __init__(
        self,
        conn: Connection,
        options: ScanOptions,
        engine: EngineInfo,
        plan: Plan,
        vectors: Float32Array,
        reporter: Reporter,
    ) -> None:
        self._conn = conn
        self._options = options
        self._engine = engine
        self._plan = plan
        self._faces = plan.faces
        self._vectors = vectors
        self._reporter = reporter
        self._gallery = Gallery(vectors, self._faces.identity_ids, self._faces.image_ids)
        self._written: list[PairRows] = []

    def work(self, model: ModelRow, scope: dict[str, object], pause: scan_ledger.Pause) -> ScanSummary:
        plan = self._plan
        with ExitStack() as calm:
            calm.enter_context(one_blas_thread())
            # Neither depends on the pairs, so a thread of its own sees to them while this one prepares and follows the search.
            aside = _aside(lambda: (distributions.measure(self._gallery), study_folders(self._gallery)))
            ledger = self._begin(model, scope)
            if self._engine.blas:
                aside.result()
                calm.close()
            self._search(ledger, pause)
            calm.enter_context(one_blas_thread())
            self._finish(ledger.scan_id, aside)
        finished = store.scan_by_id(self._conn, ledger.scan_id)
        assert finished is not None  # noqa: S101 - its row was updated above
        return ScanSummary(
            finished, self._engine, reused=False, resumed=plan.scan_id is not None,
            blocks_done=len(plan.blocks) - len(plan.done), blocks_found=len(plan.done),
        )  # fmt: skip

    def _begin(self, model: ModelRow, scope: dict[str, object]) -> Ledger:
        """Write the ledger of a new scan, or take over that of the one to resume."""
        plan, conn = self._plan, self._conn
        if plan.scan_id is None:
            carried = None if plan.base is None else self._carried(plan.base)
            self._expect_few_enough(plan.first_new, carried)
            ledger = scan_ledger.begin(conn, model.id, scope, plan, self._options, self._engine.name)
            if carried is not None:
                self._write(ledger, carried)
        else:
            ledger = Ledger(plan.scan_id, plan.blocks, plan.done, plan.carried_blocks)
            store.set_engine(conn, plan.scan_id, self._engine.name)
        conn.commit()
        return ledger

    def _search(self, ledger: Ledger, pause: scan_ledger.Pause) -> None:
        waiting = [block for block in ledger.blocks if block.index not in ledger.done]
        if not waiting:
            return
        total = sum(block.comparisons for block in waiting)
        blocks = f"{len(waiting)} block{'s' * (len(waiting) > 1)}"
        self._reporter.say(
            f"Comparing {len(self._faces):,} faces ({total:,} pairs, {blocks}) with {self._engine.reason}."
        )
        with self._reporter.task("scan", total, "pairs") as task:
            results = join(
                self._gallery, ledger.blocks, threshold=self._options.threshold, engine=self._engine.name,
                threads=self._options.threads, done=ledger.done, say=self._reporter.say,
            )  # fmt: skip
            for number, result in enumerate(results, 1):
                self._commit(ledger, result)
                task.advance(result.comparisons, f"{number}/{len(waiting)} blocks")
                if pause is not None:
                    pause()

    def _commit(self, ledger: Ledger, result: BlockResult) -> None:
        pairs = self._face_pairs(result.rows_a, result.rows_b, result.scores)
        self._write(ledger, pairs)
        claimed = store.finish_block(
            self._conn, ledger.scan_id, ledger.carried_blocks + result.block.index, pairs=len(pairs),
            candidates=result.candidates, comparisons=result.comparisons, seconds=result.seconds,
        )  # fmt: skip
        if not claimed:
            self._conn.rollback()
            raise ConflictError(f"Another process has finished a block of scan {ledger.scan_id}; run the scan again.")
        self._conn.commit()

    def _write(self, ledger: Ledger, pairs: PairRows) -> None:
        store.write_pairs(self._conn, ledger.scan_id, pairs)
        self._written.append(pairs)

    def _all_pairs(self, scan_id: int) -> PairRows:
        """Every pair of the scan: what this process wrote, unless an earlier one had written some already."""
        return store.read_pairs(self._conn, scan_id) if self._plan.scan_id is not None else PairRows.join(self._written)

    def _face_pairs(self, rows_a: Int64Array, rows_b: Int64Array, scores: Float32Array) -> PairRows:
        a, b = self._faces.face_ids[rows_a], self._faces.face_ids[rows_b]
        return PairRows(np.minimum(a, b), np.maximum(a, b), scores)

    def _rows(self, pairs: PairRows) -> tuple[Int64Array, Int64Array]:
        """Gallery rows of the faces of ``pairs``; -1 for a face that is not in the gallery."""
        order = np.argsort(self._faces.face_ids)
        ids = self._faces.face_ids[order]
        found = []
        for faces in (pairs.face_a, pairs.face_b):
            at = np.minimum(np.searchsorted(ids, faces), max(len(ids) - 1, 0))
            found.append(np.where(ids[at] == faces, order[at], -1) if len(ids) else np.full(len(faces), -1))
        return found[0], found[1]

    def _carried(self, base: ScanRow) -> PairRows:
        """The pairs of the base scan between faces that are carried over, at this scan's threshold."""
        pairs = store.read_pairs(self._conn, base.id)
        rows_a, rows_b = self._rows(pairs)
        carried = self._plan.first_new
        keep = (rows_a >= 0) & (rows_b >= 0) & (rows_a < carried) & (rows_b < carried)
        keep &= pairs.score >= self._options.threshold - _ROUNDING
        near = np.flatnonzero(keep & (np.abs(pairs.score - self._options.threshold) <= _ROUNDING))
        keep[near] = pair_scores(self._vectors, rows_a[near], rows_b[near]) >= self._options.threshold
        return PairRows(pairs.face_a[keep], pairs.face_b[keep], pairs.score[keep])

    def _expect_few_enough(self, first_new: int, carried: PairRows | None) -> None:
        limit = self._options.max_pairs
        if limit is None or len(self._faces) < 2:
            return
        predicted = predict_pairs(
            self._gallery, self._options.threshold, first_new=first_new, sample_rows=_PREDICTION_ROWS
        )
        if carried is not None:
            predicted = predicted.with_known(carried.score)
        if predicted.expected <= limit:
            return
        found = predicted.threshold_for(limit)
        if found is None:
            advice = (
                "even a threshold of 0.999 would flag more than that, as copies do; raise --max-pairs and scan again."
            )
        else:
            threshold, pairs = found
            about = (
                f"about {pairs:,.0f}"
                if pairs > predicted.unseen
                else f"fewer than about {pairs + predicted.unseen:,.0f}"
            )
            advice = f"a threshold of {threshold:.3f} would flag {about}; raise one of the two and scan again."
        raise TooManyPairsError(
            f"About {predicted.expected:,.0f} pairs reach {self._options.threshold:g}, more than --max-pairs {limit:,}: {advice}"
        )

    def _finish(self, scan_id: int, aside: Future[tuple[distributions.Distributions, FolderStudy]]) -> None:
        """Roll pairs up to links and findings, write the histograms and close the scan, all in one transaction."""
        pairs, faces = self._all_pairs(scan_id), self._faces
        rows_a, rows_b = self._rows(pairs)
        links = roll_up(self._vectors, faces.identity_ids, rows_a, rows_b, pairs.score)
        columns = {name: getattr(links, name) for name in links.__dataclass_fields__}
        store.write_links(self._conn, scan_id, columns)
        hashes = Hashes(faces.content, faces.look, faces.has_look)
        measured, study = aside.result()
        compute_findings(self._conn, scan_id, self._gallery, study, faces.face_ids, hashes, rows_a, rows_b, pairs.score)
        distributions.write(self._conn, scan_id, measured, pairs.score, self._options.threshold)
        store.finish_scan(self._conn, scan_id, pairs=len(pairs), links=len(links))
        self._conn.commit()
