"""Search: one photo against the gallery."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedb.core.defaults import TOP
from facedb.core.errors import InputError, ModelError, NotFoundError, cannot_read
from facedb.core.progress import Reporter
from facedb.core.records import FaceVector
from facedb.dataset import model_rows
from facedb.dataset.embed import ModelChoice
from facedb.dataset.model_rows import ModelRow
from facedb.dataset.names import find_datasets
from facedb.db.connection import Connection, Database, translated
from facedb.embedding.contract import ModelContract
from facedb.embedding.model_files.resolve import load_contract
from facedb.embedding.pictures.decode import MAX_BYTES, MAX_PIXELS
from facedb.embedding.pipeline import Embedder, embed_bytes
from facedb.join.score import pair_scores
from facedb.scan import search_rows
from facedb.scan.search_rows import FoundFace
from facedb.scan.which_scan import find_scope


@dataclass(frozen=True, slots=True)
class Match:
    """A face of the gallery that is like face number ``face`` of the photo; ``score`` is the float64 cosine.

    ``role`` is its part in the newest scan where its photo shows several people. A bystander is not the ``identity`` of its photo, so it
    has none here; ``also_shows`` is whom the scan took it for.
    """

    face: int
    rank: int
    dataset: str
    identity: str | None
    path: str
    score: float
    role: str | None
    also_shows: str | None


def search(
    db: Database,
    image: Path,
    *,
    model_name: str | None = None,
    choice: ModelChoice | None = None,
    dataset: str | None = None,
    top: int = TOP,
    min_score: float | None = None,
    approximate: bool = False,
    faces: str = "all",
    reporter: Reporter,
) -> list[Match]:
    """The ``top`` faces of the gallery, or of one ``dataset`` of it, most like each face of a photo, best first; people who were hidden
    from review are left out.

    The contract is the one called ``model_name``, or the one that embedded with the files and settings of ``choice``; else the one
    used last. Raises NotFoundError where nothing was embedded so, InputError when the photo has no usable face, ModelError when
    the files of the contract are not there.
    """
    try:
        with image.open("rb") as file:
            # A device could be read without end.
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise cannot_read(str(image), error) from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{image} has more than {MAX_BYTES:,} bytes, the limit for a photo.")
    with closing(db.open()) as conn, translated(db.dsn):
        within = find_datasets(conn, [dataset])
        model = find_scope(conn, [dataset], model_name).model if choice is None else _embedded_with(conn, choice)
        with embedder_of(model, choice) as embedder:
            result = embed_bytes(embedder, data, faces=faces)
        if result.problem is not None:
            raise InputError(f"{image} has no face to search with: {result.problem.detail}")
        matches = []
        for face in result.faces:
            found = search_rows.nearest(conn, model, face.vector, top, datasets=within, approximate=approximate)
            matches += _ranked(face, found, top, min_score)
        hidden = search_rows.hidden_people(conn)
        if hidden:
            people = "1 person hidden from review is" if hidden == 1 else f"{hidden:,} people hidden from review are"
            reporter.say(f"{people} left out; `facedb review` can show hidden people again.")
        return matches


# What may differ between a choice and the contract that a photo is embedded by: names, how many faces of a photo take part, the
# processor, and the version of facedb's own part, which the contract of the stored vectors says.
_FREE = frozenset({"name", "input_name", "faces", "provider", "precision", "preprocessing"})


def _embedded_with(conn: Connection, choice: ModelChoice) -> ModelRow:
    wanted = load_contract(
        choice.weights, preset=choice.preset, detector=choice.detector, faces=choice.faces, overrides=choice.overrides
    ).to_dict()
    for known in reversed(model_rows.models(conn)):
        there = {key: value for key, value in known.contract.items() if key not in _FREE}
        if known.embeddings and there == {key: value for key, value in wanted.items() if key not in _FREE}:
            found = model_rows.model_by_id(conn, known.id)
            if found is not None:
                return found
    raise NotFoundError(
        f"Nothing is embedded by {choice.weights.name} with these settings: embed with them first, or see `facedb model list`."
    )


def embedder_of(model: ModelRow, choice: ModelChoice | None = None) -> Embedder:
    """The embedder of a contract, to search with a photo; raises ModelError where its files are not there."""
    if model.weights_path is None:
        raise ModelError(
            f"The embeddings of {model.name} came without their model, so a photo cannot be embedded for them."
        )
    for path in (model.weights_path, model.detector_path):
        if path is not None and not Path(path).is_file():
            raise ModelError(
                f"{path} is not there any more: put it back, or embed once with `facedb embed` from its new place."
            )
    contract = ModelContract.from_dict(model.contract)
    provider = contract.provider if choice is None or choice.provider == "auto" else choice.provider
    pixels = choice.max_pixels if choice is not None else None
    return Embedder(
        model.weights_path, contract, model.detector_path, provider=provider, threads=1, max_pixels=pixels or MAX_PIXELS
    )


def _ranked(face: FaceVector, found: list[FoundFace], top: int, min_score: float | None) -> list[Match]:
    if not found:
        return []
    vectors = np.stack([face.vector, *(f.vector for f in found)])
    rows = np.arange(1, len(vectors))
    scores = pair_scores(vectors, np.zeros(len(found), np.int64), rows)
    order = np.lexsort((np.array([f.face_id for f in found]), -scores))[:top]
    kept = [k for k in order if min_score is None or scores[k] >= min_score]
    return [
        Match(
            face.ordinal + 1,
            rank,
            found[k].dataset,
            found[k].identity,
            found[k].path,
            float(scores[k]),
            found[k].role,
            found[k].also_shows,
        )
        for rank, k in enumerate(kept, start=1)
    ]


def index(db: Database, model_name: str | None, *, drop: bool = False) -> str:
    """Build (or drop) the HNSW index of a contract; returns the contract's name. Raises NotFoundError."""
    with closing(db.open()) as conn, translated(db.dsn):
        model = find_scope(conn, model=model_name).model
        if drop:
            search_rows.drop_index(conn, model)
        else:
            search_rows.build_index(conn, model)
        conn.commit()
        return model.name
