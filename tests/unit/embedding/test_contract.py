"""The contract: its digest moves with everything that changes a vector and with nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from facedb.core.errors import ModelError
from facedb.embedding.contract import DetectorContract, ModelContract

BASE = ModelContract(
    name="one",
    weights_sha256="a" * 64,
    input_name="data",
    output_name="out",
    input_size=(112, 112),
    layout="NCHW",
    dtype="float32",
    colour="rgb",
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    template="arcface",
    dim=256,
    detector=DetectorContract("b" * 64),
)

CHANGES = [
    {"weights_sha256": "c" * 64},
    {"output_name": "other"},
    {"input_size": (112, 96)},
    {"layout": "NHWC"},
    {"dtype": "float16"},
    {"colour": "bgr"},
    {"mean": (0.0, 0.0, 1.0)},
    {"std": (1.0, 2.0, 1.0)},
    {"template": "box"},
    {"margin": 0.1},
    {"dim": 128},
    {"detector": None},
    {"detector": DetectorContract("c" * 64)},
    {"detector": DetectorContract("b" * 64, score_threshold=0.6)},
    {"detector": DetectorContract("b" * 64, max_side=1024)},
    {"faces": "all"},
    {"provider": "cuda"},
    {"precision": "tf32"},
    {"preprocessing": 2},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "-".join(change))
def test_whatever_changes_a_vector_changes_the_digest(change: dict) -> None:
    assert replace(BASE, **change).digest() != BASE.digest()


def test_names_do_not_change_the_digest() -> None:
    assert replace(BASE, name="two", input_name="x").digest() == BASE.digest()


def test_the_choice_of_faces_means_nothing_without_a_detector() -> None:
    bare = replace(BASE, detector=None)
    assert replace(bare, faces="all").digest() == bare.digest()


def test_a_contract_comes_back_from_json_the_same() -> None:
    for contract in (BASE, replace(BASE, detector=None)):
        again = ModelContract.from_dict(json.loads(json.dumps(contract.to_dict())))
        assert again == contract
        assert again.digest() == contract.digest()


def test_the_digest_of_a_contract_stays_what_it_was() -> None:
    # Stored in databases: a change here separates every old embedding from the new ones.
    assert BASE.digest() == "79fc3ad8f3dbe9899b7f63f3a3eae7269e749f851dd8c3d5e8212cf3a11d8d76"


@pytest.mark.parametrize(
    "change",
    [
        {"layout": "CHWN"},
        {"dtype": "int8"},
        {"colour": "grey"},
        {"template": "moon"},
        {"faces": "some"},
        {"provider": "tpu"},
        {"precision": "int4"},
        {"input_size": (4, 112)},
        {"dim": 0},
        {"dim": 20_000},
        {"std": (1.0, 0.0, 1.0)},
        {"margin": -1.0},
    ],
    ids=lambda change: "-".join(change),
)
def test_impossible_values_are_refused(change: dict) -> None:
    with pytest.raises(ModelError):
        replace(BASE, **change)


@pytest.mark.parametrize("spoil", ["mean", "dim", "surplus"])
def test_a_stored_contract_with_missing_or_unknown_fields_is_refused(spoil: str) -> None:
    values = BASE.to_dict()
    if spoil == "surplus":
        values["surplus"] = 1
    else:
        del values[spoil]
    with pytest.raises(ModelError, match="cannot be read"):
        ModelContract.from_dict(values)
