"""ORL's photos as a gallery, and photos of two people composed of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from facedb.core.records import ImageTask
from facedb.embedding.model_files.resolve import load_contract
from facedb.embedding.pipeline import Embedder
from facedb.findings.cores.choice import Choice, choose_faces
from facedb.findings.duplicates import Hashes
from facedb.join.gallery import Gallery


class Faces:
    """ORL as a gallery: labels are the numbers in the folder names, groups are places in ``files``."""

    def __init__(self, data: Path) -> None:
        model, detector = (data / "models" / name for name in ("mobileface_v2_mit.onnx", "yunet_s_dynamic.onnx"))
        self.files = sorted((data / "faces" / "orl").rglob("*.pgm"), key=lambda p: (int(p.parent.name[1:]), p.name))
        self._embedder = Embedder(model, load_contract(model, detector=detector), detector, provider="cpu")
        tasks = (ImageTask(k, path.read_bytes) for k, path in enumerate(self.files))
        results = sorted(self._embedder.embed(tasks), key=lambda result: result.image_id)
        labels = np.array([int(path.parent.name[1:]) for path in self.files], np.int64)
        vectors = np.stack([result.faces[0].vector for result in results])
        self.gallery = Gallery(np.ascontiguousarray(vectors), labels, np.arange(len(labels)))
        look = np.array([result.facts.phash for result in results if result.facts], np.int64)
        self.hashes = Hashes(np.arange(len(labels)), look, np.ones(len(labels), bool))

    def relabelled(self, moves: dict[str, int], gone: frozenset[int] = frozenset()) -> tuple[Gallery, Hashes]:
        """The gallery with images (``17/3``) under other labels, without the identities that are ``gone``."""
        labels = self.gallery.identity_ids.copy()
        for k, path in enumerate(self.files):
            labels[k] = moves.get(f"{path.parent.name[1:]}/{path.stem}", labels[k])
        rows = np.argsort(labels, kind="stable")
        rows = rows[~np.isin(labels[rows], list(gone))]
        hashes = Hashes(self.hashes.content[rows], self.hashes.look[rows], self.hashes.has_look[rows])
        return Gallery(np.ascontiguousarray(self.gallery.vectors[rows]), labels[rows], rows), hashes

    def with_bystanders(self, seed: int, share: float = 0.2, labels: np.ndarray | None = None) -> Album:
        """A ``share`` of the photos with somebody else's photo pasted beside, left or right; ``labels`` (n,) where they are spoilt."""
        rng = np.random.default_rng(seed)
        persons = self.gallery.identity_ids
        labels = persons if labels is None else labels
        beside = {}
        for k in rng.permutation(len(self.files))[: round(share * len(self.files))].tolist():
            beside[k] = int(rng.choice(np.flatnonzero((persons != persons[k]) & (persons != labels[k]))))
        on_the_left = {k: bool(rng.random() < 0.5) for k in beside}
        tasks = (ImageTask(k, partial(self._composed, k, beside[k], on_the_left[k])) for k in beside)
        shown = {}
        for result in self._embedder.embed(tasks):
            if len(result.faces) == 2:
                shown[result.image_id] = sorted(result.faces, key=lambda face: face.box[0] if face.box else 0.0)
        vectors, label, image, person, area, offset = [], [], [], [], [], []
        for k in range(len(self.files)):
            for at, face in enumerate(shown.get(k, [None])):
                vectors.append(self.gallery.vectors[k] if face is None else face.vector)
                label.append(labels[k])
                image.append(k)
                person.append(persons[k] if face is None or (at == 0) != on_the_left[k] else persons[beside[k]])
                x, _, w, h = (0.0, 0.0, 1.0, 1.0) if face is None or face.box is None else face.box
                area.append(w * h)
                offset.append(0.0 if face is None else abs(x + w / 2 - 92))
        arrays = [np.array(values) for values in (label, image, person)]
        stacked = np.stack(vectors)
        choice = choose_faces(stacked, arrays[0], arrays[1], np.array(area, np.float64), np.array(offset, np.float64))
        return Album(stacked, arrays[0], arrays[1], arrays[2], choice, len(shown))

    def _composed(self, meant: int, other: int, other_is_left: bool) -> bytes:
        pair = [Image.open(self.files[k]).convert("L") for k in ((other, meant) if other_is_left else (meant, other))]
        both = Image.new("L", (pair[0].width + pair[1].width, max(each.height for each in pair)))
        both.paste(pair[0], (0, 0))
        both.paste(pair[1], (pair[0].width, 0))
        out = BytesIO()
        both.save(out, "PNG")
        return out.getvalue()


@dataclass(frozen=True)
class Album:
    """Every face of all photos: ``vectors``, the ``label`` of its folder, its ``image``, whose it is, and the ``choice`` among them;
    of so many photos that were ``composed`` both faces were found."""

    vectors: np.ndarray
    label: np.ndarray
    image: np.ndarray
    person: np.ndarray
    choice: Choice
    composed: int

    def gallery(self) -> Gallery:
        """The faces that take part."""
        rows = np.flatnonzero(self.choice.chosen)
        rows = rows[np.argsort(self.label[rows], kind="stable")]
        return Gallery(np.ascontiguousarray(self.vectors[rows]), self.label[rows], self.image[rows])
