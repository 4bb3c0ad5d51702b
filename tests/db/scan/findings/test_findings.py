"""Findings through the database: written with the scan, read through the views."""

from __future__ import annotations

import numpy as np
import psycopg
import pytest

from facedb.core.errors import NotFoundError
from facedb.db.connection import Database
from facedb.findings.rates.histogram import BINS
from facedb.review.verdicts import Statement, say
from facedb.scan.findings.ranked import (
    FindingSelection,
    LeftOut,
    finding_counts,
    findings_in_words,
    left_out,
    merge_groups,
)
from tests.db.population import Population
from tests.db.scan.findings.folders import PEOPLE, name, populate, read, run
from tests.unit.findings.people import DIM, Crowd


def test_a_scan_leaves_its_findings_ranked_with_names_and_paths(database: Database) -> None:
    populate(database)
    done = run(database)
    rows = read(database)
    assert [(r["class"], r["identity_a"], r["identity_b"]) for r in rows] == [
        ("stray", "p01", "p05"),
        ("merge", "p03", "p20"),
    ]
    assert [r["rank"] for r in rows] == [1, 2]
    stray, merge = rows
    assert [str(path)[:3] for path in stray["images"]] == ["p01", "p05"]  # type: ignore[attr-defined]
    assert stray["coverage_a"] == pytest.approx(1 / 7)
    assert (stray["own_score"] or 0) < 0.3 < (stray["mean_score"] or 0)  # type: ignore[operator]
    assert (merge["coverage_a"], merge["coverage_b"]) == (1, 1)
    assert merge["verdict"] is None
    counts = finding_counts(database, done.scan.id)
    assert counts == {"merge": (1, 1), "stray": (1, 1)}
    assert findings_in_words(counts) == "1 merge, 1 stray; 2 certain"
    assert read(database, kind="merge") == [merge]
    assert read(database, min_confidence=1.0) == []
    assert read(database, limit=1) == [stray]
    with pytest.raises(NotFoundError):
        read(database, scan=99)


def test_a_verdict_on_a_link_stands_beside_its_finding_and_closes_it(database: Database) -> None:
    populate(database)
    run(database)
    with database.connection() as conn:
        conn.execute(
            "insert into facedb.verdict (kind, verdict, identity_a, identity_b, said_by, known_images) "
            "select 'link', 'same', a.id, b.id, 'me', '{}' from facedb.identity a, facedb.identity b "
            "where a.name = 'p03' and b.name = 'p20'"
        )
        conn.execute(
            "insert into facedb.verdict (kind, verdict, identity_a, image_a, sha256_a, said_by) "
            "select 'face', 'wrong-identity', i.identity_id, i.id, i.sha256, 'me' from facedb.image i "
            "join bi.findings f on f.class = 'stray' and i.id = f.image_ids[1]"
        )
    assert [r["verdict"] for r in read(database)] == ["wrong-identity", "same"]
    assert read(database, open=True) == []


def test_a_merge_that_a_person_denied_is_a_look_alike(database: Database) -> None:
    populate(database)
    run(database)
    (told,) = read(database, kind="merge")
    assert float(str(told["confidence"])) > 0.95
    say(database, [Statement("link", "p03", "different", b="p20")])
    (denied,) = read(database, kind="look-alike", denied=True)
    assert (denied["verdict"], denied["uncalibrated"]) == ("different", told["confidence"])
    assert float(str(denied["confidence"])) < 0.001
    assert read(database, kind="merge", denied=True) == []
    say(database, [Statement("link", "p03", "same", b="p20")])
    (accepted,) = read(database, kind="merge")
    assert float(str(accepted["confidence"])) > 0.999


def test_look_alikes_that_a_person_called_the_same_are_a_merge(database: Database) -> None:
    populate(database)
    run(database)
    with database.connection() as conn:
        conn.execute(
            "update facedb.finding set class = 'look-alike', confidence = 0.02, group_number = null, group_lowest = null "
            "where class = 'merge'"
        )
    say(database, [Statement("link", "p03", "same", b="p20")])
    (row,) = read(database, kind="merge")
    assert (row["identity_a"], row["verdict"]) == ("p03", "same")
    assert float(str(row["confidence"])) > 0.999


