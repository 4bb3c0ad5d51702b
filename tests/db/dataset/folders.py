"""Folders of small pictures, ingested, and the rows that came of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facedb.core.progress import Silent
from facedb.dataset.ingest import IngestSummary, ingest
from facedb.db.connection import Database
from tests.processes import Process


def picture(path: Path, seed: int) -> Path:
    """A small PNG whose bytes depend on ``seed`` alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)).save(path)
    return path


def touch(path: Path, seconds: int) -> None:
    os.utime(path, ns=(seconds * 10**9, seconds * 10**9))


def take(db: Database, folder: Path, **options: Any) -> IngestSummary:
    """Ingest, check that every number adds up, and return the summary."""
    done = ingest(db, folder, reporter=Silent(), **options)
    assert done.seen == done.new + done.changed + done.moved + done.unchanged
    assert min(done.new, done.changed, done.moved, done.unchanged, done.vanished, done.pruned) >= 0
    with db.connection() as conn:
        rows = dict(
            conn.execute(
                "select status, count(*) from facedb.image i join facedb.source s on s.id = i.source_id"
                " where s.dataset_id = %s group by 1",
                (done.dataset_id,),
            ).fetchall()
        )
        of_source = conn.execute(
            "select count(*) from facedb.image where source_id = %s and status <> 'vanished'", (done.source_id,)
        ).fetchone()
    assert of_source == (done.seen,)
    assert {"ready": done.ready, "ignored": done.ignored, "rejected": done.rejected} == {
        status: rows.get(status, 0) for status in ("ready", "ignored", "rejected")
    }
    return done


def stopped(db: Database, command: str, path: Path, pieces: int) -> int:
    """Ingest or embed in a process that kills itself when so many pieces are committed; its exit code."""
    script = Path(__file__).with_name("stop_at.py")
    return Process([sys.executable, str(script), db.dsn, command, str(path), str(pieces)]).wait()


def rows(db: Database) -> dict[str, tuple[Any, ...]]:
    """Path -> (key, identity name, status, code) of every image."""
    with db.connection() as conn:
        return {
            row[0]: row[1:]
            for row in conn.execute(
                "select i.path, i.id, n.name, i.status, i.reject_code from facedb.image i"
                " left join facedb.identity n on n.id = i.identity_id"
            )
        }


def identity_keys(db: Database) -> dict[str, int]:
    with db.connection() as conn:
        return dict(conn.execute("select name, id from facedb.identity").fetchall())


def pretend_embedded(db: Database) -> dict[str, int]:
    """Give every ready image a face, as a model would; returns the face of each path."""
    with db.connection() as conn:
        conn.execute(
            "insert into facedb.face (image_id, detection, ordinal) select id, 'none', 0 from facedb.image i"
            " where status = 'ready' and not exists (select from facedb.face f where f.image_id = i.id)"
        )
    return faces(db)


def faces(db: Database) -> dict[str, int]:
    with db.connection() as conn:
        return dict(
            conn.execute("select i.path, f.id from facedb.face f join facedb.image i on i.id = f.image_id").fetchall()
        )
