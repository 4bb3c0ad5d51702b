"""What a scan reads before it searches: which faces it is about, the threshold, what is left to do, and the vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facedb.core.counting import are, counted
from facedb.core.defaults import CONNECTIONS, MAX_PAIRS, THRESHOLD
from facedb.core.errors import NotFoundError, UsageError
from facedb.core.machine import memory
from facedb.core.progress import Reporter, Silent
from facedb.core.records import Float32Array, Int32Array, Int64Array
from facedb.dataset.model_rows import ModelRow
from facedb.db.connection import Connection, Database
from facedb.db.locks import wait_briefly
from facedb.findings.duplicates import NEAR
from facedb.scan import memory_need
from facedb.scan.faces import face_choice, gallery
from facedb.scan.faces.compared import Compared
from facedb.scan.faces.face_choice import FaceChoice
from facedb.scan.faces.faceless import FacelessPhotos, faceless_photos
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.faces.outside import OutsideFaces
from facedb.scan.scan_rows import Parameters, ScanRow
from facedb.scan.scores import thresholds
from facedb.scan.scores.thresholds import ThresholdRule
from facedb.scan.tiles import ledger
from facedb.scan.tiles.ledger import Plan, Wanted


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What to scan and how. ``datasets`` empty: all; ``min_face`` pixels, ``min_quality`` sharpness: faces below stay out.

    ``threshold`` is a score, the rule that chooses one from the gallery, or None: the usual one. ``unlabelled``: compare the faces that
    have no label, each with every other, and tell duplicates; False: those that have one, and nothing of the others; None: the former
    where nothing is labelled, else those that have one, and of the others it is reported who they may be.
    ``workers`` processes share the search, this one among them, each with ``threads`` threads (default: the cores that each gets).
    ``ray``: workers on the Ray cluster at this address do the search (empty: the one of RAY_ADDRESS, else one on this machine).
    ``chunks``: a folder of a disk or an object store through which the vectors go to workers, instead of out of the tables.
    ``links_only``: of the flagged pairs of two identities the best one is kept, and what the link says of all; such a scan is not built on.
    ``names``: labels that look like names are evidence. ``block_rows`` faces are a unit of work (None: what suits the engine).
    ``keep_scans`` finished scans of the gallery stay afterwards, 0: all.
    """

    threshold: float | ThresholdRule | None
    datasets: tuple[str, ...] = ()
    model: str | None = None
    engine: str = "auto"
    threads: int | None = None
    workers: int = 1
    block_rows: int | None = None
    connections: int = CONNECTIONS
    full: bool = False
    max_pairs: int | None = MAX_PAIRS
    min_face: float | None = None
    min_quality: float | None = None
    unlabelled: bool | None = None
    cache_dir: Path | None = None
    models_dir: Path | None = None
    keep_scans: int = 0
    names: bool = True
    ray: str | None = None
    chunks: str | None = None
    links_only: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.threshold, (int, float)) and not -1 <= self.threshold <= 1:
            raise UsageError(f"A threshold is a cosine similarity between -1 and 1, not {self.threshold:g}.")


@dataclass(frozen=True, slots=True)
class FaceFilter:
    """Which faces of a gallery a scan compares: of ``datasets`` (None: all), no side below ``min_face`` pixels, no sharpness below
    ``min_quality``. Raises UsageError for a limit that is no finite number."""

    datasets: tuple[int, ...] | None = None
    min_face: float | None = None
    min_quality: float | None = None
    unlabelled: bool = False

    def __post_init__(self) -> None:
        for name, limit in (("--min-face", self.min_face), ("--min-quality", self.min_quality)):
            if limit is not None and not math.isfinite(limit):
                raise UsageError(f"{name} takes a number, such as 20; not {limit}.")

    def stored(self) -> dict[str, object]:
        """As the column ``scope`` of a scan keeps it."""
        datasets = None if self.datasets is None else list(self.datasets)
        scope: dict[str, object] = {"datasets": datasets, "min_face": self.min_face, "min_quality": self.min_quality}
        return scope | {"unlabelled": True} if self.unlabelled else scope

    def faces(self, faces: GalleryFaces) -> GalleryFaces:
        """The faces with a label that pass, or those without; a size or sharpness that was never measured passes.

        Those without get one of their own each, which is negative and belongs to their embedding, so that every face is compared
        with every other by whoever works on the scan.
        """
        if self.unlabelled:
            faces = replace(faces, identity_ids=np.where(faces.identity_ids > 0, 0, _own_labels(faces.embedding_ids)))
        keep = faces.identity_ids < 0 if self.unlabelled else faces.identity_ids > 0
        if self.datasets is not None:
            keep &= np.isin(faces.dataset_ids, np.array(self.datasets, np.int32))
        if self.min_face is not None:
            keep &= ~(faces.size_px < self.min_face)
        if self.min_quality is not None:
            keep &= ~(faces.sharpness < self.min_quality)
        return faces.take(np.flatnonzero(keep))


