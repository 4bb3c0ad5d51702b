"""Verdicts, plans and the journal of plans: the rows of what people decided and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from facedb.core.files.paths import from_text, to_text
from facedb.db import audit
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.scan.findings import finding_rows

SQL = load("review", "decisions")


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A verdict with its subject as it is now: names (None: an image without a label), and keys of images that were found again (None:
    gone)."""

    id: int
    kind: str
    verdict: str
    identity_a: str | None
    path_a: str | None
    identity_b: str | None
    path_b: str | None
    target: str | None
    note: str | None
    said_by: str
    said_at: datetime
    dataset_a: str
    dataset_b: str | None
    identity_a_id: int | None
    identity_b_id: int | None
    image_a_id: int | None
    image_b_id: int | None
    target_id: int | None
    pairs: int | None
    faces_a: int | None
    faces_b: int | None


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """An image that a plan or an export may be about; ``path`` and ``container`` below ``root``, ``pixels`` 0 when unknown; ``clearest``:
    the highest score that a detector gave a face in it, 1 where none looked, 0 where a finding is about it although no face was found;
    ``encoding``: what its bytes are;
    ``colour``, ``fine`` and ``blocks`` as in `facedb.core.records.Traces`, None where they were not measured."""

    id: int
    source_id: int
    format: str
    root: str
    options: Mapping[str, Any]
    identity_id: int | None
    labelled_by: str
    status: str
    path: str
    container: str | None
    sha256: bytes | None
    bytes: int
    pixels: int
    dataset: str
    clearest: float
    encoding: str | None = None
    colour: float | None = None
    fine: float | None = None
    blocks: float | None = None


@dataclass(frozen=True, slots=True)
class CertainFinding:
    """A finding that a plan may act on; ``image_ids`` the images that are wrong, without a label, or copies of each other, and their
    ``labels``, but for ``crowded_ids``, which show several people; ``hidden``: it names somebody who was hidden from review; ``margin``:
    how much likelier copies in two folders are at home in the first."""

    rank: int
    kind: str
    confidence: float
    identity_a: int | None
    identity_b: int | None
    name_a: str | None
    name_b: str | None
    dataset: str
    image_ids: list[int]
    labels: list[int | None]
    crowded_ids: list[int]
    hidden: bool
    margin: float | None


@dataclass(frozen=True, slots=True)
class ImageNow:
    """What the table says of an image now."""

    source_id: int
    status: str
    path: str
    identity_id: int | None
    labelled_by: str
    sha256: bytes | None


def say_link(
    conn: Connection,
    verdict: str,
    identity_a: int,
    identity_b: int,
    *,
    note: str | None,
    said_by: str,
    target: int | None = None,
) -> int:
    """Write a verdict on two identities with the evidence of now; ``target`` keeps its name. Returns its key."""
    a, b = sorted((identity_a, identity_b))
    return added(
        conn,
        "say_link",
        {"verdict": verdict, "identity_a": a, "identity_b": b, "target": target, "note": note, "said_by": said_by},
    )


def say_pair(conn: Connection, verdict: str, image_a: int, image_b: int, *, note: str | None, said_by: str) -> int:
    """Write a verdict on two images; returns its key."""
    a, b = sorted((image_a, image_b))
    return added(conn, "say_pair", {"verdict": verdict, "image_a": a, "image_b": b, "note": note, "said_by": said_by})


def say_face(conn: Connection, verdict: str, image: int, *, target: int | None, note: str | None, said_by: str) -> int:
    """Write a verdict on an image and its label; returns its key."""
    return added(
        conn, "say_face", {"verdict": verdict, "image_a": image, "target": target, "note": note, "said_by": said_by}
    )


def added(conn: Connection, query: str, parameters: Mapping[str, Any]) -> int:
    """The key of the row that a query of ``decisions.sql`` inserts; a verdict is noted in the audit."""
    row = conn.execute(SQL[query], parameters).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    if "verdict" in parameters:
        audit.note(conn, "verdict", by=parameters["said_by"], on=query, verdict=parameters["verdict"])
    return int(row[0])


def verdicts(
    conn: Connection, *, dataset: str | None = None, kind: str | None = None, history: bool = False
) -> list[VerdictRow]:
    """The verdicts that stand, newest first; with ``history`` also those that something newer replaced."""
    view = sql.Identifier("bi", "verdict_history" if history else "verdicts")
    rows = conn.execute(sql.SQL(SQL["verdicts"]).format(view=view), {"dataset": dataset, "kind": kind})
    return [VerdictRow(*decoded(row, 3, 4, 5, 6, 7)) for row in rows]


