"""Altered pictures: photos of a dataset changed as people change them, saved outside of it, and embedded by its own contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from facedb.core.counting import counted
from facedb.core.errors import UsageError
from facedb.core.progress import Reporter
from facedb.core.records import Float32Array, ImageFacts, ImageTask, Int64Array
from facedb.core.rejects import Rejected
from facedb.dataset.embed import read_image
from facedb.dataset.model_rows import ModelRow
from facedb.dataset.pending_rows import PendingImage, images_with_bytes
from facedb.db.connection import Connection
from facedb.embedding.extract import READ_FAULTS
from facedb.embedding.pictures.alter import ALTERATIONS, IN_PLACE, altered
from facedb.embedding.pictures.decode import decode
from facedb.findings.evaluation.planting import Remade
from facedb.scan.search import embedder_of
from facedb.sources.image_bytes import ByteReader


class AlteredPictures:
    """Makes the `Remade` faces of rows of a gallery; a `facedb.findings.evaluation.planting.Remake`.

    ``image_ids`` int64 (n,) and ``vectors`` float32 (n, d) are those of the rows. ``facts`` holds, by row, what decoding showed of its
    altered picture.
    """

    def __init__(
        self, conn: Connection, model: ModelRow, image_ids: Int64Array, vectors: Float32Array, reporter: Reporter
    ) -> None:
        self._conn = conn
        self._model = model
        self._image_ids = image_ids
        self._vectors = vectors
        self._reporter = reporter
        self.facts: dict[int, ImageFacts] = {}

    def __call__(self, rows: Sequence[int]) -> dict[int, Remade]:
        """Alter the picture of each of ``rows``, by each alteration in its turn, and embed it.

        Of several faces the one most like that of the row is taken. What cannot be read, or no longer shows a face, is left out, with a
        remark. Raises UsageError where none has a picture, ModelError where the model is not there.
        """
        places = {p.id: p for p in images_with_bytes(self._conn, self._image_ids[list(rows)].tolist())}
        if not places:
            raise UsageError(
                "Photos saved again (resaved) need pictures, and these faces came as vectors: plant duplicate instead."
            )
        found: dict[int, Remade] = {}
        with (
            TemporaryDirectory(prefix="facedb-altered-") as folder,
            embedder_of(self._model) as embedder,
            self._reporter.task("alter pictures", len(rows), "pictures") as task,
        ):
            made = list(self._saved(rows, places, Path(folder)))
            how = {row: name for row, name, _ in made}
            for result in embedder.embed(image for _, _, image in made):
                task.advance(1)
                row = result.image_id
                if result.facts is None or not result.faces:
                    continue
                vectors = np.stack([face.vector for face in result.faces])
                likest = vectors[int((vectors @ self._vectors[row]).argmax())]
                found[row] = Remade(likest, result.facts.phash, how[row])
                self.facts[row] = result.facts
        if len(found) < len(rows):
            lost = counted(len(rows) - len(found), "picture")
            self._reporter.say(f"{lost} could not be read, or showed no face any more once altered; not planted.")
        return found

    def _saved(
        self, rows: Sequence[int], places: dict[int, PendingImage], folder: Path
    ) -> Iterator[tuple[int, str, ImageTask]]:
        """The rows with the name of the alteration and the altered file."""
        with ByteReader() as reader:
            for k, row in enumerate(rows):
                place = places.get(int(self._image_ids[row]))
                if place is None:
                    continue
                placed = place.box is not None or place.landmarks is not None
                names = tuple(IN_PLACE if placed else ALTERATIONS)
                how = names[k % len(names)]
                try:
                    decoded = decode(read_image(reader, place))
                except (*READ_FAULTS, Rejected):
                    continue
                if placed and decoded.reduction != 1:
                    continue
                file = folder / f"{row}.jpg"
                file.write_bytes(altered(decoded.image, how))
                yield row, how, ImageTask(row, file.read_bytes, place.box, place.landmarks)
