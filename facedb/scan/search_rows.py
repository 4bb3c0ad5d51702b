"""Nearest faces to one vector, in the table itself: exact by a full pass, approximate by an HNSW index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pgvector import Vector
from psycopg import sql

from facedb.core.errors import NotFoundError
from facedb.core.records import Float32Array
from facedb.dataset.model_rows import ModelRow, partition
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("scan", "search")

# pgvector sums float32 products in any order: 16,000 values are within 16,000 * 2^-24 of the float64 score, about 1e-3.
_FLOAT32_SLACK_PER_VALUE = 2.0**-23
_HNSW_MAX_DIM = 2000


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face of the table, ``vector`` float32 (dim,), with its ``role`` in the newest scan where its photo shows several.

    A bystander has no ``identity``, as the label of the photo means somebody else; ``also_shows`` is whom the scan took it for.
    """

    face_id: int
    dataset: str
    identity: str | None
    path: str
    ordinal: int
    role: str | None
    also_shows: str | None
    vector: Float32Array


def nearest(
    conn: Connection,
    model: ModelRow,
    query: Float32Array,
    limit: int,
    *,
    datasets: tuple[int, ...] | None = None,
    approximate: bool,
) -> list[FoundFace]:
    """Faces of ``datasets`` (None: all) that hold the ``limit`` best scores against ``query`` float32 (dim,), in no final order; the
    caller rescores.

    Exact: every face whose float32 score is within rounding of the limit-th best one. Approximate: what the HNSW index
    returns. Raises NotFoundError when there is no such index.
    """
    parts: dict[str, sql.Composable] = {
        "embedding": partition("embedding", model.id),
        # A vector that stood in the statement would stand in the log of a server that writes down what failed.
        "query": sql.SQL("%(query)s::vector"),
        "column": sql.SQL("e.vec"),
        "limit": sql.Literal(limit),
    }
    given = {"query": _text(query), "datasets": None if datasets is None else list(datasets)}
    if approximate:
        if not has_index(conn, model):
            raise NotFoundError(f"There is no index for {model.name} yet: build it with `facedb db index`.")
        parts["column"] = _indexed(model)
        conn.execute("select set_config('hnsw.ef_search', %s, true)", (str(min(1000, max(40, 4 * limit))),))
        # The index gives more until enough of what it gives is still there.
        conn.execute("select set_config('hnsw.iterative_scan', 'strict_order', true)")
        rows = conn.execute(sql.SQL(SQL["approximate"]).format(**parts), given).fetchall()
    else:
        scores = [row[0] for row in conn.execute(sql.SQL(SQL["nearest"]).format(**parts), given)]
        if not scores:
            return []
        floor = min(scores) - 2 * _FLOAT32_SLACK_PER_VALUE * model.dim
        # Ties at the last place may be many (copies of one photo); a bound keeps a degenerate gallery in memory.
        parts |= {"floor": sql.Literal(floor), "limit": sql.Literal(max(100 * limit, 10_000))}
        rows = conn.execute(sql.SQL(SQL["candidates"]).format(**parts), given).fetchall()
    vectors = {face: _vector(value) for face, value in rows}
    found = conn.execute(SQL["faces_found"], {"model_id": model.id, "faces": list(vectors)})
    return [FoundFace(*(*row, vectors[row[0]])) for row in found]


def hidden_people(conn: Connection) -> int:
    """How many people were hidden from review, whose faces no search gives."""
    row = conn.execute(SQL["hidden_people"]).fetchone()
    return 0 if row is None else int(row[0])


def has_index(conn: Connection, model: ModelRow) -> bool:
    """Whether the contract has an HNSW index."""
    row = conn.execute("select to_regclass(%s) is not null", (f"facedb.{_index_name(model)}",)).fetchone()
    return bool(row and row[0])


def build_index(conn: Connection, model: ModelRow) -> None:
    """Build the HNSW index of a contract; raises NotFoundError for dimensions that pgvector cannot index."""
    if model.dim > _HNSW_MAX_DIM:
        raise NotFoundError(
            f"pgvector indexes vectors of up to {_HNSW_MAX_DIM} values; those of {model.name} have {model.dim}."
        )
    statement = sql.SQL("create index if not exists {} on {} using hnsw (({}) vector_ip_ops)").format(
        sql.Identifier(_index_name(model)),
        partition("embedding", model.id),
        sql.SQL("vec::vector({})").format(sql.Literal(model.dim)),
    )
    conn.execute(statement)


def drop_index(conn: Connection, model: ModelRow) -> None:
    """Drop the HNSW index of a contract."""
    conn.execute(sql.SQL("drop index if exists {}").format(sql.Identifier("facedb", _index_name(model))))


def _index_name(model: ModelRow) -> str:
    return f"embedding_{model.id}_hnsw"


def _indexed(model: ModelRow) -> sql.Composable:
    return sql.SQL("(e.vec::vector({}))").format(sql.Literal(model.dim))


def _text(vector: Float32Array) -> str:
    return "[" + ",".join(repr(float(value)) for value in vector) + "]"


def _vector(value: object) -> Float32Array:
    return np.array(Vector.from_text(str(value)).to_list(), np.float32)
