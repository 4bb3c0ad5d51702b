"""Models: the contracts of a database, and which of them a dataset was embedded with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from facedb.core.errors import ConflictError
from facedb.core.files.paths import from_text, to_text
from facedb.db.connection import Connection
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
            "weights_path": to_text(weights_path),
            "detector_path": to_text(detector_path),
        },
    ).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    model_id = int(row[0])
    add_partition(conn, model_id, dim)
    found = model_by_id(conn, model_id)
    assert found is not None  # noqa: S101 - inserted above
    return found


def add_partition(conn: Connection, model_id: int, dim: int) -> None:
    """Make the place of the embeddings of a model, unless it is there."""
    conn.execute(SQL["add_partition"], {"model_id": model_id, "dim": dim, "plain": dim <= _PLAIN_UP_TO_DIM})


def _contracts(conn: Connection, which: str, parameters: Mapping[str, Any]) -> list[ModelRow]:
    query = sql.SQL(SQL["contracts"]).format(which=sql.SQL(SQL[which]))
    found = [ModelRow(*row) for row in conn.execute(query, parameters)]
    return [replace(m, weights_path=from_text(m.weights_path), detector_path=from_text(m.detector_path)) for m in found]


def _one(conn: Connection, which: str, parameters: Mapping[str, Any]) -> ModelRow | None:
    return next(iter(_contracts(conn, which, parameters)), None)


def model_by_id(conn: Connection, model_id: int) -> ModelRow | None:
    """A contract by key."""
    return _one(conn, "by_id", {"id": model_id})


def model_by_name(conn: Connection, name: str) -> ModelRow | None:
    """The contract of a name, whose digest starts so, or whose file is called so; None where there is none.

    Raises ConflictError where several fit.
    """
    found = _contracts(conn, "by_name", {"name": name}) or _contracts(conn, "by_file", {"name": name})
    if len(found) > 1 and found[0].digest != name:
        digests = ", ".join(model.digest[:12] for model in found)
        raise ConflictError(
            f"{len(found)} contracts are called {name!r}: name one by its digest ({digests}); `facedb model list`."
        )
    return found[0] if found else None


def weights_known_as(conn: Connection, name: str, weights_path: str) -> set[str]:
    """The sha256 of the weights that contracts of this name, or of a model at this path, were made with."""
    rows = conn.execute(SQL["other_weights"], {"name": name, "weights_path": to_text(weights_path)})
    return {str(row[0]) for row in rows}


def model_by_weights(conn: Connection, sha256: str) -> ModelRow | None:
    """The contract of the weights with this sha256 (hex) that embedded last, or None."""
    return _one(conn, "by_weights", {"weights": sha256})


def remember_choice(conn: Connection, dataset_id: int | None, choice: Mapping[str, Any]) -> None:
    """Make a choice of a model the default of a dataset; without one, of every dataset that has none yet."""
    conn.execute(SQL["remember_choice"], {"dataset_id": dataset_id, "choice": Jsonb(dict(choice))})


def remembered_choices(conn: Connection, dataset: str | None) -> list[Mapping[str, Any]]:
    """The choices of a model that a dataset (None: all of them) remembers; empty where there are none."""
    return [row[0] for row in conn.execute(SQL["remembered_choices"], {"dataset": dataset})]


def model_in_use(conn: Connection, datasets: Sequence[int] | None = None) -> ModelRow | None:
    """The contract that embedded a face of ``datasets`` (None: of any) last, or None while there are no embeddings."""
    return _one(conn, "in_use", {"datasets": None if datasets is None else list(datasets)})


def models(conn: Connection) -> list[ModelSummary]:
    """Every contract with the number of its embeddings."""
    return [ModelSummary(*row) for row in conn.execute(SQL["models"])]
