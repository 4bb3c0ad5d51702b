"""Check: the main job, from a folder of faces to ranked links, in one go and resumable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from facedb.core.errors import InputError
from facedb.core.progress import Reporter
from facedb.dataset.embed import EmbedSummary, ModelChoice, embed
from facedb.dataset.ingest import IngestSummary, ingest
from facedb.dataset.places.remembered_options import Asked
from facedb.db.connection import Database
from facedb.join.engine import choose_engine
from facedb.scan.run import ScanOptions, ScanSummary, scan


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """What each step of a check came to."""

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

    Raises what ``ingest``, ``embed`` and ``scan`` raise, EngineError before any work, and InputError when no face was found.
    """
    choose_engine(options.engine)
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
            f"No face was found in {folder}: {taken.ignored:,} files are ignored and {taken.rejected + embedded.rejected:,} "
            "rejected; `facedb rejects --ignored` says why."
        )
    scoped = replace(options, datasets=(taken.dataset,), model=embedded.model.digest)
    return CheckSummary(taken, embedded, scan(db, scoped, reporter=reporter, pause=pause))
