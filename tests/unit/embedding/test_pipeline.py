"""From tasks to results: every task has one, a bad image has a problem, and vectors depend on nothing but the image."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core import rejects
from facedb.core.errors import ModelError, UsageError
from facedb.core.records import ImageResult, ImageTask
from facedb.embedding.extract import Extracted, FaceCrop
from facedb.embedding.model_files.resolve import load_contract
from facedb.embedding.pipeline import Embedder, embed_bytes, finish
from tests.unit.embedding.conftest import DIM, MakeModel, encode, picture

TOLD = {"colour": "rgb", "mean": "0", "std": "1", "template": "arcface"}
LANDMARKS = (18.0, 18.0, 30.0, 18.0, 24.0, 24.0, 19.0, 30.0, 29.0, 30.0)


def reading(data: bytes) -> Callable[[], bytes]:
    return lambda: data


def tasks(count: int) -> list[ImageTask]:
    images = [encode(picture(seed=seed), "JPEG") for seed in range(count)]
    return [ImageTask(index, reading(data)) for index, data in enumerate(images)]


def raising(fault: Exception) -> ImageTask:
    def read() -> bytes:
        raise fault

    return ImageTask(0, read)


def open_embedder(path: Path, **options: Any) -> Embedder:
    return Embedder(path, load_contract(path, overrides=TOLD), provider="cpu", **options)


def bits(results: list[ImageResult]) -> list[tuple[int, bytes]]:
    return [(result.image_id, result.faces[0].vector.tobytes()) for result in results]


def test_every_task_has_its_result_in_order(make_model: MakeModel) -> None:
    with open_embedder(make_model(), threads=3) as embedder:
        results = list(embedder.embed(tasks(30)))
    assert [result.image_id for result in results] == list(range(30))
    for result in results:
        face = result.faces[0]
        assert result.problem is None
        assert face.vector.shape == (DIM,)
        assert face.vector.dtype == np.float32
        assert np.linalg.norm(face.vector.astype(float)) == pytest.approx(1, abs=1e-6)
        assert face.norm > 0
        assert face.size_px == 40
        assert result.facts is not None
        assert (result.facts.width, result.facts.height, result.facts.format) == (48, 40, "JPEG")


def test_threads_batches_order_and_neighbours_do_not_change_a_bit(make_model: MakeModel) -> None:
    path = make_model()
    with open_embedder(path, threads=1) as embedder:
        alone = bits(list(embedder.embed(tasks(20))))
        shuffled = bits(list(embedder.embed(tasks(20)[::-1])))
        batched = bits(list(embedder._embed_batched(tasks(20))))
    with open_embedder(path, threads=4) as embedder:
        together = bits(list(embedder.embed(tasks(20))))
    assert alone == together == batched == sorted(shuffled)


def test_a_bad_image_among_good_ones_costs_only_itself(make_model: MakeModel) -> None:
    good = tasks(3)
    bad = {
        rejects.EMPTY: ImageTask(10, lambda: b""),
        rejects.NOT_AN_IMAGE: ImageTask(11, lambda: b"x" * 400),
        rejects.TRUNCATED: ImageTask(12, lambda: encode(picture(200, 200), "JPEG")[:2000]),
        rejects.TOO_SMALL: ImageTask(13, lambda: encode(picture(9, 9))),
        rejects.UNREADABLE: raising(PermissionError(13, "Permission denied")),
    }
    for run in ("embed", "_embed_batched"):
        with open_embedder(make_model()) as embedder:
            results = list(getattr(embedder, run)([good[0], *bad.values(), good[1], good[2]]))
        assert [result.problem.code if result.problem else None for result in results] == [None, *bad, None, None]
        assert all(bool(result.faces) != bool(result.problem) for result in results)
        assert "Permission denied" in results[5].problem.detail


@pytest.mark.parametrize("fault", [OSError("gone"), EOFError("ended"), ValueError("odd")])
def test_whatever_a_reader_raises_is_unreadable(make_model: MakeModel, fault: Exception) -> None:
    with open_embedder(make_model()) as embedder:
        result = next(embedder.embed([raising(fault)]))
    assert result.problem is not None
    assert result.problem.code == rejects.UNREADABLE


@pytest.mark.parametrize("kind", ["nan", "zero"])
def test_a_vector_that_is_nan_or_zero_is_a_reject(make_model: MakeModel, kind: str) -> None:
    with open_embedder(make_model(kind=kind)) as embedder:
        results = list(embedder.embed(tasks(2)))
    assert [result.problem.code for result in results if result.problem] == [rejects.BAD_VECTOR] * 2
    assert not any(result.faces for result in results)


def test_landmarks_of_the_source_are_used_and_bad_ones_rejected(make_model: MakeModel) -> None:
    data = encode(picture())
    with open_embedder(make_model(), min_face=8) as embedder:
        plain, aligned, flat, short = embedder.embed(
            [
                ImageTask(1, lambda: data),
                ImageTask(2, lambda: data, box=(10.0, 10.0, 28.0, 26.0), landmarks=LANDMARKS),
                ImageTask(3, lambda: data, landmarks=(5.0,) * 10),
                ImageTask(4, lambda: data, landmarks=(5.0,) * 4),
            ]
        )
    assert aligned.faces[0].landmarks == LANDMARKS
    assert aligned.faces[0].size_px == 26.0
    assert aligned.faces[0].vector.tobytes() != plain.faces[0].vector.tobytes()
    assert flat.problem is not None
    assert short.problem is not None
    assert flat.problem.code == short.problem.code == rejects.BAD_LANDMARKS


def test_a_box_of_the_source_is_cut_out(make_model: MakeModel) -> None:
    data = encode(picture())
    with open_embedder(make_model()) as embedder:
        found, outside = embedder.embed(
            [
                ImageTask(1, lambda: data, box=(8.0, 8.0, 20.0, 20.0)),
                ImageTask(2, lambda: data, box=(900.0, 8.0, 20.0, 20.0)),
            ]
        )
    assert found.faces[0].box == (8.0, 8.0, 20.0, 20.0)
    assert outside.problem is not None
    assert outside.problem.code == rejects.BAD_LANDMARKS


def test_closing_stops_and_leaves_no_thread(make_model: MakeModel) -> None:
    def endless() -> Iterator[ImageTask]:
        data = encode(picture(400, 400))
        index = 0
        while True:
            yield ImageTask(index, lambda: data)
            index += 1

    with open_embedder(make_model(), threads=2) as embedder:
        for run in (embedder.embed, embedder._embed_batched):
            results = run(endless())
            next(results)
            results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("facedb-embed")]


def test_a_model_that_fails_raises_and_does_not_reject_the_images(make_model: MakeModel) -> None:
    path = make_model()
    with open_embedder(path) as embedder:
        embedder.model._session = object()
        with pytest.raises(ModelError, match="The model failed"):
            list(embedder.embed(tasks(2)))


def test_one_photo_as_bytes_gives_its_faces(make_model: MakeModel) -> None:
    path = make_model()
    with open_embedder(path) as embedder:
        single = embed_bytes(embedder, encode(picture(seed=1), "JPEG"))
        stream = list(embedder.embed(tasks(2)))[1]
    assert single.faces[0].vector.tobytes() == stream.faces[0].vector.tobytes()


def test_a_detector_and_a_contract_without_one_do_not_go_together(make_model: MakeModel) -> None:
    path = make_model()
    with pytest.raises(ModelError, match="do not agree on a detector"):
        Embedder(path, load_contract(path, overrides=TOLD), path)
    with pytest.raises(UsageError):
        open_embedder(path, threads=0)


def test_a_face_without_a_vector_leaves_the_numbers_of_the_others_alone() -> None:
    raw = np.array([[3, 4], [0, 0], [np.nan, 1], [0, 2]], np.float32)
    faces = tuple(FaceCrop((float(k), 0.0, 20.0, 20.0), None, 0.9, 20.0, 1.0) for k in range(4))
    result = finish(1, Extracted(None, faces, np.zeros((4, 8, 8, 3), np.uint8)), raw)
    assert [(face.ordinal, face.box[0]) for face in result.faces if face.box] == [(0, 0.0), (3, 3.0)]
