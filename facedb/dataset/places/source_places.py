"""Where sources are: one place has one spelling, and a source that moved is offered to be moved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedb.core.errors import ConflictError, NotFoundError, UsageError
from facedb.core.files.paths import display, quoted, to_text
from facedb.core.progress import Reporter
from facedb.dataset.places import source_rows
from facedb.dataset.places.gone_sources import is_there
from facedb.dataset.places.source_rows import SourceRow
from facedb.db.connection import Connection, Database

VECTOR_FORMATS = ("npz", "npy")
"""Formats whose rows are vectors without a file of their own."""
_SAMPLE = 64


@dataclass(frozen=True, slots=True)
class Home:
    """A place and what is known of it: ``dataset`` it goes to, ``source`` that it was before (None: it is new)."""

    place: Path
    dataset: str
    source: SourceRow | None


def resolved(location: str | os.PathLike[str]) -> Path:
    """The one absolute spelling of a place: no links, no ``..``."""
    return Path(os.path.realpath(location))


def find_home(conn: Connection, location: Path, wanted: str | None, moved_from: str | None, reporter: Reporter) -> Home:
    """Where what lies at ``location`` belongs.

    ``wanted`` is the dataset that was asked for, ``moved_from`` the old place (or dataset) of a source that is here now.
    Raises ConflictError where a dataset of that name comes from elsewhere, and where a known source seems to have moved
    here; UsageError for an empty name.
    """
    place = resolved(location)
    if wanted is not None and not wanted.strip():
        raise UsageError("A dataset needs a name: give one with --dataset.")
    sources = source_rows.sources(conn)
    here = [s for s in sources if same_place(s.location, place) and wanted in (None, s.dataset)]
    known = min(here, key=lambda s: (s.location != str(place), s.id), default=None)
    if moved_from is not None:
        return _moved(conn, place, known, sources, moved_from, wanted, reporter)
    if known is not None:
        return Home(place, known.dataset, known)
    _offer_to_move(conn, place, [s for s in sources if wanted in (None, s.dataset)])
    name = wanted if wanted is not None else to_text(_name(location, place))
    others = [s.location for s in sources if s.dataset == name]
    if wanted is None and others:
        raise ConflictError(
            f"The dataset {name!r} comes from {others[0]} already: name a new one with --dataset NAME, "
            f"or add this source to it with --dataset {name}."
        )
    return Home(place, name, None)


def is_known(db: Database, location: Path, dataset: str | None) -> bool:
    """Whether something usable was taken in from this place before, into ``dataset`` or any."""
    place = resolved(location)
    with db.connection() as conn:
        return any(
            source.usable and dataset in (None, source.dataset) and same_place(source.location, place)
            for source in source_rows.sources(conn)
        )


def same_place(known: str, place: Path) -> bool:
    """Whether a known location is ``place``, whatever its spelling; a folder also by its device and inode."""
    if known == str(place):
        return True
    try:
        return resolved(known) == place or (place.is_dir() and place.samefile(known))
    except OSError:
        return False


def _name(location: Path, place: Path) -> str:
    given = location.name
    return given if given not in ("", ".", "..") else place.name or "root"


# Moved -------------------------------------------------------------------------------------------------------------


def _moved(
    conn: Connection,
    place: Path,
    here: SourceRow | None,
    sources: list[SourceRow],
    old: str,
    wanted: str | None,
    reporter: Reporter,
) -> Home:
    """Give the source that was at ``old`` its new place; its images, embeddings and verdicts stay."""
    before = _named(sources, old, wanted)
    if before.location == str(place):
        return Home(place, before.dataset, before)
    if any(is_there(before.root, path) for path, _ in source_rows.sample_files(conn, before.id, _SAMPLE)):
        if same_place(before.location, place):
            return Home(place, before.dataset, before)
        raise ConflictError(
            f"The files of {display(before.location)} are still there, so {display(place)} is a copy and not what was moved: "
            "ingest it as a dataset of its own with --dataset NAME."
        )
    if here is not None and here.dataset_id == before.dataset_id:
        plan = source_rows.plan_of_source(conn, here.id)
        if plan is not None:
            raise ConflictError(
                f"Plan {plan} changed files in {display(place)}: take it back with `facedb undo {plan} --yes`, then move."
            )
        source_rows.absorb_source(conn, here.id, before.id)
    root = _root_after(before, place)
    source_rows.place_source(conn, before.id, str(place), root, before.format, _options_after(before, root))
    reporter.say(
        f"The dataset {before.dataset} is in {display(place)} from now on, no longer in {display(before.location)}."
    )
    row = next(s for s in source_rows.sources(conn) if s.id == before.id)
    return Home(place, row.dataset, row)


def _named(sources: list[SourceRow], old: str, wanted: str | None) -> SourceRow:
    """The source that was at ``old``: a place, however it was spelt, or the name of a dataset that has one source."""
    spelt = {old, str(Path(old).absolute()), str(resolved(old))}
    found = [s for s in sources if s.location in spelt] or [s for s in sources if s.dataset == old]
    found = [s for s in found if wanted in (None, s.dataset)]
    if not found:
        known = ", ".join(display(s.location) for s in sources) or "nothing"
        raise NotFoundError(f"No source came from {display(old)}: known are {known}.")
    if len(found) > 1:
        raise ConflictError(
            f"{display(old)} means {len(found)} sources ({', '.join(display(s.location) for s in found)}): "
            "give the old place of the one that moved, and its --dataset."
        )
    return found[0]


def _root_after(source: SourceRow, place: Path) -> str:
    """The root of a moved source, which keeps its place relative to the location."""
    if source.root == source.location:
        return str(place)
    moved = os.path.normpath(place / os.path.relpath(source.root, source.location))
    return moved if Path(moved).is_dir() else source.root


def _options_after(source: SourceRow, root: str) -> Mapping[str, Any]:
    return dict(source.options) | ({"root": root} if source.options.get("root") else {})


def _offer_to_move(conn: Connection, place: Path, sources: list[SourceRow]) -> None:
    """Raise ConflictError where ``place`` holds the files of a source that is not where it was."""
    for source in sources:
        if source.usable and _is_gone(source) and _holds(conn, source, place):
            raise ConflictError(
                f"{display(place)} holds the files of the dataset {source.dataset!r}, and their old place "
                f"{display(source.location)} is gone or empty. If it has moved, say so, and everything known of it is kept: "
                f"`facedb ingest {quoted(place)} --moved-from {quoted(source.location)}`. "
                "If this is another dataset, name it with --dataset NAME."
            )


def _is_gone(source: SourceRow) -> bool:
    place = Path(source.location)
    try:
        return not os.path.lexists(place) or (place.is_dir() and next(place.iterdir(), None) is None)
    except OSError:
        return False


def _holds(conn: Connection, source: SourceRow, place: Path) -> bool:
    """Whether at least half of a sample of the files of a source is at ``place`` with the sizes that they had."""
    if source.format in VECTOR_FORMATS:
        return place.name == Path(source.location).name
    root = _root_after(source, place)
    # The root of a list may be where it was: then the list has moved and not what it names.
    if root == source.root:
        return False
    files = source_rows.sample_files(conn, source.id, _SAMPLE)
    return bool(files) and 2 * sum(_is_file(root, path, size) for path, size in files) >= len(files)


def _is_file(root: str, path: str, size: int | None) -> bool:
    try:
        status = (Path(root) / path).stat()
    except (OSError, ValueError):
        return False
    return size is None or status.st_size == size
