"""Embedding whole datasets: the vectors of a plain loop, whatever the batches, interruptions and contracts beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.errors import ConflictError, ModelError, NotFoundError
from facedb.core.progress import Silent
from facedb.dataset import embed as workflow
from facedb.dataset import pending_rows
from facedb.dataset.embed import EmbedSummary, ModelChoice, embed
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from tests.acceptance.world import BLOCKS, SIDE, block_model, people, portrait, save
from tests.db.dataset.folders import stopped
from tests.processes import Process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four people, five pictures each."""
    return people(tmp_path / "people", 4, 5)


@pytest.fixture
def choice(tmp_path: Path) -> ModelChoice:
    """A model of 64 dimensions for whole pictures."""
    return ModelChoice(block_model(tmp_path / "blocks.onnx"))


def work(db: Database, choice: ModelChoice, **options: Any) -> EmbedSummary:
    """Embed; the outcomes of every ready image must add up."""
    done = embed(db, choice, reporter=Silent(), threads=2, **options)
    with db.connection() as conn:
        row = conn.execute("select count(*) from facedb.image where status = 'ready'").fetchone()
    if options.get("dataset") is None:
        assert row == (done.images + done.rejected + done.pending,)
    return done


def vectors(db: Database, model_id: int) -> dict[tuple[str, int], tuple[str, float]]:
    """(path, ordinal) -> vector as text, norm."""
    with db.connection() as conn:
        return {
            (path, ordinal): (vector, norm)
            for path, ordinal, vector, norm in conn.execute(
                "select i.path, f.ordinal, e.vec::text, e.norm from facedb.embedding e"
                " join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id where e.model_id = %s",
                (model_id,),
            )
        }


def as_arrays(rows: dict[tuple[str, int], tuple[str, float]]) -> dict[str, np.ndarray]:
    return {path: np.array(text.strip("[]").split(","), np.float32) for (path, _), (text, _) in rows.items()}


