"""The choice of faces in a scan: which face of each photo takes part, what the others are, and where it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.counting import are, counted
from facedb.core.lookup import rows_of
from facedb.core.progress import Reporter
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.dataset.model_rows import ModelRow
from facedb.db.connection import Connection
from facedb.findings.cores.choice import Choice, Part, choose_faces
from facedb.findings.cores.doubts import Doubts
from facedb.findings.cores.shown_together import Bystanders, Company, company
from facedb.findings.folder_study import FolderStudy
from facedb.scan import scan_rows
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces

FIT = "fit"
_SAME_PLACE = 0.5


@dataclass(frozen=True, slots=True)
class FaceChoice:
    """The ``faces`` that take part, of ``every`` face with its ``vectors`` float32 (n, d) and the ``choice`` among them; ``boxes`` of faces
    in photos that show several. Contracts that embed one face of a photo have no choice to make: `whole`."""

    faces: GalleryFaces
    every: GalleryFaces | None = None
    vectors: Float32Array | None = None
    choice: Choice | None = None
    boxes: dict[int, tuple[float, ...]] = field(default_factory=dict)

    def vectors_of(self, embedding_ids: Int64Array) -> Float32Array | None:
        """The vectors of some of the faces, if they were read for the choice."""
        if self.every is None or self.vectors is None:
            return None
        return np.ascontiguousarray(self.vectors[rows_of(embedding_ids, self.every.embedding_ids)])

    def doubts(self, embedding_ids: Int64Array) -> Doubts | None:
        """How sure the choice of some of the faces is; None where there was none to make."""
        if self.every is None or self.choice is None:
            return None
        return self.choice.doubts.take(rows_of(embedding_ids, self.every.embedding_ids))

    def seen(self, conn: Connection, scan_id: int, faces: GalleryFaces, study: FolderStudy) -> Company:
        """Keep the part of every face of photos that show several, and gather what their company tells; the caller commits.

        ``faces`` are those of the gallery, in its order; faces that another choice left out of an interrupted scan are passed over.
        """
        if self.every is None or self.vectors is None or self.choice is None:
            return Company()
        row_of = {image: row for row, image in enumerate(faces.image_ids.tolist())}
        several = np.flatnonzero((self.choice.faces > 1) & np.isin(self.every.image_ids, faces.image_ids))
        beside = several[self.choice.part[several] == Part.BYSTANDER]
        rows = np.array([row_of[image] for image in self.every.image_ids[beside].tolist()], np.int64)
        bystanders = Bystanders(np.ascontiguousarray(self.vectors[beside]), rows)
        also, score = bystanders.also(study.parts, study.who, study.odds)
        told = dict(zip(beside.tolist(), zip(also.tolist(), score.tolist(), strict=True), strict=True))
        scan_rows.write_scan_faces(conn, scan_id, self._rows(several, told, study))
        standing = np.flatnonzero(self.choice.chosen & np.isin(self.every.embedding_ids, faces.embedding_ids))
        at = np.array([row_of[image] for image in self.every.image_ids[standing].tolist()], np.int64)
        fits = at[self.choice.part[standing] == Part.PART]
        guessed, torn = at[self.choice.guessed[standing]], at[self.choice.torn[standing]]
        return company(study.parts, bystanders, also, fits, guessed, torn, self.choice.right)

    def _rows(
        self, several: Int64Array, told: dict[int, tuple[int, float]], study: FolderStudy
    ) -> Iterator[tuple[Any, ...]]:
        assert self.every is not None and self.choice is not None  # noqa: S101, PT018 - asked by the caller
        for k in several.tolist():
            folder, score = told.get(k, (-1, 0.0))
            fit = float(self.choice.fit[k])
            yield (
                int(self.every.face_ids[k]),
                Part(int(self.choice.part[k])).word,
                int(self.choice.faces[k]),
                None if fit != fit else fit,
                int(study.parts.labels[folder]) if folder >= 0 else None,
                score if folder >= 0 else None,
            )

    def note(self, face_id: int) -> str | None:
        """What a finding about a face should say of its photo, where that shows several."""
        box = self.boxes.get(face_id)
        if box is None or self.every is None or self.choice is None:
            return None
        at = int(np.flatnonzero(self.every.face_ids == face_id)[0])
        return which_is_meant(int(self.choice.faces[at]), box)


def which_is_meant(faces: int, box: tuple[float, ...]) -> str:
    """The sentence that tells which of several faces of a photo a finding is about."""
    x, y, w, h = (round(v) for v in box)
    return f"Its photo shows {faces} faces; the one at x {x}, y {y} ({w} x {h} pixels) is meant."


def choose(
    conn: Connection,
    model: ModelRow,
    faces: GalleryFaces,
    snapshot: GallerySnapshot,
    connections: int,
    reporter: Reporter,
) -> FaceChoice:
    """One face for every photo, where the contract embeds all of them to choose from."""
    if model.contract.get("faces") != FIT or model.contract.get("detector") is None or not len(faces):
        return FaceChoice(faces)
    _, of_image, counts = np.unique(faces.image_ids, return_inverse=True, return_counts=True)
    several = np.flatnonzero(counts[of_image] > 1)
    if not len(several):
        return FaceChoice(faces)
    vectors = snapshot.vectors(faces.embedding_ids, connections=connections, reporter=reporter)
    boxes, area, offset = _geometry(conn, faces, several)
    taken = _taken(conn, faces, several, boxes)
    choice = choose_faces(vectors, faces.identity_ids, faces.image_ids, area, offset, taken)
    chosen = faces.take(np.flatnonzero(choice.chosen))
    bystanders = int((choice.part == Part.BYSTANDER).sum())
    photos = len(np.unique(faces.image_ids[several]))
    reporter.say(
        f"{counted(photos, 'photo')} with several people: the face that fits the folder takes part, and "
        f"{are(bystanders, 'bystander')} left out (`facedb faces`)."
    )
    if taken.any():
        reporter.say(f"{counted(int(taken.sum()), 'photo')} of them with the face that a person took.")
    return FaceChoice(chosen, faces, vectors, choice, boxes)


def same_place(box: Sequence[float], boxes: Float64Array) -> int | None:
    """Which of ``boxes`` float64 (n, 4: x, y, w, h) shows the face that was at ``box``: the one that covers it best, by half at least.

    The measure is intersection over union; None where no box comes near.
    """
    x, y, w, h = box
    wide = np.minimum(x + w, boxes[:, 0] + boxes[:, 2]) - np.maximum(x, boxes[:, 0])
    high = np.minimum(y + h, boxes[:, 1] + boxes[:, 3]) - np.maximum(y, boxes[:, 1])
    shared = np.maximum(wide, 0) * np.maximum(high, 0)
    share = shared / np.maximum(w * h + boxes[:, 2] * boxes[:, 3] - shared, 1e-9)
    best = int(share.argmax()) if len(share) else 0
    return best if len(share) and share[best] >= _SAME_PLACE else None


def _taken(
    conn: Connection, faces: GalleryFaces, several: Int64Array, boxes: dict[int, tuple[float, ...]]
) -> NDArray[np.bool_]:
    """bool (n,): the faces that people took, met by where they are, since another detector numbers them otherwise."""
    taken = np.zeros(len(faces), bool)
    said = scan_rows.taken_faces(conn)
    of_image: dict[int, list[int]] = {}
    for row in several.tolist():
        image = int(faces.image_ids[row])
        if image in said and int(faces.face_ids[row]) in boxes:
            of_image.setdefault(image, []).append(row)
    for image, rows in of_image.items():
        found = same_place(said[image], np.array([boxes[int(faces.face_ids[row])] for row in rows], np.float64))
        if found is not None:
            taken[rows[found]] = True
    return taken


def _geometry(
    conn: Connection, faces: GalleryFaces, several: Int64Array
) -> tuple[dict[int, tuple[float, ...]], Float64Array, Float64Array]:
    """Boxes by face, and (n,) the area of each and how far its middle is from that of the photo, as a share of the photo's sides."""
    boxes: dict[int, tuple[float, ...]] = {}
    area, offset = np.zeros(len(faces)), np.zeros(len(faces))
    row_of = dict(zip(faces.face_ids[several].tolist(), several.tolist(), strict=True))
    for face_id, box, width, height in scan_rows.face_boxes(conn, list(row_of)):
        x, y, w, h = box
        boxes[face_id] = tuple(box)
        area[row_of[face_id]] = w * h
        offset[row_of[face_id]] = np.hypot((x + w / 2) / width - 0.5, (y + h / 2) / height - 0.5)
    return boxes, area, offset
