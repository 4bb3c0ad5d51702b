"""Forget: the right to erasure, for a person (an identity), a photo or a whole dataset.

Everything that was made of the photos goes in one transaction: faces, vectors, bystanders, pairs, links, findings, verdicts, steps of
plans, misses of evaluations; of a person also the faces in photos of others that are known to be this one. Then the caches go, and last
the tables are rewritten (`facedb.db.upkeep.wipe`). Links and findings of the labels that a scan gave the faces go as a whole, since their
numbers were counted with them: the next scan counts anew. Histograms of scores and the ledgers of scans stay: they hold counts and numbers
of rows, no vector and no name. The audit keeps keys and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from facedb.core.counting import counted
from facedb.core.errors import ConflictError, NotFoundError
from facedb.core.files.paths import display, from_text, to_text
from facedb.core.finding import LIKELY
from facedb.dataset.names import find_datasets
from facedb.dataset.outcomes import count_outcomes
from facedb.db import audit
from facedb.db.connection import Connection, Database
from facedb.db.locks import alone
from facedb.db.queries import load
from facedb.db.upkeep.wipe import wipe
from facedb.db.wait import Say
from facedb.review import forgotten_files
from facedb.review.people import find_identity
from facedb.review.verdicts import below_roots
from facedb.scan import retention
from facedb.scan.tiles import chunks
from facedb.scan.tiles.chunks import Folder

SQL = load("review", "forget")

Kind = Literal["identity", "image", "dataset"]

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Subject:
    """Who or what is to be forgotten: an identity by name, an image by path or a dataset; ``dataset`` says in which one."""

    kind: Kind
    name: str
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went, or would go, by kind; ``files`` were deleted from the disk, ``files_left`` are still there.

    ``faces`` counts those in photos of others too; ``shown_elsewhere`` are photos under other labels, or none, that show the person by
    what was found or said, and stay.
    """

    images: int = 0
    faces: int = 0
    embeddings: int = 0
    identities: int = 0
    pairs: int = 0
    links: int = 0
    findings: int = 0
    scans: int = 0
    verdicts: int = 0
    plan_steps: int = 0
    evaluation_misses: int = 0
    caches: int = 0
    files: int = 0
    files_left: int = 0
    same_bytes_elsewhere: int = 0
    shown_elsewhere: int = 0

    def rows(self) -> list[tuple[str, int]]:
        """The counts for a person to read."""
        return [(name.replace("_", " "), count) for name, count in asdict(self).items()]


@dataclass(frozen=True, slots=True)
class _Done:
    """What was deleted so far: of the thing with ``key``, and under which contracts; ``chunks`` of scans hold its vectors too.
    ``elsewhere`` are the paths of other photos that show the person."""

    key: int
    counts: Forgotten
    models: tuple[int, ...]
    chunks: tuple[Folder, ...]
    elsewhere: tuple[str, ...]


def forget(
    db: Database, subject: Subject, *, yes: bool, files: bool = False, home: Path | None = None, say: Say
) -> Forgotten:
    """Forget a subject; without ``yes`` everything is done in a transaction that is taken back, and counted.

    ``files`` deletes the files as well, where a file is one image and still the one that was ingested. ``home`` is where caches and
    logs of facedb are. Raises NotFoundError and ConflictError for names, and ConflictError while others work on this database.
    """
    with db.connection() as conn:
        alone(conn, "bring back what goes")
        done = _rows(conn, subject)
        caches = list(forgotten_files.caches(conn, home, done.models))
        counts = replace(done.counts, caches=len(caches) + len(done.chunks))
        if done.elsewhere:
            say(_said(done.elsewhere))
        there = forgotten_files.files(conn)
        if files and yes:
            counts = replace(counts, files=sum(forgotten_files.delete(*file) for file in there))
            there = forgotten_files.files(conn)
        counts = replace(counts, files_left=sum(forgotten_files.is_there(*file) for file in there))
        if not yes:
            conn.rollback()
            return counts
        for folder in done.chunks:
            folder.remove()
        # Only now do the images go, with everything that hangs on them: their files had to be found first.
        _finish(conn, subject, done, counts)
    forgotten_files.remove_all(caches, home)
    count_outcomes(db)
    for line in wipe(db, say):
        say(line)
    return counts


def _said(paths: Sequence[str]) -> str:
    some = ", ".join(display(path) for path in paths[:_NAMED]) + (", …" if len(paths) > _NAMED else "")
    return (
        f"By findings and verdicts, this person is also in {counted(len(paths), 'photo')} under other labels or none ({some}), which stay; "
        "forget them too with --image."
    )


def finish(db: Database, *, home: Path | None, say: Say) -> None:
    """Go on with a wipe that was interrupted after its rows were deleted."""
    forgotten_files.remove_all(forgotten_files.everything_cached(home), home)
    for line in wipe(db, say):
        say(line)


