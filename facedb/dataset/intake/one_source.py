"""The intake of one source: its records and vectors become rows, batch by batch; what was not met vanished or moved."""

from __future__ import annotations

import hashlib
from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from facedb.core import rejects
from facedb.core.errors import InputError, UsageError, first_line
from facedb.core.files.file_digest import digest
from facedb.core.records import ImageRecord, Int64Array, VectorBatch
from facedb.dataset import dataset_rows, image_rows
from facedb.dataset.ingest_vectors import PreparedVectors, VectorOutcome, VectorWriter, given_model, prepare
from facedb.dataset.intake import missed_images
from facedb.dataset.intake.file_changes import AWAY, Hashed, differs, is_void, row_of, to_be_read
from facedb.dataset.intake.limits import admit, refused_by_the_table
from facedb.dataset.intake.same_files import settle_same_files
from facedb.dataset.places import source_rows
from facedb.db.connection import Connection
from facedb.db.reconnecting import Work
from facedb.sources.image_bytes import ByteReader
from facedb.sources.source import Source

_MAY_REPEAT = ("list", "csv", "jsonl", "parquet", "npz", "tar")
# Fewer images may well each be of a different person.
_MANY = 10
_BATCH = 4096


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a unit wrote: keys of its images, how many are new or changed, the first new key, keys of new identities, and of each
    image the code and the sentence that say why it is not used (None: it is)."""

    ids: Int64Array
    new: int
    changed: int
    first_id: int | None
    identities: dict[str, int]
    outcomes: list[tuple[str | None, str | None]]


class Intake:
    """One run over one source."""

    def __init__(self, work: Work, source: Source, dataset_id: int, source_id: int, contract: str | None) -> None:
        self._work = work
        self._source = source
        self._dataset_id = dataset_id
        self._source_id = source_id
        self._contract = contract
        self._vectors: VectorWriter | None = None
        self._first_id: int | None = None
        self._identities: dict[str, int] = {}
        self._faces_named: dict[str, list[tuple[object, object]]] = {}
        self._ready = 0
        self._reasons: Counter[str] = Counter()
        self._details: dict[str, str] = {}
        self._seen: list[Int64Array] = []
        self._newest = 0
        self._usable = False
        self.unlisted: list[str] = []
        self.repeated = self.unusable = self.not_looked_for = self.aliases = self.relabelled = 0
        self.seen = self.new = self.changed = self.moved = self.unchanged = self.vanished = 0

    def run(self) -> Iterator[int]:
        """Read the source to its end, yielding how many inputs each committed batch had."""
        # Whatever a concurrent run brings in is newer than this, so this run does not look for it.
        self._newest = self._work.unit(lambda conn: missed_images.newest_image(conn, self._source_id))
        with ByteReader() as reader, ThreadPoolExecutor() as pool:
            for batch in _read_ahead(_batches(self._source.records())):
                if isinstance(batch, PreparedVectors):
                    yield self._take_vectors(batch, reader, pool)
                else:
                    yield self._take_images(batch, reader, pool)

    def conclude(self, refusal: Callable[[str], InputError] | None) -> None:
        """Say what vanished and what moved, and which names are one file; only after the source was read to its end.

        ``refusal`` is what to raise where a known source has nothing left that can be used (None: believe it).
        """
        left = self._usable or self.unlisted
        ready = self._work.unit(lambda conn: source_rows.count_ready(conn, self._source_id))
        if refusal is not None and not left and ready:
            raise refusal("holds no image any more")
        moved, vanished = self._work.unit(self._close)
        self.vanished = vanished - sum(not image.was_vanished for image in moved)
        # A path that a killed run had entered already was met as unchanged by this one.
        entered_now = sum(self._first_id is not None and image.new >= self._first_id for image in moved)
        self.moved = len(moved)
        self.new -= entered_now
        self.unchanged -= len(moved) - entered_now
        self.aliases, self.relabelled = self._work.unit(lambda conn: settle_same_files(conn, self._dataset_id))

    def remarks(self) -> list[str]:
        """What looks odd about the labels."""
        if self._ready < _MANY or len(self._identities) <= 0.9 * self._ready:
            return []
        return [
            f"Nearly every image has a label of its own ({len(self._identities):,} for {self._ready:,} images): if those are "
            "captions or names of photos, say with --identity-from where the identity is."
        ]

    def check_seen(self, place: Path) -> None:
        """Raise InputError where the source was read and holds nothing at all."""
        if self.seen:
            return
        what, wanted = ("files", "folder that holds the photos") if place.is_dir() else ("rows", "file that has some")
        raise InputError(f"There are no {what} in {place}: give the {wanted}.")

    def check_usable(self, place: Path, dataset: str) -> None:
        """Raise InputError where the source was read and nothing of it can be used; its rows are there and say why."""
        failed = [code for code in self._reasons if code in rejects.REJECTED]
        # Another name of a file that the dataset has is no failure: its row says whose name it is.
        if (
            self._ready
            or self._reasons[rejects.SAME_FILE]
            or not (failed or (self._reasons and self._source.format != "folder"))
        ):
            return
        (code, count), *others = self._reasons.most_common()
        more = f", {sum(n for _, n in others):,} for other reasons" if others else ""
        hint = " Name the folder that its paths start from with --root." if code == rejects.MISSING else ""
        raise InputError(
            f"Nothing in {place} can be used: {count:,} of {self._reasons.total():,} are {code} ({self._details[code].rstrip('.')}){more}."
            f"{hint} `facedb rejects --dataset {dataset} --ignored` lists them."
        )

    def _close(self, conn: Connection) -> tuple[list[missed_images.MovedImage], int]:
        """Bring what was not met in line; returns what moved, and how many images are gone now."""
        seen = np.concatenate(self._seen) if self._seen else np.empty(0, np.int64)
        missed_images.note_seen(conn, np.unique(seen))
        self.not_looked_for = missed_images.keep_below(conn, self._source_id, self.unlisted)
        moved = missed_images.find_moved(conn, self._source_id, self._newest)
        vanished = missed_images.mark_vanished(conn, self._source_id, self._newest)
        missed_images.merge_moved(conn, self._source_id, moved)
        source_rows.source_is_read(conn, self._source_id)
        return moved, vanished

    def _identity_ids(self, conn: Connection, names: Iterable[str | None]) -> dict[str, int]:
        """Keys of the names that are not known yet; they are known for good once the unit is committed."""
        return dataset_rows.identity_ids(
            conn, self._dataset_id, {name for name in names if name} - self._identities.keys()
        )

    def _take_vectors(self, given: PreparedVectors, reader: ByteReader, pool: ThreadPoolExecutor) -> int:
        batch, refused = given.batch, given.refused
        if refused:
            self._take_images(refused, reader, pool)
        if not len(batch.paths):
            return len(refused)
        if self._vectors is None:
            if self._contract is None:
                raise UsageError(
                    "This source holds embeddings without images: name the model that made them with --contract NAME."
                )
            contract = self._contract
            model = self._work.unit(lambda conn: given_model(conn, contract, batch.vectors.shape[1]))
            self._vectors = VectorWriter(self._work.conn, self._source_id, model)
        vectors = self._vectors

        def write(conn: Connection) -> tuple[VectorOutcome, dict[str, int]]:
            vectors.go_on(conn)
            fresh = self._identity_ids(conn, batch.identities)
            return vectors.write(given, ChainMap(fresh, self._identities)), fresh

        outcome, fresh = self._work.unit(write)
        vectors.committed()
        self._identities |= fresh
        self.repeated += outcome.repeated
        self.unusable += outcome.rejected
        self._usable = True
        self._ready += len(outcome.image_ids)
        self._count(outcome.image_ids, outcome.new, outcome.changed)
        return len(batch.paths) + len(refused)

    def _take_images(self, records: Sequence[ImageRecord], reader: ByteReader, pool: ThreadPoolExecutor) -> int:
        self.unlisted += [r.path for r in records if r.problem is not None and r.problem.code == rejects.UNREADABLE]
        taken = self._first_of_each_path([admit(record) for record in records])
        self._take_what_fits(taken, reader, pool)
        return len(taken)

    def _take_what_fits(self, records: Sequence[ImageRecord], reader: ByteReader, pool: ThreadPoolExecutor) -> None:
        """Take records in; one that the table refuses, whatever for, ends as one reject and the others go on."""
        try:
            self._take(records, reader, pool)
        except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded) as error:
            if len(records) == 1:
                self._take([refused_by_the_table(records[0], first_line(error))], reader, pool)
                return
            half = len(records) // 2
            self._take_what_fits(records[:half], reader, pool)
            self._take_what_fits(records[half:], reader, pool)

    def _take(self, records: Sequence[ImageRecord], reader: ByteReader, pool: ThreadPoolExecutor) -> None:
        taken = self._work.unit(lambda conn: self._write(conn, records, reader, pool))
        self._identities |= taken.identities
        if self._first_id is None:
            self._first_id = taken.first_id
        self._usable = self._usable or any(record.problem is None and record.ignored is None for record in records)
        self._tally(taken.outcomes)
        self._count(taken.ids, taken.new, taken.changed)

    def _write(
        self, conn: Connection, records: Sequence[ImageRecord], reader: ByteReader, pool: ThreadPoolExecutor
    ) -> _Taken:
        known = image_rows.find_images(conn, self._source_id, [record.path for record in records])
        fresh = self._identity_ids(conn, (record.identity for record in records))
        identities = ChainMap(fresh, self._identities)
        look = [r for r in records if to_be_read(r, known.get(r.path))]
        hashed = {r.path: Hashed(r, h) for r, h in zip(look, pool.map(self._hasher(reader), look), strict=True)}
        reserved = image_rows.reserve_ids(conn, "image", len(records) - len(known))
        new_ids = iter(reserved)
        inserts, updates, void, back, outcomes = [], [], [], [], []
        for record in records:
            before = known.get(record.path)
            found = hashed.get(record.path)
            row = row_of(record, before, found, identities, next(new_ids) if before is None else before.id)
            outcomes.append((row.reject_code, row.reject_detail))
            if before is None:
                inserts.append(row)
            elif differs(row, before):
                updates.append(row)
                if is_void(row, before):
                    void.append(row.id)
                elif before.status == "vanished" or (row.status == "ready" and before.reject_code in AWAY):
                    back.append(row.id)
        image_rows.insert_images(conn, self._source_id, inserts)
        image_rows.update_images(conn, updates)
        image_rows.forget_derived(conn, void)
        # A model that ran while the file was away could only reject it.
        image_rows.forget_rejects(conn, back)
        ids = np.array([row.id for row in inserts] + [image.id for image in known.values()], np.int64)
        return _Taken(ids, len(inserts), len(void), reserved[0] if reserved else None, fresh, outcomes)

    def _tally(self, outcomes: Iterable[tuple[str | None, str | None]]) -> None:
        for code, detail in outcomes:
            if code is None:
                self._ready += 1
            else:
                self._reasons[code] += 1
                self._details.setdefault(code, detail or "")

    def _first_of_each_path(self, records: Sequence[ImageRecord]) -> list[ImageRecord]:
        """Leave out records whose path came before: a list may name a file twice, and a file has one row.

        A table may say where several faces are in one photo: each further face is a part of it, ``photo.jpg#2``.
        """
        if self._source.format not in _MAY_REPEAT:
            return list(records)
        kept = []
        for record in records:
            faces = self._faces_named.setdefault(record.path, [])
            face = (record.box, record.landmarks)
            if not faces:
                kept.append(record)
            elif face == (None, None) or face in faces or record.container is not None:
                self.repeated += 1
                continue
            else:
                part = f"{record.path}#{len(faces) + 1}"
                kept.append(replace(record, path=part, container=record.path, offset=0, length=record.size))
            faces.append(face)
        return kept

    def _count(self, ids: Int64Array, new: int, changed: int) -> None:
        """Count what a committed unit has met."""
        self._seen.append(ids)
        self.seen += len(ids)
        self.new += new
        self.changed += changed
        self.unchanged += len(ids) - new - changed

    def _hasher(self, reader: ByteReader) -> Any:
        root = self._source.root

        def hashed(record: ImageRecord) -> bytes | OSError:
            try:
                if record.container is None:
                    return digest(root / record.path)
                data = reader.read(root, record.path, record.container, record.offset, record.length)
            except OSError as error:
                return error
            except (EOFError, ValueError, MemoryError) as error:
                return OSError(first_line(error))
            return hashlib.sha256(data).digest()

        return hashed


_Batch = list[ImageRecord] | PreparedVectors


def _batches(records: Iterable[ImageRecord | VectorBatch]) -> Iterator[_Batch]:
    held: list[ImageRecord] = []
    for record in records:
        if isinstance(record, VectorBatch):
            yield prepare(record)
            continue
        held.append(record)
        if len(held) >= _BATCH:
            yield held
            held = []
    if held:
        yield held


def _read_ahead(batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """The same batches, the next one read and prepared while the caller writes this one."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch
