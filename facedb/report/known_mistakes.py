"""What stands in the labels of a scan before mistakes are planted: real mistakes that are known, and findings that nobody judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedb.core.finding import LIKELY, Kind
from facedb.db.connection import Connection
from facedb.findings.evaluation.planting import Item, Planted
from facedb.findings.finding_table import FindingTable
from facedb.report import truth
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.findings import finding_rows


@dataclass(frozen=True, slots=True)
class Standing:
    """The ``true`` mistakes of a dataset, and those ``open`` that its findings name and nobody judged; their rows are keys of images
    until they are `carried` over to a gallery with planted mistakes."""

    true: tuple[Item, ...]
    open: tuple[Item, ...]

    def carried(self, faces: GalleryFaces, planted: Planted) -> Standing:
        """The same for the rows of ``planted``, made of a gallery of ``faces``; those whose photo is not there are left out."""
        to = _Carrier(faces, planted)
        return Standing(tuple(to.carried(self.true)), tuple(to.carried(self.open)))


def listed(conn: Connection, scan_id: int, file: Path) -> Standing:
    """The mistakes of a list that people made; anything else that findings name is not one. Raises InputError for a bad list."""
    return Standing(tuple(truth.items(conn, scan_id, file)[0]), ())


def judged(conn: Connection, scan_id: int) -> Standing:
    """What those findings of a scan name that are likelier than not: true where a person agreed, open where nobody decided."""
    found = truth.findings(conn, scan_id)
    agreed = finding_rows.agreed(conn, scan_id)
    true: list[Item] = []
    undecided: list[Item] = []
    for k in np.flatnonzero(found.confidence >= LIKELY).tolist():
        said = agreed.get(k + 1)
        if said is not False:
            (true if said else undecided).extend(_named(found, k))
    return Standing(tuple(true), tuple(undecided))


def _named(found: FindingTable, k: int) -> Iterator[Item]:
    """What one finding names, as mistakes."""
    rows = tuple(found.members.rows_of(k).tolist())
    a, kind = int(found.identity_a[k]), found.kind[k]
    b = int(found.identity_b[k]) if found.identity_b[k] >= 0 else a
    if kind == Kind.MERGE or (kind == Kind.STRAY and found.size_a[k] == 1 and a != b):
        yield Item("merge", a, b, ())
    if kind == Kind.MIXED:
        yield Item("mixed", a, a, ())
    if kind in (Kind.STRAY, Kind.MIXED):
        yield from (Item("stray", a, b, (row,)) for row in rows)
    if kind == Kind.DUPLICATE:
        yield Item("duplicate", a, b, rows)


class _Carrier:
    def __init__(self, faces: GalleryFaces, planted: Planted) -> None:
        image = faces.image_ids[planted.source]
        original = np.flatnonzero(planted.gallery.image_ids == image)
        self._place = dict(zip(image[original].tolist(), original.tolist(), strict=True))
        self._halves = {item.label_a: item.label_b for item in planted.items if item.kind == "merge"}
        labels, first, counts = np.unique(faces.identity_ids, return_index=True, return_counts=True)
        alone = counts == 1
        self._only = dict(zip(labels[alone].tolist(), faces.image_ids[first[alone]].tolist(), strict=True))

    def carried(self, items: Sequence[Item]) -> Iterator[Item]:
        for item in items:
            rows = [self._place.get(image, -1) for image in item.rows]
            if -1 in rows:
                continue
            if item.kind != "merge":
                yield Item(item.kind, item.label_a, item.label_b, tuple(rows))
                continue
            # Of an identity that was split either half may be meant, and beside a stray a folder of one photo is a stray itself.
            for a in self._either(item.label_a):
                yield from (Item("merge", a, b, ()) for b in self._either(item.label_b))
            for a, b in ((item.label_a, item.label_b), (item.label_b, item.label_a)):
                if a in self._only:
                    yield Item("stray", a, b, (self._place[self._only[a]],))

    def _either(self, label: int) -> list[int]:
        return [label, self._halves[label]] if label in self._halves else [label]
