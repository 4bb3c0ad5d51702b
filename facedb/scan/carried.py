"""Carrying over: the pairs of an earlier scan that a new one has without searching for them again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from facedb.core.lookup import Lookup
from facedb.db.connection import Connection
from facedb.findings.flagged import Pairs
from facedb.join.score import pair_scores
from facedb.scan import pair_rows
from facedb.scan.faces.compared import Compared

# Stored scores are rounded to float32; within this of the threshold only the float64 score can tell (2^-24 for scores below 1).
_ROUNDING = 2.0**-23


def stored_pairs(conn: Connection, scan_id: int, compared: Compared) -> Iterator[Pairs]:
    """The pairs of a scan, some at a time, as rows of the gallery; -1 for a face that is not in it."""
    lookup = Lookup(compared.faces.face_ids)
    for part in pair_rows.pairs_in_parts(conn, scan_id):
        yield Pairs(lookup.rows(part.face_a), lookup.rows(part.face_b), part.score)


def carried_pairs(conn: Connection, base: int, compared: Compared, first_new: int) -> Iterator[Pairs]:
    """The pairs of scan ``base`` between the first ``first_new`` faces, which are unchanged since, at the threshold of the new one."""
    for part in stored_pairs(conn, base, compared):
        low, high = np.minimum(part.rows_a, part.rows_b), np.maximum(part.rows_a, part.rows_b)
        keep = (low >= 0) & (high < first_new) & (part.scores >= compared.threshold - _ROUNDING)
        near = np.flatnonzero(keep & (np.abs(part.scores - compared.threshold) <= _ROUNDING))
        keep[near] = pair_scores(compared.gallery.vectors, part.rows_a[near], part.rows_b[near]) >= compared.threshold
        yield part.only(keep)
