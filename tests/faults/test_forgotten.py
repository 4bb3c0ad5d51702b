"""Forgetting while others look: the review page, caches, exports, a copy of the disk taken afterwards."""

from __future__ import annotations

import secrets
import shutil
from contextlib import closing
from pathlib import Path

import httpx2
import numpy as np
import psycopg
import pytest

import facedb
from facedb.core.errors import NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.db.migrate import ensure
from facedb.db.server.embedded import EmbeddedServer
from facedb.scan.run import ScanOptions, scan
from tests.acceptance.world import Command, block_model, people, portrait, save
from tests.db.population import Population, clustered
from tests.db.server.fast import FAST
from tests.processes import LONGEST_SECONDS


def test_a_person_goes_while_the_review_page_shows_the_dataset(database: Database, tmp_path: Path) -> None:
    folder, model = people(tmp_path / "photos", 5, 4), block_model(tmp_path / "blocks.onnx")
    for k in range(2):
        save(portrait(1, 50 + k), folder / "person000" / f"stray{k}.png")
    command = Command(tmp_path, dsn=database.dsn, extra={"BROWSER": "true"})
    # Caches and logs were put on another disk: links to them are what people use.
    for name in ("cache", "logs"):
        (tmp_path / "disk" / name).mkdir(parents=True)
        (tmp_path / "facedb").mkdir(exist_ok=True)
        (tmp_path / "facedb" / name).symlink_to(tmp_path / "disk" / name)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "notes.txt").write_text("not facedb's")
    (tmp_path / "disk" / "logs" / "own").symlink_to(tmp_path / "own")
    command("check", folder, "--model", model, "--threshold", 0.5)
    assert "person000" in command("show", 1, "--open").out
    (sheet,) = (tmp_path / "facedb" / "cache" / "sheets").iterdir()
    assert "person000" in sheet.read_text()
    with command.start("review", "--no-open", "--port", 0) as page:
        try:
            address = httpx2.URL(page.line())
            with httpx2.Client(
                base_url=str(address.join("/")), follow_redirects=True, timeout=LONGEST_SECONDS
            ) as client:
                client.get(address).raise_for_status()
                with psycopg.connect(database.dsn) as conn:
                    faces = [
                        row[0]
                        for row in conn.execute(
                            "select f.id from facedb.face f join facedb.image i on i.id = f.image_id"
                            " where i.path like 'person000/%' order by 1"
                        )
                    ]
                assert len(faces) == 6
                for face in faces:
                    assert client.get(f"/thumbs/{face}").status_code == 200
                assert "person000" in client.get("/api/scans/1/queue?limit=100").text
                command("forget", "--identity", "person000", "--yes")
                for face in faces:
                    assert client.get(f"/thumbs/{face}").status_code == 404
                assert "person000" not in client.get("/api/scans/1/queue?limit=100").text
                assert client.get("/api/identities?words=person000").json() == []
                assert client.get("/review").status_code == 200
        finally:
            page.terminate()
            page.communicate()
    kept = [path for folder in ("facedb", "disk") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert not [path for path in kept if path.is_relative_to(tmp_path / "disk" / "cache")]
    assert not [path for path in kept if b"person000" in path.read_bytes()]
    assert (tmp_path / "own" / "notes.txt").exists()


def test_faces_without_labels_and_bystanders_are_forgotten_by_their_photo(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    vectors = clustered(np.random.default_rng(1), 12, 16, 3)
    population.add(vectors, [None] * 12, per_image=2)
    with database.connection() as conn:
        (path,) = conn.execute("select path from facedb.image order by id limit 1").fetchone() or ("",)
    scan(database, ScanOptions(threshold=0.5, engine="exact", unlabelled=True), reporter=Silent())
    db = facedb.connect(database.dsn, home=tmp_path / "home")
    counted = db.forget(image=path)
    assert (counted.images, counted.faces, counted.embeddings) == (1, 2, 2)
    assert db.forget(image=path, yes=True) == counted
    with pytest.raises(NotFoundError):
        db.forget(image=path, yes=True)
    with pytest.raises(UsageError):
        db.forget()
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.face").fetchone() == (10,)
        assert conn.execute(
            "select count(*) from facedb.flagged_pair p where not exists (select from facedb.face f where f.id = p.face_a)"
            " or not exists (select from facedb.face f where f.id = p.face_b)"
        ).fetchone() == (0,)
    db.close()


def test_scans_plans_models_and_datasets_end_in_python_as_on_the_command_line(
    database: Database, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    folder, model = people(tmp_path / "photos", 4, 3), block_model(tmp_path / "blocks.onnx")
    with facedb.connect(database.dsn, home=home) as db:
        db.check(folder, model=model, threshold=0.4)
        for k in range(3):
            save(portrait(1, 70 + k), folder / "person001" / f"new{k}.png")
            db.check(folder, model=model, threshold=0.4)
        assert db.prune_scans(1).scans == (1, 2, 3)
        assert [row.scan_id for row in db.scans()] == [4, 3, 2, 1]
        assert db.prune_scans(1, yes=True).scans == (1, 2, 3)
        db.say("link", "person000", "same", "person001", by="ann")
        assert db.plan().plan.id == 1
        db.say("link", "person002", "same", "person003", by="ann")
        assert db.plan().plan.id == 2
        assert db.prune_plans(1, yes=True) == [1]
        cached = list((home / "cache").glob("*-*-*/vectors-*.f32"))
        assert len(cached) == 1
        assert db.remove_model("blocks").embeddings == 15
        assert cached[0].exists()
        assert db.remove_model("blocks", yes=True).embeddings == 15
        assert not cached[0].parent.exists(), "the cache holds the vectors of the model"
        assert db.forget(dataset="photos", yes=True).images == 15
        assert len(db.datasets()) == 0


def test_a_copy_of_the_disk_taken_afterwards_knows_nothing_of_the_forgotten(
    short_directory: Path, tmp_path: Path
) -> None:
    home, copy = short_directory / secrets.token_hex(4), short_directory / secrets.token_hex(4)
    use = EmbeddedServer(home, options=FAST)
    db = Database(use.acquire(), embedded=True)
    ensure(db)
    folder = people(tmp_path / "photos", 2, 3)
    (folder / "person000").rename(folder / "Juno Oakes-Abernathy")
    ingest(db, folder, reporter=Silent())
    with facedb.connect(home=home) as opened:
        opened.forget(identity="Juno Oakes-Abernathy", yes=True)
    use.release()
    use.stop()
    shutil.copytree(use.place.data, tmp_path / "image")
    image = [path for path in (tmp_path / "image").rglob("*") if path.is_file()]
    assert [path for path in image if b"Oakes-Abernathy" in path.read_bytes()] == []
    second = EmbeddedServer(copy, options=FAST)
    place = second.place
    shutil.rmtree(place.data, ignore_errors=True)
    shutil.copytree(use.place.data, place.data)
    for path in (place.data, *place.data.rglob("*")):
        shutil.chown(path, use.place.data.stat().st_uid, use.place.data.stat().st_gid)
    place.data.chmod(0o700)
    with closing(psycopg.connect(second.acquire())) as conn:
        assert conn.execute("select name from facedb.identity").fetchall() == [("person001",)]
        assert conn.execute("select count(*) from facedb.image").fetchone() == (3,)
    second.release()
    second.stop()
