"""What changed between two scans, and the reason where the rows tell it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facedb.core.errors import NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.report.comparison.diff import LinkChange, PairDifference, ScanDiff, diff, rows
from facedb.scan.run import ScanOptions, scan
from tests.db.population import Population, add_model

DIM = 8


def _at(*angles: float) -> np.ndarray:
    """Unit vectors in one plane: the score of two is the cosine of the difference of their angles in degrees."""
    radians = np.radians(np.array(angles, np.float64))
    out = np.zeros((len(angles), DIM), np.float32)
    out[:, 0], out[:, 1] = np.cos(radians), np.sin(radians)
    return out


def _scan(db: Database, threshold: float, *datasets: str, model: str | None = None) -> int:
    options = ScanOptions(threshold, datasets=datasets, model=model, engine="exact")
    return scan(db, options, reporter=Silent()).scan.id


def _links(found: ScanDiff) -> list[tuple[object, ...]]:
    return [(k.change, k.identity_a, k.identity_b, k.pairs_before, k.pairs_after, k.reason) for k in found.links]


@pytest.fixture
def people(database: Database) -> Population:
    """ann at 0, 2 degrees, bob at 20, cid at 40."""
    population = Population(database, DIM)
    population.add(_at(0, 2, 20, 40), ["ann", "ann", "bob", "cid"])
    return population


def test_the_same_scan_differs_in_nothing(database: Database, people: Population) -> None:
    only = _scan(database, 0.9)
    found = diff(database, only, only)
    assert (tuple(found.pairs), found.links) == ((), ())
    assert people.dim == DIM


def test_a_lower_threshold_brings_pairs_and_a_higher_one_takes_them(database: Database, people: Population) -> None:
    high, low = _scan(database, np.cos(np.radians(19.0))), _scan(database, 0.9)
    assert _links(diff(database, high, low)) == [
        ("new", "bob", "cid", 0, 1, "threshold"),
        ("changed", "ann", "bob", 1, 2, "threshold"),
    ]
    assert _links(diff(database, low, high)) == [
        ("gone", "bob", "cid", 1, 0, "threshold"),
        ("changed", "ann", "bob", 2, 1, "threshold"),
    ]
    body: list[Any] = list(rows(diff(database, high, low), pairs=True))
    assert [(r.change, r.identity_a, r.identity_b, r.score_before, r.reason) for r in body] == [
        ("new", "ann", "bob", None, "threshold"),
        ("new", "bob", "cid", None, "threshold"),
    ]
    assert isinstance(body[0], PairDifference)
    assert isinstance(next(rows(diff(database, high, low), pairs=False)), LinkChange)
    with pytest.raises(UsageError, match="did you mean 'gone'"):
        rows(diff(database, high, low), pairs=True, change="gon")
    assert people.dim == DIM


def test_new_faces_vanished_images_and_new_labels_are_told_apart(database: Database, people: Population) -> None:
    first = _scan(database, 0.9)
    people.add(_at(58), ["dan"])
    second = _scan(database, 0.9)
    assert _links(diff(database, first, second)) == [("new", "cid", "dan", 0, 1, "new face")]
    with database.connection() as conn:
        conn.execute(
            "update facedb.image set status = 'vanished' where identity_id = (select id from facedb.identity where name = 'dan')"
        )
    third = _scan(database, 0.9)
    assert _links(diff(database, second, third)) == [("gone", "cid", "dan", 1, 0, "vanished")]
    with database.connection() as conn:
        conn.execute(
            "update facedb.image set identity_id = (select id from facedb.identity where name = 'bob') "
            "where identity_id = (select id from facedb.identity where name = 'cid')"
        )
    fourth = _scan(database, 0.9)
    assert _links(diff(database, third, fourth)) == [("gone", "bob", "cid", 1, 0, "relabelled")]
    assert _links(diff(database, fourth, third)) == [("new", "bob", "cid", 0, 1, "relabelled")]


def test_a_face_that_was_embedded_again_changes_its_score(database: Database, people: Population) -> None:
    first = _scan(database, 0.9)
    with database.connection() as conn:
        conn.execute(
            "update facedb.embedding set vec = %s::vector where face_id = (select max(face_id) from facedb.embedding)",
            [str(_at(35)[0].tolist())],
        )
    second = _scan(database, 0.9)
    (change,) = diff(database, first, second).pairs
    assert (change.change, change.labels, change.reason) == ("changed", ("bob", "cid"), "embedded again")
    assert change.after is not None
    assert change.before is not None
    assert change.after > change.before
    assert people.dim == DIM


def test_another_scope_and_another_model_are_reasons(database: Database, people: Population) -> None:
    people.add(_at(41), ["eve"], dataset="second")
    narrow, wide = _scan(database, 0.9, "faces"), _scan(database, 0.9, "faces", "second")
    found = diff(database, narrow, wide)
    assert {(k.change, k.reason) for k in found.links} == {("new", "another scope")}
    assert all("eve" in k.identity_a + k.identity_b for k in found.links)
    with database.connection() as conn:
        other = add_model(conn, DIM, "other")
        conn.execute(
            "insert into facedb.embedding (face_id, model_id, norm, vec) select face_id, %s, 1, %s::vector from facedb.embedding",
            [other.id, str(_at(7)[0].tolist())],
        )
    second = _scan(database, 0.9, "faces", model="other")
    changes = diff(database, narrow, second).pairs
    assert {c.change for c in changes} == {"new", "changed"}
    assert {c.reason for c in changes} == {"another model"}


def test_scans_that_are_not_there_or_not_finished_are_refused(database: Database, people: Population) -> None:
    first = _scan(database, 0.9)
    with pytest.raises(NotFoundError, match="no scan 77"):
        diff(database, first, 77)
    with database.connection() as conn:
        conn.execute("update facedb.scan set status = 'abandoned', finished_at = null")
    with pytest.raises(UsageError, match="only finished"):
        diff(database, first, first)
    assert people.dim == DIM


def test_faces_without_a_label_are_called_so_and_not_gone(database: Database) -> None:
    Population(database, DIM).add(_at(0, 2), [None] * 2)
    only, none = _scan(database, 0.9), _scan(database, 0.99999)
    assert _links(diff(database, none, only)) == [("new", "(no label)", "(no label)", 0, 1, "threshold")]
