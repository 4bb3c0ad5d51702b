"""Parts of links: the flagged pairs that a tile found between two identities, as one row instead of one for each pair.

A scan that keeps links alone (`--links-only`) writes these, puts them together at its end, and drops them: 4 bytes for each score and 8 for
each face instead of a hundred for each pair. Of every link the pair that scores highest stays as a flagged pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import best_of_runs, run_starts
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.db.connection import Connection
from facedb.db.copy import Column, sent_array
from facedb.db.queries import load
from facedb.findings.cores.folders import Folders
from facedb.findings.links import Evidence, Links, Runs
from facedb.findings.rates.explained_pairs import Explained

SQL = load("scan", "link_parts")

_ROWS = 2000
_BYTES = 4 << 20
_ARRAYS = (Column("faces_a", "int8"), Column("faces_b", "int8"), Column("scores", "float4"))


@dataclass(frozen=True, slots=True)
class LinkPart:
    """The flagged pairs of one tile between two identities: the faces on both sides int64, each once, the ``scores`` float32 in
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


def read(conn: Connection, scan_id: int, parts: Folders) -> Iterator[Evidence]:
    """What tiles found between the folders of ``parts``, some links at a time, by their identities; faces are keys."""
    with conn.cursor(name="link_parts", binary=True) as cursor:
        cursor.itersize = _ROWS
        cursor.execute(SQL["read"], {"scan_id": scan_id})
        rows: list[tuple[Any, ...]] = []
        held = 0
        for row in cursor:
            if held > _BYTES and row[:2] != rows[-1][:2]:
                yield _evidence(rows, parts)
                rows, held = [], 0
            rows.append(row)
            held += sum(map(len, row[2:5]))
        yield _evidence(rows, parts)


def explained(conn: Connection, scan_id: int, parts: Folders, links: Links, mated: Float64Array) -> Explained:
    """What the findings say of all pairs, where every pair of ``links[k]`` is of one person with the probability ``mated[k]``."""
    in_order, at, found = mated[np.lexsort((links.identity_b, links.identity_a))], 0, []
    for each in read(conn, scan_id, parts):
        of_link = np.repeat(np.arange(len(each.a)) + at, each.scores.lengths)
        found.append(Explained.of(each.scores.values, in_order[of_link], of_link, of_link))
        at += len(each.a)
    return Explained.total(found)


def drop(conn: Connection, scan_id: int) -> None:
    """The links are written: their parts go; the caller commits."""
    conn.execute(SQL["drop"], {"scan_id": scan_id})


def _evidence(rows: list[tuple[Any, ...]], parts: Folders) -> Evidence:
    """Parts of whole links, those of one link beside each other."""
    low, high, best_a, best_b = np.array([(*row[:2], *row[5:]) for row in rows], np.int64).reshape(-1, 4).T
    starts = run_starts(low << 32 | high)
    faces_a, faces_b, scores = (
        [sent_array(row[at], column) for row in rows] for at, column in enumerate(_ARRAYS, start=2)
    )
    highest = np.array([part[-1] for part in scores], np.float32)
    a, b = (np.searchsorted(parts.labels, each[starts]) for each in (low, high))
    return Evidence(
        a,
        b,
        _runs(scores, starts),
        _runs(faces_a, starts),
        _runs(faces_b, starts),
        *best_of_runs(starts, highest, best_a, best_b),
    )


def _runs(arrays: list[NDArray[Any]], starts: Int64Array) -> Runs:
    """The values of all ``arrays`` (r,), of which those of a link begin at ``starts`` (k,)."""
    begin = np.cumsum([0, *map(len, arrays)])
    return Runs(begin[starts], np.concatenate(arrays) if arrays else np.empty(0, np.int64))
