"""Fills a database with faces whose vectors the test chose, and reads back what a scan made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from facedb.dataset import dataset_rows, embedding_rows, image_rows, model_rows
from facedb.dataset.image_rows import ImageRow
from facedb.dataset.model_rows import ModelRow
from facedb.dataset.places import source_rows
from facedb.db.connection import Connection, Database
from tests.vectors import unit

Triple = tuple[int, int, float]


def clustered(rng: np.random.Generator, rows: int, dim: int, centres: int, noise: float = 0.6) -> np.ndarray:
    """Unit vectors around few centres, so that different identities come near each other."""
    return unit(
        rng.standard_normal((centres, dim))[rng.integers(0, centres, rows)] + noise * rng.standard_normal((rows, dim))
    )


def add_model(conn: Connection, dim: int, name: str = "test") -> ModelRow:
    """A contract that nobody can run."""
    digest = hashlib.sha256(f"{name}{dim}".encode()).hexdigest()
    return model_rows.add_model(
        conn,
        name=name,
        digest=digest,
        contract={"name": name},
        dim=dim,
        detection="test",
        weights_path=None,
        detector_path=None,
    )


@dataclass
class Population:
    """Faces of one model in one database, one image each unless told otherwise; every change is committed."""

    db: Database
    dim: int
    name: str = "test"
    _count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        with self.db.connection() as conn:
            self.model = add_model(conn, self.dim, self.name)

    def add(
        self,
        vectors: np.ndarray,
        identities: Sequence[str | None],
        *,
        dataset: str = "faces",
        sizes: Sequence[float | None] | None = None,
        sharpness: Sequence[float | None] | None = None,
        per_image: int = 1,
    ) -> np.ndarray:
        """Add faces with these unit vectors float32 (n, dim) under these labels; returns the keys of the faces (n,)."""
        n = len(vectors)
        with self.db.connection() as conn:
            dataset_id = dataset_rows.add_dataset(conn, dataset)
            place = f"/{dataset}"
            source_id = source_rows.add_source(conn, dataset_id, place, place, "folder", {})
            keys = dataset_rows.identity_ids(conn, dataset_id, {name for name in identities if name})
            images = image_rows.reserve_ids(conn, "image", -(-n // per_image))
            labels = identities[::per_image]
            image_rows.insert_images(
                conn,
                source_id,
                [
                    ImageRow(
                        image,
                        keys[name] if name else None,
                        "ready",
                        None,
                        None,
                        f"{name}/{image}.png",
                        100,
                        1,
                        hashlib.sha256(str(image).encode()).digest(),
                        None,
                        None,
                        None,
                        None,
                        None,
                        None,
                    )
                    for image, name in zip(images, labels, strict=True)
                ],
            )
            faces = image_rows.reserve_ids(conn, "face", n)
            with conn.cursor() as cursor:
                cursor.executemany(
                    "insert into facedb.face (id, image_id, detection, ordinal, size_px, sharpness)"
                    " overriding system value values (%s, %s, %s, %s, %s, %s)",
                    [
                        (
                            face,
                            images[k // per_image],
                            self.model.detection,
                            k % per_image,
                            None if sizes is None else sizes[k],
                            None if sharpness is None else sharpness[k],
                        )
                        for k, face in enumerate(faces)
                    ],
                )
            keys_of_faces = np.array(faces, np.int64)
            embedding_rows.copy_embeddings(
                conn, self.model, keys_of_faces, np.asarray(vectors, np.float32), np.ones(n, np.float32)
            )
        return keys_of_faces

    def relabel(self, faces: Sequence[int] | np.ndarray, identity: str, dataset: str = "faces") -> None:
        """Put the images of ``faces`` under another label."""
        with self.db.connection() as conn:
            dataset_id = dataset_rows.add_dataset(conn, dataset)
            key = dataset_rows.identity_ids(conn, dataset_id, [identity])[identity]
            conn.execute(
                "update facedb.image set identity_id = %s"
                " where id in (select image_id from facedb.face where id = any(%s))",
                (key, [int(face) for face in faces]),
            )

    def embed_again(self, faces: Sequence[int] | np.ndarray, vectors: np.ndarray) -> None:
        """Replace the vectors of ``faces``."""
        with self.db.connection() as conn, conn.cursor() as cursor:
            cursor.executemany(
                "update facedb.embedding set vec = %s::vector where face_id = %s",
                [(f"[{','.join(map(repr, map(float, v)))}]", int(f)) for f, v in zip(faces, vectors, strict=True)],
            )

    def set_status(self, faces: Sequence[int] | np.ndarray, status: str) -> None:
        """Let the images of ``faces`` vanish, or come back."""
        with self.db.connection() as conn:
            conn.execute(
                "update facedb.image set status = %s where id in (select image_id from facedb.face where id = any(%s))",
                (status, [int(face) for face in faces]),
            )

    def delete(self, faces: Sequence[int] | np.ndarray) -> None:
        """Delete the images of ``faces`` with everything that hangs on them."""
        with self.db.connection() as conn:
            conn.execute(
                "delete from facedb.image where id in (select image_id from facedb.face where id = any(%s))",
                ([int(face) for face in faces],),
            )

    def gallery(self) -> list[tuple[int, int, int, str, np.ndarray]]:
        """What the table holds, by plain SELECT: (face, image, identity, dataset, float32 vector), labelled and ready only."""
        with self.db.connection() as conn:
            rows = conn.execute(
                "select f.id, i.id, i.identity_id, d.name, e.vec::real[] from facedb.embedding e"
                " join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id"
                " join facedb.source s on s.id = i.source_id join facedb.dataset d on d.id = s.dataset_id"
                " where e.model_id = %s and i.status = 'ready' and i.identity_id is not null order by f.id",
                (self.model.id,),
            ).fetchall()
        return [(a, b, c, d, np.array(v, np.float32)) for a, b, c, d, v in rows]

    def expected_pairs(self, threshold: float) -> list[Triple]:
        """The definition: every pair of different identities and images at or above ``threshold``, scored in float64."""
        rows = self.gallery()
        if len(rows) < 2:
            return []
        faces, images, identities = (np.array([row[k] for row in rows]) for k in range(3))
        vectors = np.stack([row[4] for row in rows])
        a, b = np.triu_indices(len(rows), 1)
        scores = exact_scores(vectors[a], vectors[b])
        wanted = (identities[a] != identities[b]) & (images[a] != images[b]) & (scores >= threshold)
        a, b, scores = faces[a[wanted]], faces[b[wanted]], scores[wanted].astype(np.float32)
        return sorted(zip(np.minimum(a, b).tolist(), np.maximum(a, b).tolist(), scores.tolist(), strict=True))

    def pairs(self, scan_id: int) -> list[Triple]:
        """The rows of a scan."""
        with self.db.connection() as conn:
            rows = conn.execute(
                "select face_a, face_b, score from facedb.flagged_pair where scan_id = %s order by 1, 2", (scan_id,)
            ).fetchall()
        # The text of a float4 is the shortest decimal that reads back to the same float32.
        return [(a, b, float(np.float32(score))) for a, b, score in rows]


def exact_scores(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The score as defined, row by row: float64 products, summed by folding the row in half until one value is left."""
    parts = a.astype(np.float64) * b.astype(np.float64)
    while parts.shape[1] > 1:
        half = (parts.shape[1] + 1) // 2
        upper = parts[:, half:]
        parts = parts[:, :half] + np.pad(upper, ((0, 0), (0, half - upper.shape[1])))
    return parts[:, 0]
