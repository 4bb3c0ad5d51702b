"""What a scan has to do: resume one that was begun, build on one that is finished, or start anew."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np

from facedb.core.counting import counted
from facedb.core.defaults import BLOCK_ROWS
from facedb.core.lookup import rows_of
from facedb.core.progress import Reporter, Silent
from facedb.core.records import Int64Array
from facedb.db.connection import Connection
from facedb.join.loop import Block, plan_blocks
from facedb.scan import scan_rows
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.findings.make import make, of_another_make
from facedb.scan.scan_rows import Parameters, ScanRow
from facedb.scan.tiles import chunks, ledger_rows, tile_rows
from facedb.scan.tiles.ledger_rows import Labels, LedgerBlock
from facedb.scan.tiles.tile_rows import TileRow

Pause = Callable[[], None] | None

_CARRIED_ROWS = 1 << 17
_FEW_BLOCKS = 64
BLOCKS_WIDE = 16
"""A tile is as wide as about so many of its blocks: wide enough that claiming and committing it is nothing beside the search, narrow
enough for a worker's memory (131,072 faces for blocks of `BLOCK_ROWS`, never less)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The scan that is asked for: of ``faces``, with these ``parameters``, its new faces in blocks of about ``block_rows``.

    ``outside`` int64 (u,) are the embeddings without a label that are reported beside them: not compared here, but where others are,
    findings differ; so they do with other photos without a face, which hash to ``faceless``.
    """

    parameters: Parameters
    faces: GalleryFaces
    block_rows: int
    outside: Int64Array
    faceless: bytes | None


@dataclass(frozen=True, slots=True)
class Plan:
    """``faces`` in gallery order, the first ``first_new`` of them carried over; block k holds rows ``borders[k]`` to ``borders[k + 1]``.

    ``scan_id`` is a scan to resume, which is ``outdated`` when the gallery has changed since; ``base`` the scan to carry pairs over from,
    whose blocks are the carried ones where they are ``kept``.
    """

    faces: GalleryFaces
    first_new: int
    borders: list[int]
    scan_id: int | None = None
    outdated: bool = False
    base: ScanRow | None = None
    kept: bool = False

    @staticmethod
    def cut(
        faces: GalleryFaces,
        first_new: int,
        block_rows: int,
        base: ScanRow | None = None,
        kept: Sequence[int] | None = None,
    ) -> Plan:
        """A new scan of ``faces``, in blocks of about ``block_rows`` new faces; carried ones begin at the rows ``kept``."""
        carried = list(range(0, first_new, _CARRIED_ROWS)) if kept is None else kept
        blocks = plan_blocks(faces.identity_ids, first_new=first_new, target_rows=block_rows)
        borders = [*carried, *(block.start for block in blocks), len(faces)]
        return Plan(faces, first_new, borders, base=base, kept=kept is not None)


@dataclass(frozen=True, slots=True)
class Ledger:
    """A scan that is under way: block k of it holds the gallery rows ``borders[k]`` to ``borders[k + 1]``."""

    scan_id: int
    borders: list[int]

    def block(self, tile: TileRow) -> Block:
        """A tile as rows of the whole gallery."""
        start, stop = self.borders[tile.block], self.borders[tile.block + 1]
        column_stop = stop if tile.last_column == tile.block else self.borders[tile.last_column + 1]
        return Block(tile.tile, start, stop, self.borders[tile.first_column], column_stop)


def plan(conn: Connection, wanted: Wanted, *, full: bool, may_build: bool, reporter: Reporter) -> Plan | ScanRow:
    """Decide how to come to the scan that is ``wanted`` with the least work, and say so: a finished scan where one is the answer already.

    With ``full`` no earlier scan is built on. Without ``may_build`` one is the answer or of no use, because this one will not keep every
    pair. Where only facedb itself is newer, only the photos without a face are others, or a scan of other parameters came after it, a scan
    that carries every pair over makes the findings anew.
    """
    resumable = _resume(conn, wanted, full=full, reporter=reporter)
    if resumable is not None:
        return resumable
    parameters = wanted.parameters
    if not full:
        for scan_id in scan_rows.base_scans(conn, parameters):
            base = scan_rows.scan_by_id(conn, scan_id)
            if base is not None:
                built = _build_on(conn, base, wanted, reporter if may_build else Silent())
                if may_build:
                    return built
                if isinstance(built, ScanRow):
                    stale = of_another_make(base)
                    if stale is not None:
                        reporter.say(stale)
                    newest = scan_rows.newest_beside(conn, base)
                    if newest != base.id:
                        reporter.say(f"Scan {newest} is newer: to see this one, say --scan {base.id}.")
                    return built
        lowest = scan_rows.lowest_scanned(conn, parameters)
        if lowest is not None and lowest > parameters.threshold:
            reporter.say(
                f"No scan reached down to {parameters.threshold:g} yet (lowest: {lowest:g}), so this is a full scan."
            )
    return Plan.cut(wanted.faces, 0, wanted.block_rows)


def begin(conn: Connection, parameters: Parameters, planned: Plan, engine: str) -> Ledger:
    """Write the scan, its ledger and its tiles; the caller commits."""
    faces, borders = planned.faces, planned.borders
    carried = bisect_left(borders, planned.first_new)
    blocks = [
        LedgerBlock(
            k, k < carried, faces.embedding_ids[start:stop], faces.identity_ids[start:stop], faces.face_ids[start:stop]
        )
        for k, (start, stop) in enumerate(pairwise(borders))
    ]
    scan_id = ledger_rows.begin_scan(
        conn,
        parameters,
        engine,
        Labels.of(faces.identity_ids, faces.dataset_ids),
        blocks,
        base_scan_id=None if planned.base is None else planned.base.id,
        keep_blocks=planned.kept,
    )
    tile_rows.add_tiles(conn, scan_id, cut(borders, carried))
    return Ledger(scan_id, borders)


def cut(borders: Sequence[int], carried: int, columns: int | None = None) -> list[TileRow]:
    """The tiles of the blocks from number ``carried`` on: each against itself and all before, in runs of about ``columns`` rows."""
    if columns is None:
        columns = BLOCKS_WIDE * max((b - a for a, b in pairwise(borders[carried:])), default=0)
        columns = max(columns, BLOCKS_WIDE * BLOCK_ROWS)
    tiles: list[TileRow] = []
    for block in range(carried, len(borders) - 1):
        first = 0
        for column in range(block + 1):
            full = borders[column + 1] - borders[first] >= columns
            if full or column == block:
                tiles.append(TileRow(len(tiles), block, first, column))
                first = column + 1
    return tiles


def _resume(conn: Connection, wanted: Wanted, *, full: bool, reporter: Reporter) -> Plan | None:
    """A scan with the same parameters that was begun and can be finished; those that cannot are given up."""
    faces = wanted.faces
    for scan_id in scan_rows.running_scans(conn, wanted.parameters, full=full):
        blocks = ledger_rows.read_blocks(conn, scan_id)
        ids, labels = ledger_rows.members(blocks)
        rows = rows_of(ids, faces.embedding_ids)
        if (rows < 0).any():
            reporter.say(f"Faces of the unfinished scan {scan_id} are gone, so it is given up.")
            chunks.remove_or_say(conn, scan_id, reporter)
            ledger_rows.abandon_scan(conn, scan_id)
            conn.commit()
            continue
        outdated = len(rows) != len(faces) or bool((faces.identity_ids[rows] != labels).any())
        frozen = replace(faces.take(rows), identity_ids=labels)
        counts = tile_rows.tile_counts(conn, scan_id)
        reporter.say(f"Going on with scan {scan_id}: {counts.done} of {counts.tiles} tiles are done.")
        first_new = sum(len(b.embedding_ids) for b in blocks if b.carried)
        borders = [0, *accumulate(len(b.embedding_ids) for b in blocks)]
        return Plan(frozen, first_new, borders, scan_id, outdated)
    return None


def _build_on(conn: Connection, base: ScanRow, wanted: Wanted, reporter: Reporter) -> Plan | ScanRow:
    """Carry over what is unchanged since ``base``: the same embedding under the same label; ``base`` itself where nothing changed."""
    faces = wanted.faces
    blocks = ledger_rows.read_blocks(conn, base.id)
    ids, labels = ledger_rows.members(blocks)
    rows = rows_of(faces.embedding_ids, ids)
    unchanged = rows >= 0
    unchanged[unchanged] = labels[rows[unchanged]] == faces.identity_ids[unchanged]
    same = int(unchanged.sum())
    alike = same == len(faces) == len(ids) and base.threshold == wanted.parameters.threshold
    if alike and np.array_equal(np.sort(wanted.outside), ledger_rows.outsiders(conn, base.id)):
        but = _but(conn, base, wanted)
        if but is None or base.links_only:
            reporter.say(f"Nothing is new since scan {base.id}; its rows are the answer.")
            return base
        reporter.say(f"Nothing is new since scan {base.id}, but {but}.")
    old, new = np.flatnonzero(unchanged), np.flatnonzero(~unchanged)
    kept = _to_keep(blocks, same)
    if kept is not None:
        old = old[np.argsort(rows[old])]
    ordered = faces.take(np.r_[old, new])
    reporter.say(
        f"Building on scan {base.id}: {len(faces) - same:,} of {counted(len(faces), 'face')} new or changed, "
        f"{len(ids) - same:,} gone or changed."
    )
    return Plan.cut(ordered, same, wanted.block_rows, base, kept)


def _but(conn: Connection, base: ScanRow, wanted: Wanted) -> str | None:
    """Why ``base``, whose gallery is the one that is wanted, is not the answer all the same; None where it is."""
    if base.made_by != make():
        return "its findings were made by another version of facedb"
    if base.faceless != wanted.faceless:
        return "there are other photos without a face"
    newest = scan_rows.newest_beside(conn, base)
    return None if newest == base.id else f"scan {newest} came after it, and whoever names no scan is shown the newest"


def _to_keep(blocks: Sequence[LedgerBlock], same: int) -> list[int] | None:
    """The rows at which ``blocks`` of the base begin, where all their faces are the ``same`` still; None where the carried faces are
    better cut anew: every scan that builds on another adds a few, so after many they are too many."""
    borders = [0, *accumulate(len(b.embedding_ids) for b in blocks)]
    usable = borders[-1] == same and all(b.complete and len(b.embedding_ids) for b in blocks)
    return borders[:-1] if usable and len(blocks) <= _FEW_BLOCKS + 2 * same // BLOCK_ROWS else None
