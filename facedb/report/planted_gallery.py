"""The gallery of a scan with mistakes planted in it, and how people know what was planted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from facedb.core.counting import are
from facedb.core.errors import InputError, UsageError
from facedb.core.lookup import rows_of
from facedb.core.progress import Reporter
from facedb.core.records import Float32Array, ImageFacts
from facedb.dataset.model_rows import ModelRow
from facedb.db.connection import Connection, Database
from facedb.embedding.pictures.thumbnail import from_bytes
from facedb.findings.cores.shown_together import Company
from facedb.findings.duplicates import Hashes
from facedb.findings.evaluation.planting import KINDS, Counts, Item, Planted, plant
from facedb.findings.names.evidence import names as names_of
from facedb.findings.pictures.registration import Grey
from facedb.findings.pictures.same_photo import Pictures
from facedb.join.gallery import Gallery
from facedb.report.evaluation_rows import MissRow
from facedb.report.pictures.altered import AlteredPictures
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.faces.pictures import pictures_of
from facedb.scan.findings import finding_rows
from facedb.scan.scan_rows import ScanRow
from facedb.scan.tiles import ledger_rows

_AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)(%?)$")


@dataclass(frozen=True, slots=True)
class PlantedGallery:
    """What was ``planted`` in the gallery of a scan, whose ``faces`` these are without it, and by their row what ``altered`` pictures look
    like."""

    faces: GalleryFaces
    planted: Planted
    altered: Mapping[int, ImageFacts]

    def pictures(self, conn: Connection) -> Pictures | None:
        """The pictures of its rows: a copy has that of its original, an altered one its own; None where there are none."""
        faces, planted = self.faces, self.planted
        known = pictures_of(conn, faces.image_ids)
        if known is None:
            return None
        views = known.views[planted.source]
        images = planted.gallery.image_ids
        original = dict(zip(images.tolist(), faces.image_ids[planted.source].tolist(), strict=True))
        own: dict[int, Grey] = {}
        for row in planted.altered:
            facts = self.altered[int(planted.source[row])]
            views[row] = facts.views
            own[int(images[row])] = from_bytes(facts.thumbnail)

        def load(wanted: Sequence[int]) -> dict[int, Grey]:
            there = known.load(sorted({original[key] for key in wanted if key not in own}))
            found = {key: own[key] if key in own else there.get(original[key]) for key in wanted}
            return {key: grey for key, grey in found.items() if grey is not None}

        return Pictures(views, load)

    def company(self, conn: Connection, scan: ScanRow) -> Company:
        """What the names of the labels tell, where the scan looked at names; a label that planting made has none."""
        if not scan.scope.get("names", True):
            return Company()
        labels = finding_rows.identity_names(conn, np.unique(self.faces.identity_ids).tolist())
        return Company(names=names_of({key: name for key, (name, _) in labels.items()}))

    def described(self, conn: Connection, items: Sequence[Item]) -> list[MissRow]:
        """Some of the mistakes in it, with the names and paths that people know."""
        names, paths = self._names(conn), self._paths(conn)
        return [_miss(item, names, paths) for item in items]

    def _names(self, conn: Connection) -> dict[int, str]:
        items = self.planted.items
        # The key of a label that planting made may be that of somebody in another dataset.
        ids = np.intersect1d(
            [label for item in items for label in (item.label_a, item.label_b)], self.faces.identity_ids
        ).tolist()
        known = {key: name for key, (name, _) in finding_rows.identity_names(conn, ids).items()}
        for item in items:
            if item.kind == "merge" and item.label_b not in known:
                known[item.label_b] = f"{known.get(item.label_a, item.label_a)} (second half)"
        return known

    def _paths(self, conn: Connection) -> dict[int, str]:
        """Paths by row, of the rows that items name."""
        planted = self.planted
        rows = sorted({row for item in planted.items for row in item.rows})
        images = {row: int(self.faces.image_ids[planted.source[row]]) for row in rows}
        known = finding_rows.image_paths(conn, sorted(set(images.values())))
        how = {row: f" ({name})" for row, name in planted.altered.items()}
        return {row: known.get(image, "") + how.get(row, "") for row, image in images.items()}


def parse_inject(spec: str, faces: int, identities: int) -> Counts:
    """What ``merge=2%,stray=3%,swap=4`` asks for: counts, or shares of the identities (merge) and faces (the rest; a swap
    takes two faces). Raises UsageError for anything else."""
    counts: dict[str, int] = {}
    for part in filter(None, (p.strip() for p in spec.split(","))):
        name, equals, amount = (p.strip() for p in part.partition("="))
        found = _AMOUNT.match(amount)
        if name not in KINDS or not equals or found is None:
            raise UsageError(
                f"--inject takes {', '.join(KINDS)} with a count or a share, such as stray=3%; not {part!r}."
            )
        value = float(found[1])
        if found[2]:
            value = value / 100 * (identities if name == "merge" else faces) / (2 if name == "swap" else 1)
        counts[name] = round(value)
    return Counts(**counts)


def spoil(
    db: Database,
    conn: Connection,
    scan: ScanRow,
    model: ModelRow,
    spec: str,
    seed: int,
    cache_dir: Path | None,
    reporter: Reporter,
) -> PlantedGallery:
    """The gallery of a scan with the mistakes in it that ``spec`` asks for, which replaces the one without.

    Raises UsageError for a bad ``spec`` or pictures to alter that are not there, ModelError without the model to embed them,
    InputError when faces are gone.
    """
    faces, vectors = _load(db, conn, scan, model, cache_dir, reporter)
    gallery = Gallery(vectors, faces.identity_ids.astype(np.int64), faces.image_ids)
    counts = parse_inject(spec, len(faces), len(np.unique(faces.identity_ids)))
    remake = AlteredPictures(conn, model, faces.image_ids, vectors, reporter)
    hashes = Hashes(faces.content, faces.look, faces.has_look)
    planted = plant(gallery, hashes, counts, seed, remake if counts.resaved else None)
    if not planted.items:
        raise UsageError(
            f"Nothing was planted: {are(len(faces), 'face')} too few for {spec}: ask for more with --inject."
        )
    short = {f.name: getattr(counts, f.name) for f in fields(counts)}
    short["swap"] *= 2
    for kind, wanted in short.items():
        there = sum(item.kind == kind for item in planted.items)
        if there < wanted:
            reporter.say(
                f"Only {there} of {wanted} {kind} mistakes could be planted: the folders are too small for more."
            )
    return PlantedGallery(faces, planted, remake.facts)


def _load(
    db: Database, conn: Connection, scan: ScanRow, model: ModelRow, cache_dir: Path | None, reporter: Reporter
) -> tuple[GalleryFaces, Float32Array]:
    """The faces that a scan compared, under the labels it had, and their vectors; raises InputError when some are gone."""
    wanted, labels = ledger_rows.members(ledger_rows.read_blocks(conn, scan.id))
    with GallerySnapshot(db.open, model, cache_dir) as snapshot:
        faces = snapshot.faces()
        rows = rows_of(wanted, faces.embedding_ids)
        if not len(rows) or (rows < 0).any():
            raise InputError(f"Faces of scan {scan.id} are gone or were embedded again; scan again, then evaluate.")
        by_label = np.argsort(labels, kind="stable")
        members = replace(faces.take(rows[by_label]), identity_ids=labels[by_label])
        vectors = snapshot.vectors(members.embedding_ids, reporter=reporter)
    return members, vectors


def _miss(item: Item, names: dict[int, str], paths: dict[int, str]) -> MissRow:
    second = names.get(item.label_b) if item.label_b != item.label_a else None
    return MissRow(
        item.kind, names.get(item.label_a, str(item.label_a)), second, tuple(paths[row] for row in item.rows)
    )
