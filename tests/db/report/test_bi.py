"""The schema bi: what it counts is what is there, counted or not, and it reads no more than it has to."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from psycopg import sql

from facedb.core.errors import NotFoundError
from facedb.core.progress import Silent
from facedb.core.row_schema import Kind, table
from facedb.dataset.outcomes import count_outcomes
from facedb.db.connection import Database
from facedb.db.upkeep import roles
from facedb.report.export import ExportOptions, export
from facedb.report.result_columns import Dataset, Identity, Link, Pair, Reject, Scan
from facedb.review.verdicts import Statement, say
from facedb.scan.findings.ranked import Finding
from facedb.scan.run import ScanOptions, scan
from tests.db.population import Population, add_model, clustered
from tests.migrations.test_schema import connect_as, role_of

DIM = 16
TYPES = {
    Kind.TEXT: {"text"},
    Kind.WHOLE: {"bigint", "integer", "smallint"},
    Kind.REAL: {"real"},
    Kind.NUMBER: {"double precision"},
    Kind.FLAG: {"boolean"},
    Kind.TIME: {"timestamp with time zone"},
    Kind.TEXTS: {"text[]"},
}
SUMMARIES = ("contracts", "outcome_counts", "datasets", "identities", "shared_photos", "leakage_summary", "models")


@pytest.fixture
def people(database: Database) -> Population:
    """Two datasets of sixty faces that share people and photos, under one contract; nothing is scanned yet."""
    rng = np.random.default_rng(5)
    found = Population(database, DIM)
    vectors = clustered(rng, 60, DIM, 6, 0.1)
    found.add(vectors, [f"p{k // 6}" for k in range(60)], dataset="train")
    found.add(vectors[:30], [f"q{k // 6}" for k in range(30)], dataset="test")
    with database.connection() as conn:
        # Three photos of test are photos of train, byte for byte.
        conn.execute(
            "update facedb.image t set sha256 = s.sha256 from facedb.image s where t.path like 'q0/%%' and s.id = t.id - 60"
            " and t.id in (select id from facedb.image where path like 'q0/%%' order by id limit 3)"
        )
    return found


def run(db: Database, *datasets: str, model: str | None = None) -> int:
    options = ScanOptions(threshold=0.8, engine="exact", datasets=datasets, model=model)
    return scan(db, options, reporter=Silent()).scan.id


def rows(db: Database, text: str, *values: object) -> list[tuple[Any, ...]]:
    with db.connection() as conn:
        return conn.execute(text, values).fetchall()


def plan_of(db: Database, text: str) -> str:
    return json.dumps(rows(db, f"explain (format json) {text}"))


@pytest.mark.parametrize(
    ("row_type", "view"),
    [
        (Link, "links"),
        (Pair, "flagged_pairs"),
        (Finding, "findings"),
        (Reject, "rejects"),
        (Dataset, "datasets"),
        (Scan, "scans"),
        (Identity, "identities"),
    ],
)
def test_a_definition_names_columns_of_its_view_with_their_types(database: Database, row_type: type, view: str) -> None:
    found = dict(
        rows(
            database,
            "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = to_regclass(%s) and attnum > 0",
            f"bi.{view}",
        )
    )
    for column in table(row_type).columns:
        name = {"from": "location"}.get(column.name, column.name)
        assert found[name] in TYPES[column.kind], column


def test_a_file_is_one_row_whatever_contracts_there_are(database: Database, people: Population) -> None:
    with database.connection() as conn:
        other = add_model(conn, DIM, "other")
        conn.execute(
            "insert into facedb.embedding (face_id, model_id, norm, vec) select e.face_id, %s, 1, e.vec from facedb.embedding e"
            " join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id where i.path like 'q%%'",
            [other.id],
        )
        conn.execute(
            "insert into facedb.embed_reject (image_id, model_id, code, detail) select id, %s, 'no_face', 'x'"
            " from facedb.image where path like 'p9/%%'",
            [other.id],
        )
        conn.execute(
            "delete from facedb.embedding where face_id in (select f.id from facedb.face f join facedb.image i"
            " on i.id = f.image_id where i.path like 'p8/%%')"
        )
    assert rows(database, "select count(*), count(distinct image_id) from bi.files") == [(90, 90)]
    assert rows(database, "select dataset, model, outcome, count(*) from bi.files group by 1, 2, 3 order by 1, 3") == [
        ("test", "other", "embedded", 30),
        ("train", "test", "embedded", 54),
        ("train", "test", "pending", 6),
    ]
    found = rows(database, "select dataset, model, outcome, count(*) from bi.outcomes group by 1, 2, 3")
    assert Counter({tuple(row[:3]): row[3] for row in found}) == {
        ("test", "test", "embedded"): 30,
        ("test", "other", "embedded"): 30,
        ("train", "test", "embedded"): 54,
        ("train", "test", "pending"): 6,
        ("train", "other", "rejected"): 6,
        ("train", "other", "pending"): 54,
    }
    assert rows(database, "select dataset, files, embedded, pending, identities from bi.datasets order by 1") == [
        ("test", 30, 30, 0, 5),
        ("train", 60, 54, 6, 10),
    ]
    assert people.dim == DIM


def test_counted_and_counted_now_are_the_same_and_a_change_is_seen_at_once(
    database: Database, people: Population
) -> None:
    run(database)

    def summaries() -> list[list[tuple[Any, ...]]]:
        with database.connection() as conn:
            texts = [
                sql.SQL("select * from {} order by 1, 2, 3, 4").format(sql.Identifier("bi", name))
                for name in SUMMARIES[:6]
            ]
            return [conn.execute(text).fetchall() for text in texts]

    live = summaries()
    assert count_outcomes(database)
    assert rows(database, "select count(*) from facedb.uncounted") == [(0,)]
    assert summaries() == live
    assert not count_outcomes(database)
    for change in (
        "update facedb.image set status = 'vanished' where path like 'p1/%'",
        "delete from facedb.embedding_1 where face_id in (select min(face_id) from facedb.embedding_1)",
        "insert into facedb.embed_reject (image_id, model_id, code, detail) select min(id), 1, 'no_face', 'x' from facedb.image",
        "delete from facedb.image where path like 'q0/%'",
    ):
        with database.connection() as conn:
            conn.execute(change)
        changed = summaries()
        assert changed != live, change
        assert count_outcomes(database)
        assert summaries() == changed, change
        live = changed
    assert people.dim == DIM


def test_every_view_over_scans_says_which_dataset_and_whether_it_is_the_latest(database: Database) -> None:
    """Leakage and coverage are about two datasets, of which the newest scan counts; faces and verdicts only name a scan."""
    found = rows(
        database,
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'bi'::regnamespace and c.relkind = 'v' group by 1 having bool_or(a.attname = 'scan_id')"
        " and count(*) filter (where a.attname in ('dataset', 'is_latest')) < 2 order by 1",
    )
    assert {name for (name,) in found} == {
        "faces",
        "hidden_findings",
        "leakage",
        "scan_coverage",
        "verdict_history",
        "verdicts",
    }


def test_what_commits_while_it_is_counted_is_counted_the_next_time(database: Database, people: Population) -> None:
    with database.connection() as conn:
        conn.execute("update facedb.image set status = 'vanished' where path like 'p2/%'")
        assert count_outcomes(database)
        assert rows(database, "select sum(vanished) from bi.datasets") == [(0,)]
    assert rows(database, "select sum(vanished) from bi.datasets") == [(6,)]
    assert count_outcomes(database)
    assert rows(database, "select sum(vanished) from bi.datasets") == [(6,)]
    assert people.dim == DIM


def test_the_latest_rows_are_those_of_the_newest_scan_of_each_dataset_and_each_two(
    database: Database, people: Population
) -> None:
    both = run(database, "train", "test")
    only = run(database, "train")
    known = rows(database, "select scan_id, dataset, is_latest, is_newest, is_newest_of_all from bi.scans order by 1")
    assert known == [(both, "test, train", True, True, False), (only, "train", True, True, True)]
    expected = {("train", only), ("test", both), ("test, train", both)}
    for view in ("latest_links", "latest_flagged_pairs", "latest_findings"):
        found = set(rows(database, f"select dataset, scan_id from bi.{view}"))  # noqa: S608 - names of this test
        assert found <= expected, view
        assert {("test, train", both), ("train", only)} <= found, view
    inside = rows(database, "select count(*) from bi.flagged_pairs where scan_id = %s and dataset = 'train'", only)
    assert rows(database, "select count(*) from bi.latest_flagged_pairs where dataset = 'train'") == inside
    assert rows(database, "select dataset, scan_id from bi.scan_history where is_newest order by 1") == [
        ("test", both),
        ("train", only),
    ]
    assert people.dim == DIM


def test_an_older_contract_keeps_its_latest_scan(database: Database, people: Population) -> None:
    first = run(database, "test")
    with database.connection() as conn:
        other = add_model(conn, DIM, "other")
        conn.execute(
            "insert into facedb.embedding (face_id, model_id, norm, vec) select face_id, %s, 1, vec from facedb.embedding",
            [other.id],
        )
    second, third = run(database, "test", model="other"), run(database, "test", model="other")
    found = rows(database, "select scan_id, model, is_latest, is_newest from bi.scans order by 1")
    newest = max(second, third)
    assert (first, "test", True, False) in found
    assert (newest, "other", True, True) in found
    assert people.dim == DIM


def test_shared_people_and_photos_are_told_and_can_be_left_out(
    database: Database, people: Population, tmp_path: Path
) -> None:
    assert rows(database, "select * from bi.leakage_summary order by 1") == [
        ("test", "train", 1, 3),
        ("train", "test", 1, 3),
    ]
    say(
        database,
        [Statement("link", "q4", "same", "p4", by="eve"), Statement("link", "q3", "different", "p3", by="eve")],
    )
    assert rows(database, "select people, photos from bi.leakage_summary where dataset = 'test'") == [(2, 3)]
    assert rows(database, "select distinct evidence from bi.leakage order by 1") == [("same bytes",), ("verdict",)]
    options = ExportOptions(dataset="test", without_leaks_of="train", as_is=True)
    done = export(database, "list", tmp_path / "clean.csv", options=options, reporter=Silent())
    kept = {line.split(",")[1] for line in (tmp_path / "clean.csv").read_text().splitlines()[1:]}
    assert kept == {"q1", "q2", "q3"}
    assert done.rows == 18
    assert any("12 images of people or photos that are in train" in remark for remark in done.remarks)
    assert any("No finished scan compares train" in remark for remark in done.remarks)
    run(database)
    again = ExportOptions(dataset="test", without_leaks_of="train", as_is=True)
    # The scan finds the rest of the people of train among those of test, so nothing is left.
    with pytest.raises(NotFoundError, match="30 images of people or photos that are in train are left out") as nothing:
        export(database, "list", tmp_path / "cleaner.csv", options=again, reporter=Silent())
    assert "No finished scan" not in str(nothing.value)
    assert people.dim == DIM


def test_what_a_person_said_of_images_reaches_findings_and_progress(database: Database, people: Population) -> None:
    with database.connection() as conn:
        conn.execute("update facedb.image set sha256 = decode(md5(id::text) || md5(id::text), 'hex')")
    run(database)
    found = rows(
        database,
        "select class, path, scan_id, rank from bi.findings where class in ('stray', 'duplicate') order by rank limit 1",
    )
    merges = rows(
        database, "select identity_a, identity_b, dataset_a, dataset_b from bi.findings where class = 'merge' limit 1"
    )
    if merges:
        a, b, dataset_a, dataset_b = merges[0]
        say(database, [Statement("link", f"{dataset_a}/{a}", "same", f"{dataset_b}/{b}", by="eve")])
        agreed = rows(database, "select sum(agreed), sum(decided) from bi.latest_review_progress where class = 'merge'")
        assert agreed == [(1, 1)]
    for kind, path, scan_id, rank in found:
        said = "duplicate" if kind == "duplicate" else "wrong-identity"
        say(database, [Statement("face", path, said, by="eve")])
        assert rows(
            database, "select verdict, verdict_by from bi.findings where scan_id = %s and rank = %s", scan_id, rank
        ) == [(said, "eve")]
    assert merges or found
    assert people.dim == DIM


def test_a_reader_of_bi_reads_every_view_whether_it_is_counted_or_not(database: Database, people: Population) -> None:
    run(database)
    names = [
        row[0]
        for row in rows(
            database, "select relname from pg_class where relnamespace = 'bi'::regnamespace and relkind = 'v'"
        )
    ]
    with role_of(database) as role:
        roles.grant_reader(database, role)
        for _ in range(2):
            with connect_as(database, role) as conn:
                for name in names:
                    conn.execute(sql.SQL("select * from {} limit 1").format(sql.Identifier("bi", name)))
            count_outcomes(database)
    assert people.dim == DIM


@pytest.mark.parametrize(
    ("query", "untouched"),
    [
        ("select count(*) from bi.flagged_pairs", ("image", "face", "identity")),
        ("select width_bucket(score, 0, 1, 10), count(*) from bi.latest_flagged_pairs group by 1", ("identity",)),
        ("select count(*) from bi.faces", ("image", "face", "identity")),
        ("select count(*) from bi.images", ("identity", "face", "embedding")),
        ("select dataset, outcome, sum(files) from bi.outcome_counts group by 1, 2", ("image", "face", "embed_reject")),
        ("select * from bi.datasets", ("image", "face", "embed_reject")),
        ("select class, count(*) from bi.latest_findings group by 1", ("flagged_pair",)),
    ],
)
def test_a_count_reads_no_more_tables_than_it_needs(
    database: Database, people: Population, query: str, untouched: tuple[str, ...]
) -> None:
    run(database)
    count_outcomes(database)
    found = plan_of(database, query)
    for name in untouched:
        assert f'"Relation Name": "{name}"' not in found.replace('\\"', '"'), name
    assert people.dim == DIM


def test_while_it_is_counted_nothing_is_counted_now(database: Database, people: Population) -> None:
    count_outcomes(database)
    executed = json.dumps(rows(database, "explain (analyze, format json) select * from bi.outcome_counts"))
    (scan_of_now,) = [part for part in executed.replace('\\"', '"').split("{") if "outcomes_now" in part]
    assert '"Actual Loops": 0' in scan_of_now
    assert people.dim == DIM


def test_no_question_of_the_readme_reads_vectors_and_sums_over_files_are_counted_ahead(
    database: Database, people: Population
) -> None:
    run(database)
    count_outcomes(database)
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    found = re.search(r"Ten questions.*?```sql\n(.*?)```", text, re.DOTALL)
    assert found is not None
    questions = re.findall(r"^(select .*);$", found[1], re.MULTILINE)
    assert len(questions) == 10
    read = [set(re.findall(r'"Relation Name": "(\w+)"', plan_of(database, question))) for question in questions]
    assert [names for names in read if any(name.startswith("embedding") for name in names)] == []
    counted = [k for k, question in enumerate(questions) if "bi.datasets" in question or "outcome_counts" in question]
    assert all(not read[k] & {"image", "face", "embed_reject"} for k in counted), "sums over files are counted ahead"
    assert people.dim == DIM
