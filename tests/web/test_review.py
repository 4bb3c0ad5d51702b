"""The review through its API: the queue, cases, answers, several reviewers, and what follows from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.report.case_rows import cases
from facedb.scan.findings.ranked import FindingSelection, finding_counts, findings, left_out
from facedb.scan.search import search
from tests.db.scan.findings.folders import Talk
from tests.web.asking import case, double, first, queue, say, standing
from tests.web.conftest import Checked, Enter, Reviewer


def test_the_queue_has_the_findings_of_psql_in_the_order_of_their_rank(ann: Reviewer, demo_database: Database) -> None:
    with demo_database.connection() as conn:
        rows = conn.execute(
            "select rank, class, identity_a, identity_b from bi.findings where scan_id = 1 order by rank"
        ).fetchall()
    assert [(i["rank"], i["kind"], i["a"], i["b"]) for i in queue(ann)] == rows
    strays = [row[0] for row in rows if row[1] == "stray"]
    assert [i["rank"] for i in queue(ann, kind="stray")] == strays
    assert [i["rank"] for i in queue(ann, kind="stray", after=strays[2], limit=3)] == strays[3:6]
    assert all("jona kestrel" in (i["a"] + i["b"]).lower() for i in queue(ann, words="jona kest"))
    assert queue(ann, words="%") == []
    assert [i["rank"] for i in queue(ann, least=0.99)] == [i["rank"] for i in queue(ann) if i["confidence"] >= 0.99]


def test_a_case_shows_both_sides_with_the_scores_that_float64_gives(ann: Reviewer, demo_database: Database) -> None:
    found = case(ann, first(ann, "merge"))
    ids = found["scores"]["ids"]
    assert {face["id"] for face in found["a"]["faces"] + found["b"]["faces"]} == set(ids)
    with demo_database.connection() as conn:
        vectors = {
            key: np.array(vec.strip("[]").split(","), np.float32).astype(np.float64)
            for key, vec in conn.execute(
                "select face_id, vec::text from facedb.embedding where face_id = any(%s)", (ids,)
            )
        }
    wanted = np.array([[vectors[a] @ vectors[b] for b in ids] for a in ids])
    assert np.abs(np.array(found["scores"]["values"]) - wanted).max() <= 5.1e-4
    linking = [face for face in found["a"]["faces"] if face["linking"]]
    assert linking == found["a"]["faces"][: len(linking)], "the linking faces come first"
    others = [ids.index(face["id"]) for face in found["b"]["faces"]]
    for face in found["a"]["faces"]:
        assert face["linking"] == (wanted[ids.index(face["id"]), others].max() >= found["threshold"])


@pytest.mark.parametrize(
    ("kind", "answer", "says"),
    [
        ("merge", "same", "link"),
        ("merge", "different", "link"),
        ("stray", "wrong-identity", "face"),
        ("stray", "same", "face"),
        ("duplicate", "duplicate", "pair"),
        ("duplicate", "different", "pair"),
    ],
)
def test_an_answer_is_a_verdict_in_the_name_of_its_reviewer_and_leaves_the_queue(
    ann: Reviewer, demo_database: Database, kind: str, answer: str, says: str
) -> None:
    rank = first(ann, kind)
    decided = say(ann, rank, answer)
    assert [(row[0], row[1], row[6]) for row in standing(demo_database)] == [(says, answer, "ann")]
    assert rank not in [item["rank"] for item in queue(ann)]
    assert [item["rank"] for item in queue(ann, state="decided")] == [rank]
    now = case(ann, rank)
    assert (now["state"], now["answer"], now["answered_by"], now["seen"]) == ("decided", answer, "ann", decided["seen"])


def test_unsure_stays_among_the_open_cases(ann: Reviewer) -> None:
    rank = first(ann, "merge")
    say(ann, rank, "unsure")
    assert [i["rank"] for i in queue(ann, state="unsure")] == [rank]
    assert rank in [i["rank"] for i in queue(ann)]


def test_a_stray_goes_to_the_identity_that_was_chosen_also_to_a_new_one(ann: Reviewer, demo_database: Database) -> None:
    strays = [item["rank"] for item in queue(ann, kind="stray")]
    resembles = case(ann, strays[0])["b"]
    say(ann, strays[0], "wrong-identity", target_id=resembles["identity_id"])
    say(ann, strays[1], "wrong-identity", target_name="Nova Person")
    say(ann, strays[2], "different")
    assert [row[5] for row in standing(demo_database)] == [resembles["name"], "Nova Person", None]
    for name in ("", "  ", "../up", "a/../b", ".hidden", "bytes:%41", "x" * 300, "a\u202eb"):
        say(ann, strays[3], "wrong-identity", target_name=name, status=422)
    assert len(standing(demo_database)) == 3


def test_a_plan_of_nothing_is_not_made_and_the_page_is_told(ann: Reviewer) -> None:
    assert "No plan was made" in str(ann.send("POST", "/api/plans", {}, status=404))
    assert ann.get("/api/plans") == []


def test_the_name_that_wins_a_merge_is_the_one_that_was_chosen(ann: Reviewer) -> None:
    rank = first(ann, "merge")
    found = case(ann, rank)
    smaller = min((found["a"], found["b"]), key=lambda side: side["total"])
    other = found["b"] if smaller is found["a"] else found["a"]
    say(ann, rank, "same", target_id=smaller["identity_id"])
    plan: Any = ann.send("POST", "/api/plans", {})
    assert {(g["before"], g["after"]) for g in plan["groups"] if g["action"] == "merge"} == {
        (other["name"], smaller["name"])
    }
    stranger = case(ann, first(ann, "stray"))["a"]["identity_id"]
    say(ann, rank, "same", seen=None, target_id=stranger, status=422)


def test_the_copy_that_was_chosen_stays(ann: Reviewer) -> None:
    rank = first(ann, "duplicate")
    found = case(ann, rank)
    chosen = next(face for face in found["subject"] if face["image_id"] != found["keep"])
    say(ann, rank, "duplicate", stays=chosen["image_id"])
    plan: Any = ann.send("POST", "/api/plans", {})
    dropped = [step["image_id"] for group in plan["groups"] if group["action"] == "drop" for step in group["steps"]]
    assert dropped == [face["image_id"] for face in found["subject"] if face is not chosen]


def test_of_copies_in_two_folders_the_one_stays_that_fits_its_folder_however_small_it_is(
    ann: Reviewer, demo_database: Database
) -> None:
    rank = next(item["rank"] for item in queue(ann, kind="duplicate") if item["b"])
    copies = case(ann, rank)["subject"]
    with demo_database.connection() as conn:
        vectors = {
            key: np.array(vector.strip("[]").split(","), np.float64)
            for key, vector in conn.execute("select face_id, vec::text from facedb.embedding").fetchall()
        }
        folders = dict(
            conn.execute(
                "select f.id, i.identity_id from facedb.face f join facedb.image i on i.id = f.image_id"
            ).fetchall()
        )

        def at_home(face: dict[str, Any]) -> float:
            beside = [key for key, folder in folders.items() if folder == face["identity_id"] and key != face["id"]]
            return float(np.mean([vectors[key] @ vectors[face["id"]] for key in beside]))

        right, wrong = sorted(copies, key=at_home, reverse=True)
        assert at_home(right) > at_home(wrong) + 0.3
        conn.execute("update facedb.image set width = 20, height = 20 where id = %s", [right["image_id"]])
    assert case(ann, rank)["keep"] == right["image_id"]
    assert next(item["keep"] for item in queue(ann) if item["rank"] == rank) == right["image_id"]
    together = {"answer": "duplicate", "cases": [{"scan_id": 1, "rank": rank, "seen": None}]}
    ann.send("POST", "/api/decisions", together)
    plan: Any = ann.send("POST", "/api/plans", {})
    assert [step["image_id"] for group in plan["groups"] for step in group["steps"]] == [wrong["image_id"]]


def test_undo_takes_back_one_answer_after_the_other_and_nothing_of_others(
    enter: Enter, demo_database: Database
) -> None:
    ann, ben = enter("ann"), enter("ben")
    ranks = [item["rank"] for item in queue(ann)][:2]
    say(ben, ranks[0], "different" if case(ben, ranks[0])["kind"] != "stray" else "same")
    before = standing(demo_database)
    seen = case(ann, ranks[0])["seen"]
    say(ann, ranks[0], "unsure", seen=seen)
    say(ann, ranks[1], "unsure")
    assert ann.send("POST", "/api/undo") == {"cases": [[1, ranks[1]]], "verdicts": 1, "also": []}
    assert case(ann, ranks[1])["state"] == "open"
    assert ann.send("POST", "/api/undo") == {"cases": [[1, ranks[0]]], "verdicts": 1, "also": []}
    assert standing(demo_database) == before, "what Ben said stands again, in his name"
    ann.send("POST", "/api/undo", status=404)


def test_an_answer_names_the_other_findings_that_it_settles_and_undo_those_that_are_open_again(
    ann: Reviewer, demo_database: Database
) -> None:
    rank = first(ann, "stray")
    other = double(demo_database, rank)
    assert say(ann, rank, "same")["also"] == [other]
    undone: Any = ann.send("POST", "/api/undo")
    assert (undone["cases"], undone["also"]) == ([[1, rank]], [[1, other]])
    assert say(ann, rank, "unsure", seen=case(ann, rank)["seen"])["also"] == [], "unsure settles nothing"


def test_an_answer_to_what_somebody_answered_meanwhile_is_refused_and_says_by_whom(
    enter: Enter, demo_database: Database
) -> None:
    ann, ben = enter("ann"), enter("ben")
    rank = first(ann, "merge")
    assert case(ann, rank)["seen"] == case(ben, rank)["seen"] == 0
    say(ben, rank, "different")
    refused = say(ann, rank, "same", status=409)
    assert refused["code"] == "said_meanwhile"
    assert "ben said different" in refused["message"]
    assert [row[1] for row in standing(demo_database)] == ["different"]
    say(ann, rank, "same", seen=refused["seen"])
    assert [(row[1], row[6]) for row in standing(demo_database)] == [("same", "ann")]
    with pytest.raises(AssertionError, match="ann has decided on the same since"):
        ben.send("POST", "/api/undo")


def test_a_case_that_is_open_elsewhere_says_so(enter: Enter) -> None:
    ann, ben = enter("ann"), enter("ben")
    ben.send("POST", "/api/cases/1/2/open", status=204)
    assert case(ann, 2)["others"] == ["ben"]
    assert case(ben, 2)["others"] == []
    ben.send("POST", "/api/cases/1/3/open", status=204)
    assert case(ann, 2)["others"] == []
    news: Any = ann.get("/api/news")
    assert [(claim["rank"], claim["reviewer"]) for claim in news["claims"]] == [(3, "ben")]


def test_many_cases_are_decided_together_all_or_none_and_undone_together(enter: Enter, demo_database: Database) -> None:
    ann, ben = enter("ann"), enter("ben")
    strays = queue(ann, kind="stray")[:4]
    cases = [{"scan_id": 1, "rank": item["rank"], "seen": item["seen"]} for item in strays]
    say(ben, strays[2]["rank"], "same")
    ann.send("POST", "/api/decisions", {"answer": "wrong-identity", "cases": cases}, status=409)
    assert len(standing(demo_database)) == 1, "one was answered by Ben, so none is"
    ann.send(
        "POST",
        "/api/decisions",
        {"answer": "wrong-identity", "cases": [c for c in cases if c["rank"] != strays[2]["rank"]]},
    )
    said = [row for row in standing(demo_database) if row[6] == "ann"]
    assert [row[5] for row in said] == [item["b"] for item in strays if item is not strays[2]], (
        "each to whom it resembles"
    )
    undone: Any = ann.send("POST", "/api/undo")
    assert undone["verdicts"] == 3
    assert [row[6] for row in standing(demo_database)] == ["ben"]


def test_two_findings_about_one_photo_are_answered_in_one_stroke_and_undone_with_it(
    ann: Reviewer, demo_database: Database
) -> None:
    stray = first(ann, "stray")
    photo = double(demo_database, stray)
    with demo_database.connection() as conn:
        conn.execute("update facedb.finding set class = 'photo', identity_b = null where rank = %s", (photo,))
    whose = case(ann, stray)["b"]["name"]
    for order in ([stray, photo], [photo, stray]):
        cases = [{"scan_id": 1, "rank": rank, "seen": case(ann, rank)["seen"]} for rank in order]
        told = ann.send("POST", "/api/decisions", {"answer": "wrong-identity", "cases": cases})
        assert [(one["rank"], one["seen"]) for one in told] == [(rank, case(ann, rank)["seen"]) for rank in order]  # type: ignore[attr-defined]
        assert [(row[1], row[5]) for row in standing(demo_database)] == [("wrong-identity", whose)]
        ann.send("POST", "/api/undo")
        assert standing(demo_database) == []


def test_selected_images_are_answered_for_themselves(ann: Reviewer, demo_database: Database) -> None:
    rank = first(ann, "merge")
    found = case(ann, rank)
    one, other = found["a"]["faces"][0], found["b"]["faces"][0]
    say(ann, rank, "duplicate", faces=[one["id"], other["id"]])
    say(ann, rank, "wrong-identity", faces=[one["id"]], target_id=found["b"]["identity_id"])
    assert [row[:2] for row in standing(demo_database)] == [("pair", "duplicate"), ("face", "wrong-identity")]
    assert case(ann, rank)["state"] == "open", "the two identities were not answered"
    say(ann, rank, "same", seen=None, faces=[one["id"]], status=422)
    say(ann, rank, "wrong-identity", seen=None, status=422)
    say(ann, rank, "wrong-identity", seen=None, faces=[2**60], status=404)


def test_progress_counts_what_is_done_and_how_often_the_tool_was_right(ann: Reviewer) -> None:
    strays = [item["rank"] for item in queue(ann, kind="stray")]
    say(ann, strays[0], "wrong-identity")
    say(ann, strays[1], "wrong-identity")
    say(ann, strays[2], "same")
    say(ann, strays[3], "unsure")
    found: Any = ann.get("/api/scans/1/progress")
    assert (found["decided"], found["unsure"], found["right"], found["wrong"], found["sitting"]) == (3, 1, 2, 1, 4)
    assert found["per_minute"] > 0
    of_strays = next(c for c in found["classes"] if c["kind"] == "stray")
    assert (of_strays["total"], of_strays["decided"]) == (len(strays), 3)


def test_hidden_people_are_asked_about_no_more_until_they_are_shown_again(
    ann: Reviewer, demo_database: Database, checked: Checked
) -> None:
    item = queue(ann)[0]
    with findings(demo_database, FindingSelection()) as rows:
        every = [row[0] for row in rows if item["a"] not in row[3:5]]
    before = finding_counts(demo_database, 1)
    ann.send("PUT", f"/api/identities/{item['a_id']}/hidden", status=204)
    with findings(demo_database, FindingSelection()) as rows:
        assert [row[0] for row in rows] == every
    left = left_out(demo_database, FindingSelection())
    assert (left.answered, left.hidden, left.every) == (0, left.every - len(every), left.every)
    assert left.hidden
    assert before != finding_counts(demo_database, 1)
    with demo_database.connection() as conn:
        assert [one.rank for one in cases(conn, 1, faces=1)] == every
        assert [one.rank for one in cases(conn, 1, ranks=[item["rank"]], faces=1)] == [item["rank"]]
    photo = next((checked.folder / item["a"]).iterdir())
    talk = Talk()
    assert item["a"] not in {match.identity for match in search(demo_database, photo, reporter=talk)}
    assert talk.said == ["1 person hidden from review is left out; `facedb review` can show hidden people again."]
    assert all(item["a_id"] not in (other["a_id"], other["b_id"]) for other in queue(ann, state="all"))
    names: Any = ann.get("/api/identities", words=item["a"])
    assert item["a_id"] not in [one["id"] for one in names]
    hidden: Any = ann.get("/api/identities/hidden")
    assert [(one["name"], one["by"]) for one in hidden] == [(item["a"], "ann")]
    ann.send("DELETE", f"/api/identities/{item['a_id']}/hidden", status=204)
    assert queue(ann)[0]["rank"] == item["rank"]


def test_more_like_this_is_the_ranking_of_facedb_search(
    ann: Reviewer, demo_database: Database, checked: Checked
) -> None:
    found = case(ann, first(ann, "stray"))["subject"][0]
    like: Any = ann.get(f"/api/faces/{found['id']}/alike", top=10)
    photo = checked.folder / found["path"]
    wanted = [
        (m.path, round(m.score, 4))
        for m in search(demo_database, photo, top=11, reporter=Silent())
        if m.path != found["path"]
    ]
    assert [(one["face"]["path"], one["score"]) for one in like["found"]] == wanted
    answer = ann.client.post(
        "/api/likeness/photo?top=5", content=photo.read_bytes(), headers={"x-csrf-token": ann.csrf}
    )
    assert answer.status_code == 200
    assert answer.json()[0]["found"][0]["face"]["path"] == found["path"]
    identity: Any = ann.get(f"/api/identities/{found['identity_id']}/alike", top=5)
    assert all(one["face"]["identity_id"] != found["identity_id"] for one in identity["found"])


def test_read_only_shows_everything_and_changes_nothing(enter: Enter, demo_database: Database) -> None:
    looker = enter("eve", read_only=True)
    rank = first(looker, "merge")
    for method, path, body in [
        ("POST", f"/api/cases/1/{rank}/decision", {"answer": "same", "seen": 0}),
        ("POST", "/api/undo", None),
        ("POST", "/api/plans", {}),
        ("PUT", "/api/identities/1/hidden", None),
        ("POST", f"/api/cases/1/{rank}/open", None),
        ("POST", "/api/invitations", {"reviewer": "eve"}),
    ]:
        refused: Any = looker.send(method, path, body, status=403)
        assert refused["code"] == "read_only"
    assert standing(demo_database) == []
    with demo_database.connection() as conn:
        assert conn.execute("select count(*) from facedb.sitting").fetchone() == (0,)
