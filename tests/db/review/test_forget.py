"""Forgetting: what hangs on a person goes with the person, what belongs to others stays, and no file holds the bytes any more."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from psycopg import errors

from facedb.core.errors import ConflictError, NotFoundError
from facedb.core.machine import memory
from facedb.core.progress import Silent
from facedb.db import locks
from facedb.db.connection import Database
from facedb.db.migrate import ensure
from facedb.db.server.embedded import EmbeddedServer
from facedb.db.upkeep import wipe
from facedb.db.wait import silent
from facedb.join.error_bounds import quantise_int8
from facedb.review import forget as forgetting
from facedb.review import verdicts
from facedb.review.forget import Subject, forget
from facedb.review.plans.plan import make_plan
from facedb.scan.run import ScanOptions, scan
from facedb.scan.search import index
from tests.db.population import Population, clustered

DIM = 128
OPTIONS = ScanOptions(threshold=0.4, engine="exact")


@pytest.fixture
def use(short_directory: Path) -> Iterator[EmbeddedServer]:
    """An embedded server of this test's own with the settings of the product, in use."""
    server = EmbeddedServer(short_directory / secrets.token_hex(4))
    yield server
    server.release()
    server.stop()


def people(db: Database, dim: int = DIM) -> tuple[Population, np.ndarray, np.ndarray]:
    population = Population(db, dim)
    vectors = clustered(np.random.default_rng(11), 90, dim, 5)
    faces = population.add(vectors, [f"person {k // 3:02}" for k in range(90)])
    return population, vectors, faces


def holders(folder: Path, vector: np.ndarray) -> list[str]:
    """The files below a folder that hold eight values of a vector in a row, wherever in it they are, or all its int8 codes."""
    needles = [
        vector[k : k + 8].astype(form).tobytes() for form in ("<f4", ">f4") for k in range(0, len(vector) - 7, 8)
    ]
    needles.append(quantise_int8(vector[None]).codes.tobytes())
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if any(needle in data for needle in needles):
                found.append(str(path.relative_to(folder)))
    return found


def counts(db: Database) -> dict[str, int]:
    with db.connection() as conn:
        tables = ("image", "face", "embedding", "identity", "flagged_pair", "link", "finding", "verdict", "plan_step")
        rows = {t: conn.execute(f"select count(*) from facedb.{t}").fetchone() for t in tables}  # noqa: S608
    return {name: row[0] if row else 0 for name, row in rows.items()}


def test_no_file_of_the_database_and_of_the_cache_holds_the_vectors_of_a_forgotten_person(use: EmbeddedServer) -> None:
    db = Database(use.acquire(), embedded=True, reviver=use.revive)
    ensure(db)
    _, vectors, faces = people(db)
    options = ScanOptions(threshold=0.4, engine="exact", cache_dir=use.home / "cache")
    scan(db, options, reporter=Silent())
    index(db, "test", drop=False)
    with closing(db.open(autocommit=True)) as conn:
        conn.execute("analyze facedb.embedding_1")
        conn.execute("update facedb.embedding set norm = norm where face_id = %s", [int(faces[4])])
        conn.execute("checkpoint")
        with pytest.raises(errors.UniqueViolation):
            conn.execute("insert into facedb.identity (dataset_id, name) values (1, 'person 01')")
    data = use.place.data
    assert "person 01" not in use.place.log.read_text()
    with use.place.log.open("a") as log:
        log.write("DETAIL:  Key (dataset_id, name)=(1, person 01) already exists.\n")
    before = [holders(data, vectors[k]) for k in (3, 4, 5)]
    assert all(any(name.startswith("pg_wal/") for name in names) for names in before)
    assert all(any(name.startswith("base/") for name in names) for names in before)
    assert all(holders(use.home / "cache", vectors[k]) for k in (3, 4, 5))
    done = forget(db, Subject("identity", "person 01"), yes=True, home=use.home, say=silent)
    assert (done.images, done.faces, done.embeddings, done.identities, done.caches) == (3, 3, 3, 1, 1)
    for k in (3, 4, 5):
        assert holders(data, vectors[k]) == []
        assert holders(use.home, vectors[k]) == []
    assert "person 01" not in use.place.log.read_text()
    assert all(holders(data, vectors[k]) for k in (0, 89))
    with db.connection() as conn:
        assert conn.execute(
            "select count(*) from pg_stats where schemaname = 'facedb' and most_common_vals::text like '%person 01%'"
            " or histogram_bounds::text like '%person 01%'"
        ).fetchone() == (0,)
    assert not wipe.due(db)


class _Stopped(BaseException):
    pass


@pytest.mark.long
def test_what_a_scan_has_on_disk_goes_with_whom_is_forgotten_once_it_was_stopped_and_not_while_it_runs(
    use: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE_SECONDS", 0.1)
    # No memory for the vectors: they lie in a file of the cache folder.
    monkeypatch.setattr(memory, "has", lambda _bytes: False)
    db = Database(use.acquire(), embedded=True, reviver=use.revive)
    ensure(db)
    population, vectors, _ = people(db)
    others = clustered(np.random.default_rng(5), 30, DIM, 5)
    population.add(others, [f"q{k // 3}" for k in range(30)], dataset="others")
    with db.connection() as conn:
        photos = [row[0] for row in conn.execute("select path from facedb.image order by id limit 90")]
    options = replace(OPTIONS, cache_dir=use.home / "cache", chunks=str(tmp_path / "share"), block_rows=16, threads=1)
    places = (use.place.data, use.home, tmp_path / "share")
    for subject, gone, kept in (
        (Subject("image", photos[0]), vectors[:1], vectors[1]),
        (Subject("identity", "person 01"), vectors[3:6:2], vectors[1]),
        (Subject("dataset", "others"), others[::29], vectors[1]),
    ):

        def stop(subject: Subject = subject) -> None:
            with pytest.raises(ConflictError, match="at work here"):
                forget(db, subject, yes=True, home=use.home, say=silent)
            raise _Stopped

        with pytest.raises(_Stopped):
            scan(db, options, reporter=Silent(), pause=stop)
        assert all(holders(place, gone[0]) for place in places)
        forget(db, subject, yes=True, home=use.home, say=silent)
        assert [name for place in places for vector in gone for name in holders(place, vector)] == []
        assert holders(use.place.data, kept)
    summary = scan(db, options, reporter=Silent())
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.4)


