"""Evaluation: planted mistakes, and lists that people made."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from facedb.core.errors import InputError, ModelError, UsageError
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.report import evaluate
from facedb.report.planted_gallery import parse_inject
from facedb.review.verdicts import Statement, say
from facedb.scan import pair_store
from tests.db.population import Population
from tests.db.scan.findings.folders import PEOPLE, populate, read, run
from tests.unit.findings.people import DIM, Crowd


def test_planted_mistakes_are_found_and_kept_per_scan_without_touching_labels(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(database)
    done = run(database)
    state = "select md5(string_agg(i::text, ',' order by i.id)) from facedb.image i"
    with database.connection() as conn:
        before = conn.execute(state).fetchone()
    spec = "merge=2,stray=4%,swap=1,duplicate=2"
    found = evaluate.inject(database, spec, 7, engine="exact", threads=1, reporter=Silent())
    # What it says does not depend on how many pairs are looked at together.
    monkeypatch.setattr(pair_store, "AT_ONCE", 20)
    again = evaluate.inject(database, spec, 7, engine="exact", threads=1, reporter=Silent())
    assert (found.planted, found.found, found.curve) == (again.planted, again.found, again.curve)
    assert found.reliability == again.reliability
    assert found.planted == 2 + round(0.04 * done.scan.faces) + 2 + 2
    # Two mistakes were there before anything was planted, and nobody judged them.
    assert found.average_precision > 0.98
    assert found.standing == 0
    assert found.unjudged >= 2
    assert found.found == found.planted
    with database.connection() as conn:
        assert conn.execute(state).fetchone() == before
        rows = conn.execute(
            "select class, planted, found, all_planted, spec from bi.evaluations where evaluation_id = %s", (found.key,)
        ).fetchall()
        tenths = conn.execute(
            "select confidence_from, findings, true_findings, precision, calibration_error from bi.reliability"
            " where evaluation_id = %s order by 1",
            (found.key,),
        ).fetchall()
        points = conn.execute(
            "select count(*), max(recall) from facedb.evaluation_point where evaluation_id = %s", (found.key,)
        ).fetchone()
    assert {row[0]: row[1] for row in rows} == {"merge": 2, "stray": 4, "swap": 2, "duplicate": 2}
    assert all(row[3:] == (found.planted, spec) for row in rows)
    assert points == (len(found.curve), 1.0)
    assert [(t[0], t[1], t[2]) for t in tenths] == [
        (t.above, t.findings, t.true) for t in found.reliability if t.findings
    ]
    assert sum(t[1] for t in tenths) == found.findings - found.unjudged
    assert all(t[3] == t[2] / t[1] and t[4] == found.calibration_error for t in tenths)


def test_what_was_wrong_before_is_known_from_a_list_or_from_verdicts(database: Database, tmp_path: Path) -> None:
    populate(database)
    run(database)
    spec, first = "duplicate=2", read(database)[:2]

    def planted(known: Path | None = None) -> tuple[int, int, int]:
        done = evaluate.inject(database, spec, 7, known=known, engine="exact", threads=1, reporter=Silent())
        return done.standing, done.unjudged, sum(t.true for t in done.reliability)

    assert planted() == (0, 2, 2)
    rows = [
        {
            "class": str(row["class"]),
            "identity_a": str(row["identity_a"]),
            "identity_b": str(row["identity_b"] or ""),
            "images": ";".join(row["images"]),  # type: ignore[arg-type]
        }
        for row in first
    ]
    assert planted(write_truth(tmp_path / "all.csv", rows)) == (2, 0, 4)
    assert planted(write_truth(tmp_path / "one.csv", rows[:1])) == (1, 0, 3)
    stray = next(row for row in first if row["class"] == "stray")
    say(database, [Statement("face", str(stray["images"][0]), "wrong-identity")])  # type: ignore[index]
    assert planted() == (1, 1, 3)


def test_faces_whose_model_is_not_there_cannot_be_saved_again(database: Database) -> None:
    populate(database)
    run(database)
    with pytest.raises(ModelError, match="came without their model"):
        evaluate.inject(database, "resaved=2", 7, engine="exact", threads=1, reporter=Silent())


@pytest.mark.parametrize("spec", ["stray", "stray=x", "typo=3", "stray=-1"])
def test_a_wrong_injection_is_refused_before_any_work(spec: str) -> None:
    with pytest.raises(UsageError, match="--inject takes"):
        parse_inject(spec, 100, 10)


def test_a_half_that_nobody_found_is_named_by_the_whole_and_not_by_somebody_elsewhere(database: Database) -> None:
    people, crowd = Population(database, DIM), Crowd(6, seed=6)
    # Four faces that have nothing in common, in the one folder that is large enough to be split.
    people.add(np.eye(DIM, dtype=np.float32)[:4], ["odd"] * 4)
    for person in range(6):
        people.add(crowd.faces(person, 3), [f"p{person}"] * 3)
    run(database)
    people.add(crowd.faces(0, 3), ["a", "b", "c"], dataset="elsewhere")
    done = evaluate.inject(database, "merge=1", 7, engine="exact", threads=1, reporter=Silent())
    assert [(miss.identity_a, miss.identity_b) for miss in done.misses] == [("odd", "odd (second half)")]


def test_shares_are_of_identities_for_merges_and_of_faces_for_the_rest() -> None:
    counts = parse_inject("merge=10%,stray=5%,swap=4%,duplicate=3", 400, 40)
    assert (counts.merge, counts.stray, counts.swap, counts.duplicate) == (4, 20, 8, 3)


def write_truth(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["class", "identity_a", "identity_b", "images"])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_list_that_people_made_grades_the_findings_of_a_scan(database: Database, tmp_path: Path) -> None:
    populate(database)
    run(database)
    stray = next(r for r in read(database) if r["class"] == "stray")
    with database.connection() as conn:
        other = conn.execute("select path from facedb.image where path like 'p09/%' order by id limit 1").fetchone()
    assert other is not None
    rows = [
        {"class": "stray", "identity_a": "p01", "identity_b": "p05", "images": ";".join(stray["images"])},  # type: ignore[arg-type]
        {"class": "merge", "identity_a": "p20", "identity_b": "p03", "images": ""},
        {"class": "stray", "identity_a": "p09", "identity_b": "", "images": f'["{other[0]}"]'},
        {"class": "look-alike", "identity_a": "p09", "identity_b": "p10", "images": ""},
    ]
    done = evaluate.against_truth(database, write_truth(tmp_path / "errors.csv", rows), scan=None, dataset=None)
    assert (done.planted, done.found) == (3, 2)
    assert done.average_precision == pytest.approx(2 / 3)
    assert [(m.name, m.identity_a, m.images) for m in done.misses] == [("stray", "p09", (other[0],))]


def test_photos_without_a_label_are_no_mistakes_in_labels_but_their_duplicates_are(
    database: Database, tmp_path: Path
) -> None:
    populate(database)
    crowd, beside = Crowd(PEOPLE + 2, seed=6), Population(database, DIM)
    beside.add(crowd.faces(PEOPLE, 3), [None] * 3)
    beside.add(np.repeat(crowd.faces(PEOPLE + 1, 1), 2, axis=0), [None] * 2)
    run(database)
    found = read(database)
    assert {("newcomer", None), ("duplicate", None)} <= {(row["class"], row["identity_a"]) for row in found}
    planted = evaluate.inject(database, "duplicate=2", 7, engine="exact", threads=1, reporter=Silent())
    assert (planted.planted, planted.found) == (2, 2)
    # The list that people make of the findings as they are printed.
    rows = [
        {name: str(row[name] or "") for name in ("class", "identity_a", "identity_b")}
        | {"images": json.dumps(row["images"])}
        for row in found
    ]
    listed = write_truth(tmp_path / "all.csv", rows)
    done = evaluate.against_truth(database, listed, scan=None, dataset=None)
    assert done.found == done.planted > 0
    assert done.findings == sum(row["class"] not in ("newcomer", "unlabelled") for row in found)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"class": "typo", "identity_a": "p01", "identity_b": "", "images": ""}, "row 2: the class is one of"),
        ({"class": "merge", "identity_a": "p01", "identity_b": "p99", "images": ""}, "no identity 'p99'"),
        (
            {"class": "stray", "identity_a": "p01", "identity_b": "", "images": "p01/none.png"},
            "no image 'p01/none.png'",
        ),
        ({"class": "stray", "identity_a": "p01", "identity_b": "", "images": ""}, "needs an image"),
        ({"class": "merge", "identity_a": "p01", "identity_b": "", "images": ""}, "needs two identities"),
        ({"class": "duplicate", "identity_a": "p01", "identity_b": "", "images": ""}, "needs two images"),
        ({"class": "stray", "identity_a": "p01", "identity_b": "", "images": "[nonsense"}, "no JSON list"),
    ],
)
def test_a_wrong_row_of_a_list_is_named(database: Database, tmp_path: Path, row: dict[str, str], message: str) -> None:
    populate(database)
    run(database)
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        evaluate.against_truth(database, write_truth(tmp_path / "errors.csv", [row]), scan=None, dataset=None)
