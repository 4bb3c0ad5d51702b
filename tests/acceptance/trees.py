"""Small trees of files that look like images to an ingest, and everything that can be seen of a tree."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from facedb.core.progress import Silent
from facedb.dataset.ingest import IngestSummary, ingest
from facedb.db.connection import Database
from facedb.review.verdicts import Statement, say

Seen = dict[str, tuple[int, int, bytes | None]]


def png(text: str) -> bytes:
    """Bytes that start as a PNG does and differ by ``text``."""
    return b"\x89PNG\r\n\x1a\n" + text.encode() * 50


def grow(root: Path, files: Mapping[str, bytes]) -> None:
    """Make the files with folders, each with a time of its own that lies in the past."""
    for number, (path, data) in enumerate(files.items()):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        os.utime(file, ns=(10**18 + number, 10**18 + 7 * number + 1))
    for number, folder in enumerate(sorted((p for p in root.rglob("*") if p.is_dir()), reverse=True)):
        os.utime(folder, ns=(10**18, 10**18 + 1000 * number))
    os.utime(root, ns=(10**18, 10**18 + 123456789))


def look(root: Path) -> Seen:
    """Mode, modification time and bytes (None: a folder) of everything below ``root`` and of itself."""
    seen: Seen = {}
    for path in [root, *root.rglob("*")]:
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else None
        seen[path.relative_to(root).as_posix()] = (status.st_mode, status.st_mtime_ns, data)
    return seen


PEOPLE = {
    **{f"ann/{n}.png": png(f"ann {n}") for n in range(1, 4)},
    **{f"anna/{n}.png": png(f"anna {n}") for n in range(1, 3)},
    "anna/deep/3.png": png("anna 3"),
    "bob/1.png": png("bob 1"),
    "bob/stray.png": png("ann 9"),
    "bob/nobody.png": png("nobody"),
    "bob/twice.png": png("bob 1 again"),
    "cid/only.png": png("cid"),
    "cid/notes.txt": b"not an image",
}


def people(db: Database, root: Path) -> None:
    """The tree of PEOPLE, ingested as dataset ``people``, with a verdict for each kind of step."""
    grow(root, PEOPLE)
    take(db, root)
    say(
        db,
        [
            Statement("link", "ann", "same", "anna", by="eve"),
            Statement("face", "bob/stray.png", "wrong-identity", target="ann", by="eve"),
            Statement("face", "bob/nobody.png", "wrong-identity", by="eve"),
            Statement("pair", "bob/1.png", "duplicate", "bob/twice.png", by="eve"),
        ],
    )


def take(db: Database, root: Path, dataset: str = "people") -> IngestSummary:
    """Ingest the tree."""
    return ingest(db, root, dataset=dataset, reporter=Silent())


def rows(db: Database) -> list[tuple[object, ...]]:
    """What the table says of every image that is not gone."""
    with db.connection() as conn:
        return conn.execute(
            "select i.id, i.path, n.name, i.status, i.labelled_by, i.bytes, i.mtime_ns, i.sha256 from facedb.image i "
            "left join facedb.identity n on n.id = i.identity_id order by i.id"
        ).fetchall()
