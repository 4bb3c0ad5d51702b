"""A small dataset with planted mistakes, scanned, and its findings as people read them."""

from __future__ import annotations

from facedb.core.progress import Silent
from facedb.core.row_schema import table
from facedb.db.connection import Database
from facedb.scan.findings.ranked import (
    Finding,
    FindingSelection,
    findings,
)
from facedb.scan.run import ScanOptions, ScanSummary, scan
from tests.db.population import Population
from tests.unit.findings.people import DIM, Crowd

PEOPLE = 14


class Talk(Silent):
    """A reporter that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


def name(person: int) -> str:
    return f"p{person:02d}"


def populate(db: Database) -> None:
    """Fourteen people of six faces; p20 is p03 once more, one face of p05 is filed under p01."""
    crowd = Crowd(PEOPLE, seed=6)
    people = Population(db, DIM)
    for person in range(PEOPLE):
        people.add(crowd.faces(person, 6), [name(person)] * 6)
    people.add(crowd.faces(3, 5), [name(20)] * 5)
    people.add(crowd.faces(5, 1), [name(1)])


def run(db: Database, **options: object) -> ScanSummary:
    settings = {"threshold": 0.45, "engine": "exact", "threads": 1} | options
    return scan(db, ScanOptions(**settings), reporter=Silent())  # type: ignore[arg-type]


def read(db: Database, **selection: object) -> list[dict[str, object]]:
    with findings(db, FindingSelection(**selection)) as rows:  # type: ignore[arg-type]
        return [dict(zip(table(Finding).names, row, strict=True)) for row in rows]


def scanned(db: Database, **options: object) -> int:
    """The number of a full scan."""
    return run(db, full=True, **options).scan.id


def as_rows(db: Database, **selection: object) -> list[Finding]:
    with findings(db, FindingSelection(**selection)) as rows:  # type: ignore[arg-type]
        return [table(Finding).row(row) for row in rows]
