"""Spoiled faces: those of copies on which the face came out badly, as on a photo that lies on its side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import CERTAIN
from facedb.core.lookup import run_starts
from facedb.core.records import Float64Array, Int64Array
from facedb.findings.cores.persons import best_other
from facedb.findings.finding_table import FindingTable
from facedb.findings.folder_study import PEEL_SHARE, FolderStudy
from facedb.join.gallery import Gallery


def spoiled_faces(gallery: Gallery, study: FolderStudy, copies: FindingTable) -> NDArray[np.bool_]:
    """Faces beside a core (n,) that tell nothing of whose photo it is, since a copy of that photo tells it.

    So does a copy in the core of the same folder. Elsewhere one in a core does or, where there is none, the one that is likest to a
    foreign core: faces unlike its own came out badly, those like it are themselves in the wrong folder.
    """
    spoiled = np.zeros(len(gallery), bool)
    group, folder, cut = study.peeled.group, study.parts.folder_of, study.who.ends.cut(PEEL_SHARE)
    rows, first = _rows_of_groups(gallery, copies, np.flatnonzero(copies.confidence >= CERTAIN))
    for mine in np.split(rows, first[1:]):
        core = np.isin(gallery.image_ids[mine], gallery.image_ids[mine[group[mine] == 0]])
        beside, telling = mine[~core], mine[core]
        spoiled[mine] = np.isin(folder[mine], folder[telling]) & (group[mine] != 0)
        if not len(beside):
            continue
        if not len(telling):
            likeness = best_other(study.who, gallery.vectors[beside], None, folder[beside]).sameness
            telling = beside[gallery.image_ids[beside] == gallery.image_ids[beside[likeness.argmax()]]]
        spoiled[beside] |= _likeness(gallery, beside, telling) < cut
    return spoiled


def _rows_of_groups(gallery: Gallery, copies: FindingTable, findings: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Every face of the photos of the ``findings``, one finding after the other, and where each begins."""
    order = np.argsort(gallery.image_ids, kind="stable")
    members = np.flatnonzero(np.isin(copies.members.finding, findings))
    shown = gallery.image_ids[copies.members.row[members]]
    first, end = (np.searchsorted(gallery.image_ids[order], shown, side=side) for side in ("left", "right"))
    at = np.repeat(np.arange(len(members)), end - first)
    rows = order[np.repeat(first - np.r_[0, np.cumsum(end - first)[:-1]], end - first) + np.arange(len(at))]
    finding = copies.members.finding[members[at]]
    by_finding = np.argsort(finding, kind="stable")
    return rows[by_finding], run_starts(finding[by_finding])


def _likeness(gallery: Gallery, rows: Int64Array, telling: Int64Array) -> Float64Array:
    """The highest score of any face of the photo of each of ``rows`` (m,) with a ``telling`` face."""
    best = (gallery.vectors[rows] @ gallery.vectors[telling].T).max(axis=1).astype(np.float64)
    _, image = np.unique(gallery.image_ids[rows], return_inverse=True)
    highest = np.full(len(rows), -1.0)
    np.maximum.at(highest, image, best)
    return highest[image]
