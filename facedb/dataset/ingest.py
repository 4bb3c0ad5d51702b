"""Ingest: read a source to its end and bring the rows of its images in line with what is there.

The work is committed batch by batch. An ingest that was killed is simply run again: what is known and unchanged costs a
look at size and time. Only a source that was read to its end says what vanished and what moved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from facedb.core.counting import are, counted
from facedb.core.errors import ConflictError, InputError
from facedb.core.files.paths import display
from facedb.core.progress import Reporter
from facedb.core.records import ImageRecord, VectorBatch
from facedb.dataset import dataset_rows
from facedb.dataset.intake import missed_images
from facedb.dataset.intake.one_source import Intake
from facedb.dataset.outcomes import count_outcomes
from facedb.dataset.places import source_rows
from facedb.dataset.places.gone_sources import gone, refuse_if_gone
from facedb.dataset.places.remembered_options import Asked, recall, stored_form
from facedb.dataset.places.source_places import Home, find_home
from facedb.dataset.places.source_rows import SourceRow
from facedb.db import audit
from facedb.db.connection import Connection, Database, translated
from facedb.db.reconnecting import Work
from facedb.sources.options import SourceOptions
from facedb.sources.registry import open_source
from facedb.sources.source import Source


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What an ingest met: ``seen`` inputs, of which new, changed, moved, unchanged; and what is gone.

    ``ready``, ``ignored``, ``rejected`` and ``identities`` say how the whole dataset stands afterwards, ``prunable`` how many
    images of the source are gone and still have their rows.
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
    prunable: int = 0


def ingest(
    db: Database,
    location: Path,
    *,
    dataset: str | None = None,
    source_format: str = "auto",
    options: Asked = None,
    contract: str | None = None,
    prune: bool = False,
    count: bool = True,
    moved_from: str | None = None,
    allow_empty: bool = False,
    reporter: Reporter,
) -> IngestSummary:
    """Bring ``location`` into ``dataset`` (default: the one it went to before, else named after the folder).

    ``options`` are remembered with the source: those given by name change what was said before, a whole SourceOptions
    replaces it. ``contract`` names the model that made the vectors of a source that has no images. ``moved_from`` is the
    old place of a source that is at ``location`` now. ``allow_empty`` believes a known source of which
    nothing is left. ``count`` is False where an embed follows, which counts the outcomes for the BI views as well.

    Raises InputError when the source cannot be read, nothing of it can be used, nothing is there or left of it, UsageError when
    vectors come without a name for their contract, ConflictError when the dataset's name is taken by another place, the
    source seems to have moved or another ingest of it is running. An ingest that fails before it took anything in leaves
    nothing behind.
    """
    location = Path(location)
    with closing(Work(db, say=reporter.say)) as work, translated(db.dsn):
        conn = work.conn
        home = find_home(conn, location, dataset, moved_from, reporter)
        conn.commit()
        known = home.source
        if known is not None and not allow_empty:
            refuse_if_gone(conn, known, home.place)
        chosen, remarks = recall(None if known is None else known.options, options)
        for remark in remarks:
            reporter.say(f"{display(home.place)}: {remark}")
        contract = _contract(home, contract)
        source = _open(home, source_format, chosen, contract, allow_empty=allow_empty)
        kept = stored_form(chosen) | ({"contract": contract} if contract else {})
        dataset_id, source_id = _place(conn, home, source, kept)
        conn.commit()
        work.keep(partial(_lock, source_id, home.place))
        reader = Intake(work, source, dataset_id, source_id, contract)
        try:
            with reporter.task(f"ingest {home.dataset}", source.count_hint(), "files") as task:
                for n in reader.run():
                    task.advance(n)
            reader.conclude(None if known is None or allow_empty else _gone(work, known, home.place))
            if known is None:
                reader.check_seen(location)
        except BaseException:
            work.part(partial(_drop_if_empty, source_id=source_id, dataset_id=dataset_id))
            raise
        _say_what_was_met(reader, reporter)
        for remark in (*source.remarks, *reader.remarks()):
            reporter.say(remark)
        pruned = work.unit(lambda conn: missed_images.prune(conn, source_id)) if prune else 0
        reader.check_usable(home.place, home.dataset)
        if count:
            work.outlive(lambda: count_outcomes(db))
        counts = work.unit(lambda conn: dataset_rows.count_images(conn, dataset_id))
        work.unit(partial(_note, dataset_id, reader, pruned))
        return IngestSummary(
            dataset=home.dataset,
            dataset_id=dataset_id,
            source_id=source_id,
            format=source.format,
            seen=reader.seen,
            new=reader.new,
            changed=reader.changed,
            moved=reader.moved,
            unchanged=reader.unchanged,
            vanished=reader.vanished,
            pruned=pruned,
            ready=counts.ready,
            ignored=counts.ignored,
            rejected=counts.rejected,
            identities=counts.identities,
            prunable=work.unit(lambda conn: missed_images.count_vanished(conn, source_id)),
        )


def _open(home: Home, wanted: str, chosen: SourceOptions, contract: str | None, *, allow_empty: bool) -> Source:
    """The source at its place, in the format ``wanted``; with ``allow_empty`` a known one that is gone holds nothing."""
    known = home.source
    if known is not None and allow_empty and not os.path.lexists(home.place):
        return _Nothing(known.format, Path(known.root))
    # A source that gave nothing may be of another format than the one recognised.
    if known is not None and known.usable and wanted == "auto":
        wanted = known.format
    # A user who names a contract wants the embeddings of a table that also has images.
    return open_source(home.place, wanted, replace(chosen, vectors=chosen.vectors or contract is not None))


def _place(conn: Connection, home: Home, source: Source, options: dict[str, Any]) -> tuple[int, int]:
    """The keys of the dataset and the source, which are made where they are not known; the caller commits."""
    place, root, known = str(home.place), os.path.realpath(source.root), home.source
    if known is None:
        dataset_id = dataset_rows.add_dataset(conn, home.dataset)
        return dataset_id, source_rows.add_source(conn, dataset_id, place, root, source.format, options)
    source_rows.place_source(conn, known.id, place, root, source.format, options)
    return known.dataset_id, known.id


def _lock(source_id: int, place: Path, conn: Connection) -> None:
    claimed = source_rows.lock_source(conn, source_id)
    if not claimed:
        raise ConflictError(
            f"Another facedb{claimed.holder} is ingesting {place} right now; wait for it, then run this again."
        )


def _note(dataset_id: int, reader: Intake, pruned: int, conn: Connection) -> None:
    """Note in the audit what an ingest changed, if anything."""
    if not (reader.new or reader.changed or reader.moved or reader.vanished or pruned):
        return
    audit.note(
        conn,
        "ingest",
        "dataset",
        dataset_id,
        new=reader.new,
        changed=reader.changed,
        moved=reader.moved,
        vanished=reader.vanished,
        pruned=pruned,
    )


def _drop_if_empty(conn: Connection, source_id: int, dataset_id: int) -> None:
    """Remove a source that gave nothing, unless another ingest has taken it up since this one lost its connection."""
    if source_rows.lock_source(conn, source_id):
        source_rows.drop_if_empty(conn, source_id, dataset_id)


def _gone(work: Work, known: SourceRow, place: Path) -> Callable[[str], InputError]:
    """What to raise where a known source has nothing left, on the connection that is open then."""
    return lambda why: gone(work.conn, known, place, why)


def _say_what_was_met(reader: Intake, reporter: Reporter) -> None:
    if reader.repeated:
        reporter.say(f"{counted(reader.repeated, 'face')} named again: only the first mention counts.")
    if reader.unusable:
        reporter.say(
            f"{are(reader.unusable, 'vector')} zero or not finite, and rejected under the contract; "
            "see them with: facedb rejects --code bad_vector"
        )
    if reader.not_looked_for:
        reporter.say(
            f"{display(reader.unlisted[0])} could not be listed, so {are(reader.not_looked_for, 'known image')} not looked for "
            "below such folders and left as before."
        )
    if reader.aliases:
        reporter.say(
            f"{counted(reader.aliases, 'other name')} of files that the dataset has already; "
            "see them with: facedb rejects --ignored --code same_file"
        )
    if reader.relabelled:
        reporter.say(
            f"{reader.relabelled:,} of them with another label for such a file, which is not taken over; "
            "see them with: facedb rejects --code other_label"
        )


def _contract(home: Home, wanted: str | None) -> str | None:
    """The contract of the vectors of a source: the one it was ingested under before; raises ConflictError for another one."""
    before = None if home.source is None else home.source.options.get("contract")
    if before is not None and wanted is not None and before != wanted:
        raise ConflictError(
            f"The vectors of {home.place} are in this dataset under the contract {before!r} already: "
            f"ingest those of {wanted!r} into a dataset of their own with --dataset NAME."
        )
    return wanted or (None if before is None else str(before))


@dataclass(frozen=True, slots=True)
class _Nothing:
    """A source that is gone for good."""

    format: str
    root: Path
    remarks: Sequence[str] = ()

    def records(self) -> Iterator[ImageRecord | VectorBatch]:
        return iter(())

    def count_hint(self) -> int | None:
        return 0
