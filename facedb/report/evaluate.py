"""Evaluate: how well the findings meet known mistakes, planted in a copy of the labels or listed by people."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import numpy as np

from facedb.core.defaults import BLOCK_ROWS
from facedb.core.machine import memory
from facedb.core.machine.blas import one_blas_thread
from facedb.core.progress import Reporter
from facedb.dataset import model_rows
from facedb.db.connection import Database, translated
from facedb.findings.cores.shown_together import Company
from facedb.findings.evaluation.grading import Grade, grade
from facedb.findings.evaluation.planting import Planted
from facedb.findings.find import Evidence, find
from facedb.findings.finding_table import FindingTable
from facedb.findings.folder_study import study_folders
from facedb.findings.pictures.same_photo import Pictures
from facedb.join.engine import AUTO, choose_engine
from facedb.join.loop import join, plan_blocks
from facedb.join.searcher import EngineInfo
from facedb.report import known_mistakes, truth
from facedb.report.evaluation import Evaluation
from facedb.report.kept_evaluation import Trial, keep
from facedb.report.planted_gallery import spoil
from facedb.scan import memory_need
from facedb.scan.pair_store import PairStore, looked_at_together
from facedb.scan.which_scan import find_scan

DEFAULT_INJECT = "merge=2%,stray=3%,swap=1%,duplicate=1%"


def evaluate(
    db: Database,
    *,
    planted: str | None,
    seed: int,
    listed: Path | None,
    scan: int | None,
    dataset: str | None,
    engine: str,
    threads: int | None,
    cache_dir: Path | None,
    reporter: Reporter,
) -> Evaluation:
    """Grade against mistakes that people ``listed``, or `inject` those ``planted`` (None: the usual ones) beside what is ``listed``."""
    if listed is not None and planted is None:
        return against_truth(db, listed, scan=scan, dataset=dataset)
    return inject(
        db,
        planted or DEFAULT_INJECT,
        seed,
        known=listed,
        scan=scan,
        dataset=dataset,
        engine=engine,
        threads=threads,
        cache_dir=cache_dir,
        reporter=reporter,
    )


def inject(
    db: Database,
    spec: str,
    seed: int,
    *,
    known: Path | None = None,
    scan: int | None = None,
    dataset: str | None = None,
    engine: str = AUTO,
    threads: int | None = None,
    cache_dir: Path | None = None,
    reporter: Reporter,
) -> Evaluation:
    """Plant mistakes in a copy of the labels of a scan's gallery, run the very same search and findings, and grade them.

    What was wrong before is told by the list ``known``, or else by the verdicts on the findings of the scan: such findings hold, but nobody
    is asked to find them. Without a list, what the scan found and nobody judged counts nowhere.

    Only memory, a temporary folder for altered pictures, and the tables of evaluations are written to. Raises NotFoundError without a
    finished scan, UsageError for a bad ``spec`` or pictures to alter that are not there, ModelError without the model to embed them,
    InputError for a bad list.
    """
    with closing(db.open()) as conn, translated(db.dsn):
        found_scan = find_scan(conn, scan, [dataset]).scan
        before = (
            known_mistakes.judged(conn, found_scan.id)
            if known is None
            else known_mistakes.listed(conn, found_scan.id, known)
        )
        model = model_rows.model_by_id(conn, found_scan.model_id)
        assert model is not None  # noqa: S101 - a scan has its model by foreign key
        memory.expect(
            memory_need.of_evaluation(
                found_scan.faces,
                model.dim,
                found_scan.identities,
                min(found_scan.pairs, looked_at_together()),
                found_scan.links,
            ),
            f"An evaluation of scan {found_scan.id} with its {found_scan.links:,} links",
            "free some, or evaluate a scan of a higher threshold (--scan).",
        )
        gallery = spoil(db, conn, found_scan, model, spec, seed, cache_dir, reporter)
        planted = gallery.planted
        table, scan_seconds, findings_seconds = _run(
            planted,
            gallery.pictures(conn),
            gallery.company(conn, found_scan),
            found_scan.threshold,
            choose_engine(engine),
            threads,
            cache_dir,
            reporter,
        )
        beside = before.carried(gallery.faces, planted)
        graded = grade(table, planted.items, beside.true, beside.open)
        missed = [planted.items[k] for k in _missed(graded)]
        trial = Trial(found_scan, "inject", spec, seed, scan_seconds, findings_seconds)
        return keep(conn, trial, graded, gallery.described(conn, missed))


def against_truth(db: Database, file: Path, *, scan: int | None, dataset: str | None) -> Evaluation:
    """Grade the findings that a scan left against a list that people made (see `truth`); raises InputError for a bad list."""
    with closing(db.open()) as conn, translated(db.dsn):
        found_scan = find_scan(conn, scan, [dataset]).scan
        items, rows = truth.items(conn, found_scan.id, file)
        graded = grade(truth.findings(conn, found_scan.id), items)
        return keep(conn, Trial(found_scan, "truth", file.name), graded, [rows[k] for k in _missed(graded)])


def _run(
    planted: Planted,
    pictures: Pictures | None,
    seen: Company,
    threshold: float,
    engine: EngineInfo,
    threads: int | None,
    cache_dir: Path | None,
    reporter: Reporter,
) -> tuple[FindingTable, float, float]:
    gallery = planted.gallery
    blocks = plan_blocks(gallery.identity_ids, target_rows=BLOCK_ROWS)
    seconds = 0.0
    with PairStore(cache_dir) as flagged:
        with reporter.task("scan", sum(block.comparisons for block in blocks), "pairs") as task:
            for result in join(gallery, blocks, threshold=threshold, engine=engine.name, threads=threads):
                flagged.add(result)
                seconds += result.seconds
                task.advance(result.comparisons)
        started = time.perf_counter()
        with one_blas_thread():
            found = find(gallery, study_folders(gallery), flagged, Evidence(planted.hashes, seen, pictures))
    return found.table, seconds, time.perf_counter() - started


def _missed(graded: Grade) -> list[int]:
    """The known mistakes that no finding names, by their place."""
    found: list[int] = np.flatnonzero(graded.rank_of == 0).tolist()
    return found
