"""The queue: scans to review, their findings under a filter, and how far the review is."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from facedb.core.errors import NotFoundError
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.review.copies import which_stay
from facedb.scan.findings.standing import Stand
from facedb.web.data.faces import Face, load_faces, shown

SQL = load("web", "queue")

State = Literal["open", "unsure", "decided", "all"]
Kind = Literal["merge", "stray", "mixed", "duplicate", "look-alike", "photo", "unlabelled", "newcomer"]


@dataclass(frozen=True, slots=True)
class Scan:
    """A finished scan; ``newest`` of its contract and datasets."""

    id: int
    model_id: int
    model: str
    threshold: float
    faces: int
    identities: int
    pairs: int
    links: int
    finished_at: datetime
    datasets: tuple[str, ...]
    newest: bool
    findings: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which findings: ``words`` are looked for in names, ``least`` and ``most`` bound the confidence."""

    kind: Kind | None = None
    dataset: str | None = None
    identity_id: int | None = None
    words: str | None = None
    least: float | None = None
    most: float | None = None
    state: State = "open"


@dataclass(frozen=True, slots=True)
class Item:
    """A finding as the queue lists it, with up to two faces that stand for it; ``seen`` is the newest verdict on it. Of an unlabelled
    photo ``a`` is whom it shows and ``b`` the next best; images without a label have no ``a``. ``keep``: the image that stays of copies,
    where that can be told."""

    scan_id: int
    rank: int
    kind: str
    confidence: float
    state: str
    answer: str | None
    agrees: bool | None
    said_by: str | None
    seen: int
    a_id: int | None
    a: str | None
    dataset_a: str
    b_id: int | None
    b: str | None
    dataset_b: str | None
    max_score: float | None
    faces: tuple[Face, ...]
    keep: int | None


@dataclass(frozen=True, slots=True)
class ClassProgress:
    """One class: how many findings, how many decided; of the decided those that people found ``right`` or ``wrong``."""

    kind: str
    total: int
    decided: int
    unsure: int
    right: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is reviewed, and how fast this sitting goes (decisions a minute over the last ten)."""

    scan_id: int
    total: int
    decided: int
    unsure: int
    right: int
    wrong: int
    classes: tuple[ClassProgress, ...]
    sitting: int
    per_minute: float


def scans(conn: Connection, scan_id: int | None = None) -> list[Scan]:
    """Finished scans, newest first."""
    return [Scan(*[*row[:9], tuple(row[9]), *row[10:]]) for row in conn.execute(SQL["scans"], {"scan_id": scan_id})]


def first(found: list[Scan]) -> Scan | None:
    """The scan that is shown where none is named: the first that has findings."""
    return next((one for one in found if one.findings), found[0] if found else None)


def find_scan(conn: Connection, scan_id: int) -> Scan:
    """One finished scan; raises NotFoundError."""
    found = scans(conn, scan_id)
    if not found:
        raise NotFoundError(f"There is no finished scan {scan_id}: choose another one.")
    return found[0]


def cases(
    conn: Connection, stand: Stand, scan_id: int, chosen: Filter, *, after: int = 0, limit: int = 100
) -> list[Item]:
    """Findings of a scan after a rank, the most confident first; ``stand`` is where they stand."""
    decided = stand.ranks("decided")
    asked = {
        "scan_id": scan_id,
        "decided": decided,
        "agrees": [stand.said[rank][1] for rank in decided],
        "open": chosen.state == "open",
        "only": {"decided": decided, "unsure": stand.ranks("unsure")}.get(chosen.state),
        "class": chosen.kind,
        "dataset": chosen.dataset,
        "identity_id": chosen.identity_id,
        "words": None if chosen.words is None else f"%{_literally(chosen.words)}%",
        "least": chosen.least,
        "most": chosen.most,
        "after": after,
        "limit": limit,
    }
    ranks = [row[0] for row in conn.execute(SQL["ranks"], asked)]
    rows = conn.execute(SQL["cases"], {"scan_id": scan_id, "ranks": ranks}).fetchall() if ranks else []
    faces = load_faces(conn, sorted({face for row in rows for face in row[15]}))
    stays = which_stay(conn, scan_id, ranks)
    return [
        Item(
            *[
                scan_id,
                *row[:9],
                None if row[9] is None else shown(row[9]),
                row[10],
                row[11],
                None if row[12] is None else shown(row[12]),
                row[13],
                row[14],
                tuple(faces[key] for key in dict.fromkeys(row[15]) if key in faces)[:2],
                stays.get(row[0]),
            ]
        )
        for row in rows
    ]


def progress(conn: Connection, stand: Stand, scan_id: int, sitting_id: int) -> Progress:
    """How far the review of a scan is."""
    counts: dict[str, Counter[tuple[str, bool | None]]] = defaultdict(Counter)
    said = {
        "scan_id": scan_id,
        "ranks": list(stand.said),
        "states": [state for state, _ in stand.said.values()],
        "agrees": [agrees for _, agrees in stand.said.values()],
    }
    for kind, state, agrees, count in conn.execute(SQL["progress"], said):
        counts[kind][state, agrees] += int(count)
    classes = tuple(_class(kind, counts[kind]) for kind in sorted(counts))
    row = conn.execute(SQL["pace"], {"sitting_id": sitting_id}).fetchone()
    made, recent, seconds = row or (0, 0, None)
    return Progress(
        scan_id,
        sum(c.total for c in classes),
        sum(c.decided for c in classes),
        sum(c.unsure for c in classes),
        sum(c.right for c in classes),
        sum(c.wrong for c in classes),
        classes,
        made,
        0.0 if not recent or seconds is None else round(60 * recent / max(float(seconds), 30.0), 1),
    )


def _class(kind: str, counts: Counter[tuple[str, bool | None]]) -> ClassProgress:
    def of(state: str, *agreements: bool | None) -> int:
        return sum(counts[state, agrees] for agrees in agreements or (True, False, None))

    return ClassProgress(
        kind, sum(counts.values()), of("decided"), of("unsure"), of("decided", True), of("decided", False)
    )


def _literally(words: str) -> str:
    """Words with the characters escaped that have a meaning in a pattern."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
