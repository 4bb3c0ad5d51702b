"""Images that are vectors only: the rows of sources that hold embeddings and no pictures."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from facedb.core.files.paths import to_text
from facedb.dataset.image_rows import KnownImage, find_images, forget_derived
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("dataset", "ingest")


def find_vectors(conn: Connection, source_id: int, paths: Sequence[str]) -> dict[str, KnownImage]:
    """What is known of ``paths`` when a source of vectors meets them again; empty at once for a source that is new."""
    row = conn.execute(SQL["source_has_images"], {"source_id": source_id}).fetchone()
    return find_images(conn, source_id, paths) if row and row[0] else {}


_VECTOR_COLUMNS = ("id", "source_id", "identity_id", "path", "bytes", "sha256", "format")


def copy_vector_images(
    conn: Connection, source_id: int, rows: Sequence[tuple[int, int | None, str, int, bytes]]
) -> None:
    """COPY rows for vectors that have no image: (key, identity, path, bytes, sha256 of the vector)."""
    if not rows:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, _VECTOR_COLUMNS))
    lines = [
        f"{key}\t{source_id}\t{NULL if identity is None else identity}\t{_escaped(path)}\t{size}\t\\\\x{sha.hex()}\tvector\n"
        for key, identity, path, size, sha in rows
    ]
    with conn.cursor().copy(sql.SQL("copy facedb.image ({}) from stdin").format(names)) as copy:
        copy.write("".join(lines))


NULL = "\\N"


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escaped(path: str) -> str:
    return to_text(path).translate(_ESCAPES)


def update_vector_images(
    conn: Connection,
    changed: Sequence[tuple[int, bytes]],
    relabelled: Sequence[tuple[int, int | None]],
    back: Sequence[int],
) -> None:
    """Take over changed vectors (key, sha256), whose faces go, changed labels (key, identity), and what is ``back`` as it was."""
    if back:
        conn.execute(SQL["bring_back"], {"ids": list(back)})
    if changed:
        forget_derived(conn, [key for key, _ in changed])
        conn.execute(SQL["change_vectors"], {"ids": [key for key, _ in changed], "hashes": [sha for _, sha in changed]})
    if relabelled:
        conn.execute(
            SQL["relabel"],
            {"ids": [key for key, _ in relabelled], "identities": [identity for _, identity in relabelled]},
        )
