"""Ingest: read a source to its end and bring the rows of its images in line with what is there.

The work is committed batch by batch. An ingest that was killed is simply run again: what is known and unchanged costs a
look at size and time. Only a source that was read to its end says what vanished and what moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facedb.core import rejects
from facedb.core.errors import ConflictError, UsageError
from facedb.core.paths import to_text
from facedb.core.plain import storable
from facedb.core.progress import Reporter
from facedb.core.records import ImageRecord, Int64Array, VectorBatch
from facedb.dataset import image_rows as store
from facedb.dataset.ingest_vectors import VectorWriter, given_model
from facedb.db.connection import Connection, Database, translated
from facedb.sources.options import SourceOptions
from facedb.sources.reading import ByteReader
from facedb.sources.registry import open_source
from facedb.sources.source import Source

_BATCH = 4096
_MAY_REPEAT = ("list", "csv", "parquet", "tar")


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What an ingest met: ``seen`` inputs, of which new, changed, moved, unchanged; and what is gone.

    ``ready``, ``ignored``, ``rejected``, ``vanished`` and ``identities`` say how the whole dataset stands afterwards.
    """

    dataset: str
    dataset_id: int
    source_id: int
    format: str
    seen: int
    new: int
    changed: int
    moved: int
    unchanged: int
    vanished: int
    pruned: int
    ready: int
    ignored: int
    rejected: int
    identities: int


def ingest(
    db: Database,
    location: Path,
    *,
    dataset: str | None = None,
    source_format: str = "auto",
    options: SourceOptions | None = None,
    contract: str | None = None,
    prune: bool = False,
    reporter: Reporter,
) -> IngestSummary:
    """Bring ``location`` into ``dataset`` (default: the one it went to before, else named after the folder).

    ``contract`` names the model that made the vectors of a source that has no images. Raises InputError when the source
    cannot be read, UsageError when vectors come without a name for their contract, ConflictError when the dataset's name
    is taken by another place or another ingest of the same source is running.
    """
    place = Path(location).absolute()
    options = options or SourceOptions()
    source = open_source(place, source_format, options)
    with closing(db.open()) as conn, translated(db.dsn):
        name = _dataset_name(conn, place, dataset)
        dataset_id = store.add_dataset(conn, name)
        contract = _contract(conn, dataset_id, place, contract)
        source_id = store.add_source(
            conn, dataset_id, str(place), str(source.root.absolute()), source.format,
            _plain(options) | ({"contract": contract} if contract else {}),
        )  # fmt: skip
        conn.commit()
        if not store.lock_source(conn, source_id):
            raise ConflictError(f"Another facedb is ingesting {place} right now; wait for it, then run this again.")
        reader = _Ingest(conn, source, dataset_id, source_id, contract)
        with reporter.task(f"ingest {name}", source.count_hint(), "files") as task:
            for n in reader.run():
                task.advance(n)
        if reader.repeated:
            reporter.say(f"{reader.repeated:,} lines name a face again; the first mention counts.")
        pruned = store.prune(conn, source_id) if prune else 0
        conn.commit()
        counts = store.count_images(conn, dataset_id)
        return IngestSummary(
            name, dataset_id, source_id, source.format, reader.seen, reader.new, reader.changed, reader.moved,
            reader.unchanged, reader.vanished, pruned, counts.ready, counts.ignored, counts.rejected, counts.identities,
        )  # fmt: skip


def _dataset_name(conn: Connection, place: Path, wanted: str | None) -> str:
    if wanted is not None:
        if not wanted.strip():
            raise UsageError("A dataset needs a name: give one with --dataset.")
        return wanted
    known = store.dataset_of_location(conn, str(place))
    if known is not None:
        return known
    name = to_text(place.name or "root")
    others = store.locations_of_dataset(conn, name)
    if others:
        raise ConflictError(
            f"The dataset {name!r} comes from {others[0]} already: name a new one with --dataset NAME, "
            f"or add this source to it with --dataset {name}."
        )
    return name


