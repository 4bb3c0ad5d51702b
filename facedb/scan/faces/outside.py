"""Outside: the faces without a label beside the folders of a scan, which take part in its findings and make no links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facedb.core.counting import are
from facedb.core.progress import Reporter
from facedb.core.records import Float32Array
from facedb.db.connection import Connection
from facedb.findings.duplicates import NEAR, Hashes
from facedb.findings.outside.photos import Outside
from facedb.join.loop import Gallery, join, plan_blocks
from facedb.scan import scan_rows
from facedb.scan.faces.face_choice import which_is_meant
from facedb.scan.faces.gallery_faces import GalleryFaces


@dataclass(frozen=True, slots=True)
class OutsideFaces:
    """Faces without a label: ``faces`` (u of them), and ``vectors`` float32 (n + u, d) of the gallery's n faces, then of these."""

    faces: GalleryFaces
    vectors: Float32Array

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def first(self) -> int:
        """The row at which they begin."""
        return len(self.vectors) - len(self.faces)

    def gallery(self) -> Float32Array:
        """The vectors of the gallery alone."""
        return self.vectors[: self.first]

    def search(
        self,
        labelled: GalleryFaces,
        threshold: float,
        *,
        engine: str,
        threads: int | None,
        block_rows: int,
        reporter: Reporter,
    ) -> Outside:
        """Score them with the faces that have a label, and with each other: every pair from the threshold (of copies, if lower) up."""
        labels = np.r_[labelled.identity_ids, self.faces.identity_ids]
        images = np.r_[labelled.image_ids, self.faces.image_ids]
        blocks = plan_blocks(labels, first_new=self.first, target_rows=block_rows)
        total = sum(block.comparisons for block in blocks)
        reporter.say(
            f"{are(len(self), 'face')} outside all folders: facedb says whom each may show, and makes no links from them."
        )
        with reporter.task("outside", total, "pairs") as task:
            done = [0]

            def progress(compared: int, _: int) -> None:
                task.advance(compared - done[0])
                done[0] = compared

            found = list(
                join(
                    Gallery(self.vectors, labels, images),
                    blocks,
                    threshold=min(threshold, NEAR),
                    engine=engine,
                    threads=threads,
                    progress=progress,
                )
            )
        none = np.empty(0, np.int64)
        return Outside(
            self.first,
            self.vectors,
            labelled.identity_ids.astype(np.int64),
            images,
            Hashes(
                np.r_[labelled.content, self.faces.content],
                np.r_[labelled.look, self.faces.look],
                np.r_[labelled.has_look, self.faces.has_look],
            ),
            np.concatenate([none, *(result.rows_a for result in found)]),
            np.concatenate([none, *(result.rows_b for result in found)]),
            np.concatenate([np.empty(0, np.float32), *(result.scores for result in found)]),
        )

    def note(self, conn: Connection) -> Callable[[int], str | None]:
        """What is to be said of the photo of a face, where that shows several."""
        _, of_image, counts = np.unique(self.faces.image_ids, return_inverse=True, return_counts=True)
        several = np.flatnonzero(counts[of_image] > 1)
        faces = dict(zip(self.faces.face_ids[several].tolist(), counts[of_image][several].tolist(), strict=True))
        boxes = {face: tuple(box) for face, box, _, _ in scan_rows.face_boxes(conn, list(faces))} if faces else {}
        return lambda face: which_is_meant(faces[face], boxes[face]) if face in boxes else None


def either(one: Callable[[int], str | None], other: Callable[[int], str | None]) -> Callable[[int], str | None]:
    """Asks ``one`` of a face, and where that has nothing to say the ``other``."""
    return lambda face: one(face) or other(face)