def _rows(conn: Connection, subject: Subject) -> _Done:
    """Delete all but the images themselves, and count."""
    key, images = _meant(conn, subject)
    conn.execute(SQL["make"])
    if subject.kind != "image":
        conn.execute(SQL[f"take_{subject.kind}"], {"key": key})
    dataset = key if subject.kind == "dataset" else None
    conn.execute(SQL["take_images"], {"images": images, "dataset": dataset})
    conn.execute(SQL["take_faces"])
    elsewhere: list[str] = []
    if subject.kind == "identity":
        conn.execute(SQL["take_bystanders"])
        elsewhere = [row[0] for row in conn.execute(SQL["shown_elsewhere"], {"likely": LIKELY})]
    for name in ("take_embeddings", "take_touched"):
        conn.execute(SQL[name])
    open_plans = [row[0] for row in conn.execute(SQL["open_plans"])]
    if open_plans:
        raise ConflictError(
            f"Plan {open_plans[0]} is half done and moves such images: finish it with `facedb apply {open_plans[0]} --yes`, or "
            f"take it back with `facedb undo {open_plans[0]} --yes`."
        )
    row = conn.execute(SQL["count"]).fetchone()
    assert row is not None  # noqa: S101 - counts always yield a row
    models = tuple(row[0] for row in conn.execute(SQL["models"]))
    in_chunks = tuple(chunks.given_up(conn, models))
    scans = [row[0] for row in conn.execute(SQL["own_scans"], {"dataset": dataset})] if dataset is not None else []
    for scan in scans:
        conn.execute(retention.SQL["drop_scan"], {"scan_id": scan})
    pairs = conn.execute(SQL["drop_pairs"]).fetchall()
    findings = _count(conn, "drop_findings")
    conn.execute(SQL["part_swaps"])
    links = _count(conn, "drop_links")
    conn.execute(SQL["drop_link_parts"])
    conn.execute(SQL["recount_scans"])
    conn.execute(SQL["forget_on"])
    verdicts = _count(conn, "drop_verdicts")
    conn.execute(SQL["drop_taken_faces"])
    conn.execute(SQL["clear_known"])
    steps = conn.execute(SQL["drop_steps"]).fetchall()
    plans = [plan for plan, _ in steps]
    conn.execute(SQL["drop_folders"], {"plans": plans})
    conn.execute(SQL["drop_empty_plans"], {"plans": plans})
    misses = _count(conn, "drop_misses")
    return _Done(
        key,
        Forgotten(
            images=row[0],
            faces=row[1],
            embeddings=row[2],
            identities=row[3],
            pairs=sum(n for _, n in pairs),
            links=links,
            findings=findings,
            scans=len(scans),
            verdicts=verdicts,
            plan_steps=sum(n for _, n in steps),
            evaluation_misses=misses,
            same_bytes_elsewhere=row[4],
            shown_elsewhere=len(elsewhere),
        ),
        models,
        in_chunks,
        tuple(elsewhere),
    )


def _finish(conn: Connection, subject: Subject, done: _Done, counts: Forgotten) -> None:
    partitions = [row[0] for row in conn.execute(SQL["partitions"], {"models": list(done.models)})]
    for name in ("drop_faces", "drop_images", "drop_counts", "drop_identities"):
        conn.execute(SQL[name])
    if subject.kind == "dataset":
        conn.execute(SQL["drop_dataset"], {"dataset": done.key})
    number = conn.execute(SQL["number"]).fetchone()
    assert number is not None  # noqa: S101 - a number always
    given = {name: count for name, count in asdict(counts).items() if count}
    audit.note(conn, "forget", subject.kind, done.key, partitions=" ".join(partitions), transaction=number[0], **given)


def _count(conn: Connection, name: str) -> int:
    return max(conn.execute(SQL[name]).rowcount, 0)


def _meant(conn: Connection, subject: Subject) -> tuple[int, list[int]]:
    """The key of the subject, and the images that it names."""
    if subject.kind == "identity":
        return find_identity(conn, subject.name, subject.dataset), []
    if subject.kind == "dataset":
        found = find_datasets(conn, [subject.name])
        assert found is not None  # noqa: S101 - a name was given
        return found[0], []
    paths = [to_text(place) for place in below_roots(conn, from_text(subject.name))]
    rows = conn.execute(SQL["images_at"], {"paths": paths, "dataset": subject.dataset}).fetchall()
    if not rows:
        raise NotFoundError(
            f"There is no image {display(subject.name)!r} in the database: paths are as `facedb pairs` prints them, or absolute."
        )
    if len({name for _, name in rows}) > 1:
        raise ConflictError(
            f"{display(subject.name)!r} is in {rows[0][1]} and in {rows[-1][1]}: name one with --dataset."
        )
    return rows[0][0], [key for key, _ in rows]