def hidden_people(conn: Connection) -> frozenset[int]:
    """Who was hidden from review, by the keys of identities."""
    return frozenset(row[0] for row in conn.execute(SQL["hidden_people"]))


def rejected_links(
    conn: Connection, scan_id: int, *, min_score: float | None, dataset: str | None
) -> list[tuple[str, str, int]]:
    """Links of a scan that a person called different: two ``dataset/identity`` names and the number of new images."""
    rows = conn.execute(SQL["rejected_links"], {"scan_id": scan_id, "min_score": min_score, "dataset": dataset})
    return [(f"{row[0]}/{row[1]}", f"{row[2]}/{row[3]}", int(row[4])) for row in rows]


def identity_names(conn: Connection, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Name and dataset of identities by key."""
    names = finding_rows.identity_names(conn, ids)
    return {key: (from_text(name), dataset) for key, (name, dataset) in names.items()}


def images_by_key(conn: Connection, ids: Sequence[int]) -> dict[int, PlannedImage]:
    """Images by key; missing ones are left out."""
    return {image.id: image for image in _images(conn, "by_key", {"ids": list(ids)})}


def images_of_identities(conn: Connection, ids: Sequence[int]) -> list[PlannedImage]:
    """Every ready image of some identities."""
    return _images(conn, "of_identities", {"ids": list(ids)})


def unusable_files(conn: Connection, ids: Sequence[int]) -> list[tuple[int, str, int]]:
    """Identities (key and name) that have files which are no usable images, and how many."""
    return [(row[0], from_text(row[1]), row[2]) for row in conn.execute(SQL["unusable_files"], {"ids": list(ids)})]


def images_of_dataset(conn: Connection, dataset: str | None) -> list[PlannedImage]:
    """Every ready image of a dataset (None: of all), by source and path."""
    return _images(conn, "of_dataset", {"dataset": dataset})


def _images(conn: Connection, which: str, parameters: Mapping[str, Any]) -> list[PlannedImage]:
    query = sql.SQL(SQL["planned_images"]).format(which=sql.SQL(SQL[which]))
    return [PlannedImage(*decoded(row, 3, 8, 9)) for row in conn.execute(query, parameters)]


def paths_taken(conn: Connection, source_id: int, paths: Sequence[str]) -> set[str]:
    """Which of ``paths`` the source has a row for, whatever its status."""
    rows = conn.execute(SQL["paths_taken"], {"source_id": source_id, "paths": [to_text(path) for path in paths]})
    return {from_text(row[0]) for row in rows}


def image_now(conn: Connection, image_id: int) -> ImageNow | None:
    """What the table says of an image, or None when it was pruned."""
    row = conn.execute(SQL["image_now"], {"image_id": image_id}).fetchone()
    return None if row is None else ImageNow(row[0], row[1], from_text(row[2]), *row[3:])


def place_image(
    conn: Connection,
    image_id: int,
    source_id: int,
    *,
    path: str,
    identity_id: int | None,
    labelled_by: str,
    status: str,
    size: int,
    mtime_ns: int,
    sha256: bytes,
    detail: str | None,
) -> None:
    """Write that an image lies elsewhere under another label; left to the next ingest where another row holds that place."""
    conn.execute(SQL["clear_path"], {"source_id": source_id, "path": to_text(path), "image_id": image_id})
    conn.execute(
        SQL["place_image"],
        {
            "image_id": image_id,
            "path": to_text(path),
            "identity_id": identity_id,
            "labelled_by": labelled_by,
            "status": status,
            "bytes": size,
            "mtime_ns": mtime_ns,
            "sha256": sha256,
            "detail": detail,
        },
    )


def label_image(conn: Connection, image_id: int, identity_id: int | None, labelled_by: str) -> None:
    """Write another label; None takes the image out of every identity."""
    conn.execute(SQL["label_image"], {"image_id": image_id, "identity_id": identity_id, "labelled_by": labelled_by})


def certain_findings(conn: Connection, scan_id: int, certain: float, dataset: str | None) -> list[CertainFinding]:
    """Merges, strays, duplicates, unlabelled photos and newcomers of a scan whose confidence reaches ``certain``, by rank."""
    rows = conn.execute(SQL["certain_findings"], {"scan_id": scan_id, "certain": certain, "dataset": dataset})
    return [CertainFinding(*decoded(row, 5, 6)) for row in rows]


def decoded(row: Sequence[Any], *places: int) -> list[Any]:
    """A row with the names at ``places`` as file names again."""
    return [from_text(value) if k in places else value for k, value in enumerate(row)]
