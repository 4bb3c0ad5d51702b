"""Carrying over: the pairs of an earlier scan that a new one has without searching for them again."""

from __future__ import annotations

import numpy as np

from facedb.db.connection import Connection
from facedb.join.score import pair_scores
from facedb.scan import pair_rows
from facedb.scan.faces.compared import Compared
from facedb.scan.pair_rows import PairRows

# Stored scores are rounded to float32; within this of the threshold only the float64 score can tell (2^-24 for scores below 1).
_ROUNDING = 2.0**-23


def carried_pairs(conn: Connection, base: int, compared: Compared, first_new: int) -> PairRows:
    """The pairs of scan ``base`` between the first ``first_new`` faces, which are unchanged since, at the threshold of the new one."""
    pairs = pair_rows.read_pairs(conn, base)
    rows_a, rows_b = compared.rows(pairs)
    keep = (rows_a >= 0) & (rows_b >= 0) & (rows_a < first_new) & (rows_b < first_new)
    keep &= pairs.score >= compared.threshold - _ROUNDING
    near = np.flatnonzero(keep & (np.abs(pairs.score - compared.threshold) <= _ROUNDING))
    keep[near] = pair_scores(compared.gallery.vectors, rows_a[near], rows_b[near]) >= compared.threshold
    return PairRows(pairs.face_a[keep], pairs.face_b[keep], pairs.score[keep])
