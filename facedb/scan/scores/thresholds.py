"""Choosing a threshold from the data: by the false match rate asked for, or by the work that false pairs make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.core.counting import counted
from facedb.core.errors import UsageError
from facedb.core.progress import Reporter
from facedb.core.records import Float64Array, Int64Array
from facedb.db.connection import Connection
from facedb.findings.folder_study import study_folders
from facedb.findings.odds.same_person import NEVER
from facedb.findings.rates.error_rates import Calibration, calibrate, observed
from facedb.findings.rates.face_sample import sample_rows, score_pairs
from facedb.findings.rates.histogram import BIN_EDGES, BINS, count_label_pairs
from facedb.join.gallery import Gallery
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.scores import score_rows

FALSE_PAIRS_PER_FACE = 0.01
"""*Review above*: so many false pairs for each face are expected to be flagged, and thirty in a small set."""
_FEWEST_FALSE_PAIRS = 30.0
_STAY = 0.02
_MISSED = 0.25


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """How to choose a threshold: by the false match rate ``fmr``, so that about ``pairs`` are flagged, or automatically (neither)."""

    fmr: float | None = None
    pairs: float | None = None

    def __post_init__(self) -> None:
        if self.pairs is not None and not 1 <= self.pairs < float("inf"):
            raise UsageError(f"A budget of pairs is a number from 1 up, such as pairs=1e7; not {self.pairs:g}.")
        if self.fmr is not None and not 0 < self.fmr < 1:
            raise UsageError(f"A false match rate lies between 0 and 1, such as 1e-5; not {self.fmr:g}.")


def threshold_in_words(text: str) -> float | ThresholdRule:
    """What a person writes for a threshold: a number, ``auto`` or ``pairs=NUMBER``; raises UsageError for anything else."""
    said = text.strip().lower()
    budget = said.startswith("pairs=")
    if said == "auto":
        return ThresholdRule()
    try:
        number = float(said.removeprefix("pairs=").replace(",", "") if budget else said)
    except ValueError:
        raise UsageError(
            f"--threshold takes a number such as 0.45, auto, or a budget such as pairs=1e7; not {text!r}."
        ) from None
    return ThresholdRule(pairs=number) if budget else number


@dataclass(frozen=True, slots=True)
class Lines:
    """The two lines of a gallery: so few pairs are chance from ``review`` up that they are worth a look (``false_pairs`` are), and a
    pair of folders of one photo each from ``certain`` up has the confidence that findings call *certain* (above 1: none has)."""

    review: float
    certain: float
    false_pairs: float


def lines(measured: Calibration, faces: int, certain: float) -> Lines:
    """Where the two lines lie: see FALSE_PAIRS_PER_FACE and `TwoGroups.certain_above`."""
    review = measured.threshold_for_false_pairs(max(_FEWEST_FALSE_PAIRS, FALSE_PAIRS_PER_FACE * faces))
    return Lines(review, certain, measured.false_pairs(review))


def choose(
    conn: Connection,
    model_id: int,
    scope: dict[str, object],
    rule: ThresholdRule,
    faces: GalleryFaces,
    snapshot: GallerySnapshot,
    reporter: Reporter,
) -> float:
    """The threshold that ``rule`` asks for on the labelled ``faces``, measured on a sample of them; says why on stderr.

    An automatic threshold stays what it was in the last scan of this gallery when it would move by 0.02 or less: a lower
    one would make every old pair be searched again. Raises UsageError when there are no two identities to compare.
    """
    if rule.pairs is not None:
        return _for_pairs(faces, snapshot, rule.pairs, reporter)
    measured, _, looked_at = measure_sample(faces, snapshot, reporter)
    if not measured.impostor.seen:
        raise UsageError("A threshold cannot be chosen from faces of fewer than two identities; give --threshold.")
    if rule.fmr is not None:
        threshold = measured.threshold_for(rule.fmr)
        reporter.say(f"Threshold {threshold:.3f}: {_why_fmr(measured, rule.fmr, threshold)} {looked_at}")
        return threshold
    found = lines(measured, len(faces), NEVER).review
    last = score_rows.last_threshold(conn, model_id, scope)
    kept = last is not None and abs(last - found) <= _STAY
    threshold = last if kept and last is not None else found
    because = (
        f"kept from the last scan (today's choice would be {found:.3f})"
        if kept and last != found
        else "chosen so that the false pairs stay few enough to look at"
    )
    reporter.say(
        f"Threshold {threshold:.3f}, {because}: about {measured.false_pairs(threshold):,.0f} of the flagged pairs will be chance, "
        f"a false match rate of {measured.cleaned_fmr(threshold):.1e}. {looked_at}"
    )
    missed = measured.cleaned_fnmr(threshold)
    if missed > _MISSED:
        reporter.say(
            f"At {threshold:.3f} {missed:.0%} of the pairs of one person score lower: this model tells these faces apart badly, "
            "so mistakes will be missed."
        )
    return threshold


def measure_sample(
    faces: GalleryFaces, snapshot: GallerySnapshot, reporter: Reporter
) -> tuple[Calibration, float, str]:
    """Calibrate on a sample of the labelled ``faces``; where *certain* begins by the odds of the sample; and how large it is."""
    gallery, measured, looked_at = _sampled(faces, snapshot, reporter)
    study = study_folders(gallery)
    return measured, study.odds.certain_above(study.who.ends), looked_at


def _sampled(faces: GalleryFaces, snapshot: GallerySnapshot, reporter: Reporter) -> tuple[Gallery, Calibration, str]:
    """A sample of ``faces``, the rates of all of them by it, and how large it is."""
    rows: Int64Array = sample_rows(faces.identity_ids)
    sampled = faces.take(rows)
    vectors = snapshot.vectors(sampled.embedding_ids, reporter=reporter)
    totals = count_label_pairs(faces.identity_ids, faces.image_ids)
    gallery = Gallery(vectors, sampled.identity_ids, sampled.image_ids)
    measured = calibrate(*score_pairs(gallery, totals.genuine, totals.impostor))
    persons = len(np.unique(sampled.identity_ids))
    looked_at = f"(From {counted(len(rows), 'face')} of {counted(persons, 'identity', 'identities')}.)"
    return gallery, measured, looked_at


def _for_pairs(faces: GalleryFaces, snapshot: GallerySnapshot, pairs: float, reporter: Reporter) -> float:
    """The lowest threshold at which at most about ``pairs`` are expected to be flagged, by chance or not; needs no labels."""
    _, measured, looked_at = _sampled(faces, snapshot, reporter)
    if not measured.impostor.seen:
        raise UsageError("A threshold cannot be chosen from faces of fewer than two identities; give --threshold.")
    # Pairs of one person under two labels are flagged too; beyond what the sample shows the fitted tail tells.
    expected = np.maximum(measured.impostor.above(), measured.fmr) * measured.impostor.total
    enough = np.flatnonzero(expected <= pairs)
    if not len(enough) or BIN_EDGES[enough[0]] >= 1.0:
        raise UsageError(f"No threshold is expected to flag as few as {pairs:,.0f} pairs here: give --threshold.")
    threshold = float(BIN_EDGES[enough[0]])
    reporter.say(
        f"Threshold {threshold:.3f}, chosen so that at most about {pairs:,.0f} pairs are flagged: "
        f"{expected[enough[0]]:,.0f} are expected. {looked_at}"
    )
    return threshold


def measure_scan(conn: Connection, scan_id: int) -> Calibration:
    """Calibrate on the distributions that a finished scan left."""
    found = score_rows.distributions(conn, scan_id)
    empty = observed(np.zeros(BINS, np.int64), np.zeros(BINS, np.int64), 0, None)
    parts = {kind: observed(d.counted, d.sampled, d.total, d.counted_from) for kind, d in found.items()}
    chance = found.get("impostor")
    mated, variance = (_above(told) for told in ((chance.mated, chance.doubt) if chance else (None, None)))
    return calibrate(parts.get("genuine", empty), parts.get("impostor", empty), mated, variance)


def _above(by_bin: Float64Array | None) -> Float64Array | None:
    """The sum (BINS + 1,) of what lies at or above each edge."""
    return None if by_bin is None else np.r_[np.cumsum(by_bin[::-1])[::-1], 0.0]


def certain_above(conn: Connection, scan_id: int) -> float:
    """Where *certain* begins by the odds of a scan (above 1: nowhere)."""
    found = score_rows.certain_above(conn, scan_id)
    return NEVER if found is None else found


def _why_fmr(measured: Calibration, fmr: float, threshold: float) -> str:
    text = f"the false match rate of {fmr:g}, {measured.false_pairs(threshold):,.1f} false pairs in this gallery."
    return text if measured.supported(fmr) else f"{text} {too_few(measured, fmr)}"


def too_few(measured: Calibration, fmr: float) -> str:
    """Why a rate cannot be checked on this data."""
    return (
        f"{measured.impostor.total:,} pairs are too few to show a rate of {fmr:g} (three errors need {3 / fmr:,.0f}): "
        "the threshold is extrapolated from the fitted tail."
    )
