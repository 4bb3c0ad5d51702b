"""What a reviewer asks of the page and says to it, through its API."""

from __future__ import annotations

from typing import Any

from facedb.db.connection import Database
from tests.web.conftest import Reviewer


def queue(reviewer: Reviewer, **chosen: object) -> list[dict[str, Any]]:
    """The items of the newest scan under a filter."""
    page: Any = reviewer.get("/api/scans/1/queue", **chosen)
    return list(page["items"])


def case(reviewer: Reviewer, rank: int) -> dict[str, Any]:
    """A case of the newest scan."""
    found: Any = reviewer.get(f"/api/cases/1/{rank}")
    return dict(found)


def say(reviewer: Reviewer, rank: int, answer: str, seen: int | None = 0, status: int = 200, **more: object) -> Any:
    """Answer a case."""
    return reviewer.send("POST", f"/api/cases/1/{rank}/decision", {"answer": answer, "seen": seen, **more}, status)


def first(reviewer: Reviewer, kind: str) -> int:
    """The rank of the first open finding of a class."""
    return int(queue(reviewer, kind=kind)[0]["rank"])


def standing(db: Database) -> list[tuple[Any, ...]]:
    """The verdicts that stand."""
    with db.connection() as conn:
        return conn.execute(
            "select kind, verdict, identity_a, identity_b, path_a, target, said_by from bi.verdicts order by verdict_id"
        ).fetchall()


def double(db: Database, rank: int) -> int:
    """Make another finding about the same as one; returns its rank, which is the last."""
    with db.connection() as conn:
        row = conn.execute(
            "insert into facedb.finding (scan_id, rank, class, confidence, identity_a, identity_b, faces_a, faces_b, size_a, size_b,"
            " max_score, mean_score, own_score, detail)"
            " select scan_id, (select max(rank) + 1 from facedb.finding), class, confidence, identity_a, identity_b, faces_a, faces_b,"
            " size_a, size_b, max_score, mean_score, own_score, detail from facedb.finding where rank = %s returning rank",
            (rank,),
        ).fetchone()
        assert row is not None
        conn.execute(
            "insert into facedb.finding_face select scan_id, %s, face_id, role from facedb.finding_face where rank = %s",
            (row[0], rank),
        )
    return int(row[0])
