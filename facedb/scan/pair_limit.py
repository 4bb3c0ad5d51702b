"""The limit of pairs: a scan that would flag more than anybody could look at, or than memory holds, is refused before its work begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import TooManyPairsError
from facedb.core.machine import memory
from facedb.findings.cores.folders import Folders
from facedb.findings.rates.pair_sample import predict_pairs
from facedb.scan import memory_need
from facedb.scan.faces.compared import Compared
from facedb.scan.pair_store import PairStore

_PREDICTION_ROWS = 192
_FEWEST_ROWS = 48
_SHARE = 200
"""Of few new faces a smaller sample is asked, or it would take as long as a good part of the search itself."""


def expect_few_enough(compared: Compared, first_new: int, carried: PairStore, limit: int) -> None:
    """Raise TooManyPairsError where more than ``limit`` pairs are to be expected, those ``carried`` over among them, and
    TooLittleMemoryError where the findings of so many do not fit.

    ``first_new`` is the first row that is searched.
    """
    if len(compared.faces) < 2:
        return
    new = len(compared.faces) - first_new
    rows = min(_PREDICTION_ROWS, max(_FEWEST_ROWS, new // _SHARE))
    predicted = predict_pairs(compared.gallery, compared.threshold, first_new=first_new, sample_rows=rows)
    for part in carried:
        predicted = predicted.with_known(part.scores)
    if predicted.expected <= limit:
        links = _links_of_chance(predicted.expected, compared.gallery.identity_ids)
        memory_need.expect_findings(min(predicted.expected, carried.at_once), links)
        return
    found = predicted.threshold_for(limit)
    if found is None:
        advice = "even a threshold of 0.999 would flag more than that, as copies do; raise --max-pairs and scan again."
    else:
        threshold, pairs = found
        about = (
            f"about {pairs:,.0f}" if pairs > predicted.unseen else f"fewer than about {pairs + predicted.unseen:,.0f}"
        )
        advice = f"a threshold of {threshold:.3f} would flag {about}; raise one of the two and scan again."
    raise TooManyPairsError(
        f"About {predicted.expected:,.0f} pairs reach {compared.threshold:g}, more than --max-pairs {limit:,}: {advice}"
    )


def expect_room(found: PairStore, parts: Folders) -> None:
    """Raise TooLittleMemoryError where the findings of all pairs that were ``found`` do not fit, which only an estimate knew before."""
    together = min(len(found), found.at_once)
    if memory.has(memory_need.of_findings(together, len(found))):
        return
    links = 0
    for part in found.together(parts.folder_of):
        one, other = parts.folder_of[part.rows_a], parts.folder_of[part.rows_b]
        links += len(np.unique(np.minimum(one, other).astype(np.int64) * len(parts.labels) + np.maximum(one, other)))
    memory_need.expect_findings(together, links)


def _links_of_chance(pairs: float, identity_ids: NDArray[np.integer]) -> float:
    """How many links so many ``pairs`` make if chance throws them among the faces: of two identities with a and b faces, which have the
    share q of all pairs, 1 - e^(-q pairs). What is no chance makes fewer, as its pairs lie in the same links.

    None without labels (n,), which are negative then.
    """
    if identity_ids[0] < 0:
        return 0.0
    sizes, folders = np.unique(np.unique(identity_ids, return_counts=True)[1], return_counts=True)
    possible = folders[:, None] * (folders - np.eye(len(sizes))) / 2
    share = np.outer(sizes, sizes).astype(np.float64)
    share /= max(float((possible * share).sum()), 1.0)
    return float(-(possible * np.expm1(-pairs * share)).sum())
