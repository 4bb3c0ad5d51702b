"""Findings as an answer needs them: what they are about, and what became of their images since."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from facedb.core.files.paths import from_text
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.review.copies import home
from facedb.scan.scan_rows import with_identities

SQL = load("review", "answers")


@dataclass(frozen=True, slots=True)
class AnswerableImage:
    """An image of a finding as it is now; ``known``: its bytes are; ``moved``: a person said that it lies elsewhere, or goes."""

    id: int
    path: str
    identity_id: int | None
    status: str
    known: bool
    moved: bool


@dataclass(frozen=True, slots=True)
class AnswerableFinding:
    """A finding; ``images`` are the wrong ones or the copies, none for merges and look-alikes; ``home`` is the identity that copies
    in two folders are of, as far as the finding tells."""

    rank: int
    kind: str
    identity_a: int
    name_a: str
    identity_b: int | None
    name_b: str | None
    dataset: str
    faces_a: int
    size_a: int
    home: int | None
    images: tuple[AnswerableImage, ...]


@dataclass(frozen=True, slots=True)
class NamedFinding:
    """A finding by what it states, for a list that was made of an earlier scan; ``verdict`` is what was said of it."""

    rank: int
    kind: str
    identity_a: str
    identity_b: str
    images: tuple[str, ...]
    verdict: str | None


def answerable(conn: Connection, scan_id: int, ranks: Sequence[int]) -> dict[int, AnswerableFinding]:
    """Findings of a scan by rank; ranks that it lacks are left out."""
    wanted = {"scan_id": scan_id, "ranks": list(ranks)}
    images: dict[int, dict[int, AnswerableImage]] = {}
    for rank, key, path, *now in conn.execute(SQL["images"], wanted):
        images.setdefault(rank, {})[key] = AnswerableImage(key, from_text(path), *now)
    return {
        rank: AnswerableFinding(
            rank,
            kind,
            a,
            from_text(name_a),
            b,
            from_text(name_b),
            dataset,
            faces,
            size,
            _home(kind, a, b, margin, images.get(rank, {}).values()),
            tuple(images.get(rank, {}).values()),
        )
        for rank, kind, a, name_a, b, name_b, dataset, faces, size, margin in conn.execute(SQL["findings"], wanted)
    }


def _home(kind: str, a: int, b: int | None, margin: float | None, images: Collection[AnswerableImage]) -> int | None:
    return home(a, b, margin, {image.identity_id for image in images}) if kind == "duplicate" else None


def named(conn: Connection, scan_id: int) -> list[NamedFinding]:
    """All findings of a scan by what they state, as `facedb findings` prints it."""
    return [
        NamedFinding(rank, kind, a, b or "", tuple(images or ()), verdict)
        for rank, kind, a, b, images, verdict in conn.execute(with_identities(SQL["named"]), {"scan_id": scan_id})
    ]
