"""Random samples: what the scores of a gallery look like, and how many pairs a scan would flag, before it is run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.rates.histogram import BIN_EDGES, BINS, ScoreHistogram, bin_of, count_pairs, count_scores
from facedb.join.gallery import Gallery
from facedb.join.score import rough_scores

Kind = Literal["genuine", "impostor"]

_COLUMNS = 4096
_RESAMPLES = 2000
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Prediction:
    """How many pairs a scan would flag: ``expected``, with a 95 % interval ``low`` to ``high``, from ``sampled_rows`` rows.

    ``expected_by_bin`` float64 (BINS,) is the expected number of pairs per histogram bin from the threshold up; up to
    ``unseen`` pairs may lie where the sample has none (rule of three).
    """

    expected: float
    low: float
    high: float
    sampled_rows: int
    threshold: float
    expected_by_bin: Float64Array
    unseen: float = 0.0

    def with_known(self, scores: Float32Array) -> Prediction:
        """This prediction with the pairs, of ``scores`` float32 (m,), that are flagged for certain besides."""
        known = len(scores)
        return replace(
            self,
            expected=self.expected + known,
            low=self.low + known,
            high=self.high + known,
            expected_by_bin=self.expected_by_bin + count_scores(scores),
        )

    def threshold_for(self, max_pairs: float) -> tuple[float, float] | None:
        """The lowest threshold (a bin edge, not below the one asked for) expected to flag at most ``max_pairs``, and how many.

        None where even the last bin, 0.999 and more, holds more than that.
        """
        at_or_above = np.cumsum(self.expected_by_bin[::-1])[::-1]
        edges = np.maximum(BIN_EDGES[:-1], self.threshold)
        enough = np.flatnonzero((at_or_above <= max_pairs) & (self.threshold - 1e-9 <= BIN_EDGES[:-1]))
        return (float(edges[enough[0]]), float(at_or_above[enough[0]])) if len(enough) else None


def predict_pairs(
    gallery: Gallery, threshold: float, *, first_new: int = 0, seed: int = 0, sample_rows: int = 384
) -> Prediction:
    """Predict what `join` would flag, from ``sample_rows`` random new rows compared with all rows in float32.

    A pair of a new and an old row counts once, a pair of two new rows half at each end, so the mean over the sampled
    rows times the number of new rows estimates the total without bias. The interval is a percentile bootstrap over
    the rows (hits sit in few rows, so it is wide and says so); with no hit at all the upper end is the rule of three.
    """
    count = len(gallery)
    rng = np.random.default_rng(seed)
    fresh = count - first_new
    rows = np.sort(rng.choice(fresh, min(sample_rows, fresh), replace=False)) + first_new if fresh else np.empty(0, int)
    if not len(rows):
        return Prediction(0.0, 0.0, 0.0, 0, threshold, np.zeros(BINS))
    per_row = np.zeros(len(rows))
    by_bin = np.zeros(BINS)
    queries, labels, groups = gallery.vectors[rows], gallery.identity_ids[rows], gallery.image_ids[rows]
    for start in range(0, count, _COLUMNS):
        scores = queries @ gallery.vectors[start : start + _COLUMNS].T
        # Flat positions: `nonzero` of a two-dimensional mask takes eight times as long.
        row, column = np.divmod(np.flatnonzero(scores >= threshold), scores.shape[1])
        column += start
        wanted = (labels[row] != gallery.identity_ids[column]) & (groups[row] != gallery.image_ids[column])
        row, column = row[wanted], column[wanted]
        weight = np.where(column < first_new, 1.0, 0.5)
        per_row += np.bincount(row, weight, minlength=len(rows))
        by_bin += np.bincount(bin_of(scores[row, column - start]), weight, minlength=BINS)
    share = fresh / len(rows)
    expected = float(per_row.sum()) * share
    if len(rows) == fresh:
        return Prediction(expected, expected, expected, fresh, threshold, by_bin)
    draws = per_row[rng.integers(0, len(rows), (_RESAMPLES, len(rows)))].sum(axis=1) * share
    low, high = (float(value) for value in np.quantile(draws, [0.025, 0.975]))
    return Prediction(expected, low, max(high, 3.0 * share), len(rows), threshold, by_bin * share, 3.0 * share)


def sample_scores(gallery: Gallery, n_pairs: int, seed: int = 0, *, kind: Kind = "impostor") -> ScoreHistogram:
    """The histogram of ``n_pairs`` uniformly drawn pairs (with replacement) of one ``kind``, scored in float32 (see `rough_scores`).

    ``total`` of the result is the exact number of such pairs in the gallery; ``counted`` is 0 if there are none.
    """
    counts = count_pairs(gallery)
    total = counts.genuine if kind == "genuine" else counts.impostor
    if total == 0 or n_pairs == 0:
        return ScoreHistogram(np.zeros(BINS, np.int64), 0, total)
    rows_a, rows_b = draw_pairs(gallery, n_pairs, seed, kind=kind)
    return ScoreHistogram(count_scores(rough_scores(gallery.vectors, rows_a, rows_b)), len(rows_a), total)


def draw_pairs(gallery: Gallery, n_pairs: int, seed: int, *, kind: Kind = "impostor") -> tuple[Int64Array, Int64Array]:
    """Row indices of ``n_pairs`` pairs of one ``kind``, uniform over all of that kind, drawn with replacement.

    The first face is drawn with the number of its partners as weight, the second among the partners; pairs within one
    image are drawn again. Fewer pairs come back only if nearly all pairs are within one image.
    """
    rng = np.random.default_rng(seed)
    # By label and image: the draw does not depend on the order of the rows, which an incremental scan changes.
    order = np.lexsort((gallery.image_ids, gallery.identity_ids))
    _, starts, sizes = np.unique(gallery.identity_ids[order], return_index=True, return_counts=True)
    start_of, size_of = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    partners = size_of - 1 if kind == "genuine" else len(gallery) - size_of
    ends = np.cumsum(partners)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    missing = n_pairs
    for _ in range(_ROUNDS):
        if missing <= 0 or not len(ends) or ends[-1] == 0:
            break
        first = np.searchsorted(ends, rng.integers(0, ends[-1], missing), side="right")
        step = rng.integers(0, partners[first])
        if kind == "genuine":
            second = start_of[first] + step
            second += second >= first
        else:
            second = step + np.where(step >= start_of[first], size_of[first], 0)
        rows_a, rows_b = order[first], order[second]
        apart = gallery.image_ids[rows_a] != gallery.image_ids[rows_b]
        found.append((rows_a[apart], rows_b[apart]))
        missing -= int(apart.sum())
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate([part[0] for part in found]), np.concatenate([part[1] for part in found])
