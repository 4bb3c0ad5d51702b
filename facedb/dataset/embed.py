"""Embed: run a model over every image that its contract has not seen, batch by batch, each batch one transaction."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from facedb.core.errors import ConflictError
from facedb.core.files.paths import from_text, to_text
from facedb.core.progress import Reporter
from facedb.core.records import ImageResult, ImageTask
from facedb.core.rejects import CHANGED, TOO_LARGE, Rejected, problem
from facedb.dataset import embedding_rows, model_rows, pending_rows
from facedb.dataset.model_rows import ModelRow
from facedb.dataset.names import find_datasets
from facedb.dataset.outcomes import count_outcomes
from facedb.dataset.pending_rows import PendingImage
from facedb.db import audit
from facedb.db.connection import Connection, Database, translated
from facedb.db.reconnecting import Work, streamed
from facedb.embedding.contract import PREPROCESSING, ModelContract
from facedb.embedding.extract import MIN_FACE
from facedb.embedding.model_files.resolve import load_contract
from facedb.embedding.pictures.decode import MAX_PIXELS
from facedb.embedding.pipeline import Embedder
from facedb.sources.image_bytes import ByteReader

# A transaction is committed when this many images are through or this much time has passed, whichever comes first.
_COMMIT_IMAGES = 512
_COMMIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model as the user names it: weights, detector (None: images are faces already), and what overrides its contract.

    ``max_pixels`` is the largest photo that is decoded (None: the usual limit); naming it takes up photos that were too large.
    """

    weights: Path
    detector: Path | None = None
    preset: str | None = None
    faces: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    provider: str = "auto"
    min_face: float = MIN_FACE
    max_pixels: int | None = None

    def to_json(self) -> dict[str, Any]:
        """What a dataset remembers of it: how it was named, not where it ran."""
        return {
            "weights": to_text(str(self.weights.absolute())),
            "detector": None if self.detector is None else to_text(str(self.detector.absolute())),
            "preset": self.preset,
            "faces": self.faces,
            "overrides": dict(self.overrides),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelChoice:
        """The choice that ``to_json`` wrote."""
        detector = values["detector"]
        return cls(
            weights=Path(from_text(values["weights"])),
            detector=None if detector is None else Path(from_text(detector)),
            preset=values["preset"],
            faces=values["faces"],
            overrides=values["overrides"],
        )


@dataclass(frozen=True, slots=True)
class EmbedSummary:
    """What one run did, and how the dataset stands under the contract afterwards."""

    model: ModelRow
    done: int
    seconds: float
    images: int
    faces: int
    rejected: int
    pending: int


def open_embedder(
    choice: ModelChoice, reporter: Reporter, *, threads: int | None = None, batch: int | None = None
) -> Embedder:
    """The embedder of a choice; says what was assumed of its contract. Raises ModelError where files do not fit."""
    notes: list[str] = []
    contract = load_contract(
        choice.weights,
        preset=choice.preset,
        detector=choice.detector,
        faces=choice.faces,
        overrides=choice.overrides,
        notes=notes,
    )
    for note in notes:
        reporter.say(note)
    embedder = Embedder(
        choice.weights,
        contract,
        choice.detector,
        provider=choice.provider,
        batch=batch,
        threads=threads,
        min_face=choice.min_face,
        max_pixels=choice.max_pixels or MAX_PIXELS,
    )
    for note in embedder.notes:
        reporter.say(note)
    return embedder


def detection_key(contract: ModelContract) -> str:
    """Names how a contract finds faces, so that contracts that find the same ones share their rows."""
    if contract.detector is None:
        return "none"
    parts = {"detector": asdict(contract.detector), "faces": contract.faces, "preprocessing": contract.preprocessing}
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return f"{contract.detector.kind}:{contract.faces}:{digest[:12]}"


def register(conn: Connection, contract: ModelContract, choice: ModelChoice) -> ModelRow:
    """The row of a contract, made if it is not there."""
    return model_rows.add_model(
        conn,
        name=contract.name,
        digest=contract.digest(),
        contract=contract.to_dict(),
        dim=contract.dim,
        detection=detection_key(contract),
        weights_path=str(choice.weights.absolute()),
        detector_path=None if choice.detector is None else str(choice.detector.absolute()),
    )


def _say_if_changed(conn: Connection, contract: ModelContract, choice: ModelChoice, reporter: Reporter) -> None:
    earlier = model_rows.weights_known_as(conn, contract.name, str(choice.weights.absolute()))
    if earlier and contract.weights_sha256 not in earlier:
        reporter.say(
            f"{choice.weights.name} has different weights than before ({contract.weights_sha256[:12]}…, not "
            f"{', '.join(f'{sha[:12]}…' for sha in sorted(earlier))}): it is another model, so everything is embedded again under "
            "it and compared with nothing of the earlier one."
        )
    before = model_rows.model_by_name(conn, replace(contract, preprocessing=PREPROCESSING).digest())
    if before is not None and contract.averages_landmarks and model_rows.model_by_name(conn, contract.digest()) is None:
        reporter.say(
            f"This version aligns faces better than the one that embedded with {contract.name} before, so everything is embedded "
            f"again and compared with nothing of the earlier vectors; `facedb model remove {before.digest[:12]}` removes those."
        )


def embed(
    db: Database,
    choice: ModelChoice,
    *,
    dataset: str | None = None,
    retry: bool = False,
    threads: int | None = None,
    batch: int | None = None,
    pause: Callable[[], None] | None = None,
    reporter: Reporter,
) -> EmbedSummary:
    """Embed what is pending of ``dataset`` (default: of all); ``retry`` takes rejects up again.

    ``pause`` is called between batches and may wait (the temperature guard). Raises ModelError for a model that does not
    work, NotFoundError for a dataset that is not there, ConflictError while another run embeds the same. Whatever stops it,
    finished batches stay and the next run goes on after them.
    """
    with (
        closing(Work(db, say=reporter.say)) as work,
        translated(db.dsn),
        open_embedder(choice, reporter, threads=threads, batch=batch) as embedder,
    ):
        found = work.unit(lambda conn: find_datasets(conn, [dataset]))
        dataset_id = None if found is None else found[0]
        work.unit(lambda conn: _say_if_changed(conn, embedder.contract, choice, reporter))
        model = work.unit(lambda conn: register(conn, embedder.contract, choice))
        work.keep(partial(_lock, model, dataset_id))
        work.unit(lambda conn: model_rows.remember_choice(conn, dataset_id, choice.to_json()))
        if retry:
            work.unit(lambda conn: pending_rows.retry_rejects(conn, model.id, found))
        elif choice.max_pixels is not None:
            work.unit(lambda conn: pending_rows.retry_rejects(conn, model.id, found, TOO_LARGE))
        todo = work.unit(lambda conn: pending_rows.count_pending(conn, model.id, dataset_id))
        started = time.monotonic()
        done = 0
        hashes: dict[int, bytes | None] = {}
        if todo:
            with (
                ByteReader() as reader,
                closing(_pending(db, model.id, dataset_id, reporter)) as images,
                closing(embedder.embed(_tasks(images, reader, hashes))) as results,
                reporter.task(f"embed with {model.name}", todo, "images") as task,
            ):
                for group in _timed_groups(results):
                    begun_with = {result.image_id: hashes.pop(result.image_id) for result in group}
                    work.unit(partial(_write, model, group, begun_with))
                    done += len(group)
                    task.advance(len(group))
                    if pause is not None:
                        pause()
        seconds = time.monotonic() - started
        work.outlive(lambda: count_outcomes(db))
        if done:
            work.unit(lambda conn: audit.note(conn, "embed", "model", model.id, dataset=dataset_id, images=done))
        return work.unit(lambda conn: _summary(conn, model, dataset_id, done, seconds))


def _lock(model: ModelRow, dataset_id: int | None, conn: Connection) -> None:
    claimed = pending_rows.lock_embed(conn, model.id, dataset_id)
    if not claimed:
        raise ConflictError(
            f"Another facedb{claimed.holder} is embedding with {model.name} right now; wait for it, then run this again."
        )


def _write(
    model: ModelRow, group: Sequence[ImageResult], begun_with: Mapping[int, bytes | None], conn: Connection
) -> None:
    """Write a group of results, except for images that have changed since the run began."""
    # Another process may have ingested other bytes under the same path meanwhile: those stay pending.
    valid = pending_rows.unchanged(conn, begun_with)
    embedding_rows.write_results(conn, model, [result for result in group if result.image_id in valid])


def _pending(
    db: Database, model_id: int, dataset_id: int | None, reporter: Reporter
) -> Generator[PendingImage, None, None]:
    yield from streamed(
        db, lambda conn: pending_rows.pending(conn, model_id, dataset_id), lambda image: image.id, say=reporter.say
    )


def _tasks(images: Iterable[PendingImage], reader: ByteReader, hashes: dict[int, bytes | None]) -> Iterator[ImageTask]:
    """What is pending; the hash that each image was ingested with is noted in ``hashes``."""
    for image in images:
        hashes[image.id] = image.sha256
        yield ImageTask(image.id, partial(read_image, reader, image), image.box, image.landmarks)


def read_image(reader: ByteReader, image: PendingImage) -> bytes:
    """The bytes of an image; raises OSError where they cannot be read, Rejected where they are not those it was ingested with."""
    data = reader.read(Path(image.root), image.path, image.container, image.container_offset, image.container_length)
    if image.sha256 is not None and hashlib.sha256(data).digest() != image.sha256:
        raise Rejected(problem(CHANGED))
    return data


def _timed_groups(results: Iterator[ImageResult]) -> Iterator[list[ImageResult]]:
    group: list[ImageResult] = []
    last = time.monotonic()
    for result in results:
        group.append(result)
        now = time.monotonic()
        if len(group) >= _COMMIT_IMAGES or now - last >= _COMMIT_SECONDS:
            yield group
            group, last = [], now
    if group:
        yield group


def _summary(conn: Connection, model: ModelRow, dataset_id: int | None, done: int, seconds: float) -> EmbedSummary:
    outcome = pending_rows.count_outcomes(conn, model.id, dataset_id)
    pending = pending_rows.count_pending(conn, model.id, dataset_id)
    return EmbedSummary(model, done, seconds, outcome.images, outcome.faces, outcome.rejected, pending)
