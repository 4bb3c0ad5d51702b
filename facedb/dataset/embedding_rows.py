"""Models, faces, embeddings and rejects: the rows that embedding writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb

from facedb.core.errors import ConflictError
from facedb.core.files.paths import from_text, to_text
from facedb.core.records import FaceVector, Float32Array, ImageResult, Int64Array, Problem
from facedb.dataset.image_rows import reserve_ids
from facedb.db.connection import Connection
from facedb.db.copy import Column, write_columns
from facedb.db.locks import Claim, claim
from facedb.db.queries import load

SQL = load("dataset", "embed")

# A row must fit one 8 kB page to be stored plain: 2,000 floats leave room for the header and the other columns.
_PLAIN_UP_TO_DIM = 2000


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A row of facedb.model."""

    id: int
    name: str
    digest: str
    contract: Mapping[str, Any]
    dim: int
    detection: str
    weights_path: str | None
    detector_path: str | None


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A contract as `facedb model list` shows it."""

    id: int
    name: str
    dim: int
    digest: str
    contract: Mapping[str, Any]
    weights_path: str | None
    detector_path: str | None
    created_at: datetime
    embeddings: int


@dataclass(frozen=True, slots=True)
class PendingImage:
    """An image that a contract has not seen yet, and where its bytes are."""

    id: int
    root: str
    path: str
    container: str | None
    container_offset: int | None
    container_length: int | None
    box: tuple[float, float, float, float] | None
    landmarks: tuple[float, ...] | None
    sha256: bytes | None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a contract made of a dataset: images with a face, their faces, images rejected."""

    images: int
    faces: int
    rejected: int


def partition(table: str, key: int) -> sql.Identifier:
    """The partition of ``embedding`` or ``flagged_pair`` that belongs to a model or a scan."""
    return sql.Identifier("facedb", f"{table}_{key}")


def add_model(
    conn: Connection,
    *,
    name: str,
    digest: str,
    contract: Mapping[str, Any],
    dim: int,
    detection: str,
    weights_path: str | None,
    detector_path: str | None,
) -> ModelRow:
    """Register a contract with its partition of ``embedding``, or find it."""
    row = conn.execute(
        SQL["add_model"],
        {
            "name": name,
            "digest": digest,
            "contract": Jsonb(dict(contract)),
            "dim": dim,
            "detection": detection,
            "weights_path": None if weights_path is None else to_text(weights_path),
            "detector_path": None if detector_path is None else to_text(detector_path),
        },
    ).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    model_id = int(row[0])
    _add_partition(conn, model_id, dim)
    found = model_by_id(conn, model_id)
    assert found is not None  # noqa: S101 - inserted above
    return found


def _add_partition(conn: Connection, model_id: int, dim: int) -> None:
    conn.execute(SQL["add_partition"], {"model_id": model_id, "dim": dim, "plain": dim <= _PLAIN_UP_TO_DIM})


def _model(row: tuple[Any, ...] | None) -> ModelRow | None:
    if row is None:
        return None
    model = ModelRow(*row)
    return replace(model, weights_path=_path(model.weights_path), detector_path=_path(model.detector_path))


def _path(text: str | None) -> str | None:
    return None if text is None else from_text(text)


def model_by_id(conn: Connection, model_id: int) -> ModelRow | None:
    """A contract by key."""
    return _model(conn.execute(SQL["model_by_id"], {"id": model_id}).fetchone())


def model_by_name(conn: Connection, name: str) -> ModelRow | None:
    """The contract of a name, whose digest starts so, or whose file is called so; None where there is none.

    Raises ConflictError where several fit.
    """
    rows = conn.execute(SQL["model_by_name"], {"name": name}).fetchall()
    rows = rows or conn.execute(SQL["model_by_file"], {"name": name}).fetchall()
    if len(rows) > 1 and rows[0][2] != name:
        digests = ", ".join(row[2][:12] for row in rows)
        raise ConflictError(
            f"{len(rows)} contracts are called {name!r}: name one by its digest ({digests}); `facedb model list`."
        )
    return _model(rows[0]) if rows else None


def weights_known_as(conn: Connection, name: str, weights_path: str) -> set[str]:
    """The sha256 of the weights that contracts of this name, or of a model at this path, were made with."""
    rows = conn.execute(SQL["other_weights"], {"name": name, "weights_path": to_text(weights_path)})
    return {str(row[0]) for row in rows}


