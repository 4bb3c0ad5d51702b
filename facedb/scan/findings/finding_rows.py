"""Findings of scans with their faces, score distributions, and evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb

from facedb.core.records import Float64Array, Int64Array
from facedb.core.result_columns import As
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.findings.reliability import Tenth

SQL = load("scan", "findings")

FINDING_COLUMNS = (
    "rank",
    "class",
    "confidence",
    "identity_a",
    "identity_b",
    "faces_a",
    "faces_b",
    "size_a",
    "size_b",
    "max_score",
    "mean_score",
    "own_score",
    "own_best",
    "own_usual",
    "own_spread",
    "sameness",
    "margin",
    "hash_distance",
    "group_number",
    "group_lowest",
    "swap_rank",
    "detail",
)


def write_findings(
    conn: Connection,
    scan_id: int,
    findings: Iterable[Sequence[Any]],
    faces: Iterable[tuple[int, int, str]],
) -> None:
    """COPY findings (tuples of FINDING_COLUMNS) and their faces (rank, face, role); the caller commits.

    Faces whose images were pruned since the scan began have no rows, as if they had been pruned after it.
    """
    _copy(conn, "finding", ("scan_id", *FINDING_COLUMNS), ((scan_id, *row) for row in findings))
    about = list(faces)
    there = {row[0] for row in conn.execute(SQL["hold_faces"], {"faces": [face for _, face, _ in about]})}
    kept = ((scan_id, *row) for row in about if row[1] in there)
    _copy(conn, "finding_face", ("scan_id", "rank", "face_id", "role"), kept)


def _copy(conn: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier("facedb", table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def delete_findings(conn: Connection, scan_id: int) -> None:
    """Drop the findings of a scan, to compute them again."""
    conn.execute(SQL["delete_findings"], {"scan_id": scan_id})


def finding_counts(conn: Connection, scan_id: int, likely: float, certain: float) -> dict[str, tuple[int, int]]:
    """By class: how many findings of a scan have at least the confidence ``likely``, and ``certain``."""
    rows = conn.execute(SQL["finding_counts"], {"scan_id": scan_id, "likely": likely, "certain": certain})
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def group_members(conn: Connection, scan_id: int) -> list[tuple[int, float, list[str]]]:
    """Groups of more than two identities: number, lowest sameness between two members, names."""
    return [(row[0], float(row[1]), list(row[2])) for row in conn.execute(SQL["group_members"], {"scan_id": scan_id})]


def finding_rows(conn: Connection, scan_id: int) -> list[tuple[Any, ...]]:
    """Findings in rank order: rank, class, confidence, identities (-1: none), faces_a, size_a, keys of images, roles."""
    return conn.execute(SQL["finding_rows"], {"scan_id": scan_id}).fetchall()


def agreed(conn: Connection, scan_id: int) -> dict[int, bool]:
    """By rank, whether people found those findings of a scan right that they decided."""
    return dict(conn.execute(SQL["agreed"], {"scan_id": scan_id}).fetchall())


def scan_identities(conn: Connection, scan_id: int) -> dict[str, int]:
    """Keys of the identities of a scan by name."""
    return dict(conn.execute(SQL["scan_identities"], {"scan_id": scan_id}).fetchall())


def scan_images(conn: Connection, scan_id: int, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Key and label, by path, of those images that a scan has."""
    rows = conn.execute(SQL["scan_images"], {"scan_id": scan_id, "paths": list(paths)})
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def last_threshold(conn: Connection, model_id: int, scope: Mapping[str, Any]) -> float | None:
    """The threshold of the newest finished scan of a gallery, or None."""
    row = conn.execute(SQL["last_threshold"], {"model_id": model_id, "scope": Jsonb(dict(scope))}).fetchone()
    return None if row is None else float(row[0])


