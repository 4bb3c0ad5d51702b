"""What a threshold means on this data: error rates with their denominators, and the rates behind the label noise.

Under the labels, an impostor pair is two faces of different identities and a genuine pair two of one. The mistakes that facedb
looks for sit in exactly those sets: mated pairs among the impostors, at high scores, and non-mated ones among the genuine, at low
scores. So next to the rates *as labelled* there are *cleaned* ones, in three steps:

1. The share of mated pairs among the impostors is twice the rate of impostor scores above the genuine median, as half of the mated
   pairs lie there; mutatis mutandis for the genuine pairs, below the impostor median. (A two-component mixture whose components
   are the two histograms, solved where one component is negligible.)
2. The impostor rate with that share of the genuine curve taken out is kept where it rests on ten pairs and on more than was taken out.
3. Beyond, a quadratic fit of its normal quantile (probit) over the upper tenth goes on; it never gets flatter than half its
   slope at the last kept score, so it stays monotone.

Intervals are Wilson's at 95 %. They take pairs for independent; pairs that share a face are not, so the truth is somewhat wider.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float64Array
from facedb.findings.rates.histogram import BIN_EDGES, BINS

_NORMAL = NormalDist()
_Z95 = 1.959963984540054
_LEAST_PAIRS = 10.0
_TAIL = 0.1
_MOST_NOISE = 0.25
SUPPORT = 3.0
"""A rate needs so many expected errors among all pairs to be told from none (the rule of three)."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``errors`` out of ``pairs`` looked at, the ``rate``, and its 95 % interval from ``low`` to ``high`` (Wilson)."""

    errors: float
    pairs: float
    rate: float
    low: float
    high: float


def wilson(errors: float, pairs: float) -> Rate:
    """The rate errors / pairs with Wilson's score interval (Wilson 1927, JASA 22); NaN without pairs."""
    if pairs <= 0:
        return Rate(errors, pairs, float("nan"), 0.0, 1.0)
    p, zz = errors / pairs, _Z95**2
    centre = p + zz / (2 * pairs)
    reach = _Z95 * float(np.sqrt(p * (1 - p) / pairs + zz / (4 * pairs**2)))
    scale = 1 + zz / pairs
    return Rate(errors, pairs, p, max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale))


@dataclass(frozen=True, slots=True)
class Observed:
    """Scores of one kind: at each of the BINS + 1 edges, ``hits`` float64 of the ``trials`` looked at lie at or above it.

    Trials differ along the edges: from the scan's threshold up every pair was counted, below it a sample. ``total`` pairs are in
    the gallery.
    """

    hits: Float64Array
    trials: Float64Array
    total: int

    def above(self) -> Float64Array:
        """The share at or above each edge; falls from 1 to 0."""
        share = np.divide(self.hits, self.trials, out=np.zeros(BINS + 1), where=self.trials > 0)
        return np.asarray(np.minimum.accumulate(np.minimum(share, 1.0)))

    @property
    def seen(self) -> bool:
        """Whether there is any pair."""
        return bool(self.trials[0] > 0)


def observed(
    counted: NDArray[np.integer], sampled: NDArray[np.integer], total: int, counted_from: float | None
) -> Observed:
    """Join the counts (BINS,) of every pair from ``counted_from`` up (None: of none) with those of a sample of all pairs."""
    above_counted = np.r_[np.cumsum(counted[::-1])[::-1], 0].astype(np.float64)
    above_sampled = np.r_[np.cumsum(sampled[::-1])[::-1], 0].astype(np.float64)
    every = counted_from - 1e-9 <= BIN_EDGES if counted_from is not None else np.zeros(BINS + 1, bool)
    return Observed(
        np.where(every, above_counted, above_sampled), np.where(every, float(total), above_sampled[0]), total
    )


