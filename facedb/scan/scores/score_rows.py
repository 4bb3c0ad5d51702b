"""The scores of scans as rows: how they are distributed, and the thresholds that were taken from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from facedb.core.records import Float64Array, Int64Array
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.findings.rates.histogram import BINS

SQL = load("scan", "scores")


@dataclass(frozen=True, slots=True)
class Distribution:
    """The scores of one kind in a scan: ``counted`` and ``sampled`` int64 (BINS,);
    ``total`` pairs in the gallery, ``counted_from`` the score from which every pair is in ``counted`` (None: none was),
    ``sample`` pairs in the random sample; ``mated`` float64 (BINS,) of the counted ones are of one person by the findings, and
    ``doubt`` is what each bin adds to the variance of that from the top down; None where no finding was asked."""

    counted: Int64Array
    sampled: Int64Array
    total: int
    counted_from: float | None
    sample: int
    mated: Float64Array | None
    doubt: Float64Array | None


def distributions(conn: Connection, scan_id: int) -> dict[str, Distribution]:
    """The distributions ``genuine`` and ``impostor`` of a scan."""
    counts: dict[tuple[str, str], Int64Array] = {}
    mated: dict[str, Float64Array] = {}
    doubt: dict[str, Float64Array] = {}
    for kind, source, at, values, told, doubted in conn.execute(SQL["histograms"], {"scan_id": scan_id}):
        histogram = np.zeros(BINS, np.int64)
        histogram[np.array(at)] = values
        counts[kind, source] = histogram
        if source == "counted" and told[0] is not None:
            mated[kind] = np.zeros(BINS)
            mated[kind][np.array(at)] = told
        if source == "counted" and doubted[0] is not None:
            doubt[kind] = np.zeros(BINS)
            doubt[kind][np.array(at)] = doubted
    empty = np.zeros(BINS, np.int64)
    return {
        kind: Distribution(
            counts.get((kind, "counted"), empty),
            counts.get((kind, "sampled"), empty),
            total,
            counted_from,
            sampled,
            mated.get(kind),
            doubt.get(kind),
        )
        for kind, total, counted_from, sampled in conn.execute(SQL["totals"], {"scan_id": scan_id})
    }


def last_threshold(conn: Connection, model_id: int, scope: Mapping[str, Any]) -> float | None:
    """The threshold of the newest finished scan of a gallery, or None."""
    row = conn.execute(SQL["last_threshold"], {"model_id": model_id, "scope": Jsonb(dict(scope))}).fetchone()
    return None if row is None else float(row[0])


def certain_above(conn: Connection, scan_id: int) -> float | None:
    """The score from which two folders of one photo each are a certain merge; None for scans of facedb 0.1."""
    row = conn.execute(SQL["certain_above"], {"scan_id": scan_id}).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def write_histogram(
    conn: Connection,
    scan_id: int,
    kind: str,
    *,
    counted: Int64Array | None,
    sampled: Int64Array | None,
    total: int,
    counted_from: float | None,
    mated: Float64Array | None = None,
    doubt: Float64Array | None = None,
) -> None:
    """Write the histograms of one kind, int64 counts by bin, with their denominator.

    ``mated`` of the counted pairs are of one person, and ``doubt`` is what each bin adds to the variance of that.
    """
    for source, counts in (("counted", counted), ("sampled", sampled)):
        if counts is not None and counts.any():
            bins = np.flatnonzero(counts)
            parameters = {
                "scan_id": scan_id,
                "kind": kind,
                "source": source,
                "bins": bins.tolist(),
                "counts": counts[bins].tolist(),
                "mated": mated[bins].tolist() if mated is not None and source == "counted" else None,
                "doubt": doubt[bins].tolist() if doubt is not None and source == "counted" else None,
            }
            conn.execute(SQL["add_histogram"], parameters)
    parameters = {
        "scan_id": scan_id,
        "kind": kind,
        "total": total,
        "counted_from": counted_from,
        "sampled": 0 if sampled is None else int(sampled.sum()),
    }
    conn.execute(SQL["add_total"], parameters)
