"""Diff: what one scan flagged and another did not, with the reason where it can be known.

Pairs are matched by their faces where both scans used the same way to find faces, else by their images. A link is new,
gone or changed when one of its pairs is; its reasons are those of its pairs, with their numbers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedb.db.connection import Connection, Database, translated
from facedb.report import diff_rows as store
from facedb.report.diff_rows import FaceFacts
from facedb.scan.scan_rows import ScanRow, ledger, read_pairs
from facedb.scan.scope import find_scan

PAIR_DIFF_COLUMNS = ("change", "identity_a", "path_a", "identity_b", "path_b", "score_before", "score_after", "reason")
LINK_DIFF_COLUMNS = (
    "change", "identity_a", "identity_b", "pairs_before", "pairs_after", "max_before", "max_after", "reason",
)  # fmt: skip

_GONE = "(gone)"
Ends = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PairChange:
    """A pair that differs between two scans: its ends (faces or images), scores (None: not flagged), reason (None: unknown)."""

    change: str
    ends: Ends
    before: float | None
    after: float | None
    labels: tuple[str, str]
    paths: tuple[str, str]
    reason: str | None

    def row(self) -> tuple[object, ...]:
        """The values of PAIR_DIFF_COLUMNS."""
        (name_a, name_b), (path_a, path_b) = self.labels, self.paths
        return self.change, name_a, path_a, name_b, path_b, self.before, self.after, self.reason


@dataclass(frozen=True, slots=True)
class LinkChange:
    """A link that differs between two scans."""

    change: str
    identity_a: str
    identity_b: str
    pairs_before: int
    pairs_after: int
    max_before: float | None
    max_after: float | None
    reason: str | None

    def row(self) -> tuple[object, ...]:
        """The values of LINK_DIFF_COLUMNS."""
        return (
            self.change, self.identity_a, self.identity_b, self.pairs_before, self.pairs_after, self.max_before,
            self.max_after, self.reason,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScanDiff:
    """Everything that differs between two scans: new first, then gone, then changed, each by score."""

    before: ScanRow
    after: ScanRow
    pairs: tuple[PairChange, ...]
    links: tuple[LinkChange, ...]


def diff(db: Database, before: int, after: int) -> ScanDiff:
    """Compare scan ``after`` with scan ``before``; raises NotFoundError, and UsageError for scans that are not finished."""
    with closing(db.open()) as conn, translated(db.dsn):
        one, two = _Side(conn, find_scan(conn, before).scan), _Side(conn, find_scan(conn, after).scan)
        by_image = one.detection != two.detection
        return _compare(one, two, by_image=by_image)


class _Side:
    """One scan: who was in it under which label, and what it flagged."""

    def __init__(self, conn: Connection, scan: ScanRow) -> None:
        self.scan = scan
        self.detection = store.detection(conn, scan.model_id)
        self.pairs = read_pairs(conn, scan.id)
        blocks = ledger(conn, scan.id)
        ids = np.concatenate([b.embedding_ids for b in blocks]) if blocks else np.empty(0, np.int64)
        labels = np.concatenate([b.identity_ids for b in blocks]) if blocks else np.empty(0, np.int32)
        faces = store.faces_of_embeddings(conn, scan.model_id, ids)
        self.label = {face: label for face, label in zip(faces.tolist(), labels.tolist(), strict=True) if face}
        flagged = [] if self.pairs is None else [*self.pairs.face_a.tolist(), *self.pairs.face_b.tolist()]
        self.flagged = set(flagged)
        self.facts = store.face_facts(conn, sorted(self.flagged))
        self.names = store.label_names(conn, sorted(set(labels.tolist())))

    def scores(self, *, by_image: bool) -> dict[Ends, tuple[float, Ends]]:
        """Score and faces of every flagged pair, by faces or by images (the best pair of two images counts)."""
        found: dict[Ends, tuple[float, Ends]] = {}
        if self.pairs is None:
            return found
        columns = (self.pairs.face_a.tolist(), self.pairs.face_b.tolist(), self.pairs.score.tolist())
        for a, b, score in zip(*columns, strict=True):
            key = (a, b)
            if by_image:
                low, high = sorted((self._image(a), self._image(b)))
                key = (low, high)
            if key not in found or score > found[key][0]:
                found[key] = (score, (a, b))
        return found

    def has(self, face: int) -> bool:
        """Whether a face was in the gallery; one that was embedded again since is known by its pairs only."""
        return face in self.label or face in self.flagged

    def _image(self, face: int) -> int:
        # A face whose image was pruned has no image any more; below zero it cannot be mistaken for one.
        return self.facts[face].image_id if face in self.facts else -face

    def named(self, face: int) -> str:
        """The label that a face had in this scan, as it is called today."""
        label = self.label.get(face)
        if label is not None and label in self.names:
            return self.names[label]
        return self.facts[face].identity or _GONE if face in self.facts else _GONE


def _compare(one: _Side, two: _Side, *, by_image: bool) -> ScanDiff:
    first, second = one.scores(by_image=by_image), two.scores(by_image=by_image)
    changes: list[PairChange] = []
    for key in first.keys() | second.keys():
        before, after = first.get(key), second.get(key)
        side, (_, faces) = (two, after) if after is not None else (one, before or (0.0, key))
        reason = _reason(one, two, before, after)
        if before is not None and after is not None and before[0] == after[0] and reason is None:
            continue
        change = "new" if before is None else "gone" if after is None else "changed"
        labels = (side.named(faces[0]), side.named(faces[1]))
        paths = (_path(side.facts, faces[0]), _path(side.facts, faces[1]))
        changes.append(
            PairChange(
                change, key, None if before is None else before[0], None if after is None else after[0], labels, paths, reason
            )
        )  # fmt: skip
    rank = {"new": 0, "gone": 1, "changed": 2}
    changes.sort(key=lambda c: (rank[c.change], -(c.after or c.before or 0.0), c.paths))
    links = sorted(_links(one, two, first, second, changes), key=lambda c: (
        rank[c.change], -(c.max_after or c.max_before or 0.0), c.identity_a, c.identity_b
    ))  # fmt: skip
    return ScanDiff(one.scan, two.scan, tuple(changes), tuple(links))


def _reason(one: _Side, two: _Side, before: tuple[float, Ends] | None, after: tuple[float, Ends] | None) -> str | None:
    """Why a pair differs, in one or two words; None where the scans do not tell."""
    other_model = one.scan.model_id != two.scan.model_id
    if before is not None and after is not None:
        if other_model:
            return "another model" if before[0] != after[0] else None
        if [one.label.get(face) for face in before[1]] != [two.label.get(face) for face in after[1]]:
            known = all(face in one.label and face in two.label for face in before[1])
            return "relabelled" if known else "embedded again" if before[0] != after[0] else None
        return "embedded again" if before[0] != after[0] else None
    if after is not None:
        return _only_here(here=two, there=one, pair=after, missing="new face", other_model=other_model)
    if before is not None:
        return _only_here(here=one, there=two, pair=before, missing="vanished", other_model=other_model)
    return None


def _only_here(*, here: _Side, there: _Side, pair: tuple[float, Ends], missing: str, other_model: bool) -> str | None:
    score, faces = pair
    if other_model:
        return "another model"
    absent = [face for face in faces if not there.has(face)]
    if absent:
        return missing if all(_fits(here.facts.get(face), there.scan.scope) for face in absent) else "another scope"
    labels = [there.label.get(face) for face in faces]
    if None not in labels and labels[0] == labels[1]:
        return "relabelled"
    if score < there.scan.threshold:
        return "threshold"
    return None


def _fits(face: FaceFacts | None, scope: Mapping[str, Any]) -> bool:
    """Whether a scan of this scope would have taken the face in; one that is gone is not known to be out of it."""
    if face is None:
        return True
    if scope.get("datasets") is not None and face.dataset_id not in scope["datasets"]:
        return False
    limits = ((scope.get("min_face"), face.size_px), (scope.get("min_quality"), face.sharpness))
    return not any(least is not None and value is not None and value < least for least, value in limits)


def _path(facts: dict[int, FaceFacts], face: int) -> str:
    return facts[face].path if face in facts else _GONE


def _links(
    one: _Side,
    two: _Side,
    first: dict[Ends, tuple[float, Ends]],
    second: dict[Ends, tuple[float, Ends]],
    changes: Iterable[PairChange],
) -> list[LinkChange]:
    before, after = _by_link(one, first.values()), _by_link(two, second.values())
    reasons: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    touched: set[tuple[str, str]] = set()
    for change in changes:
        sides = [(one, first.get(change.ends)), (two, second.get(change.ends))]
        for key in {_link_key(side, found[1]) for side, found in sides if found is not None}:
            touched.add(key)
            if change.reason is not None:
                reasons[key][change.reason] += 1
    return [_link_change(key, before.get(key, []), after.get(key, []), reasons[key]) for key in touched]


def _link_key(side: _Side, faces: Ends) -> tuple[str, str]:
    a, b = sorted((side.named(faces[0]), side.named(faces[1])))
    return a, b


def _by_link(side: _Side, found: Iterable[tuple[float, Ends]]) -> dict[tuple[str, str], list[float]]:
    links: dict[tuple[str, str], list[float]] = defaultdict(list)
    for score, faces in found:
        links[_link_key(side, faces)].append(score)
    return links


def _link_change(key: tuple[str, str], before: list[float], after: list[float], reasons: Counter[str]) -> LinkChange:
    change = "new" if not before else "gone" if not after else "changed"
    said = ", ".join(f"{reason} ({n})" if len(reasons) > 1 else reason for reason, n in reasons.most_common())
    return LinkChange(
        change, *key, len(before), len(after), max(before, default=None), max(after, default=None), said or None
    )


def rows(found: ScanDiff, *, pairs: bool) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and rows of the pairs or the links of a diff."""
    if pairs:
        return PAIR_DIFF_COLUMNS, [change.row() for change in found.pairs]
    return LINK_DIFF_COLUMNS, [link.row() for link in found.links]