@dataclass(frozen=True, slots=True)
class Calibration:
    """Error rates of a gallery at every edge: ``fmr``, ``fnmr`` float64 (BINS + 1,), cleaned of label noise.

    ``mated_share`` of the impostor pairs and ``non_mated_share`` of the genuine ones belong to the other kind by their score.
    ``extrapolated_from`` is the score from which ``fmr`` is the fit. ``eer`` is where the cleaned rates meet, at ``eer_at``.
    """

    genuine: Observed
    impostor: Observed
    fmr: Float64Array
    fnmr: Float64Array
    mated_share: float
    non_mated_share: float
    extrapolated_from: float
    eer: float
    eer_at: float

    def false_match(self, threshold: float) -> Rate:
        """The share of impostor pairs, as labelled, that reach ``threshold``."""
        at = edge(threshold)
        return wilson(float(self.impostor.hits[at]), float(self.impostor.trials[at]))

    def false_non_match(self, threshold: float) -> Rate:
        """The share of genuine pairs, as labelled, below ``threshold``."""
        at = edge(threshold)
        return wilson(float(self.genuine.trials[at] - self.genuine.hits[at]), float(self.genuine.trials[at]))

    def cleaned_fmr(self, threshold: float) -> float:
        """The false match rate at ``threshold`` without label noise."""
        return float(self.fmr[edge(threshold)])

    def cleaned_fnmr(self, threshold: float) -> float:
        """The false non-match rate at ``threshold`` without label noise; NaN without genuine pairs."""
        return float(self.fnmr[edge(threshold)])

    def false_pairs(self, threshold: float) -> float:
        """How many of all impostor pairs are expected to reach ``threshold`` by chance."""
        return self.cleaned_fmr(threshold) * self.impostor.total

    def threshold_for(self, fmr: float) -> float:
        """The lowest edge whose cleaned false match rate is at most ``fmr``; 1 where none is."""
        low_enough = np.flatnonzero(self.fmr <= fmr)
        return float(BIN_EDGES[low_enough[0]]) if len(low_enough) else 1.0

    def threshold_for_false_pairs(self, pairs: float) -> float:
        """The lowest edge at which at most so many false ``pairs`` are expected in this gallery."""
        return self.threshold_for(pairs / max(self.impostor.total, 1))

    def supported(self, fmr: float) -> bool:
        """Whether the gallery has pairs enough to see errors at the rate ``fmr``."""
        return self.impostor.total * fmr >= SUPPORT


def edge(threshold: float) -> int:
    """The index of the first edge at or above ``threshold``."""
    return min(int(np.searchsorted(BIN_EDGES, threshold - 1e-9)), BINS)


def calibrate(genuine: Observed, impostor: Observed) -> Calibration:
    """Clean the rates of label noise and find where they meet; see the module for the method."""
    above_genuine, above_impostor = genuine.above(), impostor.above()
    mated = non_mated = 0.0
    if genuine.seen and impostor.seen:
        middle = int(np.searchsorted(-above_genuine, -0.5))
        mated = min(2.0 * float(above_impostor[min(middle, BINS)]), _MOST_NOISE)
        middle = int(np.searchsorted(-above_impostor, -0.5))
        non_mated = min(2.0 * (1.0 - float(above_genuine[min(middle, BINS)])), _MOST_NOISE)
    fmr, last = _cleaned_tail(above_impostor, mated * above_genuine, impostor)
    below = 1.0 - above_genuine
    fnmr = np.maximum.accumulate(np.clip((below - non_mated * (1.0 - above_impostor)) / (1.0 - non_mated), 0.0, 1.0))
    if not genuine.seen:
        fnmr = np.full(BINS + 1, np.nan)
    at = int(np.argmax(fnmr >= fmr)) if genuine.seen else 0
    eer = float((fnmr[at] + fmr[at]) / 2) if genuine.seen else float("nan")
    return Calibration(
        genuine, impostor, fmr, fnmr, mated, non_mated, float(BIN_EDGES[last]), eer, float(BIN_EDGES[at])
    )


def _cleaned_tail(above: Float64Array, mates: Float64Array, impostor: Observed) -> tuple[Float64Array, int]:
    """The impostor rate without ``mates``, and the edge from which on it is extrapolated."""
    share = float(mates[0])
    clean = np.clip((above - mates) / (1.0 - share), 0.0, 1.0)
    clean = np.asarray(np.minimum.accumulate(clean))
    solid = (clean * impostor.trials >= _LEAST_PAIRS) & (clean >= mates)
    last = int(np.argmin(solid)) - 1 if not solid.all() else BINS
    if last < 0:
        # No pairs at all: nothing is known, so every score may be a false match.
        return np.where(BIN_EDGES > 1.0 - 1e-9, 0.0, 1.0), 0
    fitted = np.flatnonzero((clean[: last + 1] <= _TAIL) & (clean[: last + 1] > 0))
    if len(fitted) < 5:
        fitted = np.flatnonzero((clean[: last + 1] < 0.5) & (clean[: last + 1] > 0))
    if len(fitted) < 5:
        return clean, BINS
    scores = BIN_EDGES[fitted]
    quantile = np.array([_NORMAL.inv_cdf(1.0 - float(v)) for v in clean[fitted]])
    weight = np.sqrt(np.minimum(clean[fitted] * impostor.trials[fitted], 1000.0))
    curve, slope, _ = np.polyfit(scores, quantile, 2, w=weight)
    end = float(BIN_EDGES[last])
    steep = max(2 * curve * end + slope, 1e-3)
    if len(fitted) < 30:
        curve = 0.0
    beyond = BIN_EDGES[last:] - end
    # The slope falls (a tail heavier than the normal one) at the fitted pace, to half of what it was and no further.
    fall = np.minimum(2 * -min(curve, 0.0) * beyond, steep / 2)
    step = np.r_[0.0, np.diff(beyond)]
    reached = _NORMAL.inv_cdf(1.0 - max(float(clean[last]), 1e-15)) + np.cumsum((steep - fall) * step)
    clean[last:] = [_NORMAL.cdf(-float(v)) for v in reached]
    return np.asarray(np.minimum.accumulate(clean)), last
