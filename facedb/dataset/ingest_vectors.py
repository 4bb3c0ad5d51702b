"""Ingest of embeddings that come without images: straight into the table, under a contract that the user names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from psycopg.errors import UniqueViolation

from facedb.core import rejects
from facedb.core.errors import InputError
from facedb.core.records import Float32Array, ImageRecord, Int64Array, VectorBatch
from facedb.core.vectors import normalise
from facedb.dataset import embedding_rows, image_rows, model_rows
from facedb.dataset.intake import vector_rows
from facedb.dataset.intake.limits import admit_vectors
from facedb.dataset.model_rows import ModelRow
from facedb.db.connection import Connection

DETECTION = "given"


@dataclass(frozen=True, slots=True)
class VectorOutcome:
    """The outcome of a batch: the keys of its images, how many rows are new, changed, named before, and rejected."""

    image_ids: Int64Array
    new: int
    changed: int
    repeated: int
    rejected: int


def given_model(conn: Connection, name: str, dim: int) -> ModelRow:
    """The contract of vectors that somebody else computed: all that is known is the name the user gave and the dimension."""
    contract = {"kind": DETECTION, "name": name, "dim": dim}
    digest = hashlib.sha256(json.dumps(contract, sort_keys=True).encode()).hexdigest()
    return model_rows.add_model(
        conn,
        name=name,
        digest=digest,
        contract=contract,
        dim=dim,
        detection=DETECTION,
        weights_path=None,
        detector_path=None,
    )


@dataclass(frozen=True, slots=True)
class PreparedVectors:
    """A batch of n with everything that can be prepared without the database: rows that go to it as they are, and ``refused``, which the
    table cannot hold.

    ``hashes`` are SHA-256 of the vectors as they came, ``line_ends`` those of `vector_rows.line_ends`, ``unit`` float32 (n, d),
    ``norms`` float32 (n,) and ``usable`` bool (n,) those of `normalise`.
    """

    batch: VectorBatch
    refused: list[ImageRecord]
    hashes: list[bytes]
    line_ends: list[str]
    unit: Float32Array
    norms: Float32Array
    usable: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> PreparedVectors:
        """The same for some rows of the batch, in the order of ``rows``."""
        hashes, ends = [self.hashes[k] for k in rows], [self.line_ends[k] for k in rows]
        unit, norms, usable = self.unit[rows], self.norms[rows], self.usable[rows]
        return PreparedVectors(self.batch.take(rows), self.refused, hashes, ends, unit, norms, usable)


def prepare(batch: VectorBatch) -> PreparedVectors:
    """Do beforehand what can be done with a batch while the database takes another one."""
    batch, refused = admit_vectors(batch)
    raw = np.ascontiguousarray(batch.vectors, np.float32)
    hashes = _row_hashes(raw)
    ends = vector_rows.line_ends(batch.paths, 4 * raw.shape[1], hashes)
    return PreparedVectors(batch, refused, hashes, ends, *normalise(raw))


class VectorWriter:
    """Writes batches of vectors of one source under one contract."""

    def __init__(self, conn: Connection, source_id: int, model: ModelRow) -> None:
        self._conn = conn
        self._source_id = source_id
        self._model = model
        self._met: list[Int64Array] = []
        # Of a source without rows no path is known, until the table refuses one that came before.
        self._all_new: bool | None = None
        self._last: Int64Array = np.empty(0, np.int64)

    def go_on(self, conn: Connection) -> None:
        """Write on this connection from here on, after the one before was lost."""
        self._conn = conn

    def committed(self) -> None:
        """Count the last batch as met: its rows are in the table."""
        if len(self._last):
            self._met.append(self._last)

    def write(self, given: PreparedVectors, identities: Mapping[str, int]) -> VectorOutcome:
        """Write a batch: new and changed rows only; the caller commits. Raises InputError when the dimension changes."""
        batch = given.batch
        if batch.vectors.shape[1] != self._model.dim:
            raise InputError(
                f"The vectors have {batch.vectors.shape[1]} values here and {self._model.dim} before: "
                "ingest different models under different --contract names."
            )
        if self._all_new is None:
            self._all_new = not vector_rows.has_images(self._conn, self._source_id)
        known = {} if self._all_new else image_rows.find_images(self._conn, self._source_id, batch.paths)
        taken = self._first_of_each_path(batch, known)
        repeated = len(batch.paths) - len(taken)
        if repeated:
            given = given.take(taken)
            batch = given.batch
        hashes = given.hashes
        labels = [identities[name] if name else None for name in batch.identities]
        before = [known.get(path) for path in batch.paths]
        fresh = np.flatnonzero([b is None for b in before])
        changed = np.flatnonzero([b is not None and b.sha256 != h for b, h in zip(before, hashes, strict=True)])
        back = [
            b.id
            for b, h in zip(before, hashes, strict=True)
            if b is not None and b.sha256 == h and b.status == "vanished"
        ]
        relabelled = [
            (b.id, label)
            for b, label in zip(before, labels, strict=True)
            if b is not None and b.identity_id != label and b.labelled_by == "source"
        ]
        ids = np.array([0 if b is None else b.id for b in before], np.int64)
        ids[fresh] = image_rows.reserve_ids(self._conn, "image", len(fresh))
        images = [
            (key, labels[k], given.line_ends[k]) for k, key in zip(fresh.tolist(), ids[fresh].tolist(), strict=True)
        ]
        try:
            with self._conn.transaction():
                vector_rows.copy_vector_images(self._conn, self._source_id, images)
        except UniqueViolation:
            if not self._all_new:
                raise
            self._all_new = False
            return self.write(given, identities)
        vector_rows.update_vector_images(self._conn, [(int(ids[k]), hashes[k]) for k in changed], relabelled, back)
        rows = np.r_[fresh, changed].astype(np.int64)
        self._write_faces(ids, rows[given.usable[rows]], given.unit, given.norms)
        unusable = ids[rows[~given.usable[rows]]]
        self._reject(unusable)
        self._last = np.sort(ids)
        return VectorOutcome(ids, len(fresh), len(changed), repeated, len(unusable))

    def _first_of_each_path(self, batch: VectorBatch, known: Mapping[str, image_rows.KnownImage]) -> NDArray[np.int64]:
        """The rows of a batch but for those whose path came before, in it or in an earlier one: an input has one row."""
        unseen: dict[str, int] = {}
        for k, path in enumerate(batch.paths):
            unseen.setdefault(path, k)
        rows = np.fromiter(unseen.values(), np.int64)
        keys = np.array([known[path].id if path in known else 0 for path in unseen], np.int64)
        met = np.zeros(len(keys), bool)
        for earlier in self._met:
            # Keys are handed out in runs, so nearly every earlier batch is passed over by its ends.
            if keys.max(initial=0) >= earlier[0] and keys.min(initial=0) <= earlier[-1]:
                met |= np.isin(keys, earlier)
        return rows[~met]

    def _write_faces(self, ids: Int64Array, rows: NDArray[np.int64], unit: Float32Array, norms: Float32Array) -> None:
        if len(rows):
            faces = embedding_rows.copy_plain_faces(self._conn, ids[rows], DETECTION)
            embedding_rows.copy_embeddings(self._conn, self._model, faces, unit[rows], norms[rows])

    def _reject(self, image_ids: Int64Array) -> None:
        if len(image_ids):
            problem = rejects.problem(rejects.BAD_VECTOR, "The vector is zero or holds values that are not finite.")
            embedding_rows.add_rejects(self._conn, self._model.id, [(int(i), problem) for i in image_ids])


def _row_hashes(raw: Float32Array) -> list[bytes]:
    """SHA-256 of every row of ``raw`` float32 (n, d), by which a later ingest sees whether it changed."""
    data = raw.view(np.uint8).reshape(-1).data
    stride = 4 * raw.shape[1]
    return [hashlib.sha256(data[start : start + stride]).digest() for start in range(0, len(data), stride)]
