"""The face model: preprocessing against a float64 oracle, fixed batches, and models that are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facedb.core.errors import ModelError
from facedb.embedding import cuda
from facedb.embedding.model import FaceModel
from facedb.embedding.model_files.resolve import load_contract
from facedb.embedding.session import runtime
from tests.unit.embedding.conftest import DIM, SIDE, MakeModel

TOLD = {"colour": "rgb", "mean": "0", "std": "1", "template": "box"}
needs_no_cuda = pytest.mark.skipif(not cuda.why_not(runtime()), reason="CUDA loads on this machine")


def crops(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def oracle(pixels: np.ndarray, colour: str, mean: float, std: float) -> np.ndarray:
    """The tiny model in float64: block means of the normalised picture times its weights."""
    values = (pixels[..., ::-1] if colour == "bgr" else pixels).astype(float)
    values = (values - mean) / std
    block = SIDE // 4
    means = values.reshape(len(pixels), 4, block, 4, block, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2)
    weights = np.random.default_rng(1).standard_normal((48, DIM)).astype(np.float32).astype(float)
    embedded: np.ndarray = means.reshape(len(pixels), -1) @ weights
    return embedded


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("batch", [None, 1, 4])
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_the_model_sees_what_the_contract_says(
    make_model: MakeModel, layout: str, batch: int | None, colour: str
) -> None:
    path = make_model(layout=layout, batch=batch)
    contract = load_contract(path, overrides={**TOLD, "colour": colour, "mean": "127.5", "std": "64"})
    vectors = FaceModel(path, contract, provider="cpu").run(crops(6))
    assert vectors.shape == (6, DIM)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, oracle(crops(6), colour, 127.5, 64), atol=1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 0.05), ("uint8", 1e-3)])
def test_narrow_inputs_work(make_model: MakeModel, dtype: str, tolerance: float) -> None:
    path = make_model(dtype=dtype)
    std = "255" if dtype == "float16" else "1"
    contract = load_contract(path, overrides={**TOLD, "std": std})
    found = FaceModel(path, contract, provider="cpu").run(crops(3))
    assert np.abs(found - oracle(crops(3), "rgb", 0, float(std))).max() < tolerance * max(1.0, np.abs(found).max())


def test_a_uint8_input_cannot_be_normalised(make_model: MakeModel) -> None:
    path = make_model(dtype="uint8")
    with pytest.raises(ModelError, match="takes uint8"):
        FaceModel(path, load_contract(path, overrides={**TOLD, "std": "255"}), provider="cpu")


@pytest.mark.parametrize("batch", [None, 4])
def test_a_vector_does_not_depend_on_its_neighbours(make_model: MakeModel, batch: int | None) -> None:
    path = make_model(batch=batch)
    model = FaceModel(path, load_contract(path, overrides=TOLD), provider="cpu")
    together = model.run(crops(7))
    for index in range(7):
        alone = model.run(crops(7)[index : index + 1])
        assert alone.tobytes() == together[index].tobytes()


def test_no_crops_give_no_vectors(make_model: MakeModel) -> None:
    path = make_model()
    assert FaceModel(path, load_contract(path, overrides=TOLD), provider="cpu").run(crops(0)).shape == (0, DIM)


def test_a_wrong_dimension_is_an_error(make_model: MakeModel) -> None:
    path = make_model()
    contract = replace(load_contract(path, overrides=TOLD), dim=DIM + 1)
    with pytest.raises(ModelError, match="dimension 7"):
        FaceModel(path, contract, provider="cpu").run(crops(1))


def test_another_file_than_that_of_the_contract_is_refused(make_model: MakeModel) -> None:
    contract = load_contract(make_model(), overrides=TOLD)
    with pytest.raises(ModelError, match="sha256 differs"):
        FaceModel(make_model("other.onnx", seed=2), contract)


def test_an_unknown_provider_is_refused(make_model: MakeModel) -> None:
    path = make_model()
    with pytest.raises(ModelError, match="auto, cpu or cuda"):
        FaceModel(path, load_contract(path, overrides=TOLD), provider="tpu")


@needs_no_cuda
def test_cuda_asked_for_and_not_there_is_an_error(make_model: MakeModel) -> None:
    path = make_model()
    with pytest.raises(ModelError, match=r"CUDA does not load: .*\.so"):
        FaceModel(path, load_contract(path, overrides=TOLD), provider="cuda")


@needs_no_cuda
def test_auto_without_cuda_is_the_cpu_and_the_contract_says_so(make_model: MakeModel) -> None:
    path = make_model()
    model = FaceModel(path, load_contract(path, overrides={**TOLD, "precision": "tf32"}), provider="auto")
    assert (model.contract.provider, model.contract.precision) == ("cpu", "float32")


@pytest.mark.gpu
@pytest.mark.skipif(cuda.device_count() == 0, reason="there is no CUDA device")
def test_cuda_gives_the_vectors_of_the_cpu_and_says_that_it_ran(make_model: MakeModel) -> None:
    path = make_model()
    contract = load_contract(path, overrides=TOLD)
    model = FaceModel(path, contract, provider="cuda", batch=4)
    assert (model.contract.provider, model.contract.precision) == ("cuda", "float32")
    assert np.allclose(model.run(crops(7)), oracle(crops(7), "rgb", 0, 1), atol=1e-2)
    assert model.run(crops(7))[2:3].tobytes() == model.run(crops(7)[2:3]).tobytes()
