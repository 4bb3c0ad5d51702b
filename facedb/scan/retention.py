"""Old scans end: the newest finished ones of each gallery stay, and those that something rests on.

A gallery is a contract and a choice of faces (datasets, filters). What a person said, an evaluation or a plan refers to a scan,
and so does a scan under way; the scan with the lowest threshold stays as well, for every later one can build on it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from psycopg import errors

from facedb.core.errors import FacedbError, InputError, NotFoundError
from facedb.core.progress import Reporter
from facedb.dataset import model_rows
from facedb.dataset.outcomes import count_outcomes
from facedb.db import audit
from facedb.db.connection import Connection, Database
from facedb.db.locks import wait_briefly
from facedb.db.queries import load
from facedb.scan.faces.gallery import cache_folder
from facedb.scan.findings import lessons
from facedb.scan.tiles import chunks

SQL = load("scan", "retention")


@dataclass(frozen=True, slots=True)
class Kept:
    """A scan and why it stays; ``reason`` None: it may go. ``bytes`` is the size of its pairs."""

    scan_id: int
    status: str
    reason: str | None
    bytes: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """The scans that went, or would go when ``dry``, and the size of their pairs in bytes."""

    scans: tuple[int, ...]
    bytes: int
    dry: bool


def scans(conn: Connection, keep: int) -> list[Kept]:
    """Every scan with the reason for which it stays where ``keep`` finished ones of each gallery do."""
    rows = conn.execute(SQL["kept_scans"], {"keep": keep})
    return [Kept(number, status, reason, size) for number, status, reason, size in rows]


def prune(db: Database, keep: int, *, yes: bool) -> Pruned:
    """Remove what is neither one of the ``keep`` newest nor rested on; without ``yes`` only say what would go."""
    with db.connection() as conn:
        old = [scan for scan in scans(conn, keep) if scan.reason is None]
        if yes:
            _drop(conn, [scan.scan_id for scan in old], keep)
    return Pruned(tuple(scan.scan_id for scan in old), sum(scan.bytes for scan in old), dry=not yes)


def let_old_ones_go(db: Database, keep: int, reporter: Reporter) -> None:
    """What follows a finished scan; 0: nothing goes. Where readers hold the pairs, it is left to the next scan."""
    if keep <= 0:
        return
    try:
        with db.connection() as conn:
            old = [scan.scan_id for scan in scans(conn, keep) if scan.reason is None]
            if not old:
                return
            # A reader of the pairs must not make others wait behind one who waits to drop some.
            wait_briefly(conn, 3)
            _drop(conn, old, keep)
    except InputError as error:
        # Vectors of an old scan that lie where nothing can be deleted now: the scan stays with them, and is named.
        reporter.say(str(error))
        return
    except FacedbError as error:
        passing = errors.LockNotAvailable | errors.DeadlockDetected | errors.InsufficientPrivilege
        if not isinstance(error.__cause__, passing):
            raise
        reporter.say(
            "Older scans stay for now, as others read them or this role may not remove them; remove them later with: facedb scans --prune 5"
        )
        return
    numbers = ", ".join(map(str, old))
    reporter.say(
        f"Removed scan{'s' * (len(old) > 1)} {numbers}: the {keep} newest of each gallery are kept (keep_scans)."
    )


def _drop(conn: Connection, numbers: list[int], keep: int) -> None:
    chunks.remove(conn, numbers)
    for number in numbers:
        lessons.keep(conn, number)
        conn.execute(SQL["drop_scan"], {"scan_id": number})
    if numbers:
        audit.note(conn, "prune", "scan", numbers[-1] if len(numbers) == 1 else None, scans=len(numbers), keep=keep)


@dataclass(frozen=True, slots=True)
class RemovedModel:
    """What a contract took with it, or would when dry: embeddings, scans, and those of the scans that something rests on."""

    name: str
    digest: str
    embeddings: int
    scans: int
    rested_on: int


def remove_model(db: Database, name: str, *, yes: bool, cache_dir: Path | None = None) -> RemovedModel:
    """Remove a contract with its embeddings and scans, and its vectors below ``cache_dir``; without ``yes`` only say what would go.

    Raises NotFoundError.
    """
    with db.connection() as conn:
        model = model_rows.model_by_name(conn, name)
        if model is None:
            raise NotFoundError(f"There is no contract {name!r} in the database: see `facedb model list`.")
        found = conn.execute(SQL["scans_of_model"], {"model_id": model.id}).fetchall()
        counted = conn.execute(SQL["embeddings_of_model"], {"model_id": model.id}).fetchone()
        done = RemovedModel(
            model.name,
            model.digest,
            int(counted[0]) if counted else 0,
            len(found),
            sum(bool(used) for _, used in found),
        )
        if yes:
            chunks.remove(conn, [number for number, _ in found])
            for number, _ in found:
                conn.execute(SQL["drop_scan"], {"scan_id": number})
            conn.execute(SQL["drop_model"], {"model_id": model.id})
            cached = None if cache_dir is None else cache_folder(conn, cache_dir, model.id)
            audit.note(conn, "remove", "model", model.id, embeddings=done.embeddings, scans=done.scans)
    if yes:
        if cached is not None:
            shutil.rmtree(cached, ignore_errors=True)
        count_outcomes(db)
    return done
