"""Calibrate: what thresholds mean on this dataset, from the score histograms of a scan or a sample of the gallery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from facedb.core.counting import counted
from facedb.core.defaults import CONNECTIONS
from facedb.core.errors import NotFoundError, UsageError
from facedb.core.progress import Reporter
from facedb.dataset.names import find_datasets
from facedb.db.connection import Connection, Database, translated
from facedb.findings.rates.error_rates import SUPPORT, Calibration
from facedb.scan import scan_rows
from facedb.scan.faces import face_choice
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.loading import FaceFilter
from facedb.scan.scores import thresholds
from facedb.scan.scores.thresholds import Lines
from facedb.scan.which_scan import find_scan, find_scope

_RATES = (1e-3, 1e-4, 1e-5, 1e-6)
_KNOWN = 0.05
"""Where fewer chance pairs are expected, the rate rests on the shape of a tail far beyond all that was counted."""


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """What a threshold means: rates without label noise, with it (``_labelled``), and denominators. After each comes its interval:
    ``_from`` and ``_to`` without label noise, ``_low`` and ``_high`` with it."""

    line: str
    threshold: float
    fmr: float
    fmr_from: float
    fmr_to: float
    false_pairs: float
    false_pairs_from: float
    false_pairs_to: float
    fmr_labelled: float
    fmr_low: float
    fmr_high: float
    impostor_pairs: int
    fnmr: float | None
    fnmr_from: float
    fnmr_to: float
    fnmr_labelled: float | None
    fnmr_low: float
    fnmr_high: float
    genuine_pairs: int
    basis: str


@dataclass(frozen=True, slots=True)
class CalibrateSummary:
    """What was measured: ``calibration`` over ``faces`` faces, the two ``lines``, the ``source`` in words, the scan's threshold."""

    calibration: Calibration
    faces: int
    lines: Lines
    source: str
    scan_threshold: float | None

    def rows(self, asked: float | None = None, fmr: float | None = None) -> Iterator[ErrorRates]:
        """What thresholds mean, by threshold: the two lines, the scan's, round rates, and what was ``asked`` for."""
        marks = [("review above", self.lines.review)]
        if self.lines.certain <= 1:
            marks.append(("certain above", self.lines.certain))
        if self.calibration.genuine.seen:
            marks.append(("equal error rate", self.calibration.eer_at))
        if self.scan_threshold is not None:
            marks.append(("this scan", self.scan_threshold))
        if asked is not None:
            marks.append(("asked", asked))
        rates = (*_RATES, *(() if fmr is None or fmr in _RATES else (fmr,)))
        marks.extend((f"fmr {rate:g}", self.calibration.threshold_for(rate)) for rate in rates)
        return (self._row(name, at) for name, at in sorted(marks, key=lambda mark: mark[1]))

    def _row(self, name: str, threshold: float) -> ErrorRates:
        c = self.calibration
        match, miss = c.false_match(threshold), c.false_non_match(threshold)
        if threshold <= c.extrapolated_from:
            basis = "counted"
        else:
            basis = (
                "fitted tail"
                if c.cleaned_fmr(threshold) * c.impostor.total >= SUPPORT
                else "fitted tail, too few pairs"
            )
        least, most = c.cleaned_interval(threshold)
        fewest, largest = c.false_pairs_interval(threshold)
        missed = c.cleaned_miss(threshold)
        return ErrorRates(
            name,
            threshold,
            c.cleaned_fmr(threshold),
            least,
            most,
            c.false_pairs(threshold),
            fewest,
            largest,
            match.rate,
            match.low,
            match.high,
            int(match.pairs),
            _real(missed.rate),
            missed.low,
            missed.high,
            _real(miss.rate),
            miss.low,
            miss.high,
            int(miss.pairs),
            basis,
        )

    def remarks(self, fmr: float | None = None, *, columns: bool = True) -> Iterator[str]:
        """What a person should know beside the rows; ``columns``: which of them is what, where they are shown by name."""
        c = self.calibration
        yield f"{self.source}: {c.genuine.total:,} genuine and {c.impostor.total:,} impostor pairs in the gallery."
        if not c.genuine.seen:
            yield "No identity has two images, so nothing is known about false non-matches, and label noise was not taken out."
        else:
            yield (
                f"Equal error rate {c.eer:.2%} at {c.eer_at:.3f}. Label noise taken out: {c.mated_share:.3%} of the impostor pairs "
                f"score like one person, {c.non_mated_share:.2%} of the genuine ones like two."
            )
        intervals = "Poisson's with the doubt of the fit, for chance, and Wilson's for shares"
        if columns:
            yield (
                "fmr and fnmr are without label noise, the _labelled ones with it. After each come the ends of its 95 % interval: _from "
                f"and _to, {intervals}; above {c.extrapolated_from:.3f} fmr follows the fitted tail."
            )
        else:
            yield (
                f"False matches and false non-matches are without label noise. Their intervals are {intervals}; above "
                f"{c.extrapolated_from:.3f} false matches follow the fitted tail."
            )
        if fmr is not None and not c.supported(fmr):
            yield thresholds.too_few(c, fmr)


