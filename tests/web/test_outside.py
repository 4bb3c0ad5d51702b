"""Photos outside of folders on the review page: in its queue, as cases, answered by name, and taken back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.scan.run import ScanOptions, scan
from tests.db.population import Population
from tests.unit.findings.people import DIM, Crowd
from tests.web.conftest import Enter, Reviewer

SCAN = 2


@pytest.fixture
def ann(demo_database: Database, enter: Enter) -> Reviewer:
    """A reviewer of a scan with two known people, a new one and a stranger outside of its folders, and a photo twice."""
    crowd = Crowd(16, seed=6)
    people = Population(demo_database, DIM, "beside")
    for person in range(12):
        people.add(crowd.faces(person, 5), [f"p{person:02d}"] * 5, dataset="beside")
    for faces in (crowd.faces(1, 1), crowd.faces(7, 1), crowd.faces(13, 3), crowd.faces(14, 1)):
        people.add(faces, [None] * len(faces), dataset="beside")
    twice = crowd.faces(15, 1)
    people.add(np.r_[twice, twice], [None] * 2, dataset="beside")
    options = ScanOptions(0.45, engine="exact", threads=1, datasets=("beside",), model="beside")
    assert scan(demo_database, options, reporter=Silent()).scan.id == SCAN
    return enter("ann")


def queue(reviewer: Reviewer, **chosen: object) -> list[dict[str, Any]]:
    page: Any = reviewer.get(f"/api/scans/{SCAN}/queue", **chosen)
    return list(page["items"])


def case(reviewer: Reviewer, rank: int) -> dict[str, Any]:
    found: Any = reviewer.get(f"/api/cases/{SCAN}/{rank}")
    return dict(found)


def say(reviewer: Reviewer, rank: int, answer: str, **more: object) -> Any:
    return reviewer.send("POST", f"/api/cases/{SCAN}/{rank}/decision", {"answer": answer, "seen": None, **more})


def standing(db: Database) -> set[tuple[Any, ...]]:
    with db.connection() as conn:
        return set(conn.execute("select path_a, verdict, target from bi.verdicts").fetchall())


def test_the_queue_has_what_lies_in_no_folder(ann: Reviewer) -> None:
    items = {(item["kind"], item["a"]) for item in queue(ann) if item["confidence"] > 0.5}
    assert items == {("unlabelled", "p01"), ("unlabelled", "p07"), ("newcomer", None), ("duplicate", None)}
    assert {item["kind"] for item in queue(ann, kind="newcomer")} == {"newcomer"}
    assert len(queue(ann, words="p07")) >= 1


def test_a_case_shows_whom_a_photo_shows_and_the_next_best(ann: Reviewer) -> None:
    item = next(item for item in queue(ann, kind="unlabelled") if item["a"] == "p07")
    found = case(ann, item["rank"])
    assert (found["a"]["name"], found["b"]["name"], found["next_best"]) == ("p07", item["b"], None)
    assert found["a"]["faces"][0]["best"] == pytest.approx(found["max_score"], abs=1e-3)
    assert [face["identity"] for face in found["subject"]] == [None]
    new = case(ann, queue(ann, kind="newcomer")[0]["rank"])
    assert (new["a"], new["b"], len(new["subject"]), new["proposed"]) == (None, None, 3, "unknown 1")
    twice = case(ann, queue(ann, kind="duplicate")[0]["rank"])
    assert (twice["a"], len(twice["subject"])) == (None, 2)


def test_answers_name_people_old_and_new_and_are_taken_back(ann: Reviewer, demo_database: Database) -> None:
    known = {item["a"]: item["rank"] for item in queue(ann, kind="unlabelled") if item["confidence"] > 0.5}
    new, twice = (queue(ann, kind=kind)[0]["rank"] for kind in ("newcomer", "duplicate"))
    say(ann, known["p01"], "same")
    say(ann, known["p07"], "wrong-identity", target_name="Omar Said")
    say(ann, new, "same")
    say(ann, twice, "duplicate")
    targets = sorted(str(target) for _, verdict, target in standing(demo_database) if verdict == "wrong-identity")
    assert targets == ["Omar Said", "p01", "unknown 1", "unknown 1", "unknown 1"]
    for item in queue(ann):
        say(ann, item["rank"], "different")
    progress: Any = ann.get(f"/api/scans/{SCAN}/progress")
    assert queue(ann) == []
    assert progress["decided"] == progress["total"]
    assert (progress["right"], progress["wrong"]) == (3, progress["total"] - 3)
    for _ in range(progress["total"]):
        ann.send("POST", "/api/undo")
    assert standing(demo_database) == set()
    assert len(queue(ann)) == progress["total"]


def test_many_are_accepted_at_once_each_under_its_own_name(ann: Reviewer, demo_database: Database) -> None:
    chosen = [item for item in queue(ann) if item["kind"] in ("unlabelled", "newcomer") and item["confidence"] > 0.5]
    ann.send(
        "POST",
        "/api/decisions",
        {"answer": "same", "cases": [{"scan_id": SCAN, "rank": item["rank"], "seen": None} for item in chosen]},
    )
    targets = sorted(str(target) for _, _, target in standing(demo_database))
    assert targets == ["p01", "p07", "unknown 1", "unknown 1", "unknown 1"]