def model_by_weights(conn: Connection, sha256: str) -> ModelRow | None:
    """The contract of the weights with this sha256 (hex) that embedded last, or None."""
    return _model(conn.execute(SQL["model_by_weights"], {"weights": sha256}).fetchone())


def remember_choice(conn: Connection, dataset_id: int | None, choice: Mapping[str, Any]) -> None:
    """Make a choice of a model the default of a dataset; without one, of every dataset that has none yet."""
    conn.execute(SQL["remember_choice"], {"dataset_id": dataset_id, "choice": Jsonb(dict(choice))})


def remembered_choices(conn: Connection, dataset: str | None) -> list[Mapping[str, Any]]:
    """The choices of a model that a dataset (None: all of them) remembers; empty where there are none."""
    return [row[0] for row in conn.execute(SQL["remembered_choices"], {"dataset": dataset})]


def model_in_use(conn: Connection, datasets: Sequence[int] | None = None) -> ModelRow | None:
    """The contract that embedded a face of ``datasets`` (None: of any) last, or None while there are no embeddings."""
    keys = None if datasets is None else list(datasets)
    return _model(conn.execute(SQL["model_in_use"], {"datasets": keys}).fetchone())


def models(conn: Connection) -> list[ModelSummary]:
    """Every contract with the number of its embeddings."""
    return [ModelSummary(*row) for row in conn.execute(SQL["models"])]


def count_pending(conn: Connection, model_id: int, dataset_id: int | None) -> int:
    """Images that the contract has not seen."""
    row = conn.execute(SQL["count_pending"], {"model_id": model_id, "dataset_id": dataset_id}).fetchone()
    return int(row[0]) if row else 0


def pending(conn: Connection, model_id: int, dataset_id: int | None) -> Iterator[PendingImage]:
    """Images that the contract has not seen, streamed; the connection is left without an open transaction."""
    with conn.cursor(name="pending", withhold=True) as cursor:
        cursor.itersize = 2000
        cursor.execute(SQL["pending"], {"model_id": model_id, "dataset_id": dataset_id})
        # Held over the commit: embedding a large dataset takes hours, and an open transaction would keep vacuum away.
        conn.commit()
        yield from map(_pending_image, cursor)


def images_with_bytes(conn: Connection, image_ids: Sequence[int]) -> list[PendingImage]:
    """Where the bytes of images are, those that came as vectors left out, in an order in which containers are read forward."""
    return [_pending_image(row) for row in conn.execute(SQL["images_with_bytes"], {"ids": list(image_ids)})]


def _pending_image(row: tuple[Any, ...]) -> PendingImage:
    box, landmarks = row[6], row[7]
    return PendingImage(
        row[0],
        from_text(row[1]),
        from_text(row[2]),
        None if row[3] is None else from_text(row[3]),
        row[4],
        row[5],
        None if box is None else tuple(box),
        None if landmarks is None else tuple(landmarks),
        row[8],
    )


def unchanged(conn: Connection, hashes: Mapping[int, bytes | None]) -> set[int]:
    """Those of the images (key -> sha256) that are still ready with these bytes, locked until the transaction ends."""
    rows = conn.execute(SQL["unchanged"], {"ids": list(hashes), "hashes": list(hashes.values())})
    return {row[0] for row in rows}


_FACE_COLUMNS = ("id", "image_id", "detection", "ordinal", "box", "landmarks", "detector_score", "size_px", "sharpness")


