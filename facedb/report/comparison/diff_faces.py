"""The faces that two scans flagged: under which label each scan had them, what that is called today, and why a scan lacks some."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import Lookup, places
from facedb.core.records import Int64Array
from facedb.db.connection import Connection
from facedb.report.comparison import diff_rows
from facedb.report.comparison.diff_rows import GONE, FaceFacts
from facedb.scan.scan_rows import ScanRow
from facedb.scan.tiles.ledger_rows import members, read_blocks

NO_LABEL = "(no label)"


class Faces:
    """The faces in the flagged pairs of two finished scans: ``keys`` int64 (n,), sorted; what follows has a row for each scan.

    ``labels`` int64 (2, n) in its gallery, negative where there is none or it is not known (embedded again since, or absent); ``absent``
    bool (2, n) from its gallery; ``out_of_scope`` bool (2, n), those absent that its scope leaves out; ``called`` int64 (2, n), which of
    ``names`` (sorted) the label of a flagged face is today, else -1.
    """

    def __init__(self, conn: Connection, scans: Sequence[ScanRow]) -> None:
        flagged = [diff_rows.flagged_faces(conn, scan.id) for scan in scans]
        self.keys: Int64Array = np.union1d(*flagged)
        labels, known = zip(*(self._labels(conn, scan) for scan in scans), strict=True)
        self.labels: Int64Array = np.stack(labels)
        here = np.stack([places(self.keys, each) >= 0 for each in flagged])
        # One that was embedded again since is known by its pairs only.
        self.absent = ~np.stack(known) & ~here
        facts = diff_rows.face_facts(conn, self.keys[(self.labels < 0).any(axis=0)].tolist())
        self.out_of_scope = self.absent.copy()
        for side, scan in enumerate(scans):
            away = self.keys[self.absent[side]].tolist()
            self.out_of_scope[side, self.absent[side]] = [not _fits(facts.get(face), scan) for face in away]
        called = [self._names(conn, facts, side, here[side]) for side in (0, 1)]
        self.names = sorted({*called[0], *called[1]})
        code = {name: number for number, name in enumerate(self.names)}
        self.called = np.full(self.labels.shape, -1, np.int64)
        for side, names in enumerate(called):
            self.called[side, here[side]] = [code[name] for name in names]

    def places(self, faces: NDArray[np.integer]) -> Int64Array:
        """Where each of ``faces`` (m,) is; anywhere for one that is not among them."""
        return places(faces.astype(np.int64), self.keys)

    def relabelled(self) -> Int64Array:
        """The faces, int64 (m,), that the two scans may have had under different labels."""
        moved: Int64Array = self.keys[self.labels[0] != self.labels[1]]
        return moved

    def _labels(self, conn: Connection, scan: ScanRow) -> tuple[Int64Array, NDArray[np.bool_]]:
        """The labels (n,) that a scan had the faces under, and which of them are in its gallery still."""
        ids, labels = members(read_blocks(conn, scan.id))
        faces = diff_rows.faces_of_embeddings(conn, scan.model_id, ids)
        at = Lookup(faces[faces > 0]).rows(self.keys)
        found: Int64Array = np.where(at < 0, -1, np.r_[labels[faces > 0], -1][at]).astype(np.int64)
        return found, at >= 0

    def _names(self, conn: Connection, facts: dict[int, FaceFacts], side: int, here: NDArray[np.bool_]) -> list[str]:
        labels = self.labels[side, here]
        names = diff_rows.label_names(conn, np.unique(labels[labels >= 0]).tolist())
        return [
            names.get(label) or (facts[face].identity or NO_LABEL if face in facts else GONE)
            for face, label in zip(self.keys[here].tolist(), labels.tolist(), strict=True)
        ]


def _fits(face: FaceFacts | None, scan: ScanRow) -> bool:
    """Whether a scan would have taken the face in by its scope; one that is gone is not known to be out of it."""
    if face is None:
        return True
    scope = scan.scope
    if scope.get("datasets") is not None and face.dataset_id not in scope["datasets"]:
        return False
    limits = ((scope.get("min_face"), face.size_px), (scope.get("min_quality"), face.sharpness))
    return not any(least is not None and value is not None and value < least for least, value in limits)
