"""Reading results: links, pairs, rejects, datasets and more, as values in the columns of `result_columns`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from facedb.core.choices import one_of
from facedb.core.counting import are, counted
from facedb.core.files.paths import display
from facedb.core.rejects import IGNORED, REJECTED
from facedb.core.row_schema import Table, table
from facedb.dataset import pending_rows
from facedb.dataset.names import find_datasets
from facedb.db.connection import Database, translated
from facedb.db.queries import load
from facedb.db.rows import stream
from facedb.report.result_columns import Dataset, Identity, Link, Pair, PhotoFace, Reject, Scan
from facedb.review import decision_rows
from facedb.scan.which_scan import find_scan

SQL = load("report", "output")


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
    """The values of `Link` rows, strongest first, streamed while the block is open."""
    with _rows(db, "links", table(Link), selection) as found:
        yield found


@contextmanager
def pairs(db: Database, selection: Selection) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The values of `Pair` rows, highest score first, streamed while the block is open."""
    with _rows(db, "pairs", table(Pair), selection) as found:
        yield found


@contextmanager
def _rows(db: Database, query: str, columns: Table[Any], selection: Selection) -> Iterator[Iterator[tuple[Any, ...]]]:
    with closing(db.open()) as conn, translated(db.dsn):
        scan = find_scan(conn, selection.scan, [selection.dataset]).scan
        parameters = {
            "scan_id": scan.id,
            "min_score": selection.min_score,
            "dataset": selection.dataset,
            "limit": selection.limit,
            "rejected": selection.rejected,
        }
        yield stream(conn, SQL[query], columns, parameters)


def remarks_on_links(db: Database, selection: Selection) -> list[str]:
    """What to say below a list of links: how many are hidden, and which are back because new images joined them."""
    with db.connection() as conn:
        scan = find_scan(conn, selection.scan, [selection.dataset]).scan
        rejected = decision_rows.rejected_links(conn, scan.id, min_score=selection.min_score, dataset=selection.dataset)
    lines = [
        f"{display(a)} and {display(b)} were called different; since then {counted(new, 'new image')} joined their pairs."
        for a, b, new in rejected
        if new
    ]
    hidden = sum(not new for _, _, new in rejected)
    if hidden and not selection.rejected:
        lines.append(f"{are(hidden, 'link')} hidden by the verdict different; --all shows hidden links too.")
    return lines


@contextmanager
def faces(
    db: Database, *, scan: int | None, dataset: str | None, role: str | None, limit: int | None
) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The values of `PhotoFace` rows, by identity and path, streamed while the block is open."""
    with closing(db.open()) as conn, translated(db.dsn):
        found = find_scan(conn, scan, [dataset]).scan
        parameters = {"scan_id": found.id, "role": role, "limit": limit}
        yield stream(conn, SQL["faces"], table(PhotoFace), parameters)


@contextmanager
def rejects(
    db: Database, *, dataset: str | None, code: str | None, ignored: bool, limit: int | None
) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The values of `Reject` rows, streamed while the block is open; raises UsageError for a code that does not exist."""
    _check_code(code)
    with closing(db.open()) as conn, translated(db.dsn):
        find_datasets(conn, [dataset])
        parameters = {"dataset": dataset, "code": code, "ignored": ignored, "limit": limit}
        yield stream(conn, SQL["rejects"], table(Reject), parameters)


def retry_rejects(db: Database, *, dataset: str | None, code: str | None) -> int:
    """Make images that models rejected pending again; returns how many."""
    _check_code(code)
    with closing(db.open()) as conn, translated(db.dsn):
        count = pending_rows.retry_rejects(conn, None, find_datasets(conn, [dataset]), code)
        conn.commit()
        return count


def _check_code(code: str | None) -> None:
    one_of("A code", code, (*REJECTED, *IGNORED))


def datasets(db: Database) -> list[tuple[Any, ...]]:
    """The values of `Dataset` rows, by name."""
    with closing(db.open()) as conn, translated(db.dsn):
        return list(stream(conn, SQL["datasets"], table(Dataset), {}))


@contextmanager
def identities(
    db: Database, *, dataset: str | None = None, limit: int | None = None
) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The values of `Identity` rows by dataset and name, streamed while the block is open."""
    with closing(db.open()) as conn, translated(db.dsn):
        find_datasets(conn, [dataset])
        yield stream(conn, SQL["identities"], table(Identity), {"dataset": dataset, "limit": limit})


def scans(db: Database) -> list[tuple[Any, ...]]:
    """The values of `Scan` rows, newest first."""
    with closing(db.open()) as conn, translated(db.dsn):
        return list(stream(conn, SQL["scans"], table(Scan), {}))
