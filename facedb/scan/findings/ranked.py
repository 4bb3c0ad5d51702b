"""Findings of a scan as ranked rows, and what may be said of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

from facedb.core.choices import one_of, within
from facedb.core.counting import are
from facedb.core.finding import CERTAIN, LIKELY, Kind
from facedb.core.row_schema import As, Real, table
from facedb.db.connection import Connection, Database, translated
from facedb.db.rows import stream
from facedb.scan.findings import finding_rows, make
from facedb.scan.findings.lessons import Record, record
from facedb.scan.scan_rows import IDENTITY_A, IDENTITY_B
from facedb.scan.which_scan import find_scan

CLASSES = tuple(kind.word for kind in Kind)


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement for a person, ranked across all classes; ``kind`` is its class (see `CLASSES`).

    ``confidence`` (0 to 1) follows the verdicts so far, and is near 1 or 0 of what was decided; ``uncalibrated`` is what the scan gave.
    """

    rank: int
    kind: Annotated[str, As("class")]
    confidence: Real
    identity_a: Annotated[str | None, As(sql=IDENTITY_A)]
    identity_b: Annotated[str | None, As(sql=IDENTITY_B)]
    images: tuple[str, ...]
    faces_a: int
    faces_b: int
    coverage_a: Real
    coverage_b: Real | None
    max_score: Real | None
    mean_score: Real | None
    own_score: Real | None
    detail: str
    verdict: str | None
    uncalibrated: Real


@dataclass(frozen=True, slots=True)
class FindingSelection:
    """Which findings: of one ``scan`` (default: the newest), one ``kind``, from ``min_confidence`` up, of ``dataset``,
    ``open``: only those without a verdict, ``denied``: also those that a person answered so that nothing is left to do (denied, or of two
    look-alikes: different people), ``hidden``: also those that name somebody who was hidden from review, at most ``limit``."""

    scan: int | None = None
    kind: str | None = None
    min_confidence: float | None = None
    dataset: str | None = None
    open: bool = False
    denied: bool = False
    hidden: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        one_of("The class of a finding", self.kind, CLASSES)
        within("A confidence", self.min_confidence, 0, 1)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Findings left out of ``every`` one: ``answered`` by a person so that nothing is left to do, or naming somebody ``hidden`` from
    review."""

    answered: int
    hidden: int
    every: int

    def sentence(self) -> str | None:
        """As a person reads it; None where none is left out."""
        parts = []
        if self.answered:
            need = "needs" if self.answered == 1 else "need"
            parts.append(f"{are(self.answered, 'more finding')} answered and {need} no action")
        if self.hidden:
            parts.append(f"{are(self.hidden, 'more finding')} about people hidden from review")
        if not parts:
            return None
        them = "it" if self.answered + self.hidden == 1 else "them"
        return f"{', '.join(parts)} ({self.every:,} in all): --all shows {them} too."


@dataclass(frozen=True, slots=True)
class _Counts:
    """Rows of a query without its limit: ``every`` one, those ``seen``, of nobody who was hidden, and of these those ``asking``."""

    every: Annotated[int, As(sql="count(*) over ()")]
    seen: Annotated[int, As(sql="count(*) filter (where not f.hidden) over ()")]
    asking: Annotated[int, As(sql="count(*) filter (where not f.hidden and x.asks) over ()")]


@contextmanager
def findings(db: Database, selection: FindingSelection) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The values of `Finding` rows, the most confident first, streamed while the block is open; raises NotFoundError."""
    with closing(db.open()) as conn, translated(db.dsn):
        yield stream(conn, finding_rows.SQL["findings"], table(Finding), _parameters(conn, selection))


def left_out(db: Database, selection: FindingSelection) -> LeftOut:
    """How many findings a selection leaves out, and why; its limit does not count."""
    with closing(db.open()) as conn, translated(db.dsn):
        parameters = _parameters(conn, replace(selection, open=False, denied=True, hidden=True, limit=1))
        rows = stream(conn, finding_rows.SQL["findings"], table(_Counts), parameters)
        every, seen, asking = next(rows, (0, 0, 0))
    return LeftOut(seen - asking, every - seen, every)


def _parameters(conn: Connection, selection: FindingSelection) -> dict[str, Any]:
    return {
        "scan_id": find_scan(conn, selection.scan, [selection.dataset]).scan.id,
        "class": selection.kind,
        "min_confidence": selection.min_confidence,
        "dataset": selection.dataset,
        "open": selection.open,
        "denied": selection.denied,
        "hidden": selection.hidden,
        "limit": selection.limit,
    }


def of_another_make(db: Database, selection: FindingSelection) -> str | None:
    """What to say where another version of facedb made the findings; None where this one did."""
    with closing(db.open()) as conn, translated(db.dsn):
        return make.of_another_make(find_scan(conn, selection.scan, [selection.dataset]).scan)


def track_record(db: Database, selection: FindingSelection) -> Record:
    """How right the findings have been so far that were called certain."""
    with closing(db.open()) as conn, translated(db.dsn):
        return record(conn, find_scan(conn, selection.scan, [selection.dataset]).scan.id)


def merge_groups(db: Database, selection: FindingSelection) -> list[tuple[int, float, list[str]]]:
    """Groups of more than two identities that are proposed as one person: number, lowest sameness between members, names."""
    with closing(db.open()) as conn, translated(db.dsn):
        return finding_rows.group_members(conn, find_scan(conn, selection.scan, [selection.dataset]).scan.id)


def finding_counts(db: Database, scan_id: int) -> dict[str, tuple[int, int]]:
    """By class: findings of a scan that are likelier than not, and those that are certain (see `facedb.core.finding.CERTAIN`)."""
    with closing(db.open()) as conn, translated(db.dsn):
        return finding_rows.finding_counts(conn, scan_id, LIKELY, CERTAIN)


def findings_in_words(counts: dict[str, tuple[int, int]]) -> str:
    """The counts of `finding_counts` as a person reads them, such as ``2 merges, 5 strays; 6 of them certain``."""
    parts = []
    for kind in Kind:
        likely = counts.get(kind.word, (0, 0))[0]
        if likely:
            plural = {
                Kind.MIXED: "mixed folders",
                Kind.PHOTO: "odd photos",
                Kind.UNLABELLED: "unlabelled photos",
            }.get(kind, f"{kind.word}s")
            parts.append(f"{likely:,} {plural if likely > 1 else plural.removesuffix('s')}")
    if not parts:
        return "none that is more likely than not"
    return f"{', '.join(parts)}; {sum(certain for _, certain in counts.values()):,} certain"
