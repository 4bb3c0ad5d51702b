"""Parts of links: the flagged pairs that a tile found between two identities, as one row instead of one for each pair.

A scan that keeps links alone (`--links-only`) writes these, puts them together at its end, and drops them: 4 bytes for each score and 8 for
each face instead of a hundred for each pair. Of every link the pair that scores highest stays as a flagged pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import run_starts
from facedb.core.records import Float32Array, Int64Array
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("scan", "link_parts")

_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class LinkPart:
    """The flagged pairs between two identities, or those of one tile: the faces on both sides int64, each once, the ``scores`` float32 in
    ascending order, and the pair that scores highest, ``best_a`` < ``best_b`` (of several the one with the smallest keys)."""

    identity_a: int
    identity_b: int
    faces_a: Int64Array
    faces_b: Int64Array
    scores: Float32Array
    best_a: int
    best_b: int


def roll_up_tile(
    label_a: NDArray[np.integer], label_b: NDArray[np.integer], one: Int64Array, other: Int64Array, scores: Float32Array
) -> list[LinkPart]:
    """The pairs of faces ``one`` and ``other`` (m,) under the labels ``label_a`` and ``label_b`` (m,), by pair of labels."""
    if not len(scores):
        return []
    swap = label_a > label_b
    low, high = np.where(swap, label_b, label_a), np.where(swap, label_a, label_b)
    face_low, face_high = np.where(swap, other, one), np.where(swap, one, other)
    first, second = np.minimum(one, other), np.maximum(one, other)
    # The best pair of each link comes last: the highest score, then the smallest faces.
    order = np.lexsort((-second, -first, scores, high, low))
    low, high, face_low, face_high = low[order], high[order], face_low[order], face_high[order]
    first, second, scores = first[order], second[order], scores[order]
    starts = run_starts(low, high)
    return [
        LinkPart(
            int(low[start]),
            int(high[start]),
            np.unique(face_low[start:stop]),
            np.unique(face_high[start:stop]),
            scores[start:stop],
            int(first[stop - 1]),
            int(second[stop - 1]),
        )
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(low)], strict=True)
    ]


def write(conn: Connection, scan_id: int, tile: int, parts: list[LinkPart]) -> None:
    """COPY the parts that a tile found; the caller commits."""
    if not parts:
        return
    with conn.cursor().copy(SQL["write"]) as copy:
        for part in parts:
            copy.write_row(
                (
                    scan_id,
                    tile,
                    part.identity_a,
                    part.identity_b,
                    part.faces_a.tolist(),
                    part.faces_b.tolist(),
                    part.scores.tolist(),
                    part.best_a,
                    part.best_b,
                )
            )


def links(conn: Connection, scan_id: int) -> Iterator[LinkPart]:
    """The links of a scan by their identities, each put together from its parts, without holding more than some."""
    with conn.cursor(name="link_parts", binary=True) as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(SQL["read"], {"scan_id": scan_id})
        for _, rows in groupby(cursor, key=lambda row: row[:2]):
            yield _joined([_part(row) for row in rows])


def drop(conn: Connection, scan_id: int) -> None:
    """The links are written: their parts go; the caller commits."""
    conn.execute(SQL["drop"], {"scan_id": scan_id})


def _part(row: tuple[int, int, list[int], list[int], list[float], int, int]) -> LinkPart:
    low, high, faces_a, faces_b, scores, best_a, best_b = row
    return LinkPart(
        low,
        high,
        np.array(faces_a, np.int64),
        np.array(faces_b, np.int64),
        np.array(scores, np.float32),
        best_a,
        best_b,
    )


def _joined(parts: list[LinkPart]) -> LinkPart:
    if len(parts) == 1:
        return parts[0]
    best = min(parts, key=lambda part: (-part.scores[-1], part.best_a, part.best_b))
    return LinkPart(
        best.identity_a,
        best.identity_b,
        np.unique(np.concatenate([part.faces_a for part in parts])),
        np.unique(np.concatenate([part.faces_b for part in parts])),
        np.sort(np.concatenate([part.scores for part in parts])),
        best.best_a,
        best.best_b,
    )
