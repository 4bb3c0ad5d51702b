"""Why pairs that two scans flagged, or one of them, differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Int64Array
from facedb.report.comparison.diff_faces import Faces
from facedb.scan.scan_rows import ScanRow

CHANGES = ("new", "gone", "changed")
REASONS = (None, "another model", "relabelled", "embedded again", "new face", "vanished", "another scope", "threshold")


@dataclass(frozen=True, slots=True)
class Reasoned:
    """Matched pairs (m,): ``change`` an index of CHANGES, ``reason`` of REASONS, and whether the pair ``differs`` at all; ``names``
    int64 (2, m, 2), which names both ends had in each scan, -1 where it did not flag the pair."""

    change: Int64Array
    reason: Int64Array
    differs: NDArray[np.bool_]
    names: Int64Array


def reasoned(faces: Faces, scans: Sequence[ScanRow], matched: NDArray[np.void]) -> Reasoned:
    """Why each pair of ``matched``, as `diff_rows.matched_pairs` gives them, differs between two ``scans``."""
    # The ends of each pair in each scan, as places among the faces: (2, m, 2).
    at = np.stack(
        [np.stack([faces.places(matched[f"{side}_{end}"]) for end in "ab"], 1) for side in ("before", "after")]
    )
    before, after = matched["before"], matched["after"]
    gone, new = np.isnan(after), np.isnan(before)
    differs = before != after
    if scans[0].model_id != scans[1].model_id:
        reason = np.where(differs, REASONS.index("another model"), 0)
    else:
        reason = np.where(differs, REASONS.index("embedded again"), 0)
        labels = [faces.labels[side][at[side]] for side in (0, 1)]
        relabelled = (labels[0] != labels[1]).any(axis=1)
        known = ((labels[0] >= 0) & (faces.labels[1][at[0]] >= 0)).all(axis=1)
        reason[relabelled & known] = REASONS.index("relabelled")
        differs |= reason > 0
        for here, there, chosen, missing in ((1, 0, new, "new face"), (0, 1, gone, "vanished")):
            score = (before, after)[here][chosen]
            reason[chosen] = _of_one(faces, at[here][chosen], score, there, scans[there].threshold, missing)
    change = np.where(new, CHANGES.index("new"), np.where(gone, CHANGES.index("gone"), CHANGES.index("changed")))
    names = np.stack(
        [np.where(none[:, None], -1, faces.called[side][at[side]]) for side, none in enumerate((new, gone))]
    )
    return Reasoned(change, reason, differs, names)


def _of_one(
    faces: Faces, at: Int64Array, score: NDArray[np.floating], there: int, threshold: float, missing: str
) -> Int64Array:
    """Why pairs of the faces ``at`` (m, 2) that only one scan flagged are not flagged ``there`` (m,)."""
    reason = np.zeros(len(at), np.int64)
    reason[score < threshold] = REASONS.index("threshold")
    labels = faces.labels[there][at]
    reason[(labels[:, 0] >= 0) & (labels[:, 0] == labels[:, 1])] = REASONS.index("relabelled")
    reason[faces.absent[there][at].any(axis=1)] = REASONS.index(missing)
    reason[faces.out_of_scope[there][at].any(axis=1)] = REASONS.index("another scope")
    return reason