def test_a_finding_that_a_person_denied_stays_hidden_until_new_images_join_it(database: Database) -> None:
    populate(database)
    run(database)
    stray = str(read(database)[0]["images"][0])  # type: ignore[index]
    say(database, [Statement("link", "p03", "different", b="p20"), Statement("face", stray, "same")])
    assert [r["verdict"] for r in read(database, denied=True)] == ["same", "different"]
    assert read(database) == []
    assert left_out(database, FindingSelection()) == LeftOut(2, 0, 2)
    one = left_out(database, FindingSelection(kind="stray", limit=1)).sentence()
    assert one == "1 more finding is answered and needs no action (1 in all): --all shows it too."
    Population(database, DIM).add(Crowd(PEOPLE, seed=6).faces(3, 2), [name(20)] * 2)
    run(database)
    ((word, name_a, verdict, confidence),) = (
        (r["class"], r["identity_a"], r["verdict"], r["confidence"]) for r in read(database)
    )
    assert (word, name_a, verdict) == ("merge", "p03", "different"), "what is asked again is told as before"
    assert float(str(confidence)) > 0.5


def test_three_folders_of_one_person_are_listed_as_a_group(database: Database) -> None:
    populate(database)
    Population(database, DIM).add(Crowd(PEOPLE, seed=6).faces(3, 4), [name(21)] * 4)
    run(database)
    ((number, lowest, names),) = merge_groups(database, FindingSelection())
    assert (number, names) == (1, ["p03", "p20", "p21"])
    assert 0.7 < lowest < 1.1


def test_findings_go_with_their_scan(database: Database) -> None:
    populate(database)
    done = run(database)
    with database.connection() as conn:
        conn.execute("delete from facedb.scan where id = %s", (done.scan.id,))
        left = conn.execute("select (select count(*) from facedb.finding), (select count(*) from facedb.finding_face)")
        assert left.fetchone() == (0, 0)


def test_every_column_of_the_new_tables_and_views_is_explained(connection: psycopg.Connection) -> None:
    query = (
        "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 "
        "where c.relnamespace = any (array['facedb'::regnamespace, 'bi'::regnamespace]) and c.relkind in ('r', 'v') "
        "and (c.relname like 'finding%' or c.relname like 'evaluation%' or c.relname = 'score_distribution') "
        "and col_description(c.oid, a.attnum) is null and not a.attisdropped"
    )
    assert connection.execute(query).fetchall() == []


def test_the_distribution_view_adds_up_to_all_pairs(database: Database) -> None:
    populate(database)
    done = run(database)
    with database.connection() as conn:
        rows = conn.execute(
            "select kind, sum(pairs), max(all_pairs), min(score_from), max(score_to) from bi.score_distribution "
            "where scan_id = %s group by kind",
            (done.scan.id,),
        ).fetchall()
    assert {row[0] for row in rows} == {"genuine", "impostor"}
    for kind, pairs, total, low, high in rows:
        # The impostor pairs below the threshold are scaled up from a sample drawn with replacement.
        assert pairs == pytest.approx(total, rel=1e-9 if kind == "genuine" else 0.02)
        assert -1 <= low < high <= 1 + 2 / BINS


def test_findings_of_a_thousand_faces_are_those_of_the_arrays(database: Database) -> None:
    rng = np.random.default_rng(4)
    crowd = Crowd(60, seed=9)
    people = Population(database, DIM)
    labels = np.sort(rng.integers(0, 60, 1000))
    shown = np.where(rng.random(1000) < 0.03, rng.integers(0, 60, 1000), labels)
    vectors = np.concatenate([crowd.faces(int(p), 1) for p in shown])
    faces = people.add(vectors, [name(int(label)) for label in labels])
    run(database)
    wrong = set(faces[shown != labels].tolist())
    with database.connection() as conn:
        rows = conn.execute(
            "select w.face_id from facedb.finding f join facedb.finding_face w using (scan_id, rank) "
            "where w.role = 'wrong' and f.confidence >= 0.5"
        ).fetchall()
    assert {row[0] for row in rows} == wrong
