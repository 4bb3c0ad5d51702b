"""Faces, embeddings and rejects: the rows that embedding writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from psycopg import sql

from facedb.core.records import FaceVector, Float32Array, ImageFacts, ImageResult, Int64Array
from facedb.core.rejects import Problem
from facedb.dataset.image_rows import reserve_ids
from facedb.dataset.model_rows import ModelRow, partition
from facedb.db.connection import Connection
from facedb.db.copy import Column, write_columns
from facedb.db.queries import load

SQL = load("dataset", "embed")


_FACE_COLUMNS = ("id", "image_id", "detection", "ordinal", "box", "landmarks", "detector_score", "size_px", "sharpness")


def write_results(conn: Connection, model: ModelRow, results: Sequence[ImageResult]) -> int:
    """Write what became of a batch of images: facts, faces, embeddings, rejects; returns the number of embeddings.

    The caller commits, so that a batch is in the table as a whole or not at all.
    """
    _write_facts(conn, [(r.image_id, r.facts) for r in results if r.facts is not None])
    add_rejects(conn, model.id, [(r.image_id, r.problem) for r in results if r.problem is not None])
    faces = [(r.image_id, face) for r in results if r.problem is None for face in r.faces]
    if not faces:
        return 0
    return copy_embeddings(
        conn,
        model,
        _write_faces(conn, model.detection, faces),
        np.stack([face.vector for _, face in faces]),
        np.array([face.norm for _, face in faces], np.float32),
    )


def _write_facts(conn: Connection, facts: Sequence[tuple[int, ImageFacts]]) -> None:
    """Write sizes, formats, hashes and thumbnails, by key of the image."""
    if not facts:
        return
    ids = [image_id for image_id, _ in facts]
    conn.execute(
        SQL["set_facts"],
        {
            "ids": ids,
            "widths": [f.width for _, f in facts],
            "heights": [f.height for _, f in facts],
            "formats": [f.format for _, f in facts],
            "phashes": [f.phash for _, f in facts],
        },
    )
    conn.execute(
        SQL["set_thumbnails"],
        {
            "ids": ids,
            "thumbnails": [f.thumbnail for _, f in facts],
            "views": [" ".join(map(str, f.views)) for _, f in facts],
            "colours": [f.traces.colour for _, f in facts],
            "fine": [f.traces.fine for _, f in facts],
            "blocks": [f.traces.blocks for _, f in facts],
        },
    )


def _write_faces(conn: Connection, detection: str, faces: Sequence[tuple[int, FaceVector]]) -> Int64Array:
    """Write those of ``faces``, by key of the image, that this ``detection`` has not found there before; returns the keys of all (n,)."""
    parameters = {"detection": detection, "image_ids": [image_id for image_id, _ in faces]}
    known = {(image, ordinal): face for image, ordinal, face in conn.execute(SQL["known_faces"], parameters)}
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
                    detection,
                    face.ordinal,
                    None if face.box is None else list(face.box),
                    None if face.landmarks is None else list(face.landmarks),
                    face.detector_score,
                    face.size_px,
                    face.sharpness,
                )
            )
    return np.array([known[image_id, face.ordinal] for image_id, face in faces], np.int64)


def _measure_again(
    conn: Connection, faces: Sequence[tuple[int, FaceVector]], known: Mapping[tuple[int, int], int]
) -> None:
    """Write the sharpness of those of ``faces`` that are ``known``, by image and place in it, to the database."""
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
