"""Photos outside of folders beside a scan: told with it, in no link and no flagged pair, anew when they change."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.core.row_schema import table
from facedb.db.connection import Database
from facedb.report.case_rows import Case, cases
from facedb.scan.findings.ranked import Finding, FindingSelection, findings
from facedb.scan.run import ScanOptions, ScanSummary, scan
from tests.db.population import Population
from tests.unit.findings.people import DIM, Crowd


def run(db: Database, **options: object) -> ScanSummary:
    settings = {"threshold": 0.45, "engine": "exact", "threads": 1} | options
    return scan(db, ScanOptions(**settings), reporter=Silent())  # type: ignore[arg-type]


def read(db: Database, **selection: object) -> list[Finding]:
    with findings(db, FindingSelection(**selection)) as rows:  # type: ignore[arg-type]
        return [table(Finding).row(row) for row in rows]


def facts(db: Database) -> list[tuple[object, ...]]:
    """What stands in the newest scan, without what differs from scan to scan."""
    return [(f.kind, f.confidence, f.identity_a, f.identity_b, f.images, f.detail) for f in read(db)]


@pytest.fixture
def crowd() -> Crowd:
    return Crowd(16, seed=6)


@pytest.fixture
def people(database: Database, crowd: Crowd) -> Population:
    """Twelve people of five faces, p03 a second time as p20; beside them three photos of known people and three of a new one."""
    people = Population(database, DIM)
    for person in range(12):
        people.add(crowd.faces(person, 5), [f"p{person:02d}"] * 5)
    people.add(crowd.faces(3, 4), ["p20"] * 4)
    people.add(np.concatenate([crowd.faces(person, 1) for person in (1, 3, 7)]), [None] * 3)
    people.add(crowd.faces(13, 3), [None] * 3)
    return people


@pytest.mark.usefixtures("people")
def test_photos_outside_are_told_and_make_no_links(database: Database) -> None:
    done = run(database)
    found = read(database)
    asked = {f.identity_a for f in found if f.kind == "unlabelled" and f.confidence > 0.9}
    assert asked <= {"p01", "p03", "p20", "p07"}
    assert len(asked) == 3
    (new,) = [f for f in found if f.kind == "newcomer"]
    assert (new.identity_a, new.identity_b, len(new.images), new.faces_a) == (None, None, 3, 3)
    with database.connection() as conn:
        paired = conn.execute(
            "select count(*) from facedb.flagged_pair p join facedb.face f on f.id in (p.face_a, p.face_b) "
            "join facedb.image i on i.id = f.image_id where i.identity_id is null"
        ).fetchone()
        links = conn.execute("select identity_a, identity_b from bi.links").fetchall()
        beside = conn.execute("select count(*) from facedb.scan_outsider").fetchone()
    assert (paired, links, beside) == ((0,), [("p03", "p20")], (6,))
    assert done.scan.faces == 64
    (case,) = [c for c in _cases(database, done.scan.id) if c.kind == "newcomer"]
    assert (case.names, len(case.subject), case.a) == (("a new person",), 3, ())


def test_a_new_photo_outside_is_told_by_the_next_scan_as_a_full_one_tells_it(
    database: Database, crowd: Crowd, people: Population
) -> None:
    run(database)
    assert run(database).reused
    people.add(crowd.faces(9, 1), [None])
    assert not run(database).reused
    told = facts(database)
    assert [f.kind for f in read(database) if f.identity_a == "p09"] == ["unlabelled"]
    run(database, full=True)
    assert facts(database) == told
    assert run(database).reused


@pytest.mark.usefixtures("people")
def test_what_has_a_label_alone_is_compared_when_asked_for(database: Database) -> None:
    run(database, unlabelled=False)
    assert {f.kind for f in read(database)} == {"merge"}


@pytest.mark.usefixtures("people")
def test_what_a_person_took_every_label_from_is_not_asked_about(database: Database) -> None:
    with database.connection() as conn:
        conn.execute("update facedb.image set labelled_by = 'person' where identity_id is null")
    run(database)
    assert {f.kind for f in read(database)} == {"merge"}


def test_unlabelled_datasets_beside_labelled_ones_stay_out(
    database: Database, crowd: Crowd, people: Population
) -> None:
    people.add(crowd.faces(2, 4), [None] * 4, dataset="elsewhere")
    run(database)
    assert not [f for f in read(database) if f.identity_a == "p02"]


def _cases(db: Database, scan_id: int) -> list[Case]:
    with db.connection() as conn:
        return list(cases(conn, scan_id, faces=4))
