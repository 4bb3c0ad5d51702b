"""What a report says beside its findings: where the scan came from, what became of the files, what people decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facedb.core.finding import CERTAIN, LIKELY
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("report", "page")


@dataclass(frozen=True, slots=True)
class Covered:
    """A dataset of a scan, and what became of its files."""

    name: str
    files: int
    embedded: int
    rejected: int
    ignored: int
    vanished: int
    pending: int
    identities: int


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many findings of a class there are, how many are likelier than not, certain, and decided."""

    name: str
    findings: int
    likely: int
    certain: int
    decided: int


@dataclass(frozen=True, slots=True)
class RejectCount:
    """A reason why files are no faces, how often, and one of them."""

    code: str
    files: int
    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Leak:
    """People and photos of one dataset that are in another one."""

    dataset: str
    other: str
    people: int
    photos: int


def covered(conn: Connection, keys: tuple[int, ...] | None) -> list[Covered]:
    """The datasets with these keys (None: all)."""
    wanted = {"keys": None if keys is None else list(keys)}
    return [Covered(*row) for row in conn.execute(SQL["datasets"], wanted)]


def class_counts(conn: Connection, scan_id: int) -> list[ClassCount]:
    """Findings of a scan by class, in the order of their first rank."""
    wanted = {"scan_id": scan_id, "likely": LIKELY, "certain": CERTAIN}
    return [ClassCount(*row) for row in conn.execute(SQL["classes"], wanted)]


def reject_counts(conn: Connection, datasets: list[str]) -> list[RejectCount]:
    """Rejects of datasets by code, the most frequent first."""
    return [RejectCount(*row) for row in conn.execute(SQL["rejects"], {"datasets": datasets})]


def leaks(conn: Connection, scan_id: int) -> list[Leak]:
    """What a scan over several datasets says of people who are in two of them."""
    return [Leak(*row) for row in conn.execute(SQL["leaks"], {"scan_id": scan_id})]


def names(conn: Connection) -> list[str]:
    """The names of all identities."""
    return [row[0] for row in conn.execute(SQL["names"])]


def secret(conn: Connection) -> bytes:
    """The secret of this database, which makes its pseudonyms."""
    row = conn.execute(SQL["secret"]).fetchone()
    return str(row[0] if row else "").encode()


def server(conn: Connection) -> dict[str, str]:
    """Versions of the server and of its extension."""
    row: tuple[Any, ...] | None = conn.execute(SQL["server"]).fetchone()
    return {} if row is None else {"PostgreSQL": str(row[0]), "pgvector": str(row[1])}


def scan_times(conn: Connection, scan_id: int) -> tuple[datetime | None, datetime | None]:
    """When a scan began and ended."""
    row = conn.execute(SQL["times"], {"scan_id": scan_id}).fetchone()
    return (None, None) if row is None else (row[0], row[1])
