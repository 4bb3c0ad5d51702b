"""The decoding of YuNet and SCRFD and suppression against slow loops over the same definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facedb.core.errors import ModelError
from facedb.embedding.contract import DetectorContract
from facedb.embedding.detection.candidates import best_first, mean_landmarks, suppress
from facedb.embedding.detection.detect import Detector
from facedb.embedding.detection.yunet import STRIDES, decode_heads
from facedb.embedding.model_files.model_hash import weights_sha256
from tests.unit.embedding.conftest import MakeModel


def heads(width: int, height: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = {}
    for stride in STRIDES:
        cells = (width // stride) * (height // stride)
        found[f"cls_{stride}"] = rng.random((cells, 1), dtype=np.float32)
        found[f"obj_{stride}"] = rng.random((cells, 1), dtype=np.float32)
        found[f"bbox_{stride}"] = rng.normal(size=(cells, 4)).astype(np.float32)
        found[f"kps_{stride}"] = rng.normal(size=(cells, 10)).astype(np.float32)
    return found


@pytest.mark.parametrize(("width", "height"), [(64, 96), (160, 32)])
def test_decoding_follows_the_published_formula_cell_by_cell(width: int, height: int) -> None:
    answer = heads(width, height, seed=5)
    expected = []
    for stride in STRIDES:
        for cell in range(len(answer[f"cls_{stride}"])):
            row, col = divmod(cell, width // stride)
            score = float(np.sqrt(answer[f"cls_{stride}"][cell, 0] * answer[f"obj_{stride}"][cell, 0]))
            if score < 0.7:
                continue
            b = answer[f"bbox_{stride}"][cell].astype(float)
            w, h = np.exp(b[2]) * stride, np.exp(b[3]) * stride
            box = [(col + b[0]) * stride - w / 2, (row + b[1]) * stride - h / 2, w, h]
            k = answer[f"kps_{stride}"][cell].astype(float).reshape(5, 2)
            expected.append((score, box, (k + np.array([col, row])) * stride))
    expected.sort(key=lambda face: -face[0])
    scores, boxes, points = best_first(*decode_heads(answer, width, 0.7))
    assert len(scores) == len(expected) > 3
    assert np.allclose(scores, [face[0] for face in expected], rtol=1e-5)
    assert np.allclose(boxes, [face[1] for face in expected], rtol=1e-3, atol=1e-3)
    assert np.allclose(points, [face[2] for face in expected], rtol=1e-3, atol=1e-3)


def test_no_score_above_the_threshold_gives_empty_arrays() -> None:
    scores, boxes, points = decode_heads(heads(64, 64, 1), 64, 1.1)
    assert scores.shape == (0,)
    assert boxes.shape == (0, 4)
    assert points.shape == (0, 5, 2)


@pytest.mark.parametrize("seed", range(5))
def test_suppression_keeps_what_a_greedy_loop_keeps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = np.concatenate([rng.random((60, 2)) * 100, rng.random((60, 2)) * 60 + 1], axis=1).astype(np.float32)
    scores = np.sort(rng.random(60).astype(np.float32))[::-1]
    kept: list[int] = []
    for index, box in enumerate(boxes.astype(float)):
        for better in boxes[kept].astype(float):
            w = min(box[0] + box[2], better[0] + better[2]) - max(box[0], better[0])
            h = min(box[1] + box[3], better[1] + better[3]) - max(box[1], better[1])
            both = max(w, 0) * max(h, 0)
            if both / (box[2] * box[3] + better[2] * better[3] - both) > 0.3:
                break
        else:
            kept.append(index)
    assert suppress(boxes, scores, 0.3).tolist() == kept


def test_a_file_that_is_no_yunet_is_refused(make_model: MakeModel) -> None:
    path = make_model()
    with pytest.raises(ModelError, match="not a yunet face detector"):
        Detector(path, DetectorContract(weights_sha256(path)))


def test_another_detector_than_that_of_the_contract_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="sha256 differs"):
        Detector(make_model(), DetectorContract("0" * 64))


@pytest.mark.parametrize(
    "values", [{"score_threshold": 0.0}, {"nms_iou": 1.0}, {"min_side": 16}, {"min_side": 800, "max_side": 640}]
)
def test_a_detector_contract_checks_its_numbers(values: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        DetectorContract("0" * 64, **values)


def test_landmarks_are_the_weighted_mean_over_the_candidates_of_one_face() -> None:
    boxes = np.array([[10, 10, 40, 40], [12, 10, 40, 42], [30, 10, 40, 40], [200, 10, 40, 40]], np.float32)
    scores = np.array([0.9, 0.8, 0.75, 0.95], np.float32)
    points = np.random.default_rng(3).random((4, 5, 2)).astype(np.float32)
    # The third shares a third of the union with the first, the last nothing: neither is taken for the same face.
    expected = (0.9 * points[0].astype(float) + 0.8 * points[1]) / 1.7
    assert np.allclose(mean_landmarks(boxes[0], scores, boxes, points, 0.3), expected, atol=1e-6)
    assert np.allclose(mean_landmarks(boxes[3], scores, boxes, points, 0.3), points[3])


def test_faces_that_suppression_keeps_apart_do_not_share_landmarks() -> None:
    boxes = np.array([[10, 10, 40, 40], [20, 10, 40, 40]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    points = np.stack([np.zeros((5, 2)), np.ones((5, 2))]).astype(np.float32)
    assert suppress(boxes, scores, 0.7).tolist() == [0, 1]
    assert mean_landmarks(boxes[0], scores, boxes, points, 0.7).tolist() == points[0].tolist()
    assert mean_landmarks(boxes[0], scores, boxes, points, 0.3).max() > 0
