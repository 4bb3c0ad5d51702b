"""What verdicts do to findings: each closes its own, and a review comes to its end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from typer.testing import CliRunner

from facedb.db.connection import Connection, Database
from facedb.report.case_rows import cases
from facedb.review.answers.answer import Answer, answer
from facedb.review.verdicts import Statement, say
from facedb.scan.findings import standing
from facedb.scan.findings.lessons import learn
from facedb.scan.findings.ranked import Finding
from facedb.scan.findings.standing import Stand, Version, keep_stand, stand
from facedb.web.data import decisions, queue, sittings
from facedb.web.data.kept_states import Standing
from facedb.web.data.statements import Wish
from tests.db.population import Population
from tests.db.scan.findings.folders import as_rows, scanned
from tests.processes import LONGEST_SECONDS, until
from tests.unit.findings.people import DIM, Crowd
from tests.vectors import unit


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
    return scanned(database)


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
    kept, found = Standing(), as_rows(database)
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
    first = as_rows(database, kind="merge")[0]
    second = as_rows(database, kind="stray")[0]
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
    first = as_rows(database, kind="merge")[0]
    second, third = as_rows(database, kind="stray")[0], as_rows(database, kind="unlabelled")[0]
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
    newest = scanned(database)

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
    assert {f.kind for f in as_rows(database)} == {
        "merge",
        "stray",
        "mixed",
        "duplicate",
        "look-alike",
        "unlabelled",
        "newcomer",
    }
    asked, kept = 0, Standing()
    while left := as_rows(database, open=True):
        _stands_as_the_view_says(database, kept, everything)
        way(database, left[0])
        asked += 1
        assert len(as_rows(database, open=True)) < len(left), f"{left[0].kind} {left[0].identity_a} is still open"
    again = scanned(database)
    for scan_id in (everything, again):
        assert as_rows(database, open=True, scan=scan_id) == []
        with database.connection() as conn:
            done = queue.progress(conn, Standing().at(conn, scan_id), scan_id, 0)
            assert (done.decided, done.unsure) == (done.total, 0)
            assert queue.cases(conn, Standing().at(conn, scan_id), scan_id, queue.Filter()) == []
            assert list(cases(conn, scan_id, only_open=True, faces=1)) == []
            assert conn.execute(
                "select sum(open) from bi.review_progress where scan_id = %s", (scan_id,)
            ).fetchone() == (0,)


def test_the_queue_the_list_and_the_views_agree_on_what_is_decided(database: Database, everything: int) -> None:
    for one in as_rows(database)[::2]:
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
    assert sorted(f.rank for f in as_rows(database, open=True)) == sorted(
        r for r, s in in_view.items() if s != "decided"
    )
    assert counted.decided == sum(state == "decided" for state in in_view.values())


def test_a_review_that_reached_its_end_says_so(
    database: Database, everything: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facedb.cli.app import app

    monkeypatch.setenv("FACEDB_DSN", database.dsn)
    shown: list[str] = []
    monkeypatch.setattr("facedb.cli.finding_list.print_findings", lambda found, none: shown.append(f"{found or none}"))
    CliRunner().invoke(app, ["findings", "--open", "--class", "photo"])
    answer(database, [Answer(one.rank, "accept") for one in as_rows(database)])
    CliRunner().invoke(app, ["findings", "--open"])
    assert shown == ["No findings.", "Nothing is left to decide."]
    assert everything
