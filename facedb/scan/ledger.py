"""What a scan has to do: resume one that was begun, build on one that is finished, or start anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import rows_of
from facedb.core.progress import Reporter
from facedb.core.records import Int32Array, Int64Array
from facedb.db.connection import Connection
from facedb.join.loop import Block, plan_blocks
from facedb.scan import scan_rows as store
from facedb.scan.gallery import GalleryFaces
from facedb.scan.scan_rows import LedgerBlock, ScanRow

if TYPE_CHECKING:
    from facedb.scan.run import ScanOptions

Pause = Callable[[], None] | None

_CARRIED_ROWS = 1 << 18


@dataclass(frozen=True, slots=True)
class Plan:
    """``faces`` in gallery order, the first ``first_new`` of them carried over, the rest cut into ``blocks``.

    ``finished`` is an earlier scan that is already the answer; ``scan_id`` a scan to resume, whose blocks ``done`` are
    done, and which is ``outdated`` when the gallery has changed since; ``base`` the scan to carry pairs over from.
    """

    faces: GalleryFaces
    first_new: int
    blocks: list[Block]
    done: frozenset[int] = frozenset()
    carried_blocks: int = 0
    scan_id: int | None = None
    outdated: bool = False
    base: ScanRow | None = None
    finished: ScanRow | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """A scan that is under way: search block k is ledger block ``carried_blocks`` + k."""

    scan_id: int
    blocks: list[Block]
    done: frozenset[int]
    carried_blocks: int


def plan(
    conn: Connection,
    model_id: int,
    scope: Mapping[str, Any],
    faces: GalleryFaces,
    threshold: float,
    options: ScanOptions,
    reporter: Reporter,
) -> Plan:
    """Decide how to come to a complete scan of ``faces`` with the least work, and say so."""
    resumable = _resume(conn, model_id, scope, faces, threshold, options.full, reporter)
    if resumable is not None:
        return resumable
    if not options.full:
        for scan_id in store.base_scans(conn, model_id, scope, threshold):
            base = store.scan_by_id(conn, scan_id)
            if base is not None:
                return _build_on(conn, base, faces, threshold, options.block_rows, reporter)
        lowest = store.lowest_scanned(conn, model_id, scope)
        if lowest is not None and lowest > threshold:
            reporter.say(f"No scan reached down to {threshold:g} yet (lowest: {lowest:g}), so this is a full scan.")
    return Plan(faces, 0, plan_blocks(faces.identity_ids, target_rows=options.block_rows))


def begin(
    conn: Connection,
    model_id: int,
    scope: Mapping[str, Any],
    planned: Plan,
    threshold: float,
    engine: str,
) -> Ledger:
    """Write the scan and its ledger; the caller commits."""
    faces = planned.faces
    blocks: list[LedgerBlock] = []
    for start in range(0, planned.first_new, _CARRIED_ROWS):
        stop = min(start + _CARRIED_ROWS, planned.first_new)
        blocks.append(_ledger_block(len(blocks), "carried", faces, start, stop))
    carried = len(blocks)
    blocks += [_ledger_block(carried + b.index, "pending", faces, b.start, b.stop) for b in planned.blocks]
    scan_id = store.begin_scan(
        conn, model_id=model_id, base_scan_id=None if planned.base is None else planned.base.id,
        threshold=threshold, scope=scope, engine=engine, identities=len(np.unique(faces.identity_ids)),
        blocks=blocks,
    )  # fmt: skip
    return Ledger(scan_id, planned.blocks, frozenset(), carried)


def _ledger_block(number: int, status: str, faces: GalleryFaces, start: int, stop: int) -> LedgerBlock:
    return LedgerBlock(number, status, faces.embedding_ids[start:stop], faces.identity_ids[start:stop])


def _resume(
    conn: Connection,
    model_id: int,
    scope: Mapping[str, Any],
    faces: GalleryFaces,
    threshold: float,
    full: bool,
    reporter: Reporter,
) -> Plan | None:
    for scan_id in store.running_scans(conn, model_id, scope, threshold, full=full):
        ledger = store.ledger(conn, scan_id)
        ids, labels = _members(ledger)
        rows = rows_of(ids, faces.embedding_ids)
        if (rows < 0).any():
            reporter.say(f"Faces of the unfinished scan {scan_id} are gone, so it is given up.")
            store.abandon_scan(conn, scan_id)
            conn.commit()
            continue
        return _resumed(scan_id, ledger, faces, rows, labels, reporter)
    return None


def _resumed(
    scan_id: int,
    ledger: Sequence[LedgerBlock],
    faces: GalleryFaces,
    rows: NDArray[np.int64],
    labels: Int32Array,
    reporter: Reporter,
) -> Plan:
    outdated = len(rows) != len(faces) or bool((faces.identity_ids[rows] != labels).any())
    frozen = replace(faces.take(rows), identity_ids=labels)
    carried = sum(b.status == "carried" for b in ledger)
    first_new = sum(len(b.embedding_ids) for b in ledger[:carried])
    blocks: list[Block] = []
    start = first_new
    for number, b in enumerate(ledger[carried:]):
        blocks.append(Block(number, start, start + len(b.embedding_ids)))
        start = blocks[-1].stop
    done = frozenset(number for number, b in enumerate(ledger[carried:]) if b.status == "done")
    reporter.say(f"Going on with scan {scan_id}: {len(done)} of {len(blocks)} blocks are done.")
    return Plan(frozen, first_new, blocks, done, carried, scan_id, outdated)


def _build_on(
    conn: Connection, base: ScanRow, faces: GalleryFaces, threshold: float, block_rows: int, reporter: Reporter
) -> Plan:
    """Carry over what is unchanged since ``base``: the same embedding under the same label."""
    ids, labels = _members(store.ledger(conn, base.id))
    rows = rows_of(faces.embedding_ids, ids)
    unchanged = rows >= 0
    unchanged[unchanged] = labels[rows[unchanged]] == faces.identity_ids[unchanged]
    same = int(unchanged.sum())
    if same == len(faces) == len(ids) and base.threshold == threshold:
        reporter.say(f"Nothing is new since scan {base.id}; its rows are the answer.")
        return Plan(faces, same, [], finished=base)
    order = np.r_[np.flatnonzero(unchanged), np.flatnonzero(~unchanged)]
    ordered = faces.take(order)
    reporter.say(
        f"Building on scan {base.id}: {len(faces) - same:,} of {len(faces):,} faces are new or changed, "
        f"{len(ids) - same:,} are gone or changed."
    )
    blocks = plan_blocks(ordered.identity_ids, first_new=same, target_rows=block_rows)
    return Plan(ordered, same, blocks, base=base)


def _members(ledger: Sequence[LedgerBlock]) -> tuple[Int64Array, Int32Array]:
    if not ledger:
        return np.empty(0, np.int64), np.empty(0, np.int32)
    return np.concatenate([b.embedding_ids for b in ledger]), np.concatenate([b.identity_ids for b in ledger])