def identity_names(conn: Connection, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Name and dataset of identities by key."""
    return {row[0]: (row[1], row[2]) for row in conn.execute(SQL["identity_names"], {"ids": list(ids)})}


def spoken_of(conn: Connection, scan_id: int) -> list[int]:
    """The ranks of findings of a scan that some verdict is about."""
    return [row[0] for row in conn.execute(SQL["spoken_of"], {"scan_id": scan_id})]


def image_paths(conn: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Paths of images by key."""
    return dict(conn.execute(SQL["image_paths"], {"ids": list(ids)}).fetchall())


@dataclass(frozen=True, slots=True)
class Distribution:
    """The scores of one kind in a scan: ``counted`` and ``sampled`` int64 (bins,) of the bins ``facedb.findings.rates.histogram``;
    ``total`` pairs in the gallery, ``counted_from`` the score from which every pair is in ``counted`` (None: none was),
    ``sample`` pairs in the random sample; ``mated`` float64 (bins,) of the counted ones are of one person by the findings, and
    ``doubt`` is what each bin adds to the variance of that from the top down; None where no finding was asked."""

    counted: Int64Array
    sampled: Int64Array
    total: int
    counted_from: float | None
    sample: int
    mated: Float64Array | None
    doubt: Float64Array | None


def distributions(conn: Connection, scan_id: int, bins: int) -> dict[str, Distribution]:
    """The distributions ``genuine`` and ``impostor`` of a scan."""
    counts: dict[tuple[str, str], Int64Array] = {}
    mated: dict[str, Float64Array] = {}
    doubt: dict[str, Float64Array] = {}
    for kind, source, at, values, told, doubted in conn.execute(SQL["histograms"], {"scan_id": scan_id}):
        histogram = np.zeros(bins, np.int64)
        histogram[np.array(at)] = values
        counts[kind, source] = histogram
        if source == "counted" and told[0] is not None:
            mated[kind] = np.zeros(bins)
            mated[kind][np.array(at)] = told
        if source == "counted" and doubted[0] is not None:
            doubt[kind] = np.zeros(bins)
            doubt[kind][np.array(at)] = doubted
    empty = np.zeros(bins, np.int64)
    return {
        kind: Distribution(
            counts.get((kind, "counted"), empty),
            counts.get((kind, "sampled"), empty),
            total,
            counted_from,
            sampled,
            mated.get(kind),
            doubt.get(kind),
        )
        for kind, total, counted_from, sampled in conn.execute(SQL["totals"], {"scan_id": scan_id})
    }


def certain_above(conn: Connection, scan_id: int) -> float | None:
    """The score from which two folders of one photo each are a certain merge; None for scans of facedb 0.1."""
    row = conn.execute(SQL["certain_above"], {"scan_id": scan_id}).fetchone()
    return None if row is None or row[0] is None else float(row[0])


@dataclass(frozen=True, slots=True)
class ClassRow:
    """How one class of mistakes fared."""

    name: str
    planted: int
    found: int
    average_precision: float
    first_rank: int | None
    last_rank: int | None


@dataclass(frozen=True, slots=True)
class MissRow:
    """A known mistake that no finding names."""

    name: Annotated[str, As("class")]
    identity_a: str
    identity_b: str | None
    images: tuple[str, ...]


def write_evaluation(
    conn: Connection,
    values: Mapping[str, Any],
    classes: Sequence[ClassRow],
    curve: Sequence[tuple[int, float, float]],
    misses: Sequence[MissRow],
    reliability: Sequence[Tenth],
) -> int:
    """Keep an evaluation; ``values`` are those of the block ``add_evaluation``. Returns its key; the caller commits."""
    row = conn.execute(SQL["add_evaluation"], values).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    key = int(row[0])
    for c in classes:
        parameters = {
            "evaluation_id": key,
            "class": c.name,
            "planted": c.planted,
            "found": c.found,
            "average_precision": c.average_precision,
            "first_rank": c.first_rank,
            "last_rank": c.last_rank,
        }
        conn.execute(SQL["add_evaluation_class"], parameters)
    ranks, precisions, recalls = ([point[k] for point in curve] for k in range(3))
    conn.execute(
        SQL["add_evaluation_points"],
        {"evaluation_id": key, "ranks": ranks, "precisions": precisions, "recalls": recalls},
    )
    for tenth in reliability:
        if tenth.findings:
            conn.execute(SQL["add_evaluation_tenth"], {"evaluation_id": key, **asdict(tenth)})
    for number, miss in enumerate(misses, start=1):
        conn.execute(
            SQL["add_evaluation_miss"],
            {
                "evaluation_id": key,
                "number": number,
                "class": miss.name,
                "identity_a": miss.identity_a,
                "identity_b": miss.identity_b,
                "images": list(miss.images),
            },
        )
    return key