def _own_labels(embedding_ids: Int64Array) -> Int32Array:
    """A label (n,) for each of ``embedding_ids`` (n,) that no identity has: its negative."""
    if len(embedding_ids) and int(embedding_ids.max()) > np.iinfo(np.int32).max:
        raise UsageError(
            "Faces without labels cannot be scanned in a database that has numbered this many embeddings: ingest them into a new one."
        )
    return (-embedding_ids).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a scan searches: the ``plan`` of what is left to do, and what is ``compared``, with the vectors."""

    plan: Plan
    compared: Compared


@dataclass(frozen=True, slots=True)
class Loading:
    """What a scan reads before it searches; each method is a unit of work, with a snapshot of its own."""

    db: Database
    model: ModelRow
    chosen: FaceFilter
    scope: dict[str, object]
    options: ScanOptions
    block_rows: int
    reporter: Reporter

    def threshold(self, conn: Connection) -> float:
        """The threshold, which a rule chooses from the gallery."""
        rule = self.options.threshold
        if isinstance(rule, ThresholdRule) and rule.pairs is not None:
            most = self.options.max_pairs
            if most is not None and rule.pairs > most:
                raise UsageError(f"A budget of {rule.pairs:,.0f} pairs is above --max-pairs {most:,}: raise that too.")
        elif self.chosen.unlabelled and isinstance(rule, ThresholdRule):
            raise UsageError(
                "A threshold cannot be chosen from faces without labels; give one, such as 0.93, or a budget, such as pairs=1e5."
            )
        if rule is None:
            return NEAR if self.chosen.unlabelled else THRESHOLD
        if not isinstance(rule, ThresholdRule):
            return rule
        wait_briefly(conn, gallery.LOCK_SECONDS)
        with GallerySnapshot(self.db.open, self.model, self.options.cache_dir) as snapshot:
            faces = self._one_a_photo(conn, snapshot, snapshot.faces(), Silent()).faces
            return thresholds.choose(conn, self.model.id, self.scope, rule, faces, snapshot, self.reporter)

    def parameters(self, threshold: float) -> Parameters:
        """What a scan at ``threshold`` answers."""
        return Parameters(self.model.id, self.scope, threshold)

    def load(self, threshold: float, conn: Connection) -> Loaded | ScanRow:
        """What is to be searched; the finished scan where one is the answer already. Raises NotFoundError where no face is left."""
        wait_briefly(conn, gallery.LOCK_SECONDS)
        with GallerySnapshot(self.db.open, self.model, self.options.cache_dir) as snapshot:
            there = snapshot.faces()
            choice = self._one_a_photo(conn, snapshot, there, self.reporter)
            faces = choice.faces
            self._expect_some(faces)
            outside = self._outside(there, faces)
            faceless = self._faceless(conn, faces)
            self._say_who_is_compared(there, len(faces), len(outside))
            plan = ledger.plan(
                conn,
                Wanted(self.parameters(threshold), faces, self.block_rows, outside.embedding_ids, faceless.digest),
                full=self.options.full,
                may_build=not self.options.links_only,
                reporter=self.reporter,
            )
            conn.commit()
            if isinstance(plan, ScanRow):
                return plan
            vectors = self._vectors(snapshot, plan.faces, choice, outside)
        return Loaded(plan, Compared.of(plan.faces, choice, OutsideFaces(outside, vectors), faceless, threshold))

    def _expect_some(self, faces: GalleryFaces) -> None:
        if not len(faces) and (self.options.datasets or self.options.model or self.chosen.unlabelled):
            raise NotFoundError(
                f"No {'unlabelled' if self.chosen.unlabelled else 'labelled'} face of {self.model.name} would be compared: "
                "embed first, or loosen --datasets, --min-face, --min-quality."
            )

    def _vectors(
        self, snapshot: GallerySnapshot, inside: GalleryFaces, choice: FaceChoice, outside: GalleryFaces
    ) -> Float32Array:
        """The vectors float32 (n + u, d) of the n faces ``inside`` folders, which the ``choice`` may hold, then of the u ``outside``."""
        held = choice.vectors_of(inside.embedding_ids)
        folder = self._folder(inside, len(outside), held=held is not None)
        wanted = outside.embedding_ids if held is not None else np.r_[inside.embedding_ids, outside.embedding_ids]
        vectors = np.empty((0, self.model.dim), np.float32)
        if len(wanted):
            vectors = snapshot.vectors(
                wanted, connections=self.options.connections, reporter=self.reporter, folder=folder
            )
        return vectors if held is None else np.concatenate([held, vectors])

    def _folder(self, inside: GalleryFaces, outside: int, *, held: bool) -> Path | None:
        """Where the vectors of the faces ``inside`` folders and so many ``outside`` are to lie, None: in memory, which must have room for
        the rest; ``held``: some already do."""
        cache, dim, faces = self.options.cache_dir, self.model.dim, len(inside) + outside
        folders = 0 if self.chosen.unlabelled else len(np.unique(inside.identity_ids))
        needed = memory_need.of_gallery(faces, dim, folders)
        # A file in memory counts as addresses, too.
        if held or cache is None or memory.addresses_are_limited() or memory.has(needed):
            memory_need.expect_gallery(needed, faces, dim)
            return None
        memory_need.expect_gallery(memory_need.of_gallery(faces, dim, folders, held=False), faces, dim)
        self.reporter.say(
            f"The vectors of {counted(faces, 'face')} ({4 * faces * dim / 1e6:,.0f} MB) do not fit into memory with the rest: "
            f"they are kept in a file in {cache} until the scan ends, which takes longer."
        )
        return cache

    def _outside(self, there: GalleryFaces, faces: GalleryFaces) -> GalleryFaces:
        """The faces without a label in datasets whose others have one."""
        if self.chosen.unlabelled or self.options.unlabelled is False:
            return there.take(np.empty(0, np.int64))
        free = replace(self.chosen, unlabelled=True).faces(there)
        free = free.take(np.flatnonzero(np.isin(free.dataset_ids, np.unique(faces.dataset_ids))))
        return free.take(np.argsort(free.face_ids, kind="stable"))

    def _faceless(self, conn: Connection, faces: GalleryFaces) -> FacelessPhotos:
        """The photos without a face beside ``faces``, in the same datasets, under the same choice of labels."""
        return faceless_photos(
            conn,
            self.model.id,
            np.unique(faces.dataset_ids).tolist(),
            labelled=not self.chosen.unlabelled,
            unlabelled=self.chosen.unlabelled or self.options.unlabelled is not False,
        )

    def _one_a_photo(
        self, conn: Connection, snapshot: GallerySnapshot, there: GalleryFaces, reporter: Reporter
    ) -> FaceChoice:
        faces = self.chosen.faces(there)
        if self.chosen.unlabelled:
            # Without a folder no face of a photo is the one that is meant.
            return FaceChoice(faces)
        return face_choice.choose(conn, self.model, faces, snapshot, self.options.connections, reporter)

    def _say_who_is_compared(self, there: GalleryFaces, compared: int, outside: int) -> None:
        if self.chosen.unlabelled:
            self.reporter.say(
                f"{counted(compared, 'face')} without a label: each is compared with every other, and only duplicates are reported."
            )
            return
        others = len(replace(self.chosen, unlabelled=True).faces(there)) - outside
        if others:
            self.reporter.say(
                f"{are(others, 'face')} without a label and not compared; `facedb scan --unlabelled` finds duplicates among them."
            )
