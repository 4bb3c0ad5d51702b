"""Findings, calibration and evaluation through the database: written with the scan, read through the views."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psycopg
import pytest

from facedb.core.errors import InputError, ModelError, NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.core.row_schema import table
from facedb.db.connection import Database
from facedb.findings.rates.histogram import BINS
from facedb.report import evaluate
from facedb.review.verdicts import Statement, say
from facedb.scan.findings.ranked import (
    Finding,
    FindingSelection,
    finding_counts,
    findings,
    findings_in_words,
    merge_groups,
)
from facedb.scan.run import ScanOptions, ScanSummary, scan
from facedb.scan.scores.calibrate import calibrate, scan_meaning
from facedb.scan.scores.thresholds import ThresholdRule, threshold_in_words
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
    with database.connection() as conn:
        conn.execute(
            "insert into facedb.verdict (kind, verdict, identity_a, identity_b, said_by, known_images) "
            "select 'link', 'different', a.id, b.id, 'me', '{}' from facedb.identity a, facedb.identity b "
            "where a.name = 'p03' and b.name = 'p20'"
        )
    assert [(r["class"], r["identity_a"], r["verdict"]) for r in read(database)][1:] == [
        ("look-alike", "p03", "different")
    ]
    assert read(database, kind="merge") == []


def test_a_finding_that_a_person_denied_stays_hidden_until_new_images_join_it(database: Database) -> None:
    populate(database)
    run(database)
    stray = str(read(database)[0]["images"][0])  # type: ignore[index]
    say(database, [Statement("link", "p03", "different", b="p20"), Statement("face", stray, "same")])
    assert [r["verdict"] for r in read(database, denied=True)] == ["same", "different"]
    assert read(database) == []
    Population(database, DIM).add(Crowd(PEOPLE, seed=6).faces(3, 2), [name(20)] * 2)
    run(database)
    assert [(r["class"], r["identity_a"], r["verdict"]) for r in read(database)] == [("look-alike", "p03", "different")]


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


def test_calibration_reads_a_scan_and_agrees_with_a_sample_of_everything(database: Database) -> None:
    populate(database)
    with pytest.raises(NotFoundError):
        calibrate(database, scan=5, dataset=None, model=None, sample=False, reporter=Silent())
    before = calibrate(database, scan=None, dataset=None, model=None, sample=False, reporter=Silent())
    assert before.scan_threshold is None
    done = run(database)
    after = calibrate(database, scan=None, dataset=None, model=None, sample=False, reporter=Silent())
    assert after.scan_threshold == done.scan.threshold
    assert after.calibration.genuine.total == before.calibration.genuine.total
    exact = before.calibration.false_match(0.45)
    assert after.calibration.false_match(0.45).errors == pytest.approx(exact.errors, abs=1) == done.scan.pairs
    rows = [asdict(row) for row in after.rows(0.3, 1e-5)]
    assert [row["threshold"] for row in rows] == sorted(row["threshold"] for row in rows)
    assert {"review above", "certain above", "this scan", "asked", "fmr 1e-05"} <= {row["line"] for row in rows}
    assert any("too few" in remark for remark in after.remarks(1e-5))
    assert "certain above" in scan_meaning(database, done.scan.id, done.scan.threshold, done.scan.faces)


def test_a_threshold_is_chosen_from_the_data_and_stays_when_little_changes(database: Database) -> None:
    populate(database)
    talk = Talk()
    options = ScanOptions(threshold=ThresholdRule(), engine="exact", threads=1)
    first = scan(database, options, reporter=talk)
    assert any("will be chance" in said for said in talk.said)
    again = scan(database, options, reporter=talk)
    assert again.reused
    crowd = Crowd(PEOPLE, seed=6)
    more = Population(database, DIM)
    more.add(crowd.faces(2, 2), [name(2)] * 2)
    later = scan(database, options, reporter=talk)
    assert later.scan.threshold == first.scan.threshold
    assert later.scan.base_scan_id == first.scan.id
    rated = scan(database, ScanOptions(threshold=ThresholdRule(1e-6), engine="exact"), reporter=talk)
    assert rated.scan.threshold > first.scan.threshold
    assert any("too few to show a rate of 1e-06" in said for said in talk.said)


def test_one_identity_gives_no_threshold(database: Database) -> None:
    Population(database, DIM).add(Crowd(1).faces(0, 4), ["alone"] * 4)
    with pytest.raises(UsageError, match="fewer than two identities"):
        scan(database, ScanOptions(threshold=ThresholdRule(), engine="exact"), reporter=Silent())


@pytest.mark.parametrize("budget", [20.0, 300.0])
def test_a_budget_of_pairs_chooses_the_lowest_threshold_that_keeps_it(database: Database, budget: float) -> None:
    populate(database)
    talk = Talk()
    done = scan(database, ScanOptions(ThresholdRule(pairs=budget), engine="exact"), reporter=talk).scan
    # The set is smaller than the sample, so what is expected is what there is.
    assert done.pairs <= budget
    lower = scan(database, ScanOptions(done.threshold - 0.002, engine="exact"), reporter=talk).scan
    assert lower.pairs > budget
    assert any(f"at most about {budget:,.0f} pairs" in said for said in talk.said)


def test_a_budget_above_the_brake_is_refused_before_anything_is_read(database: Database) -> None:
    populate(database)
    options = ScanOptions(ThresholdRule(pairs=1e5), engine="exact", max_pairs=1000)
    with pytest.raises(UsageError, match="above --max-pairs 1,000"):
        scan(database, options, reporter=Silent())


@pytest.mark.parametrize("text", ["pairs=0", "pairs=-1", "pairs=inf", "pairs=nan", "pairs=", "pairs=many", "0,45"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        threshold_in_words(text)


def test_a_budget_is_written_as_people_write_numbers() -> None:
    assert {threshold_in_words(text) for text in ("pairs=1e7", "PAIRS=10,000,000")} == {ThresholdRule(pairs=1e7)}
    assert threshold_in_words("0.45") == 0.45


@pytest.mark.parametrize("rate", [0.0, 1.0, -1e-3])
def test_a_rate_is_between_zero_and_one(rate: float) -> None:
    with pytest.raises(UsageError):
        ThresholdRule(rate)


def test_planted_mistakes_are_found_and_kept_per_scan_without_touching_labels(database: Database) -> None:
    populate(database)
    done = run(database)
    state = "select md5(string_agg(i::text, ',' order by i.id)) from facedb.image i"
    with database.connection() as conn:
        before = conn.execute(state).fetchone()
    spec = "merge=2,stray=4%,swap=1,duplicate=2"
    found = evaluate.inject(database, spec, 7, engine="exact", threads=1, reporter=Silent())
    again = evaluate.inject(database, spec, 7, engine="exact", threads=1, reporter=Silent())
    assert (found.planted, found.found, found.curve) == (again.planted, again.found, again.curve)
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
        evaluate.parse_inject(spec, 100, 10)


def test_shares_are_of_identities_for_merges_and_of_faces_for_the_rest() -> None:
    counts = evaluate.parse_inject("merge=10%,stray=5%,swap=4%,duplicate=3", 400, 40)
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
