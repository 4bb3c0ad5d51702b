"""People whom nobody wants to be asked about are named nowhere, not even beside others."""

from __future__ import annotations

from typing import Any

import numpy as np

from facedb.db.connection import Database
from facedb.report.case_rows import cases
from facedb.report.html import page_rows
from facedb.review.plans.outlook import outlook
from facedb.review.plans.plan import make_plan
from facedb.review.verdicts import Statement, say
from facedb.scan import search_rows
from facedb.scan.findings.ranked import FindingSelection, findings
from facedb.scan.which_scan import find_scope
from tests.web.asking import case, first, queue
from tests.web.conftest import Reviewer, TwoFaces


def hide(ann: Reviewer, identity: int) -> None:
    ann.send("PUT", f"/api/identities/{identity}/hidden", status=204)


def test_a_photo_with_its_third_copy_at_a_hidden_person_is_asked_about_only_by_its_number(
    ann: Reviewer, demo_database: Database
) -> None:
    rank = first(ann, "duplicate")
    item = case(ann, rank)
    with demo_database.connection() as conn:
        third = conn.execute(
            "select i.identity_id, f.id from facedb.face f join facedb.image i on i.id = f.image_id"
            " where i.identity_id <> all (%s::integer[]) order by f.id limit 1",
            [[side["identity_id"] for side in (item["a"], item["b"]) if side]],
        ).fetchone()
        assert third is not None
        conn.execute("insert into facedb.finding_face values (1, %s, %s, 'copy')", (rank, third[1]))
    hide(ann, third[0])
    assert rank not in [one["rank"] for one in queue(ann, state="all")]
    with findings(demo_database, FindingSelection()) as rows:
        assert rank not in [row[0] for row in rows]
    with demo_database.connection() as conn:
        assert rank not in [one.rank for one in cases(conn, 1, faces=1)]
        assert conn.execute("select hidden from bi.review_cases where rank = %s", (rank,)).fetchone() == (True,)
    assert case(ann, rank)["hidden"]


def test_a_hidden_person_in_the_background_of_a_photo_is_not_named(
    ann: Reviewer, demo_database: Database, two_faces: TwoFaces
) -> None:
    with demo_database.connection() as conn:
        label, else_, vector = conn.execute(
            "select i.identity_id, (select min(n.id) from facedb.identity n where n.id <> i.identity_id), e.vec::text"
            " from facedb.image i, facedb.embedding e where i.id = %s and e.face_id = %s",
            (two_faces.image, two_faces.other),
        ).fetchall()[0]
        conn.execute(
            "update facedb.scan_face set also_identity = %s, also_score = 0.9 where role = 'bystander'", [else_]
        )
        model = find_scope(conn).model

    def named() -> tuple[list[str | None], str | None]:
        page: Any = ann.get(f"/api/identities/{label}")
        with demo_database.connection() as conn:
            found = search_rows.nearest(
                conn, model, np.array(vector.strip("[]").split(","), np.float32), 3, approximate=False
            )
        (searched,) = [face.also_shows for face in found if face.face_id == two_faces.other]
        return [one["is_name"] for one in page["bystanders"]], searched

    (beside,), searched = named()
    assert beside == searched
    assert searched
    hide(ann, else_)
    assert named() == ([None], None)


def test_a_report_gives_no_file_of_a_hidden_person_as_an_example(ann: Reviewer, demo_database: Database) -> None:
    with demo_database.connection() as conn:
        (dataset,) = conn.execute("select name from facedb.dataset").fetchone() or ("",)
        before = page_rows.reject_counts(conn, [dataset])
        people = conn.execute(
            "select distinct i.identity_id from bi.rejects r join facedb.image i on i.id = r.image_id where r.outcome = 'rejected'"
        ).fetchall()
    assert all(one.path for one in before)
    for (identity,) in people:
        hide(ann, identity)
    with demo_database.connection() as conn:
        after = page_rows.reject_counts(conn, [dataset])
    assert [(one.code, one.files, one.path, one.detail) for one in after] == [
        (one.code, one.files, "", "") for one in before
    ]


