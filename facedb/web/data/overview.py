"""The overview: datasets, scans, noise by class, score distributions, the noisiest identities, and what is no face."""

from __future__ import annotations

from dataclasses import dataclass

from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.report.pictures.score_chart import density
from facedb.scan.scores import thresholds
from facedb.web.data.faces import load_faces, shown

SQL = load("web", "overview")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset with the outcome of its files under the contract that embedded it last."""

    name: str
    files: int
    embedded: int
    faces: int
    rejected: int
    ignored: int
    vanished: int
    pending: int
    identities: int


@dataclass(frozen=True, slots=True)
class Noisy:
    """An identity that findings likelier than not name; ``expected`` is the sum of their confidences."""

    id: int
    name: str
    dataset: str
    findings: int
    expected: float
    thumb: str | None


@dataclass(frozen=True, slots=True)
class Reject:
    """A file that did not become a face."""

    image_id: int
    dataset: str
    identity: str | None
    path: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class RejectCount:
    """How many files were rejected for a reason."""

    code: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A score that means something."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """The scores of a scan: ``genuine`` and ``impostor`` are shares of their pairs in steps of ``step`` from -1 on."""

    scan_id: int
    step: float
    genuine: tuple[float, ...]
    impostor: tuple[float, ...]
    genuine_pairs: int
    impostor_pairs: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Noise:
    """One class of findings of a scan: how many, and how many are likelier than not."""

    kind: str
    findings: int
    likely: int


@dataclass(frozen=True, slots=True)
class Running:
    """A scan that is being made elsewhere: ``done`` of ``total`` parts."""

    scan_id: int
    model: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Pulse:
    """What changes while somebody looks: keys of the newest verdict, scan and plan, and the number of embeddings so far."""

    verdict: int
    scan: int
    embeddings: int
    plan: int
    running: tuple[Running, ...]


def noisiest(conn: Connection, scan_id: int, limit: int = 12) -> list[Noisy]:
    """The identities that most findings of a scan are about."""
    rows = conn.execute(SQL["noisiest"], {"scan_id": scan_id, "limit": limit}).fetchall()
    faces = load_faces(conn, [row[5] for row in rows if row[5] is not None])
    return [
        Noisy(
            row[0],
            shown(row[1]),
            row[2],
            row[3],
            round(float(row[4]), 1),
            faces[row[5]].thumb if row[5] in faces else None,
        )
        for row in rows
    ]


def rejects(conn: Connection, code: str | None = None, each: int = 12) -> list[Reject]:
    """Rejected files, at most ``each`` for each reason."""
    rows = conn.execute(SQL["rejects"], {"code": code, "each": each})
    return [Reject(row[0], row[1], None if row[2] is None else shown(row[2]), shown(row[3]), *row[4:]) for row in rows]


def reject_counts(conn: Connection) -> list[RejectCount]:
    """Why files were rejected, the most frequent reason first."""
    return [RejectCount(*row) for row in conn.execute(SQL["reject_counts"])]


def noise(conn: Connection, scan_id: int) -> list[Noise]:
    """Findings of a scan by class."""
    return [Noise(*row) for row in conn.execute(SQL["likely"], {"scan_id": scan_id})]


def distribution(conn: Connection, scan_id: int, threshold: float, faces: int) -> Distribution | None:
    """The score distributions of a scan with its threshold and lines; None where there were no two identities."""
    measured = thresholds.measure_scan(conn, scan_id)
    if not measured.impostor.seen:
        return None
    lines = thresholds.lines(measured, faces, thresholds.certain_above(conn, scan_id))
    marks = [Mark("threshold", threshold), Mark("review", lines.review), Mark("certain", lines.certain)]
    genuine = density(measured.genuine).tolist() if measured.genuine.seen else []
    return Distribution(
        scan_id,
        0.01,
        tuple(round(v, 9) for v in genuine),
        tuple(round(v, 9) for v in density(measured.impostor).tolist()),
        measured.genuine.total,
        measured.impostor.total,
        tuple(mark for mark in marks if mark.score <= 1),
    )


def pulse(conn: Connection) -> Pulse:
    """What changed lately."""
    row = conn.execute(SQL["pulse"]).fetchone() or (0, 0, 0, 0)
    running = tuple(Running(*one) for one in conn.execute(SQL["running"]))
    return Pulse(row[0], row[1], row[2], row[3], running)