def calibrate(
    db: Database, *, scan: int | None, dataset: str | None, model: str | None, sample: bool, reporter: Reporter
) -> CalibrateSummary:
    """Measure the newest finished scan (of ``dataset``, or number ``scan``); without one, or with ``sample``, a sample of the gallery.

    Raises NotFoundError for unknown names and numbers, UsageError when there are not two identities.
    """
    with closing(db.open()) as conn, translated(db.dsn):
        found = None
        if not sample:
            try:
                found = find_scan(conn, scan, [dataset]).scan
            except NotFoundError:
                if scan is not None or scan_rows.latest_scan(conn, find_datasets(conn, [dataset])) is not None:
                    raise
        if found is not None:
            measured = thresholds.measure_scan(conn, found.id)
            lines = thresholds.lines(measured, found.faces, thresholds.certain_above(conn, found.id))
            summary = CalibrateSummary(measured, found.faces, lines, f"Scan {found.id}", found.threshold)
        else:
            summary = _from_sample(db, conn, dataset, model, reporter)
    if not summary.calibration.impostor.seen:
        raise UsageError("Calibration needs faces of at least two identities: ingest and embed more.")
    return summary


def _from_sample(
    db: Database, conn: Connection, dataset: str | None, model: str | None, reporter: Reporter
) -> CalibrateSummary:
    scope = find_scope(conn, [dataset], model)
    with GallerySnapshot(db.open, scope.model) as snapshot:
        every = FaceFilter(scope.datasets).faces(snapshot.faces())
        faces = face_choice.choose(conn, scope.model, every, snapshot, CONNECTIONS, reporter).faces
        measured, certain, looked_at = thresholds.measure_sample(faces, snapshot, reporter)
    source = f"Sample {looked_at.strip('().').lower()}"
    return CalibrateSummary(measured, len(faces), thresholds.lines(measured, len(faces), certain), source, None)


def scan_meaning(db: Database, scan_id: int, threshold: float, faces: int) -> str:
    """One line on what the threshold of a finished scan means."""
    with closing(db.open()) as conn, translated(db.dsn):
        return meaning(
            thresholds.measure_scan(conn, scan_id), threshold, faces, thresholds.certain_above(conn, scan_id)
        )


def meaning(measured: Calibration, threshold: float, faces: int, certain_above: float) -> str:
    """One line on what a threshold means, for a verdict."""
    if not measured.impostor.seen:
        return "not calibrated: fewer than two identities"
    found = thresholds.lines(measured, faces, certain_above)
    low, high = measured.false_pairs_interval(threshold)
    chance = measured.false_pairs(threshold)
    # Where a few pairs leave the rate to a tail far from them, only what they rule out is known.
    rate = (
        f"{measured.cleaned_fmr(threshold):.1e}" if chance >= _KNOWN else f"below {high / measured.impostor.total:.1e}"
    )
    text = f"FMR {rate} (chance flags about {counted(round(chance), 'pair')}, {low:,.0f} to {high:,.0f})"
    if measured.genuine.seen:
        text += f", FNMR {measured.cleaned_fnmr(threshold):.1%}"
    certain = f"certain above {found.certain:.3f}" if found.certain <= 1 else "none certain by its score alone"
    review = f"review above {found.review:.3f}" if found.review > -1 else "so few pairs that all are worth a look"
    return f"{text}; {review}, {certain}"


def _real(value: float) -> float | None:
    return None if value != value else value
