"""The strips of a scan: the blocks of its ledger with their vectors, as a worker loads them one by one and keeps some.

Vectors come from the chunks of the scan where there are some, else straight out of the table.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

import numpy as np
from psycopg import sql

from facedb.core.errors import ConflictError, InputError
from facedb.core.lookup import rows_of
from facedb.core.records import Float32Array, Int32Array, Int64Array
from facedb.dataset.model_rows import ModelRow, partition
from facedb.db.connection import Connection
from facedb.db.copy import Column, read_columns
from facedb.db.queries import load
from facedb.db.reconnecting import Work
from facedb.db.wait import Say, silent
from facedb.scan.tiles import chunks
from facedb.scan.tiles.chunks import ChunkReader, DamagedError
from facedb.scan.tiles.ledger_rows import array_text

SQL = load("scan", "tiles")


@dataclass(frozen=True, slots=True)
class Strip:
    """The faces of one block in the order of the ledger: ``face_ids``, ``image_ids`` int64, ``identity_ids`` int32, all (n,), ``vectors``
    float32 (n, d) of length 1."""

    face_ids: Int64Array
    image_ids: Int64Array
    identity_ids: Int32Array
    vectors: Float32Array

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return sum(each.nbytes for each in (self.face_ids, self.image_ids, self.identity_ids, self.vectors))


class Strips:
    """Strips of one scan, loaded when they are asked for; the least recently used ones go when they take more than ``memory`` bytes.

    ``scale`` is that of the int8 codes of the whole gallery where the chunks of the scan know it.
    """

    def __init__(self, session: Work, scan_id: int, model: ModelRow, memory: int, say: Say = silent) -> None:
        self._session, self._scan_id, self._model, self._memory, self._say = session, scan_id, model, memory, say
        self._held: OrderedDict[int, Strip] = OrderedDict()
        self._chunks: ChunkReader | None = None
        try:
            self._chunks = session.unit(lambda conn: chunks.reader(conn, scan_id))
        except InputError as error:
            self._do_without(error)
        self.scale = None if self._chunks is None else self._chunks.manifest.scale

    def get(self, block: int) -> Strip:
        """Block ``block``; raises ConflictError where its faces are not what the scan wrote down any more."""
        if block in self._held:
            self._held.move_to_end(block)
            return self._held[block]
        strip = self._session.unit(partial(self._load, block))
        self._held[block] = strip
        while len(self._held) > 1 and sum(each.nbytes for each in self._held.values()) > self._memory:
            self._held.popitem(last=False)
        return strip

    def _load(self, block: int, conn: Connection) -> Strip:
        row = conn.execute(SQL["strip"], {"scan_id": self._scan_id, "block": block}).fetchone()
        gone = ConflictError(f"Faces of scan {self._scan_id} are gone or were embedded again: run `facedb scan` again.")
        if row is None or row[2] is None:
            raise gone
        embedding_ids, face_ids = np.array(row[0], np.int64), np.array(row[2], np.int64)
        vectors = self._chunk(block, len(face_ids))
        columns = [Column("id", "int8"), Column("face_id", "int8"), Column("image_id", "int8")]
        if vectors is None:
            columns.append(Column("vec", "vector", self._model.dim))
        query = sql.SQL(SQL["strip_faces"]).format(
            columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
            embedding=partition("embedding", self._model.id),
            faces=sql.Literal(array_text(face_ids)),
        )
        found = read_columns(conn.cursor(), query, columns)
        # A vector that changed has a new number, so what the chunk holds is still what the table does.
        at = rows_of(embedding_ids, found["id"])
        if (at < 0).any():
            raise gone
        if vectors is None:
            vectors = np.ascontiguousarray(found["vec"]["x"][at], np.float32)
        return Strip(face_ids, found["image_id"][at], np.array(row[1], np.int32), vectors)

    def _chunk(self, block: int, rows: int) -> Float32Array | None:
        """The vectors of a block out of its chunk, None where the table has to be asked."""
        if self._chunks is None:
            return None
        try:
            vectors = self._chunks.vectors(block)
            if vectors.shape != (rows, self._model.dim):
                raise DamagedError(f"block {block} of the chunks has the shape {vectors.shape}")
        except InputError as error:
            self._do_without(error)
            return None
        return vectors

    def _do_without(self, error: InputError) -> None:
        self._chunks = None
        self._say(f"{str(error).rstrip('.')}: the vectors come from the database instead.")
