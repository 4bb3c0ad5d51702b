"""What verdicts do to findings: each closes its own, a review comes to its end, and open confidences follow what was said."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from typer.testing import CliRunner

from facedb.core.progress import Silent
from facedb.core.row_schema import table
from facedb.db.connection import Connection, Database
from facedb.report.case_rows import cases
from facedb.review.answers.answer import Answer, answer
from facedb.review.answers.certain import certain_findings
from facedb.review.verdicts import Statement, say
from facedb.scan import retention
from facedb.scan.findings import standing
from facedb.scan.findings.lessons import learn
from facedb.scan.findings.ranked import Finding, FindingSelection, finding_counts, findings, track_record
from facedb.scan.findings.standing import Stand, Version, keep_stand, stand
from facedb.scan.run import ScanOptions, scan
from facedb.web.data import decisions, queue, sittings
from facedb.web.data.kept_states import Standing
from facedb.web.data.statements import Wish
from tests.db.population import Population
from tests.processes import LONGEST_SECONDS, until
from tests.unit.findings.people import DIM, Crowd
from tests.vectors import unit


def run(db: Database, **options: object) -> int:
    settings = {"threshold": 0.45, "engine": "exact", "threads": 1, "full": True} | options
    return scan(db, ScanOptions(**settings), reporter=Silent()).scan.id  # type: ignore[arg-type]


def read(db: Database, **selection: object) -> list[Finding]:
    with findings(db, FindingSelection(**selection)) as rows:  # type: ignore[arg-type]
        return [table(Finding).row(row) for row in rows]


@pytest.fixture
def everything(database: Database) -> int:
    """A scan with findings of every class but photo; returns its number."""
    crowd = Crowd(24, seed=6)
    people = Population(database, DIM)
    for person in range(12):
        people.add(crowd.faces(person, 6), [f"p{person:02d}"] * 6)
    people.add(crowd.faces(3, 5), ["p20"] * 5)
    people.add(crowd.faces(3, 4), ["p21"] * 4)
    people.add(crowd.faces(5, 1), ["p01"])
    people.add(np.r_[crowd.faces(14, 6), crowd.faces(15, 4)], ["p14"] * 10)
    people.add(crowd.around(crowd.between(8, 16, 0.6), 6), ["p16"] * 6)
    people.add(crowd.faces(17, 1), ["p17"])
    people.add(crowd.faces(17, 1), ["p18"])
    twice = crowd.faces(9, 1)
    people.add(np.r_[twice, unit(twice + 1e-4)], ["p09"] * 2)
    people.add(np.concatenate([crowd.faces(person, 1) for person in (1, 7, 19)]), [None] * 3)
    people.add(crowd.faces(22, 3), [None] * 3)
    loose = crowd.faces(23, 1)
    people.add(np.r_[loose, loose], [None] * 2)
    return run(database)


def _in_words(word: str) -> Callable[[Database, Finding], None]:
    return lambda db, one: void(answer(db, [Answer(one.rank, word)]))


def void(_: object) -> None:
    """Nothing is made of it."""


def _alternating(db: Database, one: Finding) -> None:
    answer(db, [Answer(one.rank, "accept" if one.rank % 2 else "reject")])


def _in_its_own_terms(db: Database, one: Finding) -> None:
    """Two identities, two images, or each image, as somebody says it who never saw a rank."""
    if one.kind in ("merge", "look-alike"):
        say(db, [Statement("link", str(one.identity_a), "same" if one.rank % 2 else "different", str(one.identity_b))])
    elif one.kind == "duplicate":
        say(db, [Statement("pair", one.images[0], "duplicate" if one.rank % 2 else "different", one.images[1])])
    else:
        wrong = one.images[: one.faces_a] if one.kind != "unlabelled" else one.images[:1]
        target = {"stray": one.identity_b, "unlabelled": one.identity_a, "newcomer": "Zoe"}.get(one.kind)
        say(db, [Statement("face", path, "wrong-identity", target=target) for path in wrong])


_STATES = "select rank, state, agrees from bi.findings where scan_id = %s"
_TAKE_BACK = """
insert into facedb.verdict (kind, verdict, identity_a, identity_b, image_a, image_b, sha256_a, sha256_b, said_by, known_images, dataset_a,
                            dataset_b)
