"""The demo: draw a dataset with known mistakes, run the ordinary check on it, compare planted with found."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from facedb.core.progress import Reporter
from facedb.db import store_scans
from facedb.db.connection import Database, translated
from facedb.demo.comparison import Comparison, compare
from facedb.demo.dataset import write_dataset
from facedb.demo.model import MODEL, THRESHOLD
from facedb.workflow import results
from facedb.workflow.check import CheckSummary, check
from facedb.workflow.embed import ModelChoice
from facedb.workflow.scan import ScanOptions

DATASET = "facedb-demo"
SEED = 11


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """Where the drawings are, what the check said, and how planted and found compare."""

    folder: Path
    check: CheckSummary
    comparison: Comparison


def demo(db: Database, folder: Path, cache_dir: Path, *, seed: int, engine: str, reporter: Reporter) -> DemoSummary:
    """Draw into ``folder`` (reused when it is there already), check it, and compare. Raises what ``check`` raises."""
    with reporter.task("draw faces", None, "pictures") as task:
        drawn = 0

        def progress(done: int, _all: int) -> None:
            nonlocal drawn
            task.advance(done - drawn)
            drawn = done

        planted = write_dataset(folder, seed=seed, progress=progress)
    summary = check(
        db, folder, ModelChoice(MODEL), ScanOptions(threshold=THRESHOLD, engine=engine, cache_dir=cache_dir),
        dataset=DATASET if seed == SEED else f"{DATASET}-{seed}", reporter=reporter,
    )  # fmt: skip
    with results.pairs(db, results.Selection(scan=summary.scan.scan.id)) as rows:
        pairs = [(row[1], row[3]) for row in rows]
    with closing(db.open()) as conn, translated(db.dsn):
        copies = [
            tuple(row[0]) for row in store_scans.rows(conn, "same_bytes", {"dataset_id": summary.ingest.dataset_id})
        ]
    return DemoSummary(folder, summary, compare(planted, pairs, copies))
