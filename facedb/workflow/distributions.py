"""The score distributions of a scan: genuine and impostor histograms with honest denominators."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from facedb.core.models import Float32Array
from facedb.db import store_scans as store
from facedb.db.connection import Connection
from facedb.search.gallery import Gallery
from facedb.search.histogram import count_pairs, count_scores
from facedb.search.sample import sample_scores
from facedb.search.within import genuine_histogram

_IMPOSTOR_SAMPLE = 100_000
_GENUINE_SAMPLE = 5_000_000
_GENUINE_COUNTED_UP_TO = 2_000_000_000


def write_distributions(
    conn: Connection, scan_id: int, gallery: Gallery, flagged_scores: Float32Array, threshold: float
) -> None:
    """Write the histograms of a scan; the caller commits.

    Impostor pairs at or above ``threshold`` are the flagged ones, so those are counted; the rest of the impostor
    distribution comes from a random sample of all impostor pairs. Genuine pairs are all counted, or sampled when there are
    more than two thousand million.
    """
    totals = count_pairs(gallery)
    with ThreadPoolExecutor(2) as pool:
        impostor = pool.submit(sample_scores, gallery, min(_IMPOSTOR_SAMPLE, totals.impostor), seed=scan_id)
        all_counted = totals.genuine <= _GENUINE_COUNTED_UP_TO
        genuine = (
            genuine_histogram(gallery)
            if all_counted
            else sample_scores(gallery, _GENUINE_SAMPLE, scan_id, kind="genuine")
        )
        sampled = impostor.result()
    store.write_histogram(
        conn, scan_id, "impostor", counted=count_scores(flagged_scores), sampled=sampled.counts, total=totals.impostor,
        counted_from=threshold,
    )  # fmt: skip
    store.write_histogram(
        conn, scan_id, "genuine", counted=genuine.counts if all_counted else None,
        sampled=None if all_counted else genuine.counts, total=totals.genuine, counted_from=-1.0 if all_counted else None,
    )  # fmt: skip
