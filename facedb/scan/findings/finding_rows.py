"""Findings of scans with their faces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import sql

from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("scan", "findings")

FINDING_COLUMNS = (
    "rank",
    "class",
    "confidence",
    "identity_a",
    "identity_b",
    "faces_a",
    "faces_b",
    "size_a",
    "size_b",
    "max_score",
    "mean_score",
    "own_score",
    "own_best",
    "own_usual",
    "own_spread",
    "sameness",
    "margin",
    "hash_distance",
    "group_number",
    "group_lowest",
    "swap_rank",
    "detail",
)


def write_findings(
    conn: Connection,
    scan_id: int,
    findings: Iterable[Sequence[Any]],
    faces: Iterable[tuple[int, int, str]],
) -> None:
    """COPY findings (tuples of FINDING_COLUMNS) and their faces (rank, face, role); the caller commits.

    Faces whose images were pruned since the scan began have no rows, as if they had been pruned after it.
    """
    _copy(conn, "finding", ("scan_id", *FINDING_COLUMNS), ((scan_id, *row) for row in findings))
    about = list(faces)
    there = {row[0] for row in conn.execute(SQL["hold_faces"], {"faces": [face for _, face, _ in about]})}
    kept = ((scan_id, *row) for row in about if row[1] in there)
    _copy(conn, "finding_face", ("scan_id", "rank", "face_id", "role"), kept)


def _copy(conn: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier("facedb", table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def finding_counts(conn: Connection, scan_id: int, likely: float, certain: float) -> dict[str, tuple[int, int]]:
    """By class: how many findings of a scan have at least the confidence ``likely``, and ``certain``."""
    rows = conn.execute(SQL["finding_counts"], {"scan_id": scan_id, "likely": likely, "certain": certain})
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def group_members(conn: Connection, scan_id: int) -> list[tuple[int, float, list[str]]]:
    """Groups of more than two identities: number, lowest sameness between two members, names."""
    return [(row[0], float(row[1]), list(row[2])) for row in conn.execute(SQL["group_members"], {"scan_id": scan_id})]


def finding_rows(conn: Connection, scan_id: int) -> list[tuple[Any, ...]]:
    """Findings in rank order: rank, class, confidence, identities (-1: none), faces_a, size_a, keys of images, roles."""
    return conn.execute(SQL["finding_rows"], {"scan_id": scan_id}).fetchall()


def agreed(conn: Connection, scan_id: int) -> dict[int, bool]:
    """By rank, whether people found those findings of a scan right that they decided."""
    return dict(conn.execute(SQL["agreed"], {"scan_id": scan_id}).fetchall())


def scan_identities(conn: Connection, scan_id: int) -> dict[str, int]:
    """Keys of the identities of a scan by name."""
    return dict(conn.execute(SQL["scan_identities"], {"scan_id": scan_id}).fetchall())


def scan_images(conn: Connection, scan_id: int, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Key and label (-1: none), by path, of those images that a scan has."""
    rows = conn.execute(SQL["scan_images"], {"scan_id": scan_id, "paths": list(paths)})
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def identity_names(conn: Connection, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Name and dataset of identities by key."""
    return {row[0]: (row[1], row[2]) for row in conn.execute(SQL["identity_names"], {"ids": list(ids)})}


def spoken_of(conn: Connection, scan_id: int) -> list[int]:
    """The ranks of findings of a scan that some verdict is about, those first that were spoken of first."""
    return [row[0] for row in conn.execute(SQL["spoken_of"], {"scan_id": scan_id})]


def whole_photos(conn: Connection, images: Sequence[int]) -> dict[int, int]:
    """By image, the key of the face that stands for the whole of it where none was found in it, made where it is not there."""
    conn.execute(SQL["add_whole_photos"], {"ids": list(images)})
    return dict(conn.execute(SQL["whole_photos"], {"ids": list(images)}).fetchall())


def reject_reasons(conn: Connection, scan_id: int, images: Sequence[int]) -> dict[int, tuple[str, str, str]]:
    """Path, code and detail, by image, of those that gave no face under the contract of a scan."""
    rows = conn.execute(SQL["reject_reasons"], {"scan_id": scan_id, "ids": list(images)})
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def image_paths(conn: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Paths of images by key."""
    return dict(conn.execute(SQL["image_paths"], {"ids": list(ids)}).fetchall())
