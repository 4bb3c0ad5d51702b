"""The histogram of the genuine pairs of a gallery, counted while its folders are peeled, as in a scan."""

from __future__ import annotations

from facedb.findings.cores.folders import folders
from facedb.findings.cores.peel import peel
from facedb.findings.rates.genuine_scores import GenuineScores
from facedb.findings.rates.histogram import ScoreHistogram
from facedb.join.gallery import Gallery


def genuine_histogram(gallery: Gallery) -> ScoreHistogram:
    """All of them, whatever the cores are."""
    parts, scores = folders(gallery.identity_ids, gallery.image_ids), GenuineScores()
    peel(gallery.vectors, gallery.image_ids, parts, cut=0.5, count_scores=scores.add)
    return scores.histogram(gallery, parts)
