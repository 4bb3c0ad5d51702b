"""Photos that show several people, through the API of the page: which face is meant, and who the others are."""

from __future__ import annotations

from typing import Any

from facedb.db.connection import Database
from facedb.report.case_rows import cases
from tests.web.asking import case, first, say, standing
from tests.web.conftest import Enter, Reviewer, TwoFaces


def test_somebody_else_in_a_photo_is_not_called_by_the_name_of_its_folder(ann: Reviewer, two_faces: TwoFaces) -> None:
    photo: Any = ann.get(f"/api/photos/{two_faces.image}")
    assert {one["face"]["id"]: one["face"]["bystander"] for one in photo["faces"]} == {
        two_faces.taken: False,
        two_faces.other: True,
    }
    like: Any = ann.get(f"/api/faces/{two_faces.other}/alike", top=10)
    assert like["of"]["bystander"]
    assert not any(one["own"] for one in like["found"])
    say(ann, two_faces.rank, "other-face", faces=[two_faces.other])
    photo = ann.get(f"/api/photos/{two_faces.image}")
    assert {one["face"]["id"]: one["face"]["bystander"] for one in photo["faces"]} == {
        two_faces.taken: True,
        two_faces.other: False,
    }


def taken(db: Database) -> list[tuple[Any, ...]]:
    """The photos whose face a person took: left edge of it, and who said so."""
    with db.connection() as conn:
        return conn.execute("select image_id, box_x, said_by from bi.taken_faces order by 1").fetchall()


def test_another_face_of_the_photo_in_question_lets_its_label_stand_and_is_undone_in_one_stroke(
    ann: Reviewer, demo_database: Database, two_faces: TwoFaces
) -> None:
    photo: Any = ann.get(f"/api/photos/{two_faces.image}")
    assert [(one["taken"], one["embedded"], one["by_person"]) for one in photo["faces"]] == [
        (True, True, False),
        (False, True, False),
    ]
    say(ann, two_faces.rank, "other-face", faces=[two_faces.other])
    assert taken(demo_database) == [(two_faces.image, 60.0, "ann")]
    assert [row[:2] for row in standing(demo_database)] == [("face", "same")]
    found = case(ann, two_faces.rank)
    assert (found["state"], found["answer"]) == ("decided", "same")
    progress: Any = ann.get("/api/scans/1/progress")
    assert (progress["right"], progress["wrong"]) == (0, 1)
    photo = ann.get(f"/api/photos/{two_faces.image}")
    assert [one["by_person"] for one in photo["faces"]] == [False, True]
    assert ann.send("POST", "/api/undo") == {"cases": [[1, two_faces.rank]], "verdicts": 1, "also": []}
    assert (taken(demo_database), standing(demo_database)) == ([], [])


def test_a_face_is_taken_outside_of_findings_too_and_nobody_overwrites_anybody_unseen(
    enter: Enter, demo_database: Database, two_faces: TwoFaces
) -> None:
    ann, ben = enter("ann"), enter("ben")
    path, body = f"/api/photos/{two_faces.image}/face", {"face_id": two_faces.other, "seen": 0}
    ann.send("POST", path, body)
    refused: Any = ben.send("POST", path, body | {"face_id": two_faces.taken}, status=409)
    assert "ann took a face of this photo" in refused["message"]
    seen: Any = ben.get(f"/api/photos/{two_faces.image}")
    assert (seen["taken_by"], [one["by_person"] for one in seen["faces"]]) == ("ann", [False, True])
    ben.send("POST", path, {"face_id": two_faces.taken, "seen": seen["seen"]})
    assert taken(demo_database) == [(two_faces.image, 10.0, "ben")]
    ann.send("POST", "/api/undo", status=409)
    assert ben.send("POST", "/api/undo") == {"cases": [], "verdicts": 1, "also": []}
    assert taken(demo_database) == [(two_faces.image, 60.0, "ann")], "what Ann said stands again, in her name"


def test_what_is_no_face_of_the_photo_or_has_no_vector_is_not_taken(
    ann: Reviewer, demo_database: Database, two_faces: TwoFaces
) -> None:
    elsewhere = case(ann, first(ann, "merge"))["a"]["faces"][0]
    path = f"/api/photos/{two_faces.image}/face"
    ann.send("POST", path, {"face_id": elsewhere["id"], "seen": None}, status=404)
    alone = f"/api/photos/{elsewhere['image_id']}/face"
    ann.send("POST", alone, {"face_id": elsewhere["id"], "seen": None}, status=422)
    say(ann, two_faces.rank, "other-face", faces=[elsewhere["id"]], status=422)
    say(ann, first(ann, "merge"), "other-face", faces=[elsewhere["id"]], status=422)
    with demo_database.connection() as conn:
        conn.execute("delete from facedb.embedding where face_id = %s", (two_faces.other,))
    refused = say(ann, two_faces.rank, "other-face", faces=[two_faces.other], status=422)
    assert "--faces fit" in refused["message"]
    assert (taken(demo_database), standing(demo_database)) == ([], [])


def test_what_is_printed_of_a_case_shows_no_bystander_among_the_faces_of_its_folder(
    demo_database: Database, two_faces: TwoFaces
) -> None:
    with demo_database.connection() as conn:
        (found,) = cases(conn, 1, ranks=[two_faces.rank], faces=100)
    assert found.a
    assert two_faces.other not in {face.id for face in found.a}
