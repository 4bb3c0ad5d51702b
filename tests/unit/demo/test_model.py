"""The demo's embedder, run by ONNX Runtime on persons that it never saw."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from facedb.core.records import Float32Array
from facedb.demo.comparison import compare
from facedb.demo.dataset import write_dataset
from facedb.demo.drawing.face import draw_face
from facedb.demo.drawing.quality import equal_error_rate, separation
from facedb.demo.model.embedder import MODEL, THRESHOLD
from facedb.demo.model.train import HELD_OUT_FROM, TRAINING_FROM
from facedb.embedding.model_files.resolve import load_contract


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])


def embedded(session: onnxruntime.InferenceSession, pictures: list[np.ndarray]) -> Float32Array:
    batch = np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32)
    parts = [session.run(None, {"image": batch[k : k + 64]})[0] for k in range(0, len(batch), 64)]
    return np.concatenate(parts)


def test_the_contract_beside_the_model_fits_it() -> None:
    contract = load_contract(MODEL)
    assert (contract.name, contract.dim, contract.input_size) == ("facedb-demo", 64, (112, 112))
    assert (contract.colour, contract.layout, contract.output_name) == ("rgb", "NCHW", "embedding")
    assert contract.mean == (0.0, 0.0, 0.0)
    assert contract.std == (1.0, 1.0, 1.0)


def test_the_model_is_small_and_says_what_it_is_for() -> None:
    assert MODEL.stat().st_size <= 400_000
    assert b"knows nothing of real photographs" in MODEL.read_bytes()


def test_a_picture_gets_the_same_vector_alone_and_in_a_batch(session: onnxruntime.InferenceSession) -> None:
    pictures = [draw_face(HELD_OUT_FROM + k, 0) for k in range(5)]
    together = embedded(session, pictures)
    alone = np.concatenate([embedded(session, [picture]) for picture in pictures])
    assert together.shape == (5, 64)
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)
    assert np.linalg.norm(together, axis=1).min() > 0.1


def test_persons_never_seen_are_told_apart(session: onnxruntime.InferenceSession) -> None:
    people, pictures = 80, 6
    seen = []
    for k in range(people * pictures):
        stream = io.BytesIO()
        Image.fromarray(draw_face(HELD_OUT_FROM + 500 + k // pictures, k % pictures)).save(stream, "JPEG", quality=80)
        seen.append(np.asarray(Image.open(stream)))
    result = separation(embedded(session, seen), np.repeat(np.arange(people), pictures))
    assert (result.genuine, result.impostor) == (1200, 113_760)
    assert result.eer < 0.01
    assert HELD_OUT_FROM + 500 + people <= TRAINING_FROM


def test_a_plain_scan_of_the_demo_dataset_finds_what_was_planted(
    session: onnxruntime.InferenceSession, tmp_path: Path
) -> None:
    planted = write_dataset(tmp_path / "faces", seed=3, identities=40, processes=1)
    paths = [shot.path for shot in planted.shots]
    pictures = [np.asarray(Image.open(tmp_path / "faces" / path).convert("RGB").resize((112, 112))) for path in paths]
    vectors = embedded(session, pictures)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    hits = np.argwhere(np.triu(unit @ unit.T >= THRESHOLD, k=1))
    pairs = [(paths[a], paths[b]) for a, b in hits if paths[a].split("/")[0] != paths[b].split("/")[0]]
    result = compare(planted, pairs)
    assert result.found == len(planted.mistakes) - 2, "the two copies inside one identity are not the scan's to find"
    assert result.true_pairs >= 0.9 * result.possible_pairs
    assert result.false_pairs <= 0.1 * result.true_pairs


def test_the_equal_error_rate_is_that_of_a_count_by_hand() -> None:
    genuine = np.array([0.2, 0.6, 0.7, 0.9])
    impostor = np.array([-0.1, 0.0, 0.1, 0.3])
    rate, threshold = equal_error_rate(genuine, impostor)
    assert rate == 0.25
    assert 0.2 < threshold <= 0.6
    assert equal_error_rate(np.array([0.5, 0.6]), np.array([0.1, 0.2]))[0] == 0