def write_results(conn: Connection, model: ModelRow, results: Sequence[ImageResult]) -> int:
    """Write what became of a batch of images: facts, faces, embeddings, rejects; returns the number of embeddings.

    The caller commits, so that a batch is in the table as a whole or not at all.
    """
    facts = [(r.image_id, r.facts) for r in results if r.facts is not None]
    if facts:
        conn.execute(
            SQL["set_facts"],
            {
                "ids": [image_id for image_id, _ in facts],
                "widths": [f.width for _, f in facts],
                "heights": [f.height for _, f in facts],
                "formats": [f.format for _, f in facts],
                "phashes": [f.phash for _, f in facts],
            },
        )
        conn.execute(
            SQL["set_thumbnails"],
            {
                "ids": [image_id for image_id, _ in facts],
                "thumbnails": [f.thumbnail for _, f in facts],
                "views": [" ".join(map(str, f.views)) for _, f in facts],
            },
        )
    add_rejects(conn, model.id, [(r.image_id, r.problem) for r in results if r.problem is not None])
    faces = [(r.image_id, face) for r in results if r.problem is None for face in r.faces]
    if not faces:
        return 0
    known = {
        (image_id, ordinal): face_id
        for image_id, ordinal, face_id in conn.execute(
            SQL["known_faces"], {"detection": model.detection, "image_ids": [image_id for image_id, _ in faces]}
        )
    }
    new = [(image_id, face) for image_id, face in faces if (image_id, face.ordinal) not in known]
    _measure_again(conn, faces, known)
    ids = reserve_ids(conn, "face", len(new))
    names = sql.SQL(", ").join(map(sql.Identifier, _FACE_COLUMNS))
    with conn.cursor().copy(sql.SQL("copy facedb.face ({}) from stdin").format(names)) as copy:
        for face_id, (image_id, face) in zip(ids, new, strict=True):
            known[image_id, face.ordinal] = face_id
            copy.write_row(
                (
                    face_id,
                    image_id,
                    model.detection,
                    face.ordinal,
                    None if face.box is None else list(face.box),
                    None if face.landmarks is None else list(face.landmarks),
                    face.detector_score,
                    face.size_px,
                    face.sharpness,
                )
            )
    return copy_embeddings(
        conn,
        model,
        np.array([known[image_id, face.ordinal] for image_id, face in faces], np.int64),
        np.stack([face.vector for _, face in faces]),
        np.array([face.norm for _, face in faces], np.float32),
    )


def _measure_again(
    conn: Connection, faces: Sequence[tuple[int, FaceVector]], known: Mapping[tuple[int, int], int]
) -> None:
    measured = {
        known[image_id, face.ordinal]: face.sharpness for image_id, face in faces if (image_id, face.ordinal) in known
    }
    if measured:
        conn.execute(SQL["measure_again"], {"face_ids": list(measured), "sharpness": list(measured.values())})


def add_rejects(conn: Connection, model_id: int, rejects: Sequence[tuple[int, Problem]]) -> None:
    """Note images that gave no face under a contract, and why."""
    if rejects:
        conn.execute(
            SQL["add_rejects"],
            {
                "model_id": model_id,
                "image_ids": [image_id for image_id, _ in rejects],
                "codes": [problem.code for _, problem in rejects],
                "details": [problem.detail for _, problem in rejects],
            },
        )


def copy_plain_faces(conn: Connection, image_ids: Int64Array, detection: str) -> Int64Array:
    """COPY one face without geometry for each image; returns their keys (n,)."""
    ids = np.array(reserve_ids(conn, "face", len(image_ids)), np.int64)
    lines = [f"{face}\t{image}\t{detection}\t0\n" for face, image in zip(ids.tolist(), image_ids.tolist(), strict=True)]
    with conn.cursor().copy("copy facedb.face (id, image_id, detection, ordinal) from stdin") as copy:
        copy.write("".join(lines))
    return ids


def copy_embeddings(
    conn: Connection, model: ModelRow, face_ids: Int64Array, vectors: Float32Array, norms: Float32Array
) -> int:
    """COPY unit vectors float32 (n, model.dim) with their norms before normalisation (n,) into the partition of the model."""
    columns = [
        Column("face_id", "int8"),
        Column("model_id", "int4"),
        Column("norm", "float4"),
        Column("vec", "vector", model.dim),
    ]
    return write_columns(
        conn.cursor(),
        partition("embedding", model.id),
        columns,
        {"face_id": face_ids, "model_id": model.id, "norm": norms, "vec": vectors},
    )


def retry_rejects(
    conn: Connection, model_id: int | None, datasets: Sequence[int] | None, code: str | None = None
) -> int:
    """Make rejects pending again, of one contract or all, of some datasets or all, of one code or all; returns how many."""
    parameters = {"model_id": model_id, "datasets": None if datasets is None else list(datasets), "code": code}
    return conn.execute(SQL["retry_rejects"], parameters).rowcount


def lock_embed(conn: Connection, model_id: int, dataset_id: int | None) -> Claim:
    """Take the session's lock on embedding a dataset under a contract; False when another run has it."""
    if dataset_id is None:
        return claim(conn, "embed", model_id)
    # Runs over different datasets share the first lock, and a run over all of them excludes them all.
    return claim(conn, "embed", model_id, shared=True) and claim(conn, "embed", model_id, dataset_id)


def count_outcomes(conn: Connection, model_id: int, dataset_id: int | None) -> Outcomes:
    """What the contract made of a dataset (None: of all)."""
    row = conn.execute(SQL["count_outcomes"], {"model_id": model_id, "dataset_id": dataset_id}).fetchone()
    assert row is not None  # noqa: S101 - an aggregate yields one row
    return Outcomes(*map(int, row))
