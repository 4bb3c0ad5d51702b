"""SCRFD, the detector of InsightFace's packs: its decoding against a slow loop, and whole graphs of its signatures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facedb.core.errors import ModelError
from facedb.core.records import ImageTask
from facedb.embedding.contract import DetectorContract
from facedb.embedding.detection.detect import Detector
from facedb.embedding.detection.scrfd import decode_level
from facedb.embedding.model_files.resolve import is_detector, load_contract
from facedb.embedding.pipeline import Embedder
from tests.unit.embedding.conftest import MakeModel, build_scrfd, encode, picture

# (anchors, height, width, stride, batched)
SHAPES = [(2, 64, 96, 8, False), (2, 96, 64, 32, True), (1, 128, 256, 128, False)]


@pytest.mark.parametrize(("anchors", "height", "width", "stride", "batched"), SHAPES)
def test_decoding_follows_the_published_formula_anchor_by_anchor(
    anchors: int, height: int, width: int, stride: int, batched: bool
) -> None:
    rng = np.random.default_rng(stride)
    count = anchors * (height // stride) * (width // stride)
    heads = [rng.random((count, extent), dtype=np.float32) * 3 - (extent == 1) for extent in (1, 4, 10)]
    given = [head[None] for head in heads] if batched else heads
    scores, boxes, points = decode_level(given[0], given[1], given[2], (height, width), stride, 0.5)
    expected = []
    for row in range(height // stride):
        for column in range(width // stride):
            for anchor in range(anchors):
                k = (row * (width // stride) + column) * anchors + anchor
                if heads[0][k, 0] < 0.5:
                    continue
                x, y = column * stride, row * stride
                left, up, right, down = (float(d) * stride for d in heads[1][k])
                marks = [(x + float(a) * stride, y + float(b) * stride) for a, b in heads[2][k].reshape(5, 2)]
                expected.append((float(heads[0][k, 0]), (x - left, y - up, left + right, up + down), marks))
    assert len(scores) == len(expected) > 0
    assert np.allclose(scores, [face[0] for face in expected])
    assert np.allclose(boxes, [face[1] for face in expected], rtol=1e-5, atol=1e-4)
    assert np.allclose(points, [face[2] for face in expected], rtol=1e-5, atol=1e-4)


def detector_contract(model: Path, detector: Path, said: Mapping[str, Any] | None = None) -> DetectorContract:
    overrides = {"colour": "rgb", "mean": "0", "std": "1", "template": "box", **(said or {})}
    found = load_contract(model, detector=detector, overrides=overrides).detector
    assert found is not None
    return found


def white_square(width: int, height: int, left: int, top: int, side: int) -> Image.Image:
    image = Image.new("RGB", (width, height))
    image.paste((255, 255, 255), (left, top, left + side, top + side))
    return image


@pytest.mark.parametrize(
    ("levels", "anchors", "landmarks", "batched"),
    [(3, 2, True, False), (3, 2, False, False), (3, 2, True, True), (5, 1, True, False), (5, 1, False, True)],
)
def test_a_face_is_found_where_it_is_in_the_photo(
    tmp_path: Path, make_model: MakeModel, levels: int, anchors: int, landmarks: bool, batched: bool
) -> None:
    path = build_scrfd(tmp_path / "det.onnx", levels=levels, anchors=anchors, landmarks=landmarks, batched=batched)
    assert is_detector(path)
    contract = detector_contract(make_model(), path)
    assert (contract.kind, contract.score_threshold, contract.nms_iou) == ("scrfd", 0.5, 0.4)
    # 1280 wide is shown at 640, so cell (10, 4) of stride 8 is the square at (160, 64) of the photo.
    image = white_square(1280, 640, 160, 64, 16)
    faces = Detector(path, contract).detect(image)
    assert len(faces) == 1
    # The canvas is centred on a multiple of the coarsest stride, which moves cells against the photo by whole cells here.
    x, y, w, h = faces[0].box
    assert (x, y) == pytest.approx((160 - 16, 64 - 16))
    assert (w, h) == pytest.approx((3 * 16, 4 * 16))
    if landmarks:
        marks = [value for k in range(5) for value in (160 + 16 * k, 64)]
        assert faces[0].landmarks == pytest.approx(tuple(marks))
    else:
        assert faces[0].landmarks is None


def test_the_contract_tells_the_families_apart(tmp_path: Path, make_model: MakeModel) -> None:
    path = build_scrfd(tmp_path / "det.onnx")
    assert detector_contract(make_model(), path, {"detector.score_threshold": 0.6}).score_threshold == 0.6
    with pytest.raises(ModelError, match="not a face detector"):
        detector_contract(make_model(), make_model())
    assert not is_detector(make_model(outputs=tuple(f"embedding{k}" for k in range(6))))


def test_heads_of_another_size_are_an_error_and_not_a_wrong_box() -> None:
    with pytest.raises(ModelError, match="not the SCRFD"):
        decode_level(np.zeros((7, 1), np.float32), np.zeros((7, 4), np.float32), None, (64, 64), 8, 0.5)


def test_a_huge_jpeg_gives_boxes_in_pixels_of_the_whole_photo(tmp_path: Path, make_model: MakeModel) -> None:
    detector = build_scrfd(tmp_path / "det.onnx")
    model = make_model()
    contract = load_contract(
        model, detector=detector, overrides={"colour": "rgb", "mean": "0", "std": "1", "template": "arcface"}
    )
    data = encode(white_square(2560, 1280, 320, 128, 32), "JPEG", quality=95)
    found = []
    for limit in (2560 * 1280, 2560 * 1280 // 3, 2560 * 1280 // 12):
        with Embedder(model, contract, detector, provider="cpu", threads=1, max_pixels=limit) as embedder:
            found.append(embedder.embed_one(ImageTask(1, lambda: data)))
    whole, half, quarter = found
    for reduced in (half, quarter):
        assert reduced.facts is not None
        assert (reduced.facts.width, reduced.facts.height) == (2560, 1280)
        assert reduced.faces[0].box == pytest.approx(whole.faces[0].box, abs=0.01)
        assert reduced.faces[0].landmarks == pytest.approx(whole.faces[0].landmarks, abs=0.01)
        assert reduced.faces[0].size_px == pytest.approx(whole.faces[0].size_px)
    assert whole.faces[0].box == pytest.approx((320 - 32, 128 - 32, 3 * 32, 4 * 32), abs=0.01)


def test_landmarks_of_the_source_count_in_pixels_of_the_whole_photo(make_model: MakeModel) -> None:
    model = make_model()
    contract = load_contract(model, overrides={"colour": "rgb", "mean": "0", "std": "1", "template": "arcface"})
    data = encode(picture(640, 480), "JPEG", quality=95)
    marks = (200.0, 200.0, 300.0, 200.0, 250.0, 260.0, 210.0, 310.0, 290.0, 310.0)
    vectors = []
    for limit in (640 * 480, 640 * 480 // 4):
        with Embedder(model, contract, provider="cpu", threads=1, max_pixels=limit) as embedder:
            result = embedder.embed_one(ImageTask(1, lambda: data, landmarks=marks))
        assert result.faces[0].landmarks == pytest.approx(marks)
        vectors.append(result.faces[0].vector)
    assert float(vectors[0] @ vectors[1]) > 0.999