def _contract(conn: Connection, dataset_id: int, place: Path, wanted: str | None) -> str | None:
    """The contract of the vectors of a source: the one it was ingested under before; raises ConflictError for another one."""
    before = store.contract_of_source(conn, dataset_id, str(place))
    if before is not None and wanted is not None and before != wanted:
        raise ConflictError(
            f"The vectors of {place} are in this dataset under the contract {before!r} already: "
            f"ingest those of {wanted!r} into a dataset of their own with --dataset NAME."
        )
    return wanted or before


def _plain(options: SourceOptions) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()}


class _Ingest:
    """One run over one source."""

    def __init__(self, conn: Connection, source: Source, dataset_id: int, source_id: int, contract: str | None) -> None:
        self._conn = conn
        self._source = source
        self._dataset_id = dataset_id
        self._source_id = source_id
        self._contract = contract
        self._vectors: VectorWriter | None = None
        self._first_id: int | None = None
        self._identities: dict[str, int] = {}
        self._faces_named: dict[str, list[tuple[object, object]]] = {}
        self.repeated = 0
        self.seen = self.new = self.changed = self.moved = self.unchanged = self.vanished = 0

    def run(self) -> Iterator[int]:
        """Read the source to its end, yielding how many inputs each committed batch had."""
        conn = self._conn
        store.begin_seen(conn)
        conn.commit()
        with ByteReader() as reader, ThreadPoolExecutor() as pool:
            for batch in _read_ahead(_batches(self._source.records())):
                if isinstance(batch, VectorBatch):
                    yield self._take_vectors(batch)
                else:
                    yield self._take_images(batch, reader, pool)
        moved = store.find_moved(conn, self._source_id)
        self.vanished = store.mark_vanished(conn, self._source_id) - sum(not image.was_vanished for image in moved)
        store.merge_moved(conn, self._source_id, moved)
        # A path that a killed run had entered already was met as unchanged by this one.
        entered_now = sum(self._first_id is not None and image.new >= self._first_id for image in moved)
        self.moved = len(moved)
        self.new -= entered_now
        self.unchanged -= len(moved) - entered_now
        store.source_is_read(conn, self._source_id)
        conn.commit()

    def _identity_ids(self, names: Iterable[str | None]) -> dict[str, int]:
        missing = {name for name in names if name} - self._identities.keys()
        self._identities |= store.identity_ids(self._conn, self._dataset_id, missing)
        return self._identities

    def _take_vectors(self, batch: VectorBatch) -> int:
        if self._vectors is None:
            if self._contract is None:
                raise UsageError(
                    "This source holds embeddings without images: name the model that made them with --contract NAME."
                )
            model = given_model(self._conn, self._contract, batch.vectors.shape[1])
            self._vectors = VectorWriter(self._conn, self._source_id, model)
        ids = self._identity_ids(batch.identities)
        outcome = self._vectors.write(batch, ids)
        self.repeated += outcome.repeated
        self._commit_seen(outcome.image_ids, outcome.new, outcome.changed)
        return len(batch.paths)

    def _take_images(self, records: Sequence[ImageRecord], reader: ByteReader, pool: ThreadPoolExecutor) -> int:
        records = self._first_of_each_path(records)
        known = store.find_images(self._conn, self._source_id, [record.path for record in records])
        identities = self._identity_ids(record.identity for record in records)
        look = [r for r in records if _to_be_read(r, known.get(r.path))]
        hashed = {r.path: _Hashed(r, h) for r, h in zip(look, pool.map(self._hasher(reader), look), strict=True)}
        reserved = store.reserve_ids(self._conn, "image", len(records) - len(known))
        if reserved and self._first_id is None:
            self._first_id = reserved[0]
        new_ids = iter(reserved)
        inserts, updates, void, back = [], [], [], []
        for record in records:
            before = known.get(record.path)
            found = hashed.get(record.path)
            row = _row(record, before, found, identities, next(new_ids) if before is None else before.id)
            if before is None:
                inserts.append(row)
            elif _differs(row, before):
                updates.append(row)
                if row.sha256 != before.sha256 or row.status != "ready" or _face_of(row) != _face_of(before):
                    void.append(row.id)
                elif before.status == "vanished":
                    back.append(row.id)
        store.insert_images(self._conn, self._source_id, inserts)
        store.update_images(self._conn, updates)
        store.forget_derived(self._conn, void)
        # A model that came by while the file was away could only reject it.
        store.forget_rejects(self._conn, back)
        ids = [row.id for row in inserts] + [image.id for image in known.values()]
        self._commit_seen(store.as_ids(ids), len(inserts), len(void))
        return len(records)

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

    def _commit_seen(self, ids: Int64Array, new: int, changed: int) -> None:
        store.note_seen(self._conn, ids)
        self._conn.commit()
        self.seen += len(ids)
        self.new += new
        self.changed += changed
        self.unchanged += len(ids) - new - changed

    def _hasher(self, reader: ByteReader) -> Any:
        root = self._source.root

        def digest(record: ImageRecord) -> bytes | OSError:
            try:
                data = reader.read(root, record.path, record.container, record.offset, record.length)
            except OSError as error:
                return error
            return hashlib.sha256(data).digest()

        return digest


