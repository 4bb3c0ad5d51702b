"""What a scan foretells of chance, and what is there."""

from __future__ import annotations

import numpy as np

from facedb.findings.duplicates import Hashes
from facedb.findings.find import Evidence, find
from facedb.findings.flagged import Pairs
from facedb.findings.folder_study import study_folders
from facedb.findings.rates.error_rates import Calibration, calibrate, observed
from facedb.findings.rates.histogram import BINS
from facedb.findings.rates.impostors import impostor_histogram
from facedb.join.blocks import plan_blocks
from facedb.join.loop import join
from tests.unit.findings.odds.crowds import Known

_NONE = np.zeros(BINS, np.int64)
_ROWS = 1024


def measured(crowd: Known, threshold: float) -> Calibration:
    """The calibration of a scan at ``threshold``, from the counts that it would write."""
    gallery = crowd.gallery
    blocks = list(
        join(gallery, plan_blocks(gallery.identity_ids, target_rows=4096), threshold=threshold, engine="int8")
    )
    flagged = Pairs.of(blocks)
    folders = study_folders(gallery)
    explained = find(gallery, folders, flagged, Evidence(Hashes.none(len(gallery)))).explanation.of(flagged)
    genuine, impostor = folders.genuine.histogram(gallery, folders.parts), impostor_histogram(gallery)
    return calibrate(
        observed(genuine.counts, _NONE, genuine.total, -1.0),
        observed(impostor.counts, _NONE, impostor.total, -1.0),
        np.r_[np.cumsum(explained.mated[::-1])[::-1], 0.0],
        np.r_[np.cumsum(explained.doubt[::-1])[::-1], 0.0],
    )


def chance_scores(crowd: Known, least: float = 0.2) -> np.ndarray:
    """The scores from ``least`` up of all pairs of two labels and two persons."""
    vectors, labels = crowd.gallery.vectors, crowd.gallery.identity_ids
    found = []
    for start in range(0, len(vectors), _ROWS):
        rows = slice(start, start + _ROWS)
        score = vectors[rows] @ vectors[start:].T
        later = np.arange(start, start + len(score))[:, None] < np.arange(start, len(vectors))[None, :]
        later &= (labels[rows, None] != labels[None, start:]) & (crowd.person[rows, None] != crowd.person[None, start:])
        found.append(score[later & (score >= least)])
    return np.concatenate(found)
