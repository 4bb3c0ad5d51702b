"""Lessons of a scan: from the findings that people decided to the confidences of those that are open.

They are made anew whenever something is said and at the end of every scan, from what was decided of the findings of the newest scan
of a gallery and, kept beyond them, of the scans before; the view ``bi.findings`` carries them out, so that everybody reads the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facedb.core.finding import CERTAIN, Kind
from facedb.db.connection import Connection, Database
from facedb.scan.findings.finding_rows import SQL, spoken_of
from facedb.scan.findings.standing import Stand, hold, keep_stand, stand

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facedb.core.records import Float64Array
    from facedb.findings.finding_table import Weigh
    from facedb.findings.lessons import Lesson


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding that people decided: what it states, by keys; the ``confidence`` that its scan gave it, and whether it is ``true``."""

    kind: str
    statement: str
    confidence: float
    true: bool


@dataclass(frozen=True, slots=True)
class Record:
    """How right a gallery's findings have been: of ``called`` findings that were called certain people agreed with ``agreed``."""

    called: int
    agreed: int

    def sentence(self) -> str | None:
        """As a person reads it; None while nothing was decided."""
        if not self.called:
            return None
        if self.called == 1:
            return f"The one finding that was called certain and decided since: you {'agreed' if self.agreed else 'did not agree'}."
        return f"Of {self.called:,} that were called certain, you agreed with {self.agreed:,}."


def learn(conn: Connection, scans: Iterable[int] | None = None) -> None:
    """Make the lessons of ``scans`` anew (default: the newest of every gallery), and keep where they stand; the caller commits."""
    if scans is None:
        scans = [row[0] for row in conn.execute(SQL["newest_of_galleries"]).fetchall()]
    there = hold(conn, list(scans))
    conn.execute(SQL["learn_alone"])
    for scan_id in there:
        stands = keep_stand(conn, scan_id)
        conn.execute(SQL["forget_lessons"], {"scan_id": scan_id})
        for kind, taught in _taught(conn, scan_id, stands).items():
            conn.execute(
                SQL["add_lesson"],
                {
                    "scan_id": scan_id,
                    "class": kind,
                    "base": taught.base,
                    "slope": taught.slope,
                    "answers": taught.answers,
                    "agreed": taught.agreed,
                },
            )


def weigh(conn: Connection, scan_id: int) -> Weigh | None:
    """What the verdicts on the scan before teach of the findings of a scan that is being ranked; None: nothing."""
    row = conn.execute(SQL["newest_before"], {"scan_id": scan_id}).fetchone()
    taught = {} if row is None else {Kind.called(word): found for word, found in _taught(conn, row[0]).items()}
    if not taught:
        return None

    def by_kind(kind: NDArray[np.int8], confidence: Float64Array) -> Float64Array:
        weight = confidence.copy()
        for one, found in taught.items():
            weight[kind == one] = found.confidence(confidence[kind == one])
        return weight

    return by_kind


def learn_in(db: Database) -> None:
    """`learn` in a transaction of its own: so that what people said is committed before it is learned from."""
    with db.connection() as conn:
        learn(conn)


def follow_on(conn: Connection, scan_id: int) -> None:
    """What a finished scan takes over from the one before: what was decided there, and its lessons; the caller commits."""
    row = conn.execute(SQL["newest_before"], {"scan_id": scan_id}).fetchone()
    if row is not None:
        keep(conn, row[0])
    learn(conn, [scan_id])


def keep(conn: Connection, scan_id: int) -> None:
    """Keep what people decided of the findings of a scan beyond it; the caller commits."""
    for one in _live(conn, scan_id):
        conn.execute(
            SQL["keep_answered"],
            {
                "scan_id": scan_id,
                "class": one.kind,
                "statement": one.statement,
                "confidence": one.confidence,
                "is_true": one.true,
            },
        )


def judged(conn: Connection, scan_id: int, stands: Stand | None = None) -> list[Judged]:
    """Every finding of a gallery that people decided, each once, as the newest scan that reported it has it, in the order in which they
    said so, those of earlier scans first; ``stands`` where its findings stand (None: to be found out)."""
    live = _live(conn, scan_id, stands)
    found = {one.statement for one in live}
    return [*(one for one, told in _before(conn, scan_id) if not told and one.statement not in found), *live]


def record(conn: Connection, scan_id: int) -> Record:
    """How right the findings of a scan's gallery have been that a scan called certain when they were decided."""
    then = {(one.statement, one.true): one for one, _ in _before(conn, scan_id)}
    decided = [then.get((one.statement, one.true), one) for one in judged(conn, scan_id)]
    called = [one for one in decided if one.confidence >= CERTAIN]
    return Record(len(called), sum(one.true for one in called))


def _before(conn: Connection, scan_id: int) -> list[tuple[Judged, bool]]:
    """What was decided of findings of earlier scans, as they told it, and whether this scan tells it too."""
    rows = conn.execute(SQL["answered"], {"scan_id": scan_id}).fetchall()
    return sorted(((Judged(*row[:4]), row[4]) for row in rows), key=lambda one: one[0].statement)


def _live(conn: Connection, scan_id: int, stands: Stand | None = None) -> list[Judged]:
    said = (stands or stand(conn, scan_id)).said
    decided = {rank: agrees for rank, (_, agrees) in said.items() if agrees is not None}
    if not decided:
        return []
    # What only follows from what was said of others teaches nothing.
    ranks = [rank for rank in spoken_of(conn, scan_id) if rank in decided]
    parameters = {"scan_id": scan_id, "ranks": ranks, "agrees": [decided[rank] for rank in ranks]}
    return [Judged(*row) for row in conn.execute(SQL["judged"], parameters)]


def _taught(conn: Connection, scan_id: int, stands: Stand | None = None) -> dict[str, Lesson]:
    found = judged(conn, scan_id, stands)
    if not found:
        return {}
    # Imported only where something is learned: most callers merely list what stands in a scan.
    from facedb.findings.lessons import lesson

    by_class = {kind: [one for one in found if one.kind == kind] for kind in sorted({one.kind for one in found})}
    return {
        kind: lesson([one.confidence for one in some], [one.true for one in some]) for kind, some in by_class.items()
    }
