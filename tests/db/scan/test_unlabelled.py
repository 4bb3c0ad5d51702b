"""Faces without labels: each compared with every other, told as duplicates, exported and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedb.core.errors import NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.report import reading
from facedb.report.case_rows import cases
from facedb.report.export import Exported, ExportOptions, export
from facedb.report.result_columns import Pair
from facedb.review.answers.answer import Answer, answer
from facedb.scan import pair_store
from facedb.scan.findings.ranked import Finding, FindingSelection, findings
from facedb.scan.run import ScanOptions, ScanSummary, scan
from facedb.scan.scores.thresholds import ThresholdRule
from tests.db.population import Population, clustered
from tests.vectors import unit

SILENT = Silent()
DIM = 16


def run(db: Database, threshold: float | None = None, **options: object) -> ScanSummary:
    return scan(db, ScanOptions(threshold, engine="exact", **options), reporter=SILENT)  # type: ignore[arg-type]


def stored(db: Database) -> list[Finding]:
    with findings(db, FindingSelection()) as rows:
        return [Finding(*row) for row in rows]


def written(db: Database, what: str, path: Path, form: str | None = None) -> Exported:
    return export(db, what, path, form=form, options=ExportOptions(), reporter=SILENT)


def flagged(db: Database) -> set[tuple[int, int]]:
    with db.connection() as conn:
        rows = conn.execute(
            "select face_a, face_b from facedb.flagged_pair where scan_id = (select max(id) from facedb.scan)"
        )
        return {(int(a), int(b)) for a, b in rows}


def expected(vectors: np.ndarray, faces: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    wide = vectors.astype(np.float64)
    a, b = np.nonzero(np.triu(wide @ wide.T >= threshold, 1))
    return {(int(faces[i]), int(faces[j])) for i, j in zip(a, b, strict=True)}


@pytest.fixture
def shop(database: Database) -> tuple[Population, np.ndarray, np.ndarray]:
    """Sixty photos without labels, the last two of which are the first one again."""
    rng = np.random.default_rng(8)
    vectors = clustered(rng, 60, DIM, 12)
    vectors[58] = vectors[0]
    vectors[59] = unit(vectors[:1] + 1e-4 * rng.standard_normal((1, DIM)))[0]
    population = Population(database, DIM)
    return population, vectors, population.add(vectors, [None] * 60, dataset="shop")


@pytest.mark.parametrize("at_once", [pair_store.AT_ONCE, 40])
def test_every_pair_of_faces_without_labels_is_flagged_and_only_duplicates_are_told(
    database: Database,
    shop: tuple[Population, np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
) -> None:
    _, vectors, faces = shop
    monkeypatch.setattr(pair_store, "AT_ONCE", at_once)
    summary = run(database, 0.5, block_rows=16)
    assert flagged(database) == expected(vectors, faces, 0.5)
    assert (summary.scan.identities, summary.scan.links, summary.scan.comparisons) == (0, 0, 60 * 59 // 2)
    told = stored(database)
    assert {(f.kind, f.identity_a, f.identity_b) for f in told} == {("duplicate", None, None)}
    assert sorted(told[0].images) == sorted(_paths(database, faces[[0, 58, 59]]))


@pytest.mark.usefixtures("shop")
def test_a_scan_without_a_threshold_keeps_what_may_be_a_copy(database: Database) -> None:
    assert run(database).scan.threshold == 0.93
    with reading.pairs(database, reading.Selection()) as rows:
        pairs = [Pair(*row) for row in rows]
    assert len(pairs) >= 3
    assert all(pair.identity_a is None and pair.path_a for pair in pairs)


def test_what_is_new_is_searched_on_top_of_what_was(
    database: Database, shop: tuple[Population, np.ndarray, np.ndarray]
) -> None:
    population, vectors, faces = shop
    run(database, 0.5)
    rng = np.random.default_rng(9)
    more = clustered(rng, 10, DIM, 3)
    new = population.add(more, [None] * 10, dataset="more")
    summary = run(database, 0.5)
    assert summary.scan.new_faces == 10
    assert flagged(database) == expected(np.r_[vectors, more], np.r_[faces, new], 0.5)
    assert run(database, 0.5).reused


def test_labelled_faces_are_compared_as_ever_and_those_without_a_label_when_asked_for(
    database: Database, shop: tuple[Population, np.ndarray, np.ndarray]
) -> None:
    population, vectors, faces = shop
    labelled = population.add(vectors[:2], ["ann", "bob"], dataset="named")
    assert run(database, 0.5).scan.faces == 2
    assert run(database, 0.5, unlabelled=True).scan.faces == 60
    assert flagged(database) == expected(vectors, faces, 0.5)
    assert not {int(face) for face in labelled} & {face for pair in flagged(database) for face in pair}
    assert run(database, 0.5).scan.faces == 2


@pytest.mark.usefixtures("shop")
def test_a_budget_of_pairs_chooses_the_threshold_of_faces_without_labels(database: Database) -> None:
    done = scan(database, ScanOptions(ThresholdRule(pairs=10), engine="exact"), reporter=SILENT).scan
    assert 3 <= done.pairs <= 10


@pytest.mark.usefixtures("shop")
def test_a_threshold_cannot_be_chosen_from_faces_without_labels(database: Database) -> None:
    with pytest.raises(UsageError, match="without labels"):
        scan(database, ScanOptions(ThresholdRule(), engine="exact"), reporter=SILENT)
    with pytest.raises(NotFoundError, match="No labelled face"):
        run(database, 0.5, unlabelled=False, datasets=("shop",))


@pytest.mark.usefixtures("shop")
def test_the_views_know_such_a_scan(database: Database) -> None:
    run(database)
    with database.connection() as conn:
        history = conn.execute(
            "select dataset, faces, identities, duplicates, noisy_share, is_latest from bi.scan_history"
        ).fetchall()
        found = conn.execute("select distinct dataset, dataset_a, is_latest from bi.findings").fetchall()
        pairs = conn.execute("select distinct dataset_a, dataset_b from bi.flagged_pairs").fetchall()
    assert history == [("shop", 60, 0, 1, None, True)]
    assert found == [("shop", "shop", True)]
    assert pairs == [("shop", "shop")]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("form", ["npz", "parquet", "npy"])
def test_embeddings_without_labels_come_back_in_as_they_went_out(database: Database, tmp_path: Path, form: str) -> None:
    out = tmp_path / ("out" if form == "npy" else f"out.{form}")
    assert written(database, "embeddings", out, form).rows == 60
    if form == "npy":
        assert [p.name for p in sorted(out.iterdir())] == ["0000.features.npy", "0000.object_ids.npy"]
        assert np.load(out / "0000.features.npy").shape == (60, DIM)
    again = ingest(
        database, out, dataset="again", contract="merged", options={"identity_from": "none"}, reporter=SILENT
    )
    assert (again.ready, again.rejected, again.identities) == (60, 0, 0)


@pytest.mark.usefixtures("shop")
def test_photos_without_labels_make_no_folders_of_people(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without a label"):
        written(database, "embeddings", tmp_path / "f", "face01")
    assert list(tmp_path.iterdir()) == []


def test_an_export_of_nothing_says_so_and_leaves_no_file(database: Database, tmp_path: Path) -> None:
    population = Population(database, DIM)
    population.add(unit(np.ones((1, DIM))), ["ann"], dataset="named")
    with database.connection() as conn:
        conn.execute("update facedb.image set status = 'vanished'")
    for what, name in (("embeddings", "e.npz"), ("embeddings", "e.parquet"), ("list", "l.csv")):
        with pytest.raises(NotFoundError, match="Nothing is exported"):
            written(database, what, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def _paths(db: Database, faces: np.ndarray) -> list[str]:
    with db.connection() as conn:
        rows = conn.execute(
            "select i.path from facedb.face f join facedb.image i on i.id = f.image_id where f.id = any(%s)",
            [faces.tolist()],
        )
        return [row[0] for row in rows]


@pytest.mark.usefixtures("shop")
def test_a_finding_without_a_label_is_shown_and_answered(database: Database) -> None:
    found = run(database).scan
    with database.connection() as conn:
        (case,) = cases(conn, found.id, faces=3)
        assert (case.kind, case.identity_a, case.identity_b, len(case.subject)) == ("duplicate", "", None, 3)
    (done,) = answer(database, [Answer(1, "accept")], scan=found.id)
    assert len(done.verdicts) == 2
    assert [f.verdict for f in stored(database)] == ["duplicate"]
