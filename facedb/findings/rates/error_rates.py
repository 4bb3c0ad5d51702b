"""What a threshold means on this data: error rates with their denominators, and the rates behind the label noise.

Under the labels, an impostor pair is two faces of different identities and a genuine pair two of one. The mistakes that facedb
looks for sit in exactly those sets: mated pairs among the impostors, at high scores, and non-mated ones among the genuine, at low
scores. So next to the rates *as labelled* there are *cleaned* ones, in three steps:

1. Mated pairs are taken out of the impostors: those counted pairs that the findings say are of one person, each as far as they are sure
   of it. Where there are no findings yet, their share is twice the rate of impostor scores above the genuine median, as half of the
   mated pairs lie there (a two-component mixture whose components are the two histograms, solved where one is negligible), and
   the same, mirrored, for the genuine pairs, below the impostor median.
2. What is left is chance. Down to the last ten such pairs it is counted (below the floor of the counting, sampled).
3. Beyond, a tail goes on that is fitted to the upper ten thousand of them (`facedb.findings.odds.tail`).

Intervals are at 95 %: Wilson's for shares; for pairs expected by chance those of a Poisson count, with the doubt of the findings about
mated pairs (all pairs of two identities stand or fall together) and with what is not known about the fitted tail (every bend whose
likelihood is within 1.92 of the best). Beyond that they take pairs for independent; pairs that share a face are not, so the truth is
somewhat wider.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float64Array
from facedb.findings.odds.tail import Censored, Tail, fit_tail, tail_bounds
from facedb.findings.rates.histogram import BIN_EDGES, BIN_WIDTH, BINS, edge

_Z95 = 1.959963984540054
_LEAST_PAIRS = 10.0
_IN_TAIL = 10_000.0
_CLEAR = 1.5
_UPPER = 0.1
_FEWEST_BINS = 5
_STEEP = 20.0
_MOST_NOISE = 0.25
SUPPORT = 3.0
"""A rate needs this many expected errors among all pairs to be distinguished from zero (the rule of three)."""


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

    ``mated_share`` of the impostor pairs and ``non_mated_share`` of the genuine ones belong to the other kind. ``fmr_low`` and
    ``fmr_high`` are the ends of the interval of ``fmr``. ``extrapolated_from`` is the score from which ``fmr`` is the fit. ``eer`` is
    where the cleaned rates meet, at ``eer_at``.
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
    fmr_low: Float64Array
    fmr_high: Float64Array

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

    def cleaned_interval(self, threshold: float) -> tuple[float, float]:
        """The interval of the cleaned false match rate."""
        at = edge(threshold)
        return float(self.fmr_low[at]), float(self.fmr_high[at])

    def cleaned_miss(self, threshold: float) -> Rate:
        """The cleaned false non-match rate with its interval."""
        pairs = float(self.genuine.trials[edge(threshold)])
        return wilson(self.cleaned_fnmr(threshold) * pairs, pairs if self.genuine.seen else 0.0)

    def false_pairs_interval(self, threshold: float) -> tuple[float, float]:
        """Between which two numbers the false pairs at ``threshold`` lie in 95 of 100 such galleries."""
        low, high = self.cleaned_interval(threshold)
        return low * self.impostor.total, high * self.impostor.total

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


def calibrate(
    genuine: Observed,
    impostor: Observed,
    mated_pairs: Float64Array | None = None,
    mated_variance: Float64Array | None = None,
) -> Calibration:
    """Clean the rates of label noise and find where they meet; see the module for the method.

    ``mated_pairs`` float64 (BINS + 1,): of the counted impostor pairs at or above each edge those that are of one person, by the
    findings; None where there are none. ``mated_variance`` float64 (BINS + 1,) is the variance of that number; None: it is not known, and
    pairs count as independent.
    """
    above_genuine, above_impostor = genuine.above(), impostor.above()
    mated = non_mated = 0.0
    if genuine.seen and impostor.seen:
        middle = int(np.searchsorted(-above_genuine, -0.5))
        mated = min(2.0 * float(above_impostor[min(middle, BINS)]), _MOST_NOISE)
        middle = int(np.searchsorted(-above_impostor, -0.5))
        non_mated = min(2.0 * (1.0 - float(above_genuine[min(middle, BINS)])), _MOST_NOISE)
    mates = mated * above_genuine
    if mated_pairs is not None and impostor.seen:
        mated, mates = _mated_by_findings(above_genuine, mated_pairs, impostor)
    fmr, low, high, last = _cleaned(
        above_impostor, mates, impostor, by_findings=mated_pairs is not None, variance=mated_variance
    )
    below = 1.0 - above_genuine
    fnmr = np.maximum.accumulate(np.clip((below - non_mated * (1.0 - above_impostor)) / (1.0 - non_mated), 0.0, 1.0))
    if not genuine.seen:
        fnmr = np.full(BINS + 1, np.nan)
    at = int(np.argmax(fnmr >= fmr)) if genuine.seen else 0
    eer = float((fnmr[at] + fmr[at]) / 2) if genuine.seen else float("nan")
    return Calibration(
        genuine, impostor, fmr, fnmr, mated, non_mated, float(BIN_EDGES[last]), eer, float(BIN_EDGES[at]), low, high
    )


def _mated_by_findings(
    above_genuine: Float64Array, mated_pairs: Float64Array, impostor: Observed
) -> tuple[float, Float64Array]:
    """The share of mated pairs and their part at or above each edge; below the counting as many as genuine scores would have there."""
    counted = np.flatnonzero(impostor.trials >= impostor.total)
    mates = mated_pairs / max(impostor.total, 1)
    if not len(counted):
        return 0.0, np.zeros(BINS + 1)
    first = int(counted[0])
    seen = float(above_genuine[first])
    share = min(float(mates[first]) / max(seen, 0.1), _MOST_NOISE)
    mates = np.where(np.arange(BINS + 1) < first, np.maximum(share * above_genuine, mates[first]), mates)
    return share, np.asarray(mates)


def _cleaned(
    above: Float64Array,
    mates: Float64Array,
    impostor: Observed,
    *,
    by_findings: bool,
    variance: Float64Array | None,
) -> tuple[Float64Array, Float64Array, Float64Array, int]:
    """The impostor rate without ``mates``, its interval, and the edge from which on it is extrapolated; ``by_findings``: these are known
    pair by pair."""
    share = float(mates[0])
    clean = np.clip((above - mates) / (1.0 - share), 0.0, 1.0)
    clean = np.asarray(np.minimum.accumulate(clean))
    # What the findings say of single pairs may be trusted further down than a share of the whole curve.
    solid = (clean * impostor.trials >= _LEAST_PAIRS) & (by_findings | (clean >= _CLEAR * mates))
    last = int(np.argmin(solid)) - 1 if not solid.all() else BINS
    if last < 0:
        # No pairs at all: nothing is known, so every score may be a false match.
        unknown = np.where(BIN_EDGES > 1.0 - 1e-9, 0.0, 1.0)
        return unknown, np.zeros(BINS + 1), unknown, 0
    doubt = np.minimum(clean, mates) * impostor.trials if variance is None else variance
    low, high = _poisson(clean * impostor.trials, doubt)
    looked_at = np.maximum(impostor.trials, 1.0)
    low, high = low / looked_at, high / looked_at
    start = min(int(np.argmax(clean * impostor.trials <= _IN_TAIL)), last)
    # The tail begins where the distribution bends down, or with few pairs it would be fitted to its middle.
    start = max(start, min(int(np.argmax(clean <= _UPPER)), last))
    pairs = np.maximum(-np.diff(clean[start : last + 1]), 0.0) * looked_at[start:last]
    middles = BIN_EDGES[start:last] + BIN_WIDTH / 2
    if last - start < _FEWEST_BINS or pairs.sum() < _LEAST_PAIRS:
        tail = Tail(float(BIN_EDGES[last]), float(clean[last]), _STEEP, _STEEP)
        beyond = tail.survival(BIN_EDGES[last:])
        clean[last:] = beyond
        low[last:], high[last:] = 0.0, np.maximum(high[last], beyond)
        return np.asarray(np.minimum.accumulate(clean)), low, np.asarray(np.minimum.accumulate(high)), last
    beyond = BIN_EDGES[last:]
    above_last = Censored(float(BIN_EDGES[last]), float(clean[last] * looked_at[last]))
    tail = fit_tail(float(BIN_EDGES[start]), float(clean[start]), middles, pairs, above_last)
    shallow, steep = tail_bounds(tail, middles, pairs, above_last, beyond)
    clean[last:] = tail.survival(beyond)
    expected = clean[last:] * impostor.total
    beyond_doubt = np.zeros_like(expected) if variance is None else variance[last:]
    low[last:] = np.minimum(low[last:], _poisson(expected * steep, beyond_doubt)[0] / max(impostor.total, 1))
    high[last:] = _poisson(expected * shallow, beyond_doubt)[1] / max(impostor.total, 1)
    return np.asarray(np.minimum.accumulate(clean)), low, np.asarray(np.minimum.accumulate(high)), last


def _poisson(expected: Float64Array, doubtful: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Between which two counts 95 of 100 Poisson counts of ``expected`` lie, where what was taken out of them has the variance
    ``doubtful``."""
    spread = np.sqrt(np.maximum(expected, 0.0) + doubtful + 1.0)
    return np.maximum(expected - _Z95 * spread, 0.0), expected + _Z95 * spread + 1.0
