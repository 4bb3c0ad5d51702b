"""The demo: draw a dataset with known mistakes, run the ordinary check on it, compare planted with found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facedb.check import CheckSummary, check
from facedb.core.progress import Reporter
from facedb.core.row_schema import table
from facedb.dataset.embed import ModelChoice
from facedb.db.connection import Database
from facedb.demo.comparison import Comparison, compare
from facedb.demo.dataset import write_dataset
from facedb.demo.model.embedder import MODEL, THRESHOLD
from facedb.report import reading
from facedb.scan.findings.ranked import Finding, FindingSelection, findings
from facedb.scan.run import ScanOptions

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
        db,
        folder,
        ModelChoice(MODEL),
        ScanOptions(threshold=THRESHOLD, engine=engine, cache_dir=cache_dir),
        dataset=DATASET if seed == SEED else f"{DATASET}-{seed}",
        reporter=reporter,
    )
    with reading.pairs(db, reading.Selection(scan=summary.scan.scan.id)) as rows:
        pairs = [(row[1], row[3]) for row in rows]
    with findings(db, FindingSelection(scan=summary.scan.scan.id, kind="duplicate")) as rows:
        copies = [table(Finding).row(row).images for row in rows]
    return DemoSummary(folder, summary, compare(planted, pairs, copies))
