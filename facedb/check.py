"""Check: the main job, from a folder of faces to ranked links, in one go and resumable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from facedb.core.counting import are
from facedb.core.errors import InputError
from facedb.core.progress import Reporter
from facedb.dataset.embed import EmbedSummary, ModelChoice, embed
from facedb.dataset.ingest import IngestSummary, ingest
from facedb.dataset.places.remembered_options import Asked
from facedb.dataset.places.source_places import is_known
from facedb.db.connection import Database
from facedb.join.engine import choose_engine
from facedb.scan.faces.level import labels_say_nothing
from facedb.scan.run import ScanOptions, ScanSummary, scan
from facedb.sources.level import wrong_level
from facedb.sources.options import SourceOptions


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """The result of each step of a check."""

    ingest: IngestSummary
    embed: EmbedSummary
    scan: ScanSummary


def check(
    db: Database,
    folder: Path,
    choice: ModelChoice,
    options: ScanOptions,
    *,
    dataset: str | None = None,
    source_format: str = "auto",
    source_options: Asked = None,
    moved_from: str | None = None,
    pause: Callable[[], None] | None = None,
    reporter: Reporter,
) -> CheckSummary:
    """Ingest ``folder``, embed what is new, scan the dataset; every step continues where an earlier run stopped.

    Raises what ``ingest``, ``embed`` and ``scan`` raise, EngineError before any work, and InputError when no face was found, and where
    the folders do not look like people: by their names before the work, or by the scores between their faces before the scan. Whoever
    says where the identity is (``identity_from`` in ``source_options``) is believed.
    """
    choose_engine(options.engine)
    if not _is_told(source_options) and source_format in ("auto", "folder") and folder.is_dir():
        known = moved_from is not None or is_known(db, folder, dataset)
        why = None if known else wrong_level(folder)
        if why is not None:
            raise InputError(why)
    taken = ingest(
        db,
        folder,
        dataset=dataset,
        source_format=source_format,
        options=source_options,
        moved_from=moved_from,
        count=False,
        reporter=reporter,
    )
    embedded = embed(db, choice, dataset=taken.dataset, threads=options.threads, pause=pause, reporter=reporter)
    if not embedded.faces:
        raise InputError(
            f"No face was found in {folder}: {are(taken.ignored, 'file')} ignored and {taken.rejected + embedded.rejected:,} "
            "rejected; `facedb rejects --ignored` says why."
        )
    why = labels_say_nothing(db, taken.dataset_id, embedded.model)
    if why is not None and taken.format == "folder" and not _is_told(source_options):
        raise InputError(
            f"{why}: check the folder whose folders are people, say where the identity is (--identity-from parent), or name another model; "
            "--identity-from top takes the folders as they are."
        )
    scoped = replace(options, datasets=(taken.dataset,), model=embedded.model.digest)
    return CheckSummary(taken, embedded, scan(db, scoped, reporter=reporter, pause=pause))


def _is_told(options: Asked) -> bool:
    """Whether anybody said where the identity of a file is."""
    return isinstance(options, SourceOptions) or "identity_from" in (options or {})
