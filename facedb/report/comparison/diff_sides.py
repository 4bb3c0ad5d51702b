"""One scan of a comparison, in arrays: what it flagged, who was in it under which label, and how that is called today."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.core.lookup import Lookup, places, run_starts
from facedb.core.records import Float32Array, Int64Array
from facedb.db.connection import Connection
from facedb.report.comparison import diff_rows
from facedb.report.comparison.diff_rows import FaceFacts
from facedb.scan.pair_rows import ledger, members, read_pairs
from facedb.scan.scan_rows import ScanRow

GONE = "(gone)"
NO_LABEL = "(no label)"


@dataclass(frozen=True, slots=True)
class Flagged:
    """The pairs of a scan by their ends (faces or images), each once: ``low`` < ``high`` and the faces behind them int64 (m,),
    ``score`` float32 (m,), sorted by the ends."""

    low: Int64Array
    high: Int64Array
    face_a: Int64Array
    face_b: Int64Array
    score: Float32Array

    def __len__(self) -> int:
        return len(self.score)


class Side:
    """A finished scan. ``faces`` int64 (n,), sorted, were in its gallery with ``labels`` int64 (n,), or are in its pairs."""

    def __init__(self, conn: Connection, scan: ScanRow) -> None:
        self.scan = scan
        self.detection = diff_rows.detection(conn, scan.model_id)
        self._pairs = read_pairs(conn, scan.id)
        ids, labels = members(ledger(conn, scan.id))
        faces = diff_rows.faces_of_embeddings(conn, scan.model_id, ids)
        known = faces > 0
        self._members = Lookup(faces[known])
        self._labels = labels[known].astype(np.int64)
        self.flagged = np.unique(np.concatenate([np.unique(self._pairs.face_a), np.unique(self._pairs.face_b)]))

    def label(self, faces: Int64Array) -> Int64Array:
        """The label (m,) of each of ``faces`` (m,) in this scan; -1 where it is not known (embedded again since, or absent)."""
        at = self._members.rows(faces)
        found: Int64Array = np.where(at < 0, -1, self._labels[at]) if len(self._labels) else at
        return found

    def has(self, faces: Int64Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which of ``faces`` were in the gallery; one that was embedded again since is known by its pairs only."""
        found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (self._members.rows(faces) >= 0) | (
            places(faces, self.flagged) >= 0
        )
        return found

    def by_ends(self, conn: Connection, *, by_image: bool) -> Flagged:
        """Every flagged pair by its faces, or by its images; of two images the best pair counts. Can be asked once."""
        a, b, score = self._pairs.face_a, self._pairs.face_b, self._pairs.score
        # Asked once: of millions of pairs one order is enough to hold.
        del self._pairs
        if not by_image:
            order = np.lexsort((b, a))
            a, b = a[order], b[order]
            return Flagged(a, b, a, b, score[order])
        faces, images = diff_rows.images_of_faces(conn, self.flagged)
        # A face whose image was pruned has no image any more; below zero it cannot be mistaken for one.
        at = Lookup(faces)
        ends = [np.where(rows < 0, -x, images[rows]) if len(images) else -x for x in (a, b) for rows in [at.rows(x)]]
        low, high = np.minimum(*ends), np.maximum(*ends)
        order = np.lexsort((-score, high, low))
        kept = order[run_starts(low[order], high[order])]
        return Flagged(low[kept], high[kept], a[kept], b[kept], score[kept])


class Names:
    """What the labels of two scans are called today, as codes in the order of the names."""

    def __init__(self, conn: Connection, sides: tuple[Side, Side]) -> None:
        self._sides = sides
        by_side = []
        for side in sides:
            labels = side.label(side.flagged)
            unknown = side.flagged[labels < 0]
            facts = diff_rows.face_facts(conn, unknown.tolist())
            called = diff_rows.label_names(conn, np.unique(labels[labels >= 0]).tolist())
            names = [
                called.get(label) or (facts[face].identity or NO_LABEL if face in facts else GONE)
                for face, label in zip(side.flagged.tolist(), labels.tolist(), strict=True)
            ]
            by_side.append(names)
        self.names = sorted({*by_side[0], *by_side[1]})
        code = {name: number for number, name in enumerate(self.names)}
        self._codes = [np.array([code[name] for name in names], np.int64) for names in by_side]

    def codes(self, side: int, faces: Int64Array) -> Int64Array:
        """The code (m,) of the label of each of ``faces`` (m,), all flagged by side 0 or 1."""
        found: Int64Array = self._codes[side][places(faces, self._sides[side].flagged)]
        return found


def fits(face: FaceFacts | None, scan: ScanRow) -> bool:
    """Whether a scan would have taken the face in by its scope; one that is gone is not known to be out of it."""
    if face is None:
        return True
    scope = scan.scope
    if scope.get("datasets") is not None and face.dataset_id not in scope["datasets"]:
        return False
    limits = ((scope.get("min_face"), face.size_px), (scope.get("min_quality"), face.sharpness))
    return not any(least is not None and value is not None and value < least for least, value in limits)
