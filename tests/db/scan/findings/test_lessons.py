"""What verdicts teach: open confidences follow what was said, and how right findings were is counted."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from facedb.db.connection import Database
from facedb.report.case_rows import cases
from facedb.review.answers.answer import Answer, answer
from facedb.review.answers.certain import certain_findings
from facedb.review.verdicts import Statement, say
from facedb.scan import retention
from facedb.scan.findings.ranked import FindingSelection, finding_counts, track_record
from facedb.web.data import queue
from facedb.web.data.kept_states import Standing
from tests.db.population import Population
from tests.db.scan.findings.folders import as_rows, scanned
from tests.unit.findings.people import DIM, Crowd


@pytest.fixture
def strays(database: Database) -> int:
    """A scan with some fifty strays, all of them certain."""
    crowd = Crowd(60, seed=4)
    people = Population(database, DIM)
    for person in range(60):
        people.add(crowd.faces(person, 7), [f"p{person:02d}"] * 7)
    for person in range(52):
        people.add(crowd.faces((person + 5) % 60, 1), [f"p{person:02d}"])
    return scanned(database)


def test_open_confidences_follow_the_verdicts_everywhere_alike(database: Database, strays: int) -> None:
    told = as_rows(database, kind="stray")
    sure = [f for f in told if f.confidence >= 0.95]
    assert len(sure) >= 45
    for k, one in enumerate(sure[:40]):
        answer(database, [Answer(one.rank, "accept" if k % 2 else "reject")])
    after = {f.rank: f for f in as_rows(database, kind="stray", denied=True)}
    assert [f.uncalibrated for f in after.values()] == [f.confidence for f in told]
    left = [after[f.rank] for f in sure[40:]]
    assert all(f.confidence < 0.8 for f in left)
    for k, one in enumerate(sure[:40]):
        assert abs(after[one.rank].confidence - (k % 2)) < 0.001, "what was decided is as sure as can be"
    wanted = {f.rank: f.confidence for f in after.values()}
    record = track_record(database, FindingSelection())
    assert (record.called, record.agreed) == (40, 20)
    assert record.sentence() == "Of 40 that were called certain, you agreed with 20."
    with database.connection() as conn:
        views = [
            dict(conn.execute(query).fetchall())
            for query in (
                "select rank, confidence from bi.findings",
                "select rank, confidence from bi.latest_findings",
                "select rank, confidence from bi.review_cases",
            )
        ]
        on_page = {
            item.rank: item.confidence
            for item in queue.cases(conn, Standing().at(conn, strays), strays, queue.Filter(state="all"), limit=500)
        }
        in_report = {case.rank: case.confidence for case in cases(conn, strays, faces=1)}
        certain = {row.said_by for row in certain_findings(conn, [], None)[0]}
        history = conn.execute("select certain from bi.scan_history where scan_id = %s", (strays,)).fetchone()
    wanted |= {f.rank: f.confidence for f in as_rows(database, denied=True)}
    assert all(view == wanted for view in (*views, on_page, in_report))
    assert not [by for by in certain for f in left if f"finding {f.rank} of" in by]
    assert history == (sum(c >= 0.95 for c in wanted.values()),)
    assert finding_counts(database, strays)["stray"][1] == history[0]


@pytest.mark.usefixtures("strays")
def test_lessons_outlive_their_scan_and_end_with_the_verdicts(database: Database) -> None:
    sure = [f for f in as_rows(database, kind="stray") if f.confidence >= 0.95]
    for k, one in enumerate(sure[:30]):
        answer(database, [Answer(one.rank, "reject" if k % 2 else "accept")])
    taught = {f.images: f.confidence for f in as_rows(database, open=True, kind="stray")}
    again = scanned(database)
    assert {f.images: f.confidence for f in as_rows(database, open=True, kind="stray")} == pytest.approx(
        taught, rel=1e-3
    )
    retention.prune(database, 1, yes=True)
    assert track_record(database, FindingSelection(scan=again)).called == 30
    say(database, [Statement("face", one.images[0], "withdrawn") for one in sure[:30]])
    back = {f.images: f for f in as_rows(database, kind="stray")}
    assert all(f.confidence > taught.get(f.images, 0) for f in back.values())


@pytest.mark.usefixtures("strays")
def test_how_right_it_was_is_counted_as_it_was_told_then_and_not_as_a_later_scan_tells_it(database: Database) -> None:
    sure, doubtful = as_rows(database, kind="stray")[:10], as_rows(database, kind="stray")[10:12]
    with database.connection() as conn:
        conn.execute("update facedb.finding set confidence = 0.9 where rank = any(%s)", ([f.rank for f in doubtful],))
    answer(database, [Answer(one.rank, "reject") for one in [*sure, *doubtful]])
    again = scanned(database)
    with database.connection() as conn:
        conn.execute("update facedb.finding set confidence = 1.85 - confidence where scan_id = %s", (again,))
    then = track_record(database, FindingSelection(scan=again))
    assert (then.called, then.agreed) == (10, 0)
    answer(
        database, [Answer(one.rank, "accept") for one in as_rows(database, denied=True) if one.images == sure[0].images]
    )
    scanned(database)
    assert track_record(database, FindingSelection()).agreed == 0, (
        "it was not called certain when the answer was changed"
    )


def test_the_command_says_how_right_it_was(database: Database, strays: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from facedb.cli.app import app

    monkeypatch.setenv("FACEDB_DSN", database.dsn)
    assert "called certain" not in CliRunner().invoke(app, ["findings", "--limit", "1"]).output
    answer(database, [Answer(1, "accept"), Answer(2, "reject")])
    said = CliRunner().invoke(app, ["findings", "--limit", "1"])
    assert "Of 2 that were called certain, you agreed with 1." in said.output
    assert strays


def test_the_next_scan_ranks_by_what_was_taught(database: Database) -> None:
    crowd = Crowd(70, seed=4)
    people = Population(database, DIM)
    for person in range(64):
        people.add(crowd.faces(person, 7), [f"p{person:02d}"] * 7)
    for person in range(50):
        people.add(crowd.faces((person + 5) % 60, 1), [f"p{person:02d}"])
    for person in range(60, 64):
        people.add(crowd.faces(person, 3), [f"again {person}"] * 3)
    scanned(database)
    for one in [f for f in as_rows(database, kind="stray") if f.confidence >= 0.95][:40]:
        answer(database, [Answer(one.rank, "reject")])
    scanned(database)
    left = [f for f in as_rows(database, open=True) if f.kind in ("merge", "stray")]
    assert [f.kind for f in left[:4]] == ["merge"] * 4
    assert [f.confidence for f in left] == sorted((f.confidence for f in left), reverse=True)
