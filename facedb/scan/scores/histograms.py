"""The score distributions of a scan: genuine and impostor histograms with honest denominators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.db.connection import Connection
from facedb.findings.folder_study import FolderStudy
from facedb.findings.rates.explained_pairs import Explained
from facedb.findings.rates.histogram import BINS, PairCounts, ScoreHistogram, count_pairs, edge
from facedb.findings.rates.impostors import impostor_histogram
from facedb.findings.rates.pair_sample import sample_scores
from facedb.join.gallery import Gallery
from facedb.scan.scores import score_rows

# The same faces give the same sample, so that error rates do not change from scan to scan.
_SEED = 0
_GENUINE_SAMPLE = 5_000_000
_GENUINE_COUNTED_UP_TO = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Distributions:
    """Genuine and impostor pairs of a gallery: all of them, and counts by bin of those that were scored."""

    totals: PairCounts
    genuine: ScoreHistogram
    impostor: ScoreHistogram
    all_genuine_counted: bool


def measure(gallery: Gallery, folders: FolderStudy) -> Distributions:
    """Score every genuine pair that the study of the ``folders`` has not (a sample where there are more than two thousand million), and
    every impostor pair, or many."""
    totals = count_pairs(gallery)
    all_counted = totals.genuine <= _GENUINE_COUNTED_UP_TO
    if all_counted:
        genuine = folders.genuine.histogram(gallery, folders.parts)
    else:
        genuine = sample_scores(gallery, _GENUINE_SAMPLE, _SEED, kind="genuine")
    return Distributions(totals, genuine, impostor_histogram(gallery), all_counted)


def write(conn: Connection, scan_id: int, found: Distributions, explained: Explained, threshold: float) -> None:
    """Write the histograms of a scan; the caller commits.

    Impostor pairs at or above ``threshold`` are the flagged ones, which the findings have ``explained``; below it every pair was counted
    too, or a sample tells.
    """
    flagged = explained.pairs
    everything = found.impostor.counted == found.impostor.total
    if everything:
        below = found.impostor.counts.copy()
        below[min(edge(threshold), BINS) :] = 0
        flagged = flagged * (np.arange(BINS) >= edge(threshold)) + below
    score_rows.write_histogram(
        conn,
        scan_id,
        "impostor",
        counted=flagged,
        sampled=None if everything else found.impostor.counts,
        total=found.totals.impostor,
        counted_from=-1.0 if everything else threshold,
        mated=explained.mated,
        doubt=explained.doubt,
    )
    every = found.all_genuine_counted
    score_rows.write_histogram(
        conn,
        scan_id,
        "genuine",
        counted=found.genuine.counts if every else None,
        sampled=None if every else found.genuine.counts,
        total=found.totals.genuine,
        counted_from=-1.0 if every else None,
    )


def write_none(conn: Connection, scan_id: int) -> None:
    """Write of a scan of faces without labels that it knows neither genuine nor impostor pairs; the caller commits."""
    for kind in ("impostor", "genuine"):
        score_rows.write_histogram(conn, scan_id, kind, counted=None, sampled=None, total=0, counted_from=None)