select kind, 'withdrawn', identity_a, identity_b, image_a, image_b, sha256_a, sha256_b, 'ann', known_images, dataset_a, dataset_b
from facedb.verdict where id % 2 = 1 order by id
"""

WAYS = {
    "accept": _in_words("accept"),
    "reject": _in_words("reject"),
    "alternating": _alternating,
    "in its own terms": _in_its_own_terms,
}


def _stands_as_the_view_says(db: Database, kept: Standing, scan_id: int) -> None:
    """What is kept from one look to the next, and what is asked of single findings, is what bi.findings says."""
    with db.connection() as conn:
        whole = conn.execute("select * from bi.findings where scan_id = %s order by rank", (scan_id,)).fetchall()
        told = {row[0]: row[1:] for row in conn.execute(_STATES, (scan_id,)).fetchall() if row[1] != "open"}
        assert dict(kept.at(conn, scan_id).said) == told
        assert dict(stand(conn, scan_id).said) == told, "what a process that just began takes over"
        for rank in (row[0] for row in whole[:3]):
            assert conn.execute("select * from facedb.findings_of(%s, %s)", (scan_id, [rank])).fetchall() == [
                row for row in whole if row[0] == rank
            ]
        ranks = [row[0] for row in whole]
        assert (
            conn.execute("select * from facedb.findings_of(%s, %s) order by rank", (scan_id, ranks)).fetchall() == whole
        )


def test_what_is_kept_of_the_queue_follows_what_is_taken_back_moved_and_told_again(
    database: Database, everything: int
) -> None:
    kept, found = Standing(), read(database)
    answer(database, [Answer(one.rank, "accept") for one in found])
    _stands_as_the_view_says(database, kept, everything)
    with database.connection() as conn:
        conn.execute(_TAKE_BACK)
    _stands_as_the_view_says(database, kept, everything)
    for one in found[::3]:
        answer(database, [Answer(one.rank, "reject")])
        _stands_as_the_view_says(database, kept, everything)
    with database.connection() as conn:
        conn.execute("update facedb.image set sha256 = sha256(sha256) where id % 3 = 0")
    _stands_as_the_view_says(database, kept, everything)
    with database.connection() as conn:
        conn.execute("update facedb.image set identity_id = (select max(id) from facedb.identity) where id % 4 = 1")
    _stands_as_the_view_says(database, kept, everything)
    with database.connection() as conn:
        conn.execute("set local facedb.forget = on")
        conn.execute("delete from facedb.verdict where id % 2 = 0")
    _stands_as_the_view_says(database, kept, everything)


def test_a_process_that_just_began_finds_out_only_what_was_said_since(database: Database, everything: int) -> None:
    first = read(database, kind="merge")[0]
    second = read(database, kind="stray")[0]
    answer(database, [Answer(first.rank, "accept")])
    with database.connection() as conn:
        conn.execute(
            "update facedb.standing_finding set state = 'unsure', agrees = null where rank = %s", (first.rank,)
        )
    _decide_only(database, everything, second.rank)
    with database.connection() as conn:
        found = stand(conn, everything).said
        assert found[first.rank] == ("unsure", None), "what was kept is not asked again"
        assert found[second.rank] == ("decided", True)
        assert conn.execute("select rank from facedb.standing_finding").fetchall() == [(first.rank,)], (
            "reading writes nothing"
        )
        # Somebody may always delete what was kept.
        conn.execute("delete from facedb.standing")
        assert stand(conn, everything).said[first.rank] == ("decided", True)


def _decide_only(db: Database, scan_id: int, rank: int) -> None:
    """As the page decides, which keeps where it stands only afterwards."""
    with db.connection() as conn:
        wish = decisions.as_proposed(conn, Wish(scan_id, rank, "wrong-identity"))
        decisions.decide(conn, sittings.begin(conn, "ann"), "ann", [wish])


def test_what_is_said_while_somebody_looks_makes_nobody_find_out_everything_again(
    database: Database, everything: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read(database, kind="merge")[0]
    second, third = read(database, kind="stray")[0], read(database, kind="unlabelled")[0]
    answer(database, [Answer(first.rank, "accept")])
    with database.connection() as conn:
        conn.execute(
            "update facedb.standing_finding set state = 'unsure', agrees = null where rank = %s", (first.rank,)
        )
    _decide_only(database, everything, second.rank)
    only_added = standing._only_added

    def meanwhile(conn: Connection, before: Version, now: Version) -> bool:
        _decide_only(database, everything, third.rank)
        return only_added(conn, before, now)

    with database.connection() as conn:
        with monkeypatch.context() as patched:
            patched.setattr(standing, "_only_added", meanwhile)
            seen = stand(conn, everything)
        assert seen.said[first.rank] == ("unsure", None), "what was kept is not asked again"
        assert seen.said[second.rank] == ("decided", True)
        assert stand(conn, everything, seen).said[third.rank] == ("decided", True), "what came meanwhile is not missed"


@pytest.mark.parametrize("writes", [learn, keep_stand])
@pytest.mark.parametrize("goes", ["old", "newest"])
def test_whoever_learns_and_whoever_removes_a_scan_wait_in_one_order(
    database: Database, everything: int, writes: Callable[..., Stand | None], goes: str
) -> None:
    answer(database, [Answer(1, "accept")])
    newest = run(database)

    def work() -> None:
        with database.connection() as conn:
            writes(conn, newest) if writes is keep_stand else writes(conn)

    with ThreadPoolExecutor(1) as pool:
        with database.connection() as conn:
            # Nothing is kept, so it is found out from the pairs; these are what goes first with a scan.
            conn.execute("delete from facedb.standing")
            conn.commit()
            conn.execute("lock table only facedb.flagged_pair in access exclusive mode")
            other = pool.submit(work)
            _until_somebody_waits(database)
            conn.execute("select facedb.drop_scan(%s)", (everything if goes == "old" else newest,))
        other.result(timeout=LONGEST_SECONDS)
    with database.connection() as conn:
        gone = everything if goes == "old" else newest
        assert conn.execute("select from facedb.lesson where scan_id = %s", (gone,)).fetchone() is None
        for (scan_id,) in conn.execute("select id from facedb.scan").fetchall():
            told = {row[0]: row[1:] for row in conn.execute(_STATES, (scan_id,)).fetchall() if row[1] != "open"}
            assert dict(stand(conn, scan_id).said) == told


def _until_somebody_waits(db: Database) -> None:
    waits = "select from pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database() and not l.granted"
    with db.connection(autocommit=True) as conn:
        until(lambda: conn.execute(waits).fetchone() is not None, "a wait for a lock")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_review_comes_to_its_end_however_it_is_done(
    database: Database, everything: int, way: Callable[[Database, Finding], None]
) -> None:
    assert {f.kind for f in read(database)} == {
        "merge",
        "stray",
        "mixed",
        "duplicate",
        "look-alike",
        "unlabelled",
        "newcomer",
    }
    asked, kept = 0, Standing()
    while left := read(database, open=True):
        _stands_as_the_view_says(database, kept, everything)
        way(database, left[0])
        asked += 1
        assert len(read(database, open=True)) < len(left), f"{left[0].kind} {left[0].identity_a} is still open"
    again = run(database)
    for scan_id in (everything, again):
        assert read(database, open=True, scan=scan_id) == []
        with database.connection() as conn:
            done = queue.progress(conn, Standing().at(conn, scan_id), scan_id, 0)
            assert (done.decided, done.unsure) == (done.total, 0)
            assert queue.cases(conn, Standing().at(conn, scan_id), scan_id, queue.Filter()) == []
            assert list(cases(conn, scan_id, only_open=True, faces=1)) == []
            assert conn.execute(
                "select sum(open) from bi.review_progress where scan_id = %s", (scan_id,)
            ).fetchone() == (0,)


def test_the_queue_the_list_and_the_views_agree_on_what_is_decided(database: Database, everything: int) -> None:
    for one in read(database)[::2]:
        answer(database, [Answer(one.rank, "unsure" if one.kind == "mixed" else "accept")])
    with database.connection() as conn:
        in_view = dict(conn.execute("select rank, state from bi.findings where scan_id = %s", (everything,)).fetchall())
        in_cases = dict(
            conn.execute("select rank, state from bi.review_cases where scan_id = %s", (everything,)).fetchall()
        )
        stand = Standing().at(conn, everything)
        on_page = {item.rank: item.state for item in queue.cases(conn, stand, everything, queue.Filter(state="all"))}
        counted = queue.progress(conn, stand, everything, 0)
    assert in_view == in_cases == on_page
    assert sorted(f.rank for f in read(database, open=True)) == sorted(r for r, s in in_view.items() if s != "decided")
    assert counted.decided == sum(state == "decided" for state in in_view.values())


def test_a_review_that_reached_its_end_says_so(
    database: Database, everything: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facedb.cli.app import app

    monkeypatch.setenv("FACEDB_DSN", database.dsn)
    shown: list[str] = []
    monkeypatch.setattr("facedb.cli.finding_list.print_findings", lambda found, none: shown.append(f"{found or none}"))
    CliRunner().invoke(app, ["findings", "--open", "--class", "photo"])
    answer(database, [Answer(one.rank, "accept") for one in read(database)])
    CliRunner().invoke(app, ["findings", "--open"])
    assert shown == ["No findings.", "Nothing is left to decide."]
    assert everything


@pytest.fixture
def strays(database: Database) -> int:
    """A scan with some fifty strays, all of them certain."""
    crowd = Crowd(60, seed=4)
    people = Population(database, DIM)
    for person in range(60):
        people.add(crowd.faces(person, 7), [f"p{person:02d}"] * 7)
    for person in range(52):
        people.add(crowd.faces((person + 5) % 60, 1), [f"p{person:02d}"])
    return run(database)


def test_open_confidences_follow_the_verdicts_everywhere_alike(database: Database, strays: int) -> None:
    told = read(database, kind="stray")
    sure = [f for f in told if f.confidence >= 0.95]
    assert len(sure) >= 45
    for k, one in enumerate(sure[:40]):
        answer(database, [Answer(one.rank, "accept" if k % 2 else "reject")])
    after = {f.rank: f for f in read(database, kind="stray", denied=True)}
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
    wanted |= {f.rank: f.confidence for f in read(database, denied=True)}
    assert all(view == wanted for view in (*views, on_page, in_report))
    assert not [by for by in certain for f in left if f"finding {f.rank} of" in by]
    assert history == (sum(c >= 0.95 for c in wanted.values()),)
    assert finding_counts(database, strays)["stray"][1] == history[0]


@pytest.mark.usefixtures("strays")
def test_lessons_outlive_their_scan_and_end_with_the_verdicts(database: Database) -> None:
    sure = [f for f in read(database, kind="stray") if f.confidence >= 0.95]
    for k, one in enumerate(sure[:30]):
        answer(database, [Answer(one.rank, "reject" if k % 2 else "accept")])
    taught = {f.images: f.confidence for f in read(database, open=True, kind="stray")}
    again = run(database)
    assert {f.images: f.confidence for f in read(database, open=True, kind="stray")} == pytest.approx(taught, rel=1e-3)
    retention.prune(database, 1, yes=True)
    assert track_record(database, FindingSelection(scan=again)).called == 30
    say(database, [Statement("face", one.images[0], "withdrawn") for one in sure[:30]])
    back = {f.images: f for f in read(database, kind="stray")}
    assert all(f.confidence > taught.get(f.images, 0) for f in back.values())


@pytest.mark.usefixtures("strays")
def test_how_right_it_was_is_counted_as_it_was_told_then_and_not_as_a_later_scan_tells_it(database: Database) -> None:
    sure, doubtful = read(database, kind="stray")[:10], read(database, kind="stray")[10:12]
    with database.connection() as conn:
        conn.execute("update facedb.finding set confidence = 0.9 where rank = any(%s)", ([f.rank for f in doubtful],))
    answer(database, [Answer(one.rank, "reject") for one in [*sure, *doubtful]])
    again = run(database)
    with database.connection() as conn:
        conn.execute("update facedb.finding set confidence = 1.85 - confidence where scan_id = %s", (again,))
    then = track_record(database, FindingSelection(scan=again))
    assert (then.called, then.agreed) == (10, 0)
    answer(
        database, [Answer(one.rank, "accept") for one in read(database, denied=True) if one.images == sure[0].images]
    )
    run(database)
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
    run(database)
    for one in [f for f in read(database, kind="stray") if f.confidence >= 0.95][:40]:
        answer(database, [Answer(one.rank, "reject")])
    run(database)
    left = [f for f in read(database, open=True) if f.kind in ("merge", "stray")]
    assert [f.kind for f in left[:4]] == ["merge"] * 4
    assert [f.confidence for f in left] == sorted((f.confidence for f in left), reverse=True)
