"""Evaluate: how well the findings meet known mistakes, planted in a copy of the labels or listed by people."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from facedb.core.counting import are
from facedb.core.defaults import BLOCK_ROWS
from facedb.core.errors import InputError, UsageError
from facedb.core.lookup import rows_of
from facedb.core.machine import memory
from facedb.core.machine.blas import one_blas_thread
from facedb.core.progress import Reporter
from facedb.core.records import Float32Array, ImageFacts
from facedb.dataset import model_rows
from facedb.dataset.model_rows import ModelRow
from facedb.db.connection import Connection, Database, translated
from facedb.embedding.pictures.thumbnail import from_bytes
from facedb.findings.cores.shown_together import Company
from facedb.findings.duplicates import Hashes
from facedb.findings.find import find
from facedb.findings.finding_table import FindingTable
from facedb.findings.folder_study import study_folders
from facedb.findings.grading import Grade, grade
from facedb.findings.names.evidence import names
from facedb.findings.pictures.registration import Grey
from facedb.findings.pictures.same_photo import Pictures
from facedb.findings.planting import KINDS, Counts, Item, Planted, plant
from facedb.findings.reliability import calibration_error
from facedb.join.engine import AUTO, EngineInfo, choose_engine
from facedb.join.gallery import Gallery
from facedb.join.loop import join, plan_blocks
from facedb.report import evaluation_rows, known_mistakes, truth
from facedb.report.evaluation import Evaluation
from facedb.report.evaluation_rows import ClassRow, MissRow
from facedb.report.pictures.altered import AlteredPictures
from facedb.scan import memory_need, pair_rows
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.faces.pictures import pictures_of
from facedb.scan.findings import finding_rows
from facedb.scan.pair_store import PairStore, looked_at_together
from facedb.scan.scan_rows import ScanRow
from facedb.scan.which_scan import find_scan

DEFAULT_INJECT = "merge=2%,stray=3%,swap=1%,duplicate=1%"
_MISSES = 10
_AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)(%?)$")


def parse_inject(spec: str, faces: int, identities: int) -> Counts:
    """What ``merge=2%,stray=3%,swap=4`` asks for: counts, or shares of the identities (merge) and faces (the rest; a swap
    takes two faces). Raises UsageError for anything else."""
    counts: dict[str, int] = {}
    for part in filter(None, (p.strip() for p in spec.split(","))):
        name, equals, amount = (p.strip() for p in part.partition("="))
        found = _AMOUNT.match(amount)
        if name not in KINDS or not equals or found is None:
            raise UsageError(
                f"--inject takes {', '.join(KINDS)} with a count or a share, such as stray=3%; not {part!r}."
            )
        value = float(found[1])
        if found[2]:
            value = value / 100 * (identities if name == "merge" else faces) / (2 if name == "swap" else 1)
        counts[name] = round(value)
    return Counts(**counts)


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
        faces, planted, altered = _spoilt(db, conn, found_scan, model, spec, seed, cache_dir, reporter)
        pictures = _pictures(conn, faces, planted, altered)
        table, scan_seconds, findings_seconds = _run(
            planted,
            pictures,
            _company(conn, found_scan, faces),
            found_scan.threshold,
            choose_engine(engine),
            threads,
            cache_dir,
            reporter,
        )
        beside = before.carried(faces, planted)
        graded = grade(table, planted.items, beside.true, beside.open)
        known_names = _names(conn, planted.items)
        paths = _paths(conn, faces, planted)
        return _kept(
            conn,
            found_scan,
            graded,
            "inject",
            spec,
            seed,
            found_scan.threshold,
            [_miss(item, known_names, paths) for item in _missed(graded)],
            scan_seconds,
            findings_seconds,
        )


def _spoilt(
    db: Database,
    conn: Connection,
    scan: ScanRow,
    model: ModelRow,
    spec: str,
    seed: int,
    cache_dir: Path | None,
    reporter: Reporter,
) -> tuple[GalleryFaces, Planted, Mapping[int, ImageFacts]]:
    """The faces of a scan, its gallery with mistakes in it, which replaces the one without, and by row what altered pictures look like."""
    faces, vectors = load_gallery(db, conn, scan, cache_dir, reporter)
    gallery = Gallery(vectors, faces.identity_ids.astype(np.int64), faces.image_ids)
    counts = parse_inject(spec, len(faces), len(np.unique(faces.identity_ids)))
    remake = AlteredPictures(conn, model, faces.image_ids, vectors, reporter)
    hashes = Hashes(faces.content, faces.look, faces.has_look)
    planted = plant(gallery, hashes, counts, seed, remake if counts.resaved else None)
    if not planted.items:
        raise UsageError(
            f"Nothing was planted: {are(len(faces), 'face')} too few for {spec}: ask for more with --inject."
        )
    short = {f.name: getattr(counts, f.name) for f in fields(counts)}
    short["swap"] *= 2
    for kind, wanted in short.items():
        there = sum(item.kind == kind for item in planted.items)
        if there < wanted:
            reporter.say(
                f"Only {there} of {wanted} {kind} mistakes could be planted: the folders are too small for more."
            )
    return faces, planted, remake.facts


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


def against_truth(db: Database, file: Path, *, scan: int | None, dataset: str | None) -> Evaluation:
    """Grade the findings that a scan left against a list that people made (see `truth`); raises InputError for a bad list."""
    with closing(db.open()) as conn, translated(db.dsn):
        found_scan = find_scan(conn, scan, [dataset]).scan
        items, rows = truth.items(conn, found_scan.id, file)
        graded = grade(truth.findings(conn, found_scan.id), items)
        missed = [rows[k] for k in np.flatnonzero(graded.rank_of == 0).tolist()]
        return _kept(conn, found_scan, graded, "truth", file.name, None, found_scan.threshold, missed, None, None)


def load_gallery(
    db: Database, conn: Connection, scan: ScanRow, cache_dir: Path | None, reporter: Reporter
) -> tuple[GalleryFaces, Float32Array]:
    """The faces that a scan compared, under the labels it had, and their vectors; raises InputError when some are gone."""
    wanted, labels = pair_rows.members(pair_rows.ledger(conn, scan.id))
    model = model_rows.model_by_id(conn, scan.model_id)
    assert model is not None  # noqa: S101 - a scan has its model by foreign key
    with GallerySnapshot(db.open, model, cache_dir) as snapshot:
        faces = snapshot.faces()
        rows = rows_of(wanted, faces.embedding_ids)
        if not len(rows) or (rows < 0).any():
            raise InputError(f"Faces of scan {scan.id} are gone or were embedded again; scan again, then evaluate.")
        by_label = np.argsort(labels, kind="stable")
        members = replace(faces.take(rows[by_label]), identity_ids=labels[by_label])
        vectors = snapshot.vectors(members.embedding_ids, reporter=reporter)
    return members, vectors


def _pictures(
    conn: Connection, faces: GalleryFaces, planted: Planted, altered: Mapping[int, ImageFacts]
) -> Pictures | None:
    """The pictures of a planted gallery: a copy has that of its original, an altered one its own; None where there are none."""
    known = pictures_of(conn, faces.image_ids)
    if known is None:
        return None
    views = known.views[planted.source]
    images = planted.gallery.image_ids
    original = dict(zip(images.tolist(), faces.image_ids[planted.source].tolist(), strict=True))
    own: dict[int, Grey] = {}
    for row in planted.altered:
        facts = altered[int(planted.source[row])]
        views[row] = facts.views
        own[int(images[row])] = from_bytes(facts.thumbnail)

    def load(wanted: Sequence[int]) -> dict[int, Grey]:
        there = known.load(sorted({original[key] for key in wanted if key not in own}))
        found = {key: own[key] if key in own else there.get(original[key]) for key in wanted}
        return {key: grey for key, grey in found.items() if grey is not None}

    return Pictures(views, load)


def _company(conn: Connection, scan: ScanRow, faces: GalleryFaces) -> Company:
    """What the names of the labels tell, where the scan looked at names; a label that planting made has none."""
    if not scan.scope.get("names", True):
        return Company()
    labels = finding_rows.identity_names(conn, np.unique(faces.identity_ids).tolist())
    return Company(names=names({key: name for key, (name, _) in labels.items()}))


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
            found = find(gallery, study_folders(gallery), flagged, planted.hashes, seen, pictures)
    return found.table, seconds, time.perf_counter() - started


def _kept(
    conn: Connection,
    scan: ScanRow,
    graded: Grade,
    kind: str,
    spec: str,
    seed: int | None,
    threshold: float,
    misses: Sequence[MissRow],
    scan_seconds: float | None,
    findings_seconds: float | None,
) -> Evaluation:
    """Write an evaluation and return it."""
    count = len(graded.items)
    ranks, precisions, recalls = graded.curve()
    curve = tuple(zip(ranks.tolist(), precisions.tolist(), recalls.tolist(), strict=True))
    precision = graded.average_precision
    classes = tuple(_class(graded, name) for name in dict.fromkeys(item.kind for item in graded.items))
    found = int((graded.rank_of > 0).sum())
    error = calibration_error(graded.reliability)
    findings = len(graded.hit) + graded.standing + graded.unjudged
    values = {
        "scan_id": scan.id,
        "kind": kind,
        "spec": spec,
        "seed": seed,
        "threshold": threshold,
        "planted": count,
        "found": found,
        "findings": findings,
        "average_precision": precision if count else None,
        "scan_seconds": scan_seconds,
        "findings_seconds": findings_seconds,
        "calibration_error": error,
    }
    first = tuple(misses[:_MISSES])
    key = evaluation_rows.write_evaluation(conn, values, classes, curve, first, graded.reliability)
    conn.commit()
    marks = sorted({k for k in (10, 20, 50, 100, 200, 500, 1000, 5000, count) if 0 < k <= max(count, 10)})
    at_ranks = tuple((k, graded.precision_at(k), graded.recall_at(k)) for k in marks)
    return Evaluation(
        key,
        scan.id,
        spec,
        seed,
        threshold,
        count,
        found,
        findings,
        precision,
        scan_seconds,
        findings_seconds,
        classes,
        at_ranks,
        curve,
        first,
        graded.reliability,
        error,
        graded.standing,
        graded.unjudged,
    )


def _class(graded: Grade, name: str) -> ClassRow:
    chosen = [item.kind == name for item in graded.items]
    ranks = graded.rank_of[np.array(chosen)]
    found = ranks[ranks > 0]
    return ClassRow(
        name,
        len(ranks),
        len(found),
        graded.average_precision_of(chosen),
        int(found.min()) if len(found) else None,
        int(found.max()) if len(found) else None,
    )


def _missed(graded: Grade) -> list[Item]:
    return [graded.items[k] for k in np.flatnonzero(graded.rank_of == 0).tolist()]


def _names(conn: Connection, items: Sequence[Item]) -> dict[int, str]:
    ids = sorted({label for item in items for label in (item.label_a, item.label_b)})
    known = {key: name for key, (name, _) in finding_rows.identity_names(conn, ids).items()}
    for item in items:
        if item.kind == "merge" and item.label_b not in known:
            known[item.label_b] = f"{known.get(item.label_a, item.label_a)} (second half)"
    return known


def _paths(conn: Connection, faces: GalleryFaces, planted: Planted) -> dict[int, str]:
    """Paths by row of the planted gallery, of the rows that items name."""
    rows = sorted({row for item in planted.items for row in item.rows})
    images = {row: int(faces.image_ids[planted.source[row]]) for row in rows}
    known = finding_rows.image_paths(conn, sorted(set(images.values())))
    how = {row: f" ({name})" for row, name in planted.altered.items()}
    return {row: known.get(image, "") + how.get(row, "") for row, image in images.items()}


def _miss(item: Item, names: dict[int, str], paths: dict[int, str]) -> MissRow:
    second = names.get(item.label_b) if item.label_b != item.label_a else None
    return MissRow(
        item.kind, names.get(item.label_a, str(item.label_a)), second, tuple(paths[row] for row in item.rows)
    )
