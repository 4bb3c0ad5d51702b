"""An estimate as a person reads it: every number with the formula it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from facedb.bench.plan import DATABASE_BYTES, PAIR_BYTES, Estimate, tile_columns
from facedb.scan.tiles.worker import WHOLE_TIMES


@dataclass(frozen=True, slots=True)
class Line:
    """One number of an estimate: ``what`` it is, its ``value``, the same in ``words``, and the ``formula`` it comes from."""

    what: str
    value: float
    words: str
    formula: str


def lines(found: Estimate) -> list[Line]:
    """What an estimate says, number by number."""
    fleet, to_hold = found.fleet, WHOLE_TIMES * found.vector_bytes
    machines, gbit, rows = fleet.machines, fleet.network * 8 / 1e9, f"{found.rows:,}"
    return [
        Line("pairs of faces", found.pairs, f"{found.pairs:.3g}", "n (n - 1) / 2"),
        Line("operations", found.operations, f"{found.operations:.3g}", "2 d for each pair"),
        Line(
            "search, seconds",
            found.seconds,
            in_words(found.seconds),
            f"(operations / ({fleet.tera:.4g}e12 x {fleet.share:g}) + pairs x {fleet.look:.2g}) / "
            f"({machines} x {fleet.units} {fleet.name})",
        ),
        Line(
            "vectors, bytes", found.vector_bytes, sized(found.vector_bytes), "4 n d; the chunks of a scan are as large"
        ),
        Line(
            "to hold them, bytes",
            to_hold,
            sized(to_hold),
            f"{WHOLE_TIMES} x vectors in each machine (facedb work --memory {-(-to_hold // 2**20)}): "
            + ("they fit" if found.held else f"they do not fit into {fleet.memory / 1e9:g} GB"),
        ),
        Line(
            "read by workers, bytes",
            found.read_bytes,
            sized(found.read_bytes),
            f"vectors x {machines}" if found.held else f"the columns of every tile: pairs / {rows} vectors",
        ),
        Line(
            "reading, seconds",
            found.read_seconds,
            in_words(found.read_seconds),
            f"read / ({machines} x {gbit:g} Gbit/s), with --chunks in a store that keeps up",
        ),
        Line(
            "without chunks, seconds",
            found.database_seconds,
            in_words(found.database_seconds),
            f"read / {DATABASE_BYTES / 1e9:g} GB/s, which one database gives",
        ),
        Line("tiles", found.tiles, f"{found.tiles:,}", f"{rows} x {tile_columns(found.rows):,} faces"),
        Line(
            "pairs by chance",
            found.chance_pairs,
            f"{found.chance_pairs:.3g}",
            f"pairs x the false match rate {found.fmr:g}",
        ),
        Line(
            "their rows, bytes", found.pair_bytes, sized(found.pair_bytes), f"{PAIR_BYTES} for each, indexes included"
        ),
    ]


def in_words(seconds: float) -> str:
    """Seconds as a person says them."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def sized(count: float) -> str:
    """A number of bytes as a person says it (10^9 bytes are a GB)."""
    for unit, size in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,.0f} bytes"
