"""Scans: finding one, holding one, finishing one, and the faces of photos as it saw them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import sql
from psycopg.types.json import Jsonb

from facedb.dataset.model_rows import partition
from facedb.db.connection import Connection
from facedb.db.locks import Claim, claim
from facedb.db.queries import Query, load

SQL = load("scan", "scan")

# Identities of two datasets are told apart by ``dataset/identity``.
IDENTITY_A: Final = "case when dataset_a <> dataset_b then dataset_a || '/' || identity_a else identity_a end"
IDENTITY_B: Final = "case when dataset_a <> dataset_b then dataset_b || '/' || identity_b else identity_b end"


def with_identities(query: Query) -> sql.Composed:
    """A query of `bi.findings` that is composed of its two identities, ``{identity_a}`` and ``{identity_b}``."""
    return sql.SQL(query).format(identity_a=sql.SQL(IDENTITY_A), identity_b=sql.SQL(IDENTITY_B))


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a scan answers, so that two with the same parameters have the same rows: the contract ``model_id``, the ``scope`` as
    `FaceFilter.stored` gives it, and the ``threshold``."""

    model_id: int
    scope: Mapping[str, Any]
    threshold: float

    def stored(self) -> dict[str, Any]:
        """As the parameters of a query."""
        return {"model_id": self.model_id, "scope": Jsonb(dict(self.scope)), "threshold": self.threshold}


@dataclass(frozen=True, slots=True)
class ScanRow:
    """A row of facedb.scan; ``made_by`` is the make of its findings (see `facedb.scan.findings.make`), ``faceless`` what the photos
    without a face hash to that they were made with (see `facedb.scan.faces.faceless`)."""

    id: int
    model_id: int
    base_scan_id: int | None
    status: str
    threshold: float
    scope: Mapping[str, Any]
    engine: str
    faces: int
    new_faces: int
    identities: int
    comparisons: int
    pairs: int
    links: int
    join_seconds: float
    started_at: datetime
    finished_at: datetime | None
    made_by: str | None
    faceless: bytes | None

    @property
    def links_only(self) -> bool:
        """Whether it keeps of each link its best pair alone, and of the others what the link says."""
        return bool(self.scope.get("links_only"))


def scan_by_id(conn: Connection, scan_id: int) -> ScanRow | None:
    """One scan, or None."""
    row = conn.execute(SQL["scan_by_id"], {"scan_id": scan_id}).fetchone()
    return None if row is None else ScanRow(*row)


def is_unlabelled(conn: Connection, datasets: Sequence[int] | None) -> bool:
    """Whether ``datasets`` (None: all) have images and none of them a label."""
    row = conn.execute(SQL["is_unlabelled"], {"datasets": None if datasets is None else list(datasets)}).fetchone()
    return bool(row and row[0])


def latest_scan(conn: Connection, datasets: Sequence[int] | None = None, model_id: int | None = None) -> ScanRow | None:
    """The newest finished scan, of all or of those that cover ``datasets`` or have that contract; None while there is none."""
    parameters = {"datasets": None if datasets is None else list(datasets), "model_id": model_id}
    row = conn.execute(SQL["latest_scan"], parameters).fetchone()
    return None if row is None else scan_by_id(conn, int(row[0]))


def newest_beside(conn: Connection, scan: ScanRow) -> int:
    """Key of the newest finished scan that covers the datasets of ``scan``, whatever else it was asked: often that one."""
    newest = latest_scan(conn, scan.scope.get("datasets"))
    return scan.id if newest is None else newest.id


def running_scans(conn: Connection, wanted: Parameters, *, full: bool) -> list[int]:
    """Scans of the same parameters that were begun and not finished, newest first; ``full``: only those without a base."""
    return [row[0] for row in conn.execute(SQL["running_scans"], wanted.stored() | {"full": full})]


def base_scans(conn: Connection, wanted: Parameters) -> list[int]:
    """Finished scans of this gallery, at this or a lower threshold, that a new one may build on, newest first."""
    return [row[0] for row in conn.execute(SQL["base_scans"], wanted.stored())]


def lowest_scanned(conn: Connection, wanted: Parameters) -> float | None:
    """The lowest threshold of a finished scan of this gallery, or None."""
    row = conn.execute(SQL["lowest_scanned"], wanted.stored()).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def lock_scan(conn: Connection, wanted: Parameters) -> Claim:
    """Claim scans of these parameters for this session; False when another process is working on one."""
    scope = json.dumps(wanted.scope, sort_keys=True)
    return claim(conn, "scan", wanted.model_id, scope, repr(float(wanted.threshold)))


def set_engine(conn: Connection, scan_id: int, engine: str) -> None:
    """Note the engine that goes on with a scan."""
    conn.execute(SQL["set_engine"], {"scan_id": scan_id, "engine": engine})


def face_boxes(conn: Connection, ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """Key, box (x, y, w, h), and width and height of the photo, of the faces ``ids`` that have a box."""
    return conn.execute(SQL["face_boxes"], {"ids": list(ids)}).fetchall()


def labelled(conn: Connection, dataset_id: int) -> tuple[int, int]:
    """How many images of a dataset are ready and have a label, and how many labels they have."""
    row = conn.execute(SQL["labelled"], {"dataset_id": dataset_id}).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def taken_faces(conn: Connection) -> dict[int, tuple[float, float, float, float]]:
    """By image, the box x, y, w, h in pixels of the face that a person took."""
    return {image: (x, y, w, h) for image, x, y, w, h in conn.execute(SQL["taken_faces"])}


def write_scan_faces(conn: Connection, scan_id: int, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write face, role, faces of its photo, fit, the other identity it is and the score to it; what is there already is replaced."""
    conn.execute("delete from facedb.scan_face where scan_id = %s", (scan_id,))
    with conn.cursor() as cursor:
        cursor.executemany(SQL["add_scan_face"], [(scan_id, *row) for row in rows])


def add_partition(conn: Connection, scan_id: int) -> None:
    """Make the place of the pairs of a scan."""
    conn.execute(SQL["add_partition"], {"scan_id": scan_id})


def index_pairs(conn: Connection, scan_id: int) -> None:
    """Index the pairs of a scan of which every tile is done, unless they are; the caller commits."""
    part = sql.Literal(partition("flagged_pair", scan_id).as_string(conn))
    row = conn.execute(sql.SQL(SQL["pairs_are_indexed"]).format(partition=part)).fetchone()
    if row is None or not row[0]:
        conn.execute(SQL["index_pairs"], {"scan_id": scan_id})


def finish_scan(
    conn: Connection,
    scan_id: int,
    *,
    pairs: int,
    links: int,
    certain_above: float | None,
    made_by: str,
    faceless: bytes | None,
) -> None:
    """Index the pairs and close the scan; ``certain_above`` None: nothing is certain by its score; all else as in `ScanRow`."""
    index_pairs(conn, scan_id)
    told = {"scan_id": scan_id, "pairs": pairs, "links": links, "certain_above": certain_above, "made_by": made_by}
    conn.execute(SQL["finish_scan"], told | {"faceless": faceless})