def test_a_plan_does_what_was_said_of_hidden_people_and_names_them_only_when_asked(
    ann: Reviewer, demo_database: Database
) -> None:
    with demo_database.connection() as conn:
        merges = conn.execute(
            "select identity_a, identity_b from bi.findings where class = 'merge' order by rank limit 2"
        ).fetchall()
    keys = say(demo_database, [Statement("link", a, "same", b) for a, b in merges])
    before = make_plan(demo_database)
    (called, other) = (set(pair) for pair in merges)

    def named(*said: object) -> set[str]:
        return {name for name in called | other if name in str(said)}

    with demo_database.connection() as conn:
        (hidden,) = conn.execute("select id from facedb.identity where name = %s", [merges[0][0]]).fetchone() or (0,)
    hide(ann, hidden)
    plan = make_plan(demo_database)
    assert (plan.plan.id, len(plan.steps)) == (before.plan.id, len(before.steps)), "what a person says is done"
    assert named(plan.rows(), plan.remarks, plan.not_shown()) == other
    assert named(plan.rows(hidden=True)) == called | other
    (words,) = plan.not_shown()
    assert words.startswith(f"Not shown: {len(plan.steps) - len(plan.rows())} steps on people hidden from review")
    said = " ".join(outlook(demo_database, keys).sentences())
    assert named(said) == other
    assert "on people hidden from review" in said
    page: Any = ann.get(f"/api/plans/{plan.plan.id}")
    assert named(page) == other
    assert page["remarks"] == [words]


def test_a_remark_on_a_plan_names_nobody_who_is_hidden(ann: Reviewer, demo_database: Database) -> None:
    with demo_database.connection() as conn:
        (copies,) = conn.execute(
            "select images from bi.findings where class = 'duplicate' and identity_b is not null order by rank limit 1"
        ).fetchone() or ((),)
        ((hidden,),) = conn.execute("select identity_id from facedb.image where path = %s", [copies[0]]).fetchall()
        others = [row[0] for row in conn.execute("select name from facedb.identity where id <> %s limit 2", [hidden])]
        (name,) = conn.execute("select name from facedb.identity where id = %s", [hidden]).fetchone() or ("",)
    say(demo_database, [Statement("pair", copies[0], "duplicate", copies[1])])
    a, b = others
    chain = [
        Statement("link", name, "same", a),
        Statement("link", a, "same", b),
        Statement("link", name, "different", b),
    ]
    say(demo_database, chain)

    def named() -> list[bool]:
        remarks = str(make_plan(demo_database).remarks)
        return [text in remarks for text in (copies[0], "Not merged")]

    assert named() == [True, True]
    hide(ann, hidden)
    assert named() == [False, False]
    assert copies[0] in str(make_plan(demo_database, hidden=True).remarks)


def test_what_was_said_before_names_nobody_who_is_hidden(ann: Reviewer, demo_database: Database) -> None:
    with demo_database.connection() as conn:
        row = conn.execute(
            "select f.rank, f.identity_a_id, f.path, i.id, n.id, n.name from bi.findings f join facedb.image i on i.path = f.path,"
            " lateral (select id, name from facedb.identity where id not in (f.identity_a_id, f.identity_b_id) order by id limit 1) n"
            " where f.class = 'stray' order by f.rank limit 1"
        ).fetchone()
    assert row is not None
    rank, label, path, image, key, name = row
    say(demo_database, [Statement("face", path, "wrong-identity", target=name)])
    pages = [f"/api/cases/1/{rank}", f"/api/photos/{image}", f"/api/identities/{label}"]
    assert all(name in str(ann.get(page)) for page in pages)
    hide(ann, key)
    assert [page for page in pages if name in str(ann.get(page))] == []
