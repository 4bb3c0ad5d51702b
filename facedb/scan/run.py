"""Scan: compare every face of a gallery with every other and leave the flagged pairs, links and histograms as rows.

The ledger (`scan_block`) is written before the search begins: who is in which block, under which label; and so is the work, the
tiles of the triangle (`scan_tile`). A tile's pairs and its mark are one transaction, so a killed scan goes on with the tiles that are
not marked, workers share them (`facedb work`), and the rows are the same however it comes about.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from facedb.core.counting import counted
from facedb.core.errors import ConflictError, TooManyPairsError, UsageError
from facedb.core.lookup import Lookup
from facedb.core.machine import memory
from facedb.core.machine.blas import one_blas_thread
from facedb.core.machine.in_background import Aside
from facedb.core.progress import Reporter
from facedb.core.records import Int64Array
from facedb.dataset.embedding_rows import ModelRow
from facedb.db import audit
from facedb.db.connection import Connection, Database, translated
from facedb.db.reconnecting import Work
from facedb.findings.copies import Hashes
from facedb.findings.find import FolderStudy, study_folders
from facedb.findings.links import roll_up
from facedb.findings.names.evidence import names
from facedb.findings.outside.photos import Outside
from facedb.findings.rates.histogram import count_scores
from facedb.findings.rates.pair_sample import predict_pairs
from facedb.join.engine import ENGINE_NAMES, EngineInfo, choose_engine
from facedb.join.loop import BlockResult, Gallery, Join
from facedb.join.score import pair_scores
from facedb.join.tiles import cpu_count
from facedb.scan import finding_rows, lessons, rolled_up, scan_rows
from facedb.scan.face_choice import FaceChoice
from facedb.scan.findings import compute_copies, compute_findings
from facedb.scan.loading import WORKING_BYTES, FaceFilter, Loading, ScanOptions
from facedb.scan.outside import OutsideFaces, either, tell
from facedb.scan.pictures import photo_facts, pictures_of
from facedb.scan.retention import let_old_ones_go
from facedb.scan.scan_rows import PairRows, ScanRow
from facedb.scan.scores import histograms
from facedb.scan.tiles import chunks, link_parts, tile_rows
from facedb.scan.tiles import ledger as scan_ledger
from facedb.scan.tiles.bar import Bar
from facedb.scan.tiles.claims import Claims, Found
from facedb.scan.tiles.helpers import helpers
from facedb.scan.tiles.ledger import Ledger, Plan
from facedb.scan.tiles.tile_rows import TileRow
from facedb.scan.which_scan import find_scope

__all__ = ["ScanOptions", "ScanSummary", "scan"]

_PREDICTION_ROWS = 192
_GLANCE_SECONDS = 1.0

# Stored scores are rounded to float32; within this of the threshold only the float64 score can tell (2^-24 for scores below 1).
_ROUNDING = 2.0**-23


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
    # Libraries of engines cannot even be loaded in less, and say so in words that help nobody.
    memory.expect(WORKING_BYTES, "A scan of any size", "free some, or raise the limit.")
    engine = _engine(options)
    if options.chunks is not None:
        # A place that means nothing is refused before a scan is begun.
        chunks.Folder(options.chunks)
    with closing(Work(db, say=reporter.say)) as work, translated(db.dsn):
        meant = work.unit(lambda conn: find_scope(conn, options.datasets, options.model, models_dir=options.models_dir))
        unlabelled = options.unlabelled
        if unlabelled is None:
            unlabelled = work.unit(lambda conn: scan_rows.is_unlabelled(conn, meant.datasets))
        model = meant.model
        chosen = FaceFilter(meant.datasets, options.min_face, options.min_quality, unlabelled)
        if options.links_only and unlabelled:
            raise UsageError("Faces without labels have no links: leave --links-only out, or give --labelled.")
        scope = chosen.stored() | ({} if options.names else {"names": False})
        scope |= {"links_only": True} if options.links_only else {}
        loading = Loading(db, model, chosen, scope, options, reporter)
        threshold = work.unit(loading.threshold)

        def lock(conn: Connection) -> None:
            claimed = scan_rows.lock_scan(conn, model.id, scope, threshold)
            if not claimed:
                raise ConflictError(
                    f"Another facedb{claimed.holder} is working on a scan with the same parameters; wait for it, then run this again."
                )

        work.keep(lock)
        while True:
            plan, choice, outside = work.unit(partial(loading.plan, threshold))
            if plan.finished is not None:
                return ScanSummary(plan.finished, None, reused=True, resumed=False, tiles_done=0, tiles_found=0)
            run = _Run(db, work, threshold, options, engine, plan, choice, outside, reporter)
            summary = run.work(model, scope, pause)
            # A resumed scan has the gallery of its beginning; what came since is searched on top of it.
            if not plan.outdated:
                let_old_ones_go(db, options.keep_scans, reporter)
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


class _Run:
    """The work on one scan: search the blocks that are left, then roll up."""

    def __init__(
        self,
        db: Database,
        work: Work,
        threshold: float,
        options: ScanOptions,
        engine: EngineInfo,
        plan: Plan,
        choice: FaceChoice,
        outside: OutsideFaces,
        reporter: Reporter,
    ) -> None:
        self._db = db
        self._work = work
        self._threshold = threshold
        self._options = options
        self._engine = engine
        self._plan = plan
        self._choice = choice
        self._faces = plan.faces
        self._vectors = vectors = outside.gallery()
        self._outside = outside
        self._reporter = reporter
        self._gallery = Gallery(vectors, self._faces.identity_ids, self._faces.image_ids)
        self._written: list[PairRows] = []
        self._tiles_done = self._tiles_found = 0

    def work(self, model: ModelRow, scope: dict[str, object], pause: scan_ledger.Pause) -> ScanSummary:
        ledger, self._written = self._work.unit(partial(self._begin, model, scope))
        if self._options.chunks is not None:
            self._work.unit(partial(self._export, ledger, self._options.chunks))
        alone = self._engine.blas and self._options.ray is None
        # Neither depends on the pairs, so a thread of its own sees to them while this one follows the search.
        with (
            one_blas_thread(),
            Aside(self._study) as aside,
        ):
            if not alone:
                self._search(ledger, pause)
            study = aside.result()
        if alone:
            self._search(ledger, pause)
        strangers = self._look_outside() if study is not None and len(self._outside) else None
        with one_blas_thread():
            self._work.unit(partial(self._finish, ledger.scan_id, study, strangers))
        self._work.unit(lambda conn: chunks.remove_or_say(conn, ledger.scan_id, self._reporter))
        finished = self._work.unit(lambda conn: scan_rows.scan_by_id(conn, ledger.scan_id))
        assert finished is not None  # noqa: S101 - its row was updated above
        return ScanSummary(
            finished,
            self._engine,
            reused=False,
            resumed=self._plan.scan_id is not None,
            tiles_done=self._tiles_done,
            tiles_found=self._tiles_found,
        )

    def _begin(self, model: ModelRow, scope: dict[str, object], conn: Connection) -> tuple[Ledger, list[PairRows]]:
        """Write the ledger of a new scan with the pairs that it carries over, or take over that of the one to resume."""
        plan = self._plan
        if plan.scan_id is not None:
            scan_rows.set_engine(conn, plan.scan_id, self._engine.name)
            return Ledger(plan.scan_id, plan.borders), []
        carried = None if plan.base is None else self._carried(conn, plan.base)
        self._expect_few_enough(plan.first_new, carried)
        ledger = scan_ledger.begin(conn, model.id, scope, plan, self._threshold, self._engine.name)
        if carried is None:
            return ledger, []
        scan_rows.write_pairs(conn, ledger.scan_id, carried)
        return ledger, [carried]

    def _export(self, ledger: Ledger, root: str, conn: Connection) -> None:
        chunks.export(conn, ledger.scan_id, root, self._vectors, ledger.borders, self._reporter)

    def _search(self, ledger: Ledger, pause: scan_ledger.Pause) -> None:
        """Search what is left, then wait for the tiles that other workers have in hand, and take over those that they lose."""
        scan_id = ledger.scan_id
        counts, still_open = self._work.unit(
            lambda conn: (tile_rows.tile_counts(conn, scan_id), tile_rows.open_tiles(conn, scan_id))
        )
        self._tiles_found = counts.done
        if not still_open:
            return
        pairs = sum(ledger.block(tile).comparisons for tile in still_open)
        self._reporter.say(
            f"Comparing {counted(len(self._faces), 'face')} ({counted(pairs, 'pair')}, {counted(len(still_open), 'tile')}) "
            f"with {self._engine.reason}."
        )
        workers = self._options.workers
        threads = self._options.threads or max(1, cpu_count() // workers)
        crew = helpers(self._db, scan_id, self._options, self._engine, threads, self._reporter.say)
        with crew, self._reporter.task("scan", pairs, "pairs") as task:
            bar = Bar(task, self._work, scan_id)
            if not crew.enough:
                with (
                    Join(
                        self._gallery,
                        threshold=self._threshold,
                        engine=self._engine.name,
                        threads=threads,
                        comparisons=pairs // workers,
                    ) as opened,
                    Claims(self._work, self._db.open, scan_id) as claims,
                ):
                    if opened.method:
                        self._reporter.say(opened.method)
                    while True:
                        while (tile := claims.take()) is not None:
                            self._do(claims, tile, opened.search(ledger.block(tile)))
                            crew.tend(free=False)
                            bar.look(_GLANCE_SECONDS)
                            if pause is not None:
                                pause()
                        if not bar.look().left:
                            return
                        crew.tend(free=False)
                        bar.wait()
            while (at := bar.look()).left:
                crew.tend(free=at.free > 0)
                if pause is not None:
                    pause()
                bar.wait()

    def _do(self, claims: Claims, tile: TileRow, result: BlockResult) -> None:
        links_only = self._options.links_only
        found = Found.of(result, self._faces.face_ids, self._faces.identity_ids, links_only=links_only)
        if claims.finish(tile, found):
            self._tiles_done += 1
            if not links_only:
                self._written.append(found.pairs)

    def _all_pairs(self, conn: Connection, scan_id: int) -> PairRows:
        """Every pair of the scan: what this process wrote, unless others, or an earlier run, have written some."""
        counts = tile_rows.tile_counts(conn, scan_id)
        alone = self._plan.scan_id is None and self._tiles_done == counts.tiles
        return PairRows.join(self._written) if alone else scan_rows.read_pairs(conn, scan_id)

    def _rows(self, pairs: PairRows) -> tuple[Int64Array, Int64Array]:
        """Gallery rows of the faces of ``pairs``; -1 for a face that is not in the gallery."""
        lookup = Lookup(self._faces.face_ids)
        return lookup.rows(pairs.face_a), lookup.rows(pairs.face_b)

    def _carried(self, conn: Connection, base: ScanRow) -> PairRows:
        """The pairs of the base scan between faces that are carried over, at this scan's threshold."""
        pairs = scan_rows.read_pairs(conn, base.id)
        rows_a, rows_b = self._rows(pairs)
        carried = self._plan.first_new
        keep = (rows_a >= 0) & (rows_b >= 0) & (rows_a < carried) & (rows_b < carried)
        keep &= pairs.score >= self._threshold - _ROUNDING
        near = np.flatnonzero(keep & (np.abs(pairs.score - self._threshold) <= _ROUNDING))
        keep[near] = pair_scores(self._vectors, rows_a[near], rows_b[near]) >= self._threshold
        return PairRows(pairs.face_a[keep], pairs.face_b[keep], pairs.score[keep])

    def _expect_few_enough(self, first_new: int, carried: PairRows | None) -> None:
        limit = self._options.max_pairs
        if limit is None or len(self._faces) < 2:
            return
        predicted = predict_pairs(self._gallery, self._threshold, first_new=first_new, sample_rows=_PREDICTION_ROWS)
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
            f"About {predicted.expected:,.0f} pairs reach {self._threshold:g}, more than --max-pairs {limit:,}: {advice}"
        )

    def _look_outside(self) -> Outside:
        options = self._options
        return self._outside.search(
            self._faces,
            self._threshold,
            engine=self._engine.name,
            threads=options.threads,
            block_rows=options.block_rows,
            reporter=self._reporter,
        )

    def _study(self) -> tuple[histograms.Distributions, FolderStudy] | None:
        """What labels tell, whatever is flagged; None where there are none."""
        if len(self._faces) and self._faces.identity_ids[0] < 0:
            return None
        return histograms.measure(self._gallery), study_folders(self._gallery)

    def _finish(
        self,
        scan_id: int,
        studied: tuple[histograms.Distributions, FolderStudy] | None,
        strangers: Outside | None,
        conn: Connection,
    ) -> None:
        """Roll pairs up to links and findings, write the histograms and close the scan, all in one transaction."""
        faces, rolled = self._faces, None
        if self._options.links_only:
            rolled = rolled_up.roll_up(conn, scan_id, self._vectors, faces.identity_ids)
            pairs = rolled.best
            scan_rows.write_pairs(conn, scan_id, pairs)
        else:
            pairs = self._all_pairs(conn, scan_id)
        rows_a, rows_b = self._rows(pairs)
        if studied is None:
            hashes = Hashes(faces.content, faces.look, faces.has_look)
            histograms.write_none(conn, scan_id)
            compute_copies(conn, scan_id, self._gallery, faces.face_ids, hashes, rows_a, rows_b, pairs.score)
            scan_rows.finish_scan(conn, scan_id, pairs=len(pairs), links=0, certain_above=None)
            lessons.follow_on(conn, scan_id)
            audit.note(conn, "scan", "scan", scan_id, faces=len(faces), pairs=len(pairs), links=0)
            return
        measured, study = studied
        links = (
            roll_up(self._vectors, faces.identity_ids, rows_a, rows_b, pairs.score) if rolled is None else rolled.links
        )
        columns = {name: getattr(links, name) for name in links.__dataclass_fields__}
        scan_rows.write_links(conn, scan_id, columns)
        hashes = Hashes(faces.content, faces.look, faces.has_look)
        seen = self._choice.seen(conn, scan_id, faces, study)
        if self._options.names:
            labels = finding_rows.identity_names(conn, np.unique(faces.identity_ids).tolist())
            seen = replace(seen, names=names({key: name for key, (name, _) in labels.items()}))
        photos = photo_facts(faces, faces if self._choice.every is None else self._choice.every)
        beside = self._outside.faces
        pictures, told = pictures_of(conn, np.r_[faces.image_ids, beside.image_ids]), None
        if strangers is not None:
            told, pictures = tell(strangers, study, pictures)
        scan_rows.write_outsiders(conn, scan_id, beside.embedding_ids, beside.face_ids)
        found = compute_findings(
            conn,
            scan_id,
            self._gallery,
            study,
            np.r_[faces.face_ids, beside.face_ids],
            hashes,
            rows_a,
            rows_b,
            pairs.score,
            seen,
            either(self._choice.note, self._outside.note(conn)),
            pictures,
            photos,
            told,
        )
        if rolled is None:
            flagged, explained = count_scores(pairs.score), histograms.explained(pairs.score, found.told)
        else:
            flagged, explained = rolled.pairs, rolled_up.explained(conn, scan_id, found.told.mated)
            link_parts.drop(conn, scan_id)
        histograms.write(conn, scan_id, measured, flagged, explained, self._threshold)
        total, certain_above = int(flagged.sum()), study.odds.certain_above(study.ends)
        scan_rows.finish_scan(conn, scan_id, pairs=total, links=len(links), certain_above=certain_above)
        lessons.follow_on(conn, scan_id)
        audit.note(conn, "scan", "scan", scan_id, faces=len(faces), pairs=total, links=len(links))