def test_what_hangs_on_a_person_goes_and_all_else_stays_and_the_next_scan_is_that_of_a_world_without(
    database: Database,
) -> None:
    population, _, _ = people(database, 16)
    scan(database, OPTIONS, reporter=Silent())
    for a, b in (("person 01", "person 02"), ("person 03", "person 04")):
        verdicts.say(database, [verdicts.Statement("link", a, "same", b)])
    plan = make_plan(database)
    assert len(plan.steps) == 6
    before = counts(database)
    dry = forget(database, Subject("identity", "person 01"), yes=False, say=silent)
    assert counts(database) == before
    done = forget(database, Subject("identity", "person 01"), yes=True, say=silent)
    assert dry == done
    after = counts(database)
    assert {name: before[name] - after[name] for name in before} == {
        "image": 3,
        "face": 3,
        "embedding": 3,
        "identity": 1,
        "flagged_pair": done.pairs,
        "link": done.links,
        "finding": done.findings,
        "verdict": 1,
        "plan_step": 3,
    }
    assert done.pairs > 0
    assert done.links > 0
    summary = scan(database, OPTIONS, reporter=Silent())
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.4)
    with database.connection() as conn:
        kept = conn.execute("select subject_kind, counts from bi.audit where act = 'forget'").fetchall()
        assert [kind for kind, _ in kept] == ["identity"]
        assert "person" not in str(kept)
        # Where findings stand and what was learned name ranks and states alone, and nobody who is gone.
        rows = conn.execute(
            "select s::text from facedb.standing s union all select f::text from facedb.standing_finding f"
            " union all select l::text from facedb.lesson l"
        ).fetchall()
        assert rows
        assert "person" not in str(rows)


def test_a_photo_goes_without_its_folder_and_a_dataset_with_its_scans(database: Database) -> None:
    population, _, faces = people(database, 16)
    other = population.add(
        clustered(np.random.default_rng(5), 9, 16, 2), [f"q{k // 3}" for k in range(9)], dataset="others"
    )
    scan(database, OPTIONS, reporter=Silent())
    with database.connection() as conn:
        only = conn.execute("select id from facedb.dataset where name = 'others'").fetchone()
        path = conn.execute(
            "select i.path from facedb.image i join facedb.face f on f.image_id = i.id where f.id = %s", [int(faces[0])]
        ).fetchone()
    assert only is not None
    assert path is not None
    alone = scan(database, ScanOptions(threshold=0.4, engine="exact", datasets=("others",)), reporter=Silent()).scan.id
    assert forget(database, Subject("image", path[0]), yes=True, say=silent).images == 1
    assert counts(database)["identity"] == 33
    done = forget(database, Subject("dataset", "others"), yes=True, say=silent)
    assert (done.images, done.scans) == (len(other), 1)
    with database.connection() as conn:
        assert conn.execute("select name from facedb.dataset").fetchall() == [("faces",)]
        assert conn.execute("select count(*) from facedb.scan where id = %s", [alone]).fetchone() == (0,)
    with pytest.raises(NotFoundError):
        forget(database, Subject("dataset", "others"), yes=True, say=silent)


def test_files_go_only_when_asked_and_only_where_they_are_still_what_was_ingested(
    database: Database, tmp_path: Path
) -> None:
    from facedb.dataset.ingest import ingest
    from tests.acceptance.world import people as photos

    root = photos(tmp_path / "photos", identities=3, shots=3)
    ingest(database, root, reporter=Silent())
    (root / "person001" / "2.png").write_bytes(b"another file by now")
    kept = forget(database, Subject("identity", "person000"), yes=True, say=silent)
    assert (kept.files, kept.files_left) == (0, 3)
    done = forget(database, Subject("identity", "person001"), yes=True, files=True, say=silent)
    assert (done.files, done.files_left) == (2, 1)
    assert sorted(p.name for p in (root / "person001").iterdir()) == ["2.png"]
    forget(database, Subject("identity", "person002"), yes=True, files=True, say=silent)
    assert not (root / "person002").exists()


def test_it_waits_for_no_one_who_works_and_finishes_what_a_looker_held_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(database, 16)
    monkeypatch.setattr(locks, "_PATIENCE_SECONDS", 0.2)
    with closing(database.open(autocommit=True)) as other:
        other.execute("select pg_advisory_lock(5)")
        with pytest.raises(ConflictError, match="at work here"):
            forget(database, Subject("identity", "person 01"), yes=True, say=silent)
        other.execute("select pg_advisory_unlock_all()")
        monkeypatch.setattr(wipe, "_PATIENCE_SECONDS", 0.2)
        other.execute("begin isolation level repeatable read")
        other.execute("select count(*) from facedb.face")
        with pytest.raises(ConflictError, match="still sees what was forgotten"):
            forget(database, Subject("identity", "person 01"), yes=True, say=silent)
        assert wipe.due(database)
        other.execute("commit")
    forgetting.finish(database, home=None, say=silent)
    assert not wipe.due(database)