@dataclass(frozen=True, slots=True)
class _Hashed:
    record: ImageRecord
    result: bytes | OSError


_Batch = list[ImageRecord] | VectorBatch


def _batches(records: Iterable[ImageRecord | VectorBatch]) -> Iterator[_Batch]:
    held: list[ImageRecord] = []
    for record in records:
        if isinstance(record, VectorBatch):
            yield record
            continue
        held.append(record)
        if len(held) >= _BATCH:
            yield held
            held = []
    if held:
        yield held


def _read_ahead(batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """The same batches, the next one read while the caller writes this one."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch


def _to_be_read(record: ImageRecord, before: store.KnownImage | None) -> bool:
    """Whether the bytes must be hashed: everything that should be an image, unless size, time and place are as before."""
    if record.ignored or record.problem:
        return False
    if before is None or before.sha256 is None or record.mtime_ns is None:
        return True
    place = (record.size, record.mtime_ns, record.container, record.offset, record.length)
    return place != (before.size, before.mtime_ns, before.container, before.container_offset, before.container_length)


def _row(
    record: ImageRecord,
    before: store.KnownImage | None,
    found: _Hashed | None,
    identities: dict[str, int],
    image_id: int,
) -> store.ImageRow:
    problem = record.problem
    if found is not None and isinstance(found.result, OSError):
        reason = found.result.strerror or str(found.result)
        problem = rejects.problem(rejects.UNREADABLE, f"The file cannot be read: {reason}.")
    status = "ignored" if record.ignored else "rejected" if problem else "ready"
    why = record.ignored or problem
    if found is not None and isinstance(found.result, bytes):
        sha256: bytes | None = found.result
    else:
        sha256 = before.sha256 if before is not None and status == "ready" else None
    return store.ImageRow(
        id=image_id,
        identity_id=identities[record.identity] if record.identity else None,
        status=status,
        reject_code=why.code if why else None,
        reject_detail=why.detail if why else None,
        path=record.path,
        size=record.size,
        mtime_ns=record.mtime_ns,
        sha256=sha256,
        container=record.container,
        container_offset=record.offset,
        container_length=record.length,
        box=record.box,
        landmarks=record.landmarks,
        extra=storable(record.extra),
    )


def _differs(row: store.ImageRow, before: store.KnownImage) -> bool:
    label = before.identity_id if before.labelled_by == "person" else row.identity_id
    now = (row.size, row.mtime_ns, row.sha256, row.status, row.reject_code, label,
           row.container, row.container_offset, row.container_length, _face_of(row), row.extra or None)  # fmt: skip
    return now != (
        before.size, before.mtime_ns, before.sha256, before.status, before.reject_code, before.identity_id,
        before.container, before.container_offset, before.container_length, _face_of(before), before.extra,
    )  # fmt: skip


def _face_of(image: store.ImageRow | store.KnownImage) -> tuple[bytes, bytes]:
    """Box and landmarks as the table keeps them, in float32: what a model cuts out depends on them."""
    return np.array(image.box or (), np.float32).tobytes(), np.array(image.landmarks or (), np.float32).tobytes()
