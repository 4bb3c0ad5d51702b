"""Images that are vectors only: the rows of sources that hold embeddings and no pictures."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from facedb.core.files.paths import are_plain, to_text
from facedb.dataset.image_rows import forget_derived
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("dataset", "ingest")


def has_images(conn: Connection, source_id: int) -> bool:
    """Whether a source has any rows yet."""
    row = conn.execute(SQL["source_has_images"], {"source_id": source_id}).fetchone()
    return bool(row and row[0])


NULL = "\\N"
_VECTOR_COLUMNS = ("id", "source_id", "identity_id", "path", "bytes", "sha256", "format")


def copy_vector_images(conn: Connection, source_id: int, rows: Sequence[tuple[int, int | None, str]]) -> None:
    """COPY rows for vectors that have no image: (key, identity, the rest of the line by `line_ends`)."""
    if not rows:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, _VECTOR_COLUMNS))
    lines = [f"{key}\t{source_id}\t{NULL if identity is None else identity}\t{end}" for key, identity, end in rows]
    with conn.cursor().copy(sql.SQL("copy facedb.image ({}) from stdin").format(names)) as copy:
        copy.write("".join(lines))


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def line_ends(paths: Sequence[str], size: int, hashes: Sequence[bytes]) -> list[str]:
    """What is known of each line of a COPY before the database has been asked: path, bytes and sha256 of the vector."""
    texts = paths if are_plain(paths) else [to_text(path) for path in paths]
    return [
        f"{text.translate(_ESCAPES)}\t{size}\t\\\\x{sha.hex()}\tvector\n"
        for text, sha in zip(texts, hashes, strict=True)
    ]


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
