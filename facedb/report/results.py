"""Reading results: links, pairs, rejects and datasets as rows for people and tools."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from facedb.core.paths import display
from facedb.dataset import embedding_rows as store_embeddings
from facedb.dataset.names import find_datasets
from facedb.db.connection import Database, translated
from facedb.review import decision_rows
from facedb.scan import scan_rows as store
from facedb.scan.scope import find_scan

LINK_COLUMNS = (
    "rank", "identity_a", "identity_b", "pairs", "faces_a", "faces_b", "size_a", "size_b", "coverage_a", "coverage_b",
    "max_score", "mean_score", "median_score", "centroid_score",
)  # fmt: skip
PAIR_COLUMNS = ("identity_a", "path_a", "identity_b", "path_b", "score")
REJECT_COLUMNS = ("dataset", "identity", "path", "outcome", "code", "detail", "model")
FACE_COLUMNS = ("identity", "path", "role", "faces", "fit", "also_shows", "also_score", "box")
DATASET_COLUMNS = (
    "dataset",
    "files",
    "embedded",
    "faces",
    "rejected",
    "ignored",
    "vanished",
    "pending",
    "identities",
    "from",
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows: of one ``scan`` (default: the newest finished one), from ``min_score`` up, of ``dataset``, at most ``limit``.

    ``rejected``: also links that a person called different and that have no new images since.
    """

    scan: int | None = None
    min_score: float | None = None
    dataset: str | None = None
    limit: int | None = None
    rejected: bool = False


@contextmanager
def links(db: Database, selection: Selection) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Rows of LINK_COLUMNS, strongest first, streamed while the block is open."""
    with _rows(db, "links", selection) as found:
        yield (_named(row, len(LINK_COLUMNS), (1, 2)) for row in found)


@contextmanager
def pairs(db: Database, selection: Selection) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Rows of PAIR_COLUMNS, highest score first, streamed while the block is open."""
    with _rows(db, "pairs", selection) as found:
        yield (_named(row, len(PAIR_COLUMNS), (0, 2)) for row in found)


@contextmanager
def _rows(db: Database, query: str, selection: Selection) -> Iterator[Iterator[tuple[Any, ...]]]:
    with closing(db.open()) as conn, translated(db.dsn):
        scan = find_scan(conn, selection.scan, [selection.dataset]).scan
        parameters = {
            "scan_id": scan.id,
            "min_score": selection.min_score,
            "dataset": selection.dataset,
            "limit": selection.limit,
            "rejected": selection.rejected,
        }
        yield store.rows(conn, query, parameters)


def _named(row: tuple[Any, ...], width: int, identities: tuple[int, int]) -> tuple[Any, ...]:
    """The contract columns of a row; identities of two datasets are told apart by ``dataset/identity``."""
    dataset_a, dataset_b = row[-2], row[-1]
    values = list(row[:width])
    if dataset_a != dataset_b:
        values[identities[0]] = f"{dataset_a}/{values[identities[0]]}"
        values[identities[1]] = f"{dataset_b}/{values[identities[1]]}"
    return tuple(values)


def remarks_on_links(db: Database, selection: Selection) -> list[str]:
    """What to say below a list of links: how many are hidden, and which are back because new images joined them."""
    with db.connection() as conn:
        scan = find_scan(conn, selection.scan, [selection.dataset]).scan
        rejected = decision_rows.rejected_links(conn, scan.id, min_score=selection.min_score, dataset=selection.dataset)
    lines = [
        f"{display(a)} and {display(b)} were called different; since then {new} new image{'s' * (new != 1)} joined their pairs."
        for a, b, new in rejected
        if new
    ]
    hidden = sum(not new for _, _, new in rejected)
    if hidden and not selection.rejected:
        lines.append(f"{hidden} link{'s' * (hidden != 1)} that a person called different: hidden; --all shows them.")
    return lines


def examples(db: Database, scan_id: int, limit: int) -> list[tuple[str, str]]:
    """The best pair of paths of each of the first links; empty where its faces carry other labels by now."""
    with closing(db.open()) as conn, translated(db.dsn):
        found = store.rows(conn, "example_pairs", {"scan_id": scan_id, "limit": limit})
        return [_example(row) for row in found]


def _example(row: tuple[Any, ...]) -> tuple[str, str]:
    _, path_a, path_b, identity_a, identity_b = row
    if path_a is None:
        return "", ""
    return (path_a, path_b) if identity_a < identity_b else (path_b, path_a)


@contextmanager
def faces(
    db: Database, *, scan: int | None, dataset: str | None, role: str | None, limit: int | None
) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Rows of FACE_COLUMNS, of the photos that show several faces, streamed while the block is open."""
    with closing(db.open()) as conn, translated(db.dsn):
        found = find_scan(conn, scan, [dataset]).scan
        rows = store.rows(conn, "faces", {"scan_id": found.id, "role": role, "limit": limit})
        yield (tuple(display(v) if isinstance(v, str) else v for v in row) for row in rows)


@contextmanager
def rejects(
    db: Database, *, dataset: str | None, code: str | None, ignored: bool, limit: int | None
) -> Iterator[Iterator[Any]]:
    """Rows of REJECT_COLUMNS, streamed while the block is open."""
    with closing(db.open()) as conn, translated(db.dsn):
        find_datasets(conn, [dataset])
        yield store.rows(conn, "rejects", {"dataset": dataset, "code": code, "ignored": ignored, "limit": limit})


def retry_rejects(db: Database, *, dataset: str | None, code: str | None) -> int:
    """Make images that models rejected pending again; returns how many."""
    with closing(db.open()) as conn, translated(db.dsn):
        count = store_embeddings.retry_rejects(conn, None, find_datasets(conn, [dataset]), code)
        conn.commit()
        return count


def datasets(db: Database) -> list[tuple[Any, ...]]:
    """Rows of DATASET_COLUMNS under the contract used last."""
    with closing(db.open()) as conn, translated(db.dsn):
        return list(store.rows(conn, "datasets", {}))


def scans(db: Database) -> list[tuple[Any, ...]]:
    """Rows of SCAN_COLUMNS, newest first."""
    with closing(db.open()) as conn, translated(db.dsn):
        return list(store.rows(conn, "scans", {}))


SCAN_COLUMNS = (
    "scan_id", "model", "status", "threshold", "faces", "new_faces", "identities", "comparisons", "pairs", "links", "engine",
    "started_at",
)  # fmt: skip