def test_the_vectors_are_those_of_the_model(database: Database, folder: Path, choice: ModelChoice) -> None:
    ingest(database, folder, reporter=Silent())
    done = work(database, choice)
    assert (done.done, done.images, done.faces, done.rejected, done.pending) == (20, 20, 20, 0, 0)
    found = as_arrays(vectors(database, done.model.id))
    weights = np.random.default_rng(1).standard_normal((3 * BLOCKS * BLOCKS, 64)).astype(np.float32)
    with database.connection() as conn:
        row = conn.execute("select contract from facedb.model").fetchone()
    assert row is not None
    mean, std = np.array(row[0]["mean"]), np.array(row[0]["std"])
    for path, vector in found.items():
        identity, shot = int(path[6:9]), int(path[10])
        pixels = np.asarray(portrait(identity, shot), np.float64)
        blocks = ((pixels - mean) / std).reshape(BLOCKS, SIDE // BLOCKS, BLOCKS, SIDE // BLOCKS, 3).mean(axis=(1, 3))
        raw = blocks.transpose(2, 0, 1).reshape(-1) @ weights.astype(np.float64)
        np.testing.assert_allclose(vector, raw / np.linalg.norm(raw), atol=1e-5)


def test_batches_of_every_size_give_the_same_rows(
    database: Database, folder: Path, choice: ModelChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(database, folder, reporter=Silent())
    whole = vectors(database, work(database, choice).model.id)
    for size in (1, 3, 7):
        with database.connection() as conn:
            conn.execute("delete from facedb.face")
        monkeypatch.setattr(workflow, "_COMMIT_IMAGES", size)
        assert vectors(database, work(database, choice).model.id) == whole


def test_a_second_run_does_nothing_and_a_later_one_only_what_is_new(
    database: Database, folder: Path, choice: ModelChoice
) -> None:
    ingest(database, folder, reporter=Silent())
    before = vectors(database, work(database, choice).model.id)
    assert work(database, choice).done == 0
    save(portrait(9, 0), folder / "person009" / "0.png")
    ingest(database, folder, reporter=Silent())
    done = work(database, choice)
    assert done.done == 1
    after = vectors(database, done.model.id)
    assert {key: after[key] for key in before} == before


def test_facts_of_the_pictures_are_kept(database: Database, folder: Path, choice: ModelChoice) -> None:
    ingest(database, folder, reporter=Silent())
    work(database, choice)
    with database.connection() as conn:
        assert conn.execute("select distinct width, height, lower(format) from facedb.image").fetchall() == [
            (SIDE, SIDE, "png")
        ]
        assert conn.execute("select count(*) from facedb.image where phash is null").fetchone() == (0,)


def test_rejects_have_a_reason_stay_rejected_and_are_taken_up_again_on_request(
    database: Database, folder: Path, choice: ModelChoice
) -> None:
    broken = folder / "person000" / "0.png"
    good = broken.read_bytes()
    broken.write_bytes(good[: len(good) // 2])
    ingest(database, folder, reporter=Silent())
    done = work(database, choice)
    assert (done.images, done.rejected) == (19, 1)
    with database.connection() as conn:
        assert conn.execute("select path, code from bi.rejects").fetchall() == [("person000/0.png", "truncated")]
    assert work(database, choice).done == 0
    again = work(database, choice, retry=True)
    assert (again.done, again.rejected) == (1, 1)
    # A vector belongs to the bytes that were ingested: other ones must be ingested first.
    broken.write_bytes(good)
    assert work(database, choice, retry=True).rejected == 1
    with database.connection() as conn:
        assert conn.execute("select path, code from bi.rejects").fetchall() == [("person000/0.png", "changed")]
    ingest(database, folder, reporter=Silent())
    again = work(database, choice)
    assert (again.done, again.images, again.rejected) == (1, 20, 0)


def test_a_file_that_is_gone_is_a_reject_not_an_end(database: Database, folder: Path, choice: ModelChoice) -> None:
    ingest(database, folder, reporter=Silent())
    (folder / "person001" / "2.png").unlink()
    done = work(database, choice)
    assert (done.images, done.rejected, done.pending) == (19, 1, 0)


def test_bad_vectors_become_rejects(database: Database, folder: Path, tmp_path: Path) -> None:
    ingest(database, folder, reporter=Silent())
    zero = ModelChoice(block_model(tmp_path / "zero.onnx", gain=0.0))
    try:
        done = work(database, zero)
    except ModelError as error:
        assert "zero" in str(error) or "vector" in str(error)  # noqa: PT017 - refusing the whole model is right as well
        return
    assert (done.images, done.rejected) == (0, 20)


def test_two_contracts_live_side_by_side_and_share_the_faces_they_both_find(
    database: Database, folder: Path, choice: ModelChoice, tmp_path: Path
) -> None:
    ingest(database, folder, reporter=Silent())
    first = work(database, choice)
    before = vectors(database, first.model.id)
    second = work(
        database,
        ModelChoice(block_model(tmp_path / "other.onnx", dim=24, seed=2)),
    )
    assert second.model.id != first.model.id
    assert second.model.detection == first.model.detection
    assert vectors(database, first.model.id) == before
    assert len(vectors(database, second.model.id)) == 20
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.face").fetchone() == (20,)
        assert conn.execute("select count(*) from facedb.embedding").fetchone() == (40,)


def test_a_contract_that_differs_in_one_value_is_another_one(
    database: Database, folder: Path, choice: ModelChoice
) -> None:
    ingest(database, folder, reporter=Silent())
    first = work(database, choice)
    other = work(database, ModelChoice(choice.weights, overrides={"colour": "bgr"}))
    assert other.model.digest != first.model.digest
    assert other.done == 20
    assert work(database, choice).done == 0


def test_only_the_dataset_asked_for_is_embedded(
    database: Database, folder: Path, choice: ModelChoice, tmp_path: Path
) -> None:
    ingest(database, folder, reporter=Silent())
    ingest(database, people(tmp_path / "more", 2, 3, first=50), reporter=Silent())
    assert work(database, choice, dataset="more").done == 6
    assert work(database, choice).done == 20
    with pytest.raises(NotFoundError, match="facedb datasets"):
        work(database, choice, dataset="nothing")


def test_another_run_over_the_same_images_is_refused_and_one_over_others_is_not(
    database: Database, folder: Path, choice: ModelChoice, tmp_path: Path
) -> None:
    ingest(database, folder, reporter=Silent())
    ingest(database, people(tmp_path / "more", 1, 1, first=50), reporter=Silent())
    model = work(database, choice, dataset="more").model
    with database.connection() as conn:
        row = conn.execute("select id from facedb.dataset where name = 'people'").fetchone()
        assert row is not None
        assert pending_rows.lock_embed(conn, model.id, row[0])
        with pytest.raises(ConflictError, match="right now"):
            work(database, choice, dataset="people")
        with pytest.raises(ConflictError, match="right now"):
            work(database, choice)
        assert work(database, choice, dataset="more").done == 0


def test_a_changed_picture_is_embedded_again_under_every_contract(
    database: Database, folder: Path, choice: ModelChoice, tmp_path: Path
) -> None:
    second = ModelChoice(block_model(tmp_path / "other.onnx", dim=24, seed=2))
    ingest(database, folder, reporter=Silent())
    models = [work(database, one).model.id for one in (choice, second)]
    before = [vectors(database, model) for model in models]
    save(portrait(7, 7), folder / "person000" / "0.png")
    os.utime(folder / "person000" / "0.png", (5, 5))
    ingest(database, folder, reporter=Silent())
    for one, model, old in zip((choice, second), models, before, strict=True):
        assert work(database, one).done == 1
        new = vectors(database, model)
        assert {key for key in old if old[key] != new[key]} == {("person000/0.png", 0)}


def test_images_that_another_process_changes_or_drops_meanwhile_get_no_stale_vector(
    database: Database, folder: Path, choice: ModelChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(database, folder, reporter=Silent())
    original = workflow._timed_groups

    def interrupted(results: Any) -> Any:
        for group in original(results):
            # Everything is embedded and nothing is committed.
            save(portrait(7, 7), folder / "person000" / "0.png")
            (folder / "person001" / "1.png").unlink()
            os.utime(folder / "person000" / "0.png", (5, 5))
            ingest(database, folder, prune=True, reporter=Silent())
            yield group

    monkeypatch.setattr(workflow, "_timed_groups", interrupted)
    done = work(database, choice)
    assert (done.images, done.pending) == (18, 1)
    monkeypatch.undo()
    done = work(database, choice)
    assert (done.done, done.images, done.pending) == (1, 19, 0)
    found = as_arrays(vectors(database, done.model.id))
    with database.connection() as conn:
        conn.execute("delete from facedb.face")
    fresh = as_arrays(vectors(database, work(database, choice).model.id))
    assert found.keys() == fresh.keys()
    for path, vector in found.items():
        np.testing.assert_array_equal(vector, fresh[path])


def test_a_killed_run_is_continued_and_ends_with_the_same_rows(database: Database, tmp_path: Path) -> None:
    ingest(database, people(tmp_path / "people", 10, 10), reporter=Silent())
    model = block_model(tmp_path / "blocks.onnx")
    choice = ModelChoice(model)
    for pieces in (1, 15):
        assert stopped(database, "embed", model, pieces) == -signal.SIGKILL
    with database.connection() as conn:
        kept = conn.execute("select id, face_id from facedb.embedding order by 1").fetchall()
    assert len(kept) == 64
    done = work(database, choice)
    assert (done.done, done.images, done.pending) == (36, 100, 0)
    with database.connection() as conn:
        assert conn.execute("select id, face_id from facedb.embedding order by 1 limit 64").fetchall() == kept
        interrupted = vectors(database, done.model.id)
        conn.execute("delete from facedb.face")
    work(database, choice)
    assert vectors(database, done.model.id) == interrupted


_EMBED_TOGETHER = """
import sys, time
from pathlib import Path
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.dataset import embed
mine, other = Path(sys.argv[3]), Path(sys.argv[4])
locked, written = embed.pending_rows.unchanged, embed.embedding_rows.write_results
def together(*arguments):
    mine.touch()
    while not other.exists():
        time.sleep(0.01)
    return locked(*arguments)
def slowly(*arguments):
    count = written(*arguments)
    time.sleep(0.5)  # written, not yet committed
    return count
embed.pending_rows.unchanged, embed.embedding_rows.write_results = together, slowly
embed.embed(Database(sys.argv[1], embedded=True), embed.ModelChoice(Path(sys.argv[2])), threads=1, reporter=Silent())
"""


@pytest.mark.parametrize("facts", ["facts known", "facts new"])
def test_two_processes_that_embed_one_dataset_under_two_models_share_its_faces(
    database: Database, folder: Path, tmp_path: Path, facts: str
) -> None:
    ingest(database, folder, reporter=Silent())
    if facts == "facts known":
        work(database, ModelChoice(block_model(tmp_path / "earlier.onnx", dim=8, seed=3)))
        with database.connection() as conn:
            conn.execute("delete from facedb.face")
    marks = [tmp_path / "one", tmp_path / "two"]
    running = []
    for k, mark in enumerate(marks):
        model = block_model(tmp_path / f"model{k}.onnx", dim=16 + k, seed=k)
        command = [sys.executable, "-c", _EMBED_TOGETHER, database.dsn, str(model), str(mark), str(marks[1 - k])]
        running.append(Process(command, stderr=subprocess.PIPE))
    ends = [(process.communicate()[1].decode(), process.returncode) for process in running]
    assert [code for _, code in ends] == [0, 0], ends
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.face").fetchone() == (20,)
        assert conn.execute("select count(*) from facedb.embedding").fetchone() == (40,)
